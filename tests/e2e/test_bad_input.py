"""Requests that are malformed, too large, too slow or ambiguous: the right status, the end of the connection, and
nothing forwarded."""

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

REFUSED = [
    # the request line
    ("no HTTP at all", 400, b"hello\r\n\r\n"),
    ("a TLS hello", 400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256))),
    ("no version", 400, b"GET /\r\n\r\n"),
    ("no target", 400, b"GET HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("two spaces", 400, b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a tab for a space", 400, b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a space in front", 400, b" GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a space in the target", 400, b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a space at the end", 400, b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
    ("no method", 400, b" / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a method that is no token", 400, b"G(T / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a NUL in the target", 400, b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a control character in the target", 400, b"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a fragment in the target", 400, b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a relative target", 400, b"GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a target of another scheme", 400, b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a target with user information", 400, b"GET http://me@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("an asterisk without OPTIONS", 400, b"GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("the HTTP/2 preface", 505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("HTTP/1.2", 505, b"GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
    ("HTTP/0.9", 505, b"GET / HTTP/0.9\r\nHost: a\r\n\r\n"),
    ("a lower-case version", 400, b"GET / http/1.1\r\nHost: a\r\n\r\n"),
    ("a target too long", 414, b"GET /" + b"a" * 1024 + b" HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a request line without end", 414, b"GET /" + b"a" * 5000),
    # the header section
    ("no colon", 400, START + b"Colour\r\n" + END),
    ("a space before the colon", 400, START + b"Colour : blue\r\n" + END),
    ("no name", 400, START + b": blue\r\n" + END),
    ("a name that is no token", 400, START + b"Col our: blue\r\n" + END),
    ("a NUL in a value", 400, START + b"Colour: bl\0ue\r\n" + END),
    ("a control character in a value", 400, START + b"Colour: bl\x01ue\r\n" + END),
    ("a folded line", 400, START + b"Colour: blue\r\n green\r\n" + END),
    ("a folded first line", 400, b"GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    ("a bare LF", 400, START + b"Colour: blue\n" + END),
    ("a bare LF in a value", 400, START + b"Colour: blue\nX: y\r\n" + END),
    ("only bare LFs", 400, b"GET / HTTP/1.1\nHost: a\n\n"),
    ("a bare CR", 400, START + b"Colour: blue\rX: y\r\n" + END),
    ("a bare CR in front of CRLF", 400, START + b"Colour: blue\r\r\n" + END),
    ("a header section too large", 431, START + b"Colour: " + b"b" * 8192 + b"\r\n" + END),
    ("a header section without end", 431, START + b"Colour: " + b"b" * 20000),
    ("too many fields", 431, START + b"A: b\r\n" * 50 + END),
    # Host
    ("no Host", 400, b"GET / HTTP/1.1\r\n\r\n"),
    ("an empty Host", 400, b"GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    ("two Hosts", 400, START + b"Host: a\r\n" + END),
    ("a Host with a path", 400, b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    ("a Host with a space", 400, b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    ("a Host with user information", 400, b"GET / HTTP/1.1\r\nHost: me@a\r\n\r\n"),
    ("a list of Hosts", 400, b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    ("a Host with a wrong port", 400, b"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"),
    # framing
    ("both lengths", 400, POST + CHUNKED + b"Content-Length: 5\r\n" + END + b"0\r\n\r\n"),
    ("both lengths, the other way about", 400, POST + b"Content-Length: 5\r\n" + CHUNKED + END + b"0\r\n\r\n"),
    ("conflicting lengths", 400, POST + b"Content-Length: 5\r\nContent-Length: 6\r\n" + END + b"hello!"),
    ("conflicting lengths in a list", 400, POST + b"Content-Length: 5, 6\r\n" + END + b"hello!"),
    ("a negative length", 400, POST + b"Content-Length: -5\r\n" + END + b"hello"),
    ("a length with a sign", 400, POST + b"Content-Length: +5\r\n" + END + b"hello"),
    ("a hexadecimal length", 400, POST + b"Content-Length: 0x5\r\n" + END + b"hello"),
    ("an empty length", 400, POST + b"Content-Length:\r\n" + END + b"hello"),
    ("a length beyond all numbers", 400, POST + b"Content-Length: 99999999999999999999\r\n" + END),
    ("more content than allowed", 413, POST + b"Content-Length: 1000001\r\n" + END),
    ("an unknown transfer coding", 501, POST + b"Transfer-Encoding: gzip\r\n" + END),
    ("a second transfer coding", 501, POST + b"Transfer-Encoding: gzip, chunked\r\n" + END + b"0\r\n\r\n"),
    ("chunked in disguise", 501, POST + b"Transfer-Encoding: xchunked\r\n" + END + b"0\r\n\r\n"),
    ("chunked twice", 501, POST + b"Transfer-Encoding: chunked, chunked\r\n" + END + b"0\r\n\r\n"),
    ("chunked on two lines", 400, POST + CHUNKED + CHUNKED + END + b"0\r\n\r\n"),
    ("chunked and another on two lines", 400, POST + CHUNKED + b"Transfer-Encoding: gzip\r\n" + END + b"0\r\n\r\n"),
    ("an empty transfer coding", 501, POST + b"Transfer-Encoding:\r\n" + END),
    ("chunked from an old client", 400, b"POST / HTTP/1.0\r\n" + CHUNKED + END + b"0\r\n\r\n"),
    # what is not supported
    ("an unknown expectation", 417, POST + b"Expect: a-miracle\r\nContent-Length: 1\r\n" + END),
    ("CONNECT", 405, b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
    ("TRACE", 405, b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"),
]


def status_of(answer):
    """The status of the one response that these bytes are."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status_line, *lines = head.decode().split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in lines)
    assert status_line.startswith("HTTP/1.1 ") and fields["connection"] == "close", answer
    assert int(fields["content-length"]) == len(body), answer
    return int(status_line.split(" ")[1])


@pytest.mark.parametrize("status, data", [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused(weir, origin, status, data):
    connections = origin.connections
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    assert status_of(exchange(weir.port, data + smuggled)) == status
    assert (origin.requests, origin.connections) == ([], connections)


BAD_CHUNKS = [
    ("no size", b"\r\nhello\r\n0\r\n\r\n"),
    ("not hexadecimal", b"5g\r\nhello\r\n0\r\n\r\n"),
    ("a sign", b"+5\r\nhello\r\n0\r\n\r\n"),
    ("a negative size", b"-5\r\nhello\r\n0\r\n\r\n"),
    ("with 0x", b"0x5\r\nhello\r\n0\r\n\r\n"),
    ("beyond all numbers", b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
    ("a bare LF behind the size", b"5\nhello\r\n0\r\n\r\n"),
    ("a space before the size", b" 5\r\nhello\r\n0\r\n\r\n"),
    ("content longer than its chunk", b"5\r\nhello!\r\n0\r\n\r\n"),
    ("no CRLF behind the content", b"5\r\nhello0\r\n\r\n"),
    ("a bare LF behind the content", b"5\r\nhello\n0\r\n\r\n"),
    ("a size without end", b"0" * 100_000),
    ("an extension without end", b"5;" + b"a" * 200_000),
]


@pytest.mark.parametrize("content", [row[1] for row in BAD_CHUNKS], ids=[row[0] for row in BAD_CHUNKS])
def test_a_bad_chunk_is_refused_and_the_request_never_completed(world, content):
    received = []

    def serve(_, peer):
        peer.head()
        received.append(peer.read(1 << 20))  # ends with the connection

    weir = world.weir(world.scripted(serve))
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    assert status_of(exchange(weir.port, POST + CHUNKED + END + content + smuggled)) == 400
    wait_until(lambda: received, "the origin's connection ends")
    assert not any(b"0\r\n\r\n" in data or b"smuggled" in data for data in received)


@pytest.mark.parametrize("end", [b"", b"0\r\n\r\n"], ids=["without end", "whole"])
def test_content_that_grows_beyond_the_limit_is_refused(world, end):
    received = []

    def serve(_, peer):
        peer.head()
        received.append(peer.read(1 << 20))

    weir = world.weir(world.scripted(serve), limits={"max_request_body": "1KB"})
    with weir.connect() as connection:
        chunks = (b"100\r\n" + b"x" * 0x100 + b"\r\n") * 5
        connection.send(POST + CHUNKED + b"Connection: close\r\n" + END + chunks + end)
        assert connection.response().status == 413
        assert connection.is_ended()
    wait_until(lambda: received, "the origin's connection ends")
    assert b"0\r\n\r\n" not in received[0]


def test_good_requests_before_a_bad_one_are_answered(weir, origin):
    target = "/before-a-bad-one"
    with Connection(weir.port) as connection:
        connection.send(request("GET", target) + b"nonsense\r\n\r\n" + request("GET", "/smuggled"))
        assert connection.response().status == 200
        assert connection.response().status == 400
        assert connection.is_ended()
    assert [head.split(b" ")[1] for head in origin.requests] == [target.encode()]
    origin.requests.clear()


ACCEPTED = [
    ("lines before the request line", b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
    ("spaces around a value", START + b"Colour: \t blue \t\r\nConnection: close\r\n" + END),
    ("no space before a value", START + b"Colour:blue\r\nConnection:close\r\n" + END),
    ("bytes beyond ASCII in a value", START + b"Colour: bl\xe4u\r\nConnection: close\r\n" + END),
    ("the same length twice", POST + b"Content-Length: 5\r\n" * 2 + b"Connection: close\r\n" + END + b"hello"),
    ("a Host of IPv6", b"GET / HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n"),
    ("chunked in other letters", POST + b"Transfer-Encoding: Chunked\r\nConnection: close\r\n" + END + b"0\r\n\r\n"),
    ("a chunk with an extension", POST + CHUNKED + b"Connection: close\r\n" + END + b"5;a=b\r\nhello\r\n0\r\n\r\n"),
]


@pytest.mark.parametrize("data", [row[1] for row in ACCEPTED], ids=[row[0] for row in ACCEPTED])
def test_accepted(world, data):
    origin = world.origin()
    answer = exchange(world.weir(origin).port, data.replace(b" / ", b" /items/a "))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert origin.requests == 1


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
