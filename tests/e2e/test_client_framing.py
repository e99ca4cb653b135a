"""What clients get is cut into the same responses by whoever reads it; and what breaks off looks whole to nobody."""

import random
import re

import h11
import pytest
from framing import LENIENT, Strict
from test_raw_responses import ROWS, serve
from wire import Connection, chunked, request

READERS = [reader for reader in LENIENT if reader.sees_all_content]  # the others overlook content of requests


def reading_responses(reader):
    """A reader of that kind for the answers to requests with these methods. RFC 9112 §6.3"""

    class OfResponses(reader):
        def __init__(self, methods):
            self._methods = list(methods)

        def framing(self, status_line, lengths, codings):
            status = int(status_line.split(b" ")[1])
            method = self._methods[0]
            if status >= 200:
                self._methods.pop(0)
            framing = super().framing(status_line, lengths, codings)
            if status < 200 or status in (204, 304) or method == "HEAD":
                return 0
            assert lengths or codings, "only the end of the connection would end it"
            return framing

    return OfResponses


def cut(reader, stream, methods):
    """[(status, content)] of the whole final responses, and whether they are all there is."""
    messages = reading_responses(reader)(methods).cut(stream)
    final = [(int(message.request_line.split(b" ")[1]), message.content) for message in messages]
    end = messages[-1].end if messages else 0
    return [response for response in final if response[0] >= 200], end == len(stream)


def cut_with_h11(stream, methods):
    connection, responses = h11.Connection(h11.CLIENT), []
    try:
        for number, method in enumerate(methods):
            connection.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
            connection.send(h11.EndOfMessage())
            if number == 0:
                connection.receive_data(stream)
            content = b""
            while not isinstance(event := connection.next_event(), h11.EndOfMessage):
                if isinstance(event, h11.Response):
                    status = event.status_code
                elif isinstance(event, h11.Data):
                    content += bytes(event.data)
                elif event is h11.NEED_DATA:
                    return responses
            responses.append((status, content))
            if connection.their_state is h11.MUST_CLOSE:
                return responses
            connection.start_next_cycle()
    except h11.RemoteProtocolError as error:
        pytest.fail(f"refused: {error}")
    return responses


def received(port, data):
    """All that comes, to the end of the connection or to its reset."""
    stream = b""
    with Connection(port) as connection:
        connection.send(data)
        try:
            while more := connection.socket.recv(65536):
                stream += more
        except ConnectionResetError:
            pass
    return stream


def pipelined(*asked):
    """Requests by method, target, and fields; the connection is to end behind them."""
    *first, (method, target, fields) = asked
    data = b"".join(request(*one) for one in first)
    return data + request(method, target, dict(fields) | {"Connection": "close"})


# What the rows of raw/responses.py become


@pytest.fixture(scope="module")
def streams(shared):
    """[(row's name, row, stream)]: each twice, as it may be stored then, with another answer behind it."""
    weir = shared.weir(shared.scripted(serve))
    found = []
    for number, (name, row) in enumerate(ROWS):
        for _ in range(2):
            data = pipelined((row.method, f"/{number}", row.fields), ("GET", "/behind", ()))
            found.append((name, row, received(weir.port, data)))
    return found


def expected_of(row):
    if not row.whole:
        return []
    return [(row.status, None if row.status == 502 else row.content), (200, None)]


def check(name, row, responses):
    expected = expected_of(row)
    assert [status for status, _ in responses] == [status for status, _ in expected], name
    for (_, content), (_, right) in zip(responses, expected):
        assert right is None or content == right, name


def test_each_answer_is_whole_or_is_seen_not_to_be(streams):
    for name, row, stream in streams:
        responses, is_all = cut(Strict, stream, [row.method, "GET"])
        check(name, row, responses)
        assert is_all == row.whole or not stream, name


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_a_lenient_reader_sees_the_same_answers(streams, reader):
    for name, row, stream in streams:
        methods = [row.method, "GET"]
        assert cut(reader, stream, methods) == cut(Strict, stream, methods), name


def test_h11_sees_the_same_answers(streams):
    for name, row, stream in streams:
        methods = [row.method, "GET"]
        assert cut_with_h11(stream, methods) == cut(Strict, stream, methods)[0], name


# Answers of all kinds, one behind the other


SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
FRESH = b'Cache-Control: max-age=60\r\nETag: "a"\r\n'
CODED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
LOOKS_LIKE_ONE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"

ORIGIN = {
    "/stored": SIZED + FRESH + b"\r\nhello",
    "/passing": SIZED + b"Cache-Control: no-store\r\n\r\nhello",
    "/empty": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + FRESH + b"\r\n",
    "/nothing": b"HTTP/1.1 204 No Content\r\n" + FRESH + b"\r\n",
    "/chunked": CODED + FRESH + b"\r\n" + chunked(b"hel", b"lo"),
    "/chunked-passing": CODED + b"Cache-Control: no-store\r\n\r\n" + chunked(b"hel", b"lo", trailers=b"A: b\r\n"),
    "/early": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + SIZED + b"Cache-Control: no-store\r\n\r\nhello",
    "/answer": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n" % (len(LOOKS_LIKE_ONE), FRESH) + LOOKS_LIKE_ONE,
    "/answer-passing": CODED + b"Cache-Control: no-store\r\n\r\n" + chunked(LOOKS_LIKE_ONE),
    "/to-the-end": b"HTTP/1.0 200 OK\r\nCache-Control: no-store\r\n\r\nhello",
}

