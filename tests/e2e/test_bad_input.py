"""Requests that never end, come too slowly, or are noise. Those that are malformed are in raw/."""

import random

import pytest
from scripted_origin import ok
from wire import Connection, exchange, request, wait_until


@pytest.fixture(scope="module")
def origin(shared):
    return shared.scripted(ok())


@pytest.fixture(scope="module")
def weir(shared, origin):
    limits = {"max_header_fields": 50, "max_header_size": "8KiB", "max_target_size": "1KiB", "max_request_body": "1MB"}
    return shared.weir(origin, limits=limits)


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


def test_a_header_section_that_trickles_is_too_slow_too(world):
    """Each byte in time does not make the whole in time."""
    weir = world.weir(world.scripted(ok()), limits={"header_deadline": "200ms"})
    with weir.connect() as connection:
        connection.send(START + b"Colour: ")
        connection.socket.settimeout(0.02)

        def refused():
            try:
                connection.send(b"b")
                return connection.head()
            except TimeoutError:
                return None

        assert wait_until(refused, "it is refused").status == 408


def test_content_that_comes_too_slowly(world):
    weir = world.weir(world.scripted(lambda _, peer: peer.until_closed()), limits={"body_deadline": "100ms"})
    assert status_of(exchange(weir.port, POST + b"Content-Length: 10\r\n" + END + b"hello")) == 408


def test_a_client_that_reads_nothing_is_dropped(world):
    origin = world.origin()
    weir = world.weir(origin, limits={"write_deadline": "200ms"})
    with weir.connect() as connection:
        connection.send(request("GET", "/items/endless?size=500000000"))
        wait_until(lambda: origin.stats()["open_requests"] == 1, "the origin is asked")
        wait_until(lambda: origin.stats()["open_requests"] == 0, "the origin is released")


def test_refusals_are_counted(world):
    weir = world.weir(world.scripted(ok()))
    for _ in range(3):
        exchange(weir.port, b"hello\r\n\r\n")
    weir.await_metrics({"weir_malformed_requests_total": 3, 'weir_requests_total{result="error",status="4xx"}': 3})


def test_random_bytes_never_bring_it_down(weir, origin):
    bits = random.Random(7)
    pieces = [START, POST, CHUNKED, END, b"Content-Length: 1\r\n", b"0\r\n\r\n", b"HTTP/1.1", b"\n", b"\0", b" ", b":"]
    for _ in range(300):
        some = bits.choices(pieces + [bits.randbytes(bits.randrange(1, 30))], k=bits.randrange(1, 12))
        data = b"".join(some)
        with Connection(weir.port) as connection:
            try:
                connection.send(data).finish()
                connection.read_to_end()
            except (ConnectionResetError, BrokenPipeError):
                pass
    assert weir.get("/").status == 200
    origin.requests.clear()
