"""Every row of raw/: its answers, its connection, and what of it reached the origin."""

import base64
import json
import re
from pathlib import Path

import h11
import pytest
from framing import LENIENT, Malformed, Strict
from raw.connections import CONNECTIONS
from raw.content import CONTENT, LEFT
from raw.heads import HEADS
from raw.rows import LIMITS
from recording_origin import RecordingOrigin, masked
from servers import run
from wire import Connection, wait_until

TABLE = HEADS | CONTENT | CONNECTIONS
ROWS = [(f"{section}: {row.name}", row) for section, rows in TABLE.items() for row in rows]

NEXT = b"GET /next HTTP/1.1\r\nHost: next.test\r\nConnection: close\r\n\r\n"

REFUSAL = re.compile(r"(\d{3}) [A-Z][A-Za-z -]+\n[ -~]{5,60}\nrequest id: ([0-9a-f]{32})\n")


@pytest.fixture(scope="module")
def origin(shared):
    return shared.add(RecordingOrigin())


@pytest.fixture(scope="module")
def weir(shared, origin):
    """One worker, so that every request finds the connections that those before it have left behind."""
    return shared.weir(origin, workers=1, limits=LIMITS, log={"access": str(shared.folder / "access.log")})


@pytest.fixture(scope="module")
def seen():
    """What reached the origin, by row; filled by the rows' test."""
    return {}


def check_refusal(row, response):
    """Short, and says what was wrong in words of Weir's."""
    assert response["Connection"] == ("keep-alive" if row.kept else "close")
    assert response["Cache-Control"] == "no-store"
    text = REFUSAL.fullmatch(response.body.decode())
    if row.method == "HEAD":
        assert response.body == b""
    else:
        assert text and int(text[1]) == response.status and text[2] == response["X-Request-Id"]


@pytest.fixture(scope="module")
def refusals():
    """{id of a request: its status}, as clients were told."""
    return {}


@pytest.mark.parametrize("name, row", ROWS, ids=[name for name, _ in ROWS])
def test_row(weir, origin, seen, refusals, name, row):
    with Connection(weir.port) as connection:
        try:
            connection.send(row.data + NEXT)
        except (ConnectionResetError, BrokenPipeError):
            pass  # refused before all of it was read
        answers = [connection.response(row.method) for _ in row.status]
        answers += [connection.response() for _ in range(row.kept)]
        assert tuple(answer.status for answer in answers) == row.status + (200,) * row.kept
        assert connection.is_ended()
    assert not row.kept or answers.pop().body == b"/next"
    if answers[-1].status >= 400:
        check_refusal(row, answers[-1])
        refusals[answers[-1]["X-Request-Id"]] = answers[-1].status
    assert weir.get("/canary").body == b"/canary"  # finds whatever was left behind

    expected = len(row.origin) + row.kept + 1
    wait_until(lambda: len(origin.messages) >= expected, "the origin has got it all")
    seen[name] = origin.take()
    got = [message for _, message in seen[name]]
    assert len(got) == expected, got
    got = [message for message in got if not message.startswith(b"GET /canary ")]  # may come before one that breaks off
    assert len(got) == expected - 1
    assert not row.kept or got.pop().startswith(b"GET /next HTTP/1.1\r\n")
    assert tuple(masked(message) for message in got) == row.origin


@pytest.mark.parametrize("data, forwarded", [row[1:] for row in LEFT], ids=[row[0] for row in LEFT])
@pytest.mark.parametrize("leave", [Connection.finish, Connection.reset], ids=["ends", "resets"])
def test_a_client_that_leaves_completes_nothing(weir, origin, data, forwarded, leave):
    with Connection(weir.port) as connection:
        connection.send(data)
        wait_until(lambda: not forwarded or forwarded in map(masked, list(origin.unfinished.values())), "the origin has got it")
        leave(connection)
        assert leave is Connection.reset or connection.is_ended()
    wait_until(lambda: not forwarded or origin.messages, "the origin sees it end")
    assert [masked(message) for _, message in origin.take()] == ([forwarded] if forwarded else [])
    assert weir.get("/canary").body == b"/canary"
    assert len(origin.take()) == 1


def test_the_table_is_whole():
    names = [name for name, _ in ROWS]
    assert len(names) == len(set(names)) >= 400


def test_the_log_has_every_refusal(weir, refusals):
    def logged():
        lines = map(json.loads, (weir.folder / "access.log").read_text().splitlines())
        return {line["request_id"]: line["status"] for line in lines if line["request_id"] in refusals}

    wait_until(lambda: len(logged()) == len(refusals), "all are logged")
    assert logged() == refusals


# What reached the origin is cut into the same messages by whoever reads it. A reader may refuse: then nothing is smuggled.


@pytest.fixture(scope="module")
def streams(seen):
    """[(row, what came on one connection, its messages)]"""
    if not seen:
        pytest.skip("the rows' test has not run")
    found = []
    for name, messages in seen.items():
        connections = {}
        for number, message in messages:
            connections[number] = connections.get(number, b"") + message
        found += [(name, stream, Strict().cut(stream)) for stream in connections.values()]
    return found


@pytest.mark.parametrize("reader", LENIENT, ids=lambda reader: reader.__name__)
def test_a_lenient_reader_sees_the_same_messages(streams, reader):
    for name, stream, messages in streams:
        expected = messages if reader.sees_all_content else [message.request_line for message in messages]
        try:
            seen = reader().cut(stream)
            assert (seen if reader.sees_all_content else [message.request_line for message in seen]) == expected, name
        except Malformed:
            pytest.fail(f"{name}: what is well-formed is refused")


def summary(messages):
    """As the readers below say it: [method, target, content]."""
    return [message.request_line.decode("latin-1").split(" ")[:2] + [message.content.decode("latin-1")] for message in messages]


def check_real_reader(streams, cuts):
    """`cuts`: what a reader made of each stream, up to where it refused."""
    whole = 0
    for (name, _, messages), cut in zip(streams, cuts, strict=True):
        assert cut == summary(messages)[: len(cut)], name
        whole += len(cut) == len(messages)
    assert whole > 0.9 * len(streams)


@pytest.mark.parametrize("options", [[], ["--lenient"]], ids=["strict", "lenient"])
def test_node_sees_the_same_messages(streams, options):
    script = Path(__file__).with_name("cut_with_node.mjs")
    text = json.dumps([base64.b64encode(stream).decode() for _, stream, _ in streams])
    cut = run("node", script, *options, input=text)
    assert cut.returncode == 0, cut.stderr
    check_real_reader(streams, json.loads(cut.stdout))


def cut_with_h11(stream):
    connection, messages = h11.Connection(h11.SERVER), []
    connection.receive_data(stream)
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                message = [event.method.decode("latin-1"), event.target.decode("latin-1"), ""]
            elif isinstance(event, h11.Data):
                message[2] += bytes(event.data).decode("latin-1")
            elif isinstance(event, h11.EndOfMessage):
                messages.append(message)
                if connection.their_state is h11.MUST_CLOSE:
                    return messages
                connection.send(h11.Response(status_code=204, headers=[]))
                connection.send(h11.EndOfMessage())
                connection.start_next_cycle()
            else:
                return messages  # it waits for more
    except h11.RemoteProtocolError:
        return messages


def test_h11_sees_the_same_messages(streams):
    check_real_reader(streams, [cut_with_h11(stream) for _, stream, _ in streams])
