"""Requests as bytes, and what becomes of each: what the client is answered, whether its connection goes on, and what
reaches the origin, byte for byte. `(ours)` stands for the fields that Weir adds. Behind each row's bytes another request
follows at once: on a connection that goes on it is answered, on one that does not it must never reach the origin."""

from typing import NamedTuple

LIMITS = {"max_header_fields": 50, "max_header_size": "8KiB", "max_target_size": "1KiB", "max_request_body": "1MB"}


class Row(NamedTuple):
    name: str
    data: bytes
    status: tuple  # of the answers
    kept: bool
    origin: tuple = ()  # the messages that reach it; the last may be incomplete
    method: str = "GET"  # HEAD: the answers have no content


def refused(status, name, data, **options):
    """And nothing reaches the origin."""
    return Row(name, data, (status,), kept=False, **options)


def answered(status, name, data, **options):
    """By Weir itself, which understood it."""
    return Row(name, data, (status,), kept=True, **options)


def broken(status, name, data, origin):
    """Its header section was forwarded before its content turned out to be malformed, or never came."""
    return Row(name, data, (status,), kept=False, origin=(origin,))


def forwarded(name, data, *origin, **options):
    return Row(name, data, (200,) * len(origin), kept=True, origin=origin, **options)


def last(name, data, *origin):
    """Forwarded, and the connection ends behind the answer."""
    return Row(name, data, (200,) * len(origin), kept=False, origin=origin)


END = b"\r\n"


def seen(request_line, *lines, content=b"", host=b"a"):
    head = [request_line + b" HTTP/1.1", b"Host: " + host, *lines, b"(ours)"]
    return b"".join(line + END for line in head) + END + content


def get(line):
    """A GET with this line, which has no end of its own."""
    return b"GET / HTTP/1.1\r\nHost: a\r\n" + line + END


GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
HOST = b"Host: a\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
LAST_CHUNK = b"0\r\n\r\n"
CLOSE = b"Connection: close"
SEEN = seen(b"GET /")
SEEN_POST = seen(b"POST /", b"Content-Length: 5", content=b"hello")
SEEN_CHUNKED = seen(b"POST /", b"Transfer-Encoding: chunked", content=b"5\r\nhello\r\n0\r\n\r\n")
SEEN_NO_CHUNK = seen(b"POST /", b"Transfer-Encoding: chunked", content=LAST_CHUNK)
SEEN_NO_CONTENT = seen(b"POST /", b"Content-Length: 0")
SEEN_HEAD_ONLY = seen(b"POST /", b"Transfer-Encoding: chunked")  # incomplete: the connection ends behind it


def chunks(data):
    return POST + CHUNKED + END + data
