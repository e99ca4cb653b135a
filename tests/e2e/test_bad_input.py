"""Requests that never end, come too slowly, or are noise. Those that are malformed are in raw/."""

import contextlib
import random
import re
import select
import socket
from collections import Counter

import pytest
from framing import LENIENT, Strict
from recording_origin import RecordingOrigin
from scripted_origin import ok
from wire import Connection, Truncated, exchange, request, wait_until


@pytest.fixture(scope="module")
def origin(shared):
    return shared.scripted(ok())


@pytest.fixture(scope="module")
def weir(shared, origin):
    limits = {"max_header_fields": 50, "max_header_size": "8KiB", "max_target_size": "1KiB", "max_request_body": "1MB"}
    return shared.weir(origin, limits=limits)


MIB = 1024 * 1024
START = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
END = b"\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"

def status_of(answer):
    """The status of the one response that these bytes are."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status_line, *lines = head.decode().split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in lines)
    assert status_line.startswith("HTTP/1.1 ") and fields["connection"] == "close", answer
    assert int(fields["content-length"]) == len(body), answer
    return int(status_line.split(" ")[1])


AT_ONCE = [
    ("a TLS hello", 400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    ("the HTTP/2 preface", 505, b"PRI * HTTP/2.0\r\n"),
    ("a PROXY line", 400, b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n"),
    ("HTTP/0.9", 400, b"GET /\r\n"),
    ("another protocol's banner", 400, b"SSH-2.0-OpenSSH_9.2\r\n"),
    ("a bare LF", 400, b"GET / HTTP/1.1\n"),
    ("a folded line", 400, START + b"Colour: blue\r\n "),
    ("a target without end", 414, b"GET /" + b"a" * 2000),
    ("a header section without end", 431, START + b"Colour: " + b"b" * 9000),
]


@pytest.mark.parametrize("status, data", [row[1:] for row in AT_ONCE], ids=[row[0] for row in AT_ONCE])
def test_nobody_waits_for_the_end_of_what_cannot_become_a_request(weir, origin, status, data):
    """Its beginning is enough; raw/ has what is refused when it is whole."""
    connections = origin.connections
    assert status_of(exchange(weir.port, data)) == status
    assert (origin.requests, origin.connections) == ([], connections)


@pytest.mark.parametrize("data", [b"G", b"GET / HTTP/1.1\r\nHost: a\r\nColour: bl"], ids=["request line", "field"])
def test_a_header_section_that_comes_too_slowly(world, data):
    weir = world.weir(world.scripted(ok()), limits={"header_deadline": "100ms"})
    assert status_of(exchange(weir.port, data)) == 408
    weir.await_metrics({'weir_limits_reached_total{limit="header_deadline"}': 1})


@pytest.mark.parametrize("before", [b"", request("GET", "/")], ids=["first", "behind a request"])
def test_a_header_section_that_trickles_is_too_slow_too(world, before):
    """Each byte in time does not make the whole in time."""
    weir = world.weir(world.scripted(ok()), limits={"header_deadline": "200ms"})
    with weir.connect() as connection:
        connection.send(before)
        assert not before or connection.response().status == 200
        connection.send(START + b"Colour: ")
        connection.socket.settimeout(0.02)

        def refused():
            try:
                connection.send(b"b")
                return connection.head()
            except TimeoutError:
                return None

        assert wait_until(refused, "it is refused").status == 408


@pytest.mark.parametrize("before", [b"", request("GET", "/")], ids=["first", "behind a request"])
@pytest.mark.parametrize(
    "pace, count", [(0, 1), (0.01, 1), (0, 1_000_000)], ids=["at once", "slowly", "never waited for"]
)
def test_empty_lines_without_end_are_no_request(world, before, pace, count):
    """RFC 9112 §2.2 lets some come before one; they are part of the time that its header section may take."""
    weir = world.weir(world.scripted(ok()), limits={"header_deadline": "200ms"})
    with weir.connect() as connection:
        connection.send(before)
        assert not before or connection.response().status == 200
        with contextlib.suppress(ConnectionError):
            while not select.select([connection.socket], [], [], pace)[0]:
                connection.send(END * count)
        with contextlib.suppress(ConnectionError):
            answer = connection.read_to_end()
            assert not answer or status_of(answer) == 408
    weir.await_metrics({"weir_connections": 0, 'weir_limits_reached_total{limit="header_deadline"}': 1})


def is_over(connection):
    """Whether the other side has closed it altogether: it takes no more bytes."""
    poll = select.poll()
    poll.register(connection.socket, 0)
    return bool(poll.poll(20))


def test_a_client_that_goes_on_sending_after_a_refusal_is_dropped(world):
    """It gets its answer, and may send 256 KiB yet; with what is on its way that is a few MiB at most."""
    weir = world.weir(world.scripted(ok()))
    with weir.connect() as connection:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
        connection.send(POST + b"Content-Length: x\r\n" + END)
        assert connection.response().status == 400
        sent, piece = 0, b"x" * 16_384
        with contextlib.suppress(ConnectionError):
            while sent < 16 * MIB:
                connection.send(piece)
                sent += len(piece)
        assert sent < 16 * MIB
    weir.await_metrics({"weir_connections": 0})


def test_a_client_that_trickles_after_a_refusal_is_dropped(world):
    weir = world.weir(world.scripted(ok()))
    with weir.connect() as connection:
        connection.send(POST + b"Content-Length: x\r\n" + END)
        assert connection.response().status == 400

        def dropped():
            with contextlib.suppress(ConnectionError):
                connection.send(b"x")
            return is_over(connection)

        wait_until(dropped, "it is dropped")
    weir.await_metrics({"weir_connections": 0})


def test_content_that_comes_too_slowly(world):
    weir = world.weir(world.scripted(lambda _, peer: peer.until_closed()), limits={"body_deadline": "100ms"})
    assert status_of(exchange(weir.port, POST + b"Content-Length: 10\r\n" + END + b"hello")) == 408


def test_a_client_that_reads_nothing_is_dropped(world):
    origin = world.origin()
    weir = world.weir(origin, limits={"write_deadline": "200ms"})
    with weir.connect() as connection:
        connection.send(request("GET", "/items/endless?size=500000000"))
        wait_until(lambda: origin.stats()["requests"] == 1, "the origin is asked")
        wait_until(lambda: origin.stats()["open_requests"] == 0, "the origin is released")


def test_refusals_are_counted(world):
    weir = world.weir(world.scripted(ok()))
    for _ in range(3):
        exchange(weir.port, b"hello\r\n\r\n")
    weir.await_metrics({"weir_malformed_requests_total": 3, 'weir_requests_total{result="error",status="4xx"}': 3})


PIECES = [
    START, POST, START + END, CHUNKED, END, b"Content-Length: 1\r\n", b"0\r\n\r\n", b"HTTP/1.1", b"\n", b"\0", b" ",
    b":",
]  # fmt: skip


def statuses_of(connection):
    """Of all answers, until the connection ends between two of them."""
    statuses = []
    try:
        while True:
            statuses.append(connection.response().status)
    except Truncated as truncated:
        assert truncated.partial == b""
        return statuses


def test_random_bytes_are_requests_or_are_refused(world):
    """What reaches the origin is well-formed, and as many answers come from there as there are whole requests."""
    bits = random.Random(7)
    origin = world.add(RecordingOrigin())
    weir = world.weir(origin)
    seen = Counter()
    for _ in range(400):
        some = bits.choices(PIECES + [bits.randbytes(bits.randrange(1, 30))], k=bits.randrange(1, 12))
        with Connection(weir.port) as connection:
            connection.send(b"".join(some)).finish()
            statuses = statuses_of(connection)
        assert set(statuses[:-1]) <= {200} and set(statuses) <= {200, 400, 501, 505}, some
        seen.update(statuses or ["nothing"])
    assert seen[200] > 10 and seen[400] > 100 and seen["nothing"] > 10, "it is no test of one thing alone"
    wait_until(lambda: not any(list(origin.unfinished.values())), "what broke off has ended")
    messages = [message for _, message in origin.take()]
    for message in messages:
        assert re.match(rb"(GET|POST) / HTTP/1\.1\r\nHost: a\r\n", message)
        cut = Strict().cut(message)
        for reader in LENIENT:
            assert not reader.sees_all_content or reader().cut(message) == cut, message
    assert sum(len(Strict().cut(message)) for message in messages) == seen[200]
    assert weir.get("/").status == 200
