"""Every row of raw/responses.py: what the client gets, what is stored, and which connections are used again."""

import pytest
from raw.responses import RESPONSES
from scripted_origin import ok
from wire import Connection, Truncated, request

ROWS = [(f"{section}: {row.name}", row) for section, rows in RESPONSES.items() for row in rows]


def serve(origin, peer):
    """/0, /1, ... are answered by their rows; all else by the number of the connection."""
    while head := peer.head():
        target = head.split(b" ")[1].decode()
        origin.requests.append(target)
        if not target[1:].isdigit():
            peer.send(ok(b"%d" % peer.number, "Cache-Control: no-store\r\n"))
            continue
        row = ROWS[int(target[1:])][1]
        origin.answered = peer.number
        peer.send(row.data)
        if row.closes:
            return


@pytest.fixture(scope="module")
def origin(shared):
    return shared.scripted(serve)


@pytest.fixture(scope="module")
def weir(shared, origin):
    """One worker: the connection that is used next is the one used last, if it may be."""
    return shared.weir(origin, workers=1)


def next_connection(client):
    """Which one the next request to the origin takes."""
    return int(client.ask("GET", "/which").body)


def check_answer(weir, row, target):
    """Returns which connection the origin's next request came on."""
    with Connection(weir.port) as client:
        client.send(request(row.method, target, row.fields))
        if not row.whole:
            with pytest.raises(Truncated) as truncated:
                client.response(row.method)
            partial = truncated.value.partial
            rest = partial if isinstance(partial, bytes) else b""
            assert truncated.value.response.body + rest == row.content
        else:
            response = client.response(row.method)
            assert response.status == row.status
            if row.status == 502:
                assert response["Cache-Control"] == "no-store" and len(response["X-Request-Id"]) == 32
            else:
                assert response.body == row.content
                return next_connection(client)  # the answer is over and done with
    with Connection(weir.port) as client:
        return next_connection(client)


@pytest.mark.parametrize("number", range(len(ROWS)), ids=[name for name, _ in ROWS])
def test_row(weir, origin, number):
    row, target = ROWS[number][1], f"/{number}"
    next_up = check_answer(weir, row, target)
    assert (next_up == origin.answered) == row.reused
    check_answer(weir, row, target)
    assert origin.requests.count(target) == (1 if row.stored else 2) * (1 + row.retried)


def test_the_table_is_whole():
    names = [name for name, _ in ROWS]
    assert len(names) == len(set(names)) >= 150