FINAL_HEAD = re.compile(rb"(?:HTTP/1.1 1.*?\r\n\r\n)?.*?\r\n\r\n", re.DOTALL)

IF_NOT = {"If-None-Match": '"a"'}
PART, NO_PART, PARTS = {"Range": "bytes=1-2"}, {"Range": "bytes=9-"}, {"Range": "bytes=0-0,4-4"}

ASKED = [
    ("GET", "/stored", {}, 200, b"hello"),
    ("GET", "/stored", {}, 200, b"hello"),
    ("HEAD", "/stored", {}, 200, b""),
    ("GET", "/stored", IF_NOT, 304, b""),
    ("HEAD", "/stored", IF_NOT, 304, b""),
    ("GET", "/stored", PART, 206, b"el"),
    ("GET", "/stored", PARTS, 206, None),
    ("GET", "/stored", NO_PART, 416, None),
    ("GET", "/empty", {}, 200, b""),
    ("GET", "/empty", {}, 200, b""),
    ("HEAD", "/empty", {}, 200, b""),
    ("GET", "/nothing", {}, 204, b""),
    ("GET", "/nothing", {}, 204, b""),
    ("HEAD", "/nothing", {}, 204, b""),
    ("GET", "/chunked", {}, 200, b"hello"),
    ("GET", "/chunked", {}, 200, b"hello"),
    ("HEAD", "/chunked", {}, 200, b""),
    ("GET", "/chunked", IF_NOT, 304, b""),
    ("GET", "/passing", {}, 200, b"hello"),
    ("HEAD", "/passing", {}, 200, b""),
    ("GET", "/chunked-passing", {}, 200, b"hello"),
    ("GET", "/chunked-passing", {"TE": "trailers", "Connection": "TE"}, 200, b"hello"),
    ("HEAD", "/chunked-passing", {}, 200, b""),
    ("GET", "/early", {}, 200, b"hello"),
    ("HEAD", "/early", {}, 200, b""),
    ("GET", "/answer", {}, 200, LOOKS_LIKE_ONE),
    ("GET", "/answer", {}, 200, LOOKS_LIKE_ONE),
    ("HEAD", "/answer", {}, 200, b""),
    ("GET", "/answer-passing", {}, 200, LOOKS_LIKE_ONE),
    ("GET", "/to-the-end", {}, 200, b"hello"),
    ("HEAD", "/health", {}, 200, b""),
    ("DELETE", "/health", {}, 405, None),
    ("TRACE", "/", {}, 405, None),
    ("GET", "/away", {}, 502, None),
    ("HEAD", "/away", {}, 502, b""),
    ("GET", "/stored", {}, 200, b"hello"),
]


def serve_by_target(origin, peer):
    while head := peer.head():
        method, target = head.decode().split(" ")[:2]
        data = ORIGIN[target]
        peer.send(FINAL_HEAD.match(data)[0] if method == "HEAD" else data)
        if target == "/to-the-end":
            return


@pytest.fixture(scope="module")
def pipelines(shared):
    """[(what was asked, stream)]: in this order, and then, when all is stored that may be, in others."""
    weir = shared.weir(
        shared.scripted(serve_by_target),
        upstreams={"away": f"http://127.0.0.1:{shared.refusing_port()}"},
        routes=[{"path": "/away", "upstream": "away"}],
        local=["/health"],
    )
    order, found = random.Random(3), []
    for number in range(20):
        asked = order.sample(ASKED, len(ASKED)) if number else ASKED
        found.append((asked, received(weir.port, pipelined(*(row[:3] for row in asked)))))
    return found


def methods_of(asked):
    return [method for method, *_ in asked]


def test_pipelined_answers_of_all_kinds(pipelines):
    for asked, stream in pipelines:
        responses, is_all = cut(Strict, stream, methods_of(asked))
        assert is_all
        assert [status for status, _ in responses] == [row[3] for row in asked]
        for (_, content), row in zip(responses, asked):
            assert row[4] is None or content == row[4], row


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_a_lenient_reader_sees_the_same_pipelined_answers(pipelines, reader):
    for asked, stream in pipelines:
        assert cut(reader, stream, methods_of(asked)) == cut(Strict, stream, methods_of(asked))


def test_h11_sees_the_same_pipelined_answers(pipelines):
    for asked, stream in pipelines:
        assert cut_with_h11(stream, methods_of(asked)) == cut(Strict, stream, methods_of(asked))[0]
