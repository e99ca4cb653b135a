"""Answers of an origin as bytes, and what becomes of each: what the client gets, whether it can take it for the whole,
whether it is stored, and whether the connection that it came on is used again."""

from typing import NamedTuple


class Row(NamedTuple):
    name: str
    data: bytes
    status: int = 200
    content: bytes = b""  # what the client gets of it
    whole: bool = True  # the client can take it for that
    stored: bool = False
    reused: bool = False
    closes: bool = False  # the origin, behind these bytes
    retried: bool = False  # on another connection: it looks as if this one had died while it was idle
    method: str = "GET"
    fields: tuple = ()  # of the request


def bad(name, data, **options):
    """502, an answer of Weir's own."""
    return Row(name, data, status=502, **options)


def cut(name, data, content=b"", **options):
    """The client's connection ends before the answer does."""
    return Row(name, data, content=content, whole=False, **options)


def good(name, data, content=b"hello", stored=True, reused=True, **options):
    return Row(name, data, content=content, stored=stored, reused=reused, **options)


END = b"\r\n"
FRESH = b"Cache-Control: max-age=60\r\n"  # so that nothing else keeps it from being stored
HEAD = b"HTTP/1.1 200 OK\r\n" + FRESH
SIZED = HEAD + b"Content-Length: 5\r\n"
HELLO = SIZED + END + b"hello"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n"
LAST = b"5\r\nhello\r\n0\r\n"
CHUNKS = CHUNKED + END + LAST + END


def status_line(data):
    return data + b"\r\n" + FRESH + b"Content-Length: 5\r\n\r\nhello"


def field(data):
    return SIZED + data + END + END + b"hello"


def length(*values):
    return HEAD + b"".join(b"Content-Length: " + value + END for value in values) + END + b"hello"


def coding(*values):
    return HEAD + b"".join(b"Transfer-Encoding: " + value + END for value in values) + END + LAST + END


def chunks(data):
    return CHUNKED + END + data


RESPONSES = {
    "status line": [  # RFC 9112 §4
        good("no reason", status_line(b"HTTP/1.1 200 ")),
        good("a long reason", status_line(b"HTTP/1.1 200 All \t is well")),
        good("bytes beyond ASCII", status_line(b"HTTP/1.1 200 \xc3\xa4\xff")),
        good("a reason that looks like a field", status_line(b"HTTP/1.1 200 Content-Length: 0")),
        good("a status that nobody knows", status_line(b"HTTP/1.1 299 OK"), status=299),
        good("a status beyond all classes", status_line(b"HTTP/1.1 999 OK"), status=999),
        good("HTTP/1.0", status_line(b"HTTP/1.0 200 OK"), reused=False),
        good("HTTP/1.0, kept", status_line(b"HTTP/1.0 200 OK\r\nConnection: keep-alive")),
        bad("no HTTP", b"hello\r\n\r\n"),
        bad("no HTTP, without end", b"220 mail.test ESMTP ready\r\n"),
        bad("a TLS alert", b"\x15\x03\x01\x00\x02\x02\x0a"),
        bad("HTTP/0.9", b"<html>hello</html>"),
        bad("HTTP/2 frames", b"\0\0\x12\x04\0\0\0\0\0" + bytes(18)),
        bad("a request", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        bad("HTTP/2.0", status_line(b"HTTP/2.0 200 OK")),
        bad("HTTP/1.2", status_line(b"HTTP/1.2 200 OK")),
        bad("lower case", status_line(b"http/1.1 200 OK")),
        bad("another protocol", status_line(b"ICY 200 OK")),
        bad("no space behind the status", status_line(b"HTTP/1.1 200")),
        bad("two spaces", status_line(b"HTTP/1.1  200 OK")),
        bad("a tab", status_line(b"HTTP/1.1\t200 OK")),
        bad("two digits", status_line(b"HTTP/1.1 20 OK")),
        bad("four digits", status_line(b"HTTP/1.1 2000 OK")),
        bad("letters", status_line(b"HTTP/1.1 abc OK")),
        bad("a sign", status_line(b"HTTP/1.1 +20 OK")),
        bad("below 100", status_line(b"HTTP/1.1 099 OK")),
        bad("zero", status_line(b"HTTP/1.1 000 OK")),
        bad("a NUL in the reason", status_line(b"HTTP/1.1 200 O\0K")),
        bad("a bare CR in the reason", status_line(b"HTTP/1.1 200 O\rK")),
        bad("a bare LF behind it", HELLO.replace(b"OK\r\n", b"OK\n")),
        bad("a folded one", status_line(b"HTTP/1.1 200\r\n OK")),
        bad("an empty line before it", b"\r\n" + HELLO),
        bad("a space before it", b" " + HELLO),
    ],
    "fields": [  # RFC 9112 §2.2, §5
        good("white space around a value", field(b"Colour: \t blue\t ")),
        good("no value", field(b"Colour:")),
        good("bytes beyond ASCII", field(b"Colour: bl\xc3\xa4u\xff")),
        good("as many as allowed", field(b"\r\n".join([b"A: b"] * 198))),
        bad("too many", field(b"\r\n".join([b"A: b"] * 199))),
        bad("too large", field(b"Colour: " + b"b" * 70_000)),
        bad("no end", SIZED + b"Colour: blue\r\n" * 10_000),
        bad("a value without end", SIZED + b"Colour: " + b"b" * 100_000),
        bad("no colon", field(b"Colour")),
        bad("a space before the colon", field(b"Colour : blue")),
        bad("a tab before the colon", field(b"Colour\t: blue")),
        bad("a length with a space before the colon", HEAD + b"Content-Length : 5\r\n\r\nhello"),
        bad("no name", field(b": blue")),
        bad("no token", field(b"Col(our: blue")),
        bad("a space in a name", field(b"Col our: blue")),
        bad("a NUL in a name", field(b"Col\0our: blue")),
        bad("a NUL in a value", field(b"Colour: bl\0ue")),
        bad("a control byte in a value", field(b"Colour: bl\x01ue")),
        bad("a DEL in a value", field(b"Colour: blue\x7f")),
        bad("a bare CR", field(b"Colour: bl\rue")),
        bad("a bare CR and a field", field(b"Colour: blue\rSet-Cookie: a=b")),
        bad("a bare LF", field(b"Colour: blue\nSet-Cookie: a=b")),
        bad("bare LFs everywhere", HELLO.replace(b"\r\n", b"\n")),
        bad("CR CR LF", field(b"Colour: blue\r")),
        bad("a folded one", field(b"Colour: blue\r\n green")),
        bad("one folded by a tab", field(b"Colour: blue\r\n\tgreen")),
        bad("one folded behind an empty value", field(b"Colour:\r\n blue")),
        bad("the first one folded", b"HTTP/1.1 200 OK\r\n Colour: blue\r\n" + FRESH + b"Content-Length: 5\r\n\r\nhello"),
        bad("a line of a space", field(b"Colour: blue\r\n ")),
    ],
    "a header section that ends too early": [  # RFC 9112 §8
        bad("nothing", b"", closes=True, retried=True),
        bad("in the version", b"HTTP/1.", closes=True),
        bad("in the status line", b"HTTP/1.1 2", closes=True),
        bad("behind the status line", b"HTTP/1.1 200 OK\r\n", closes=True),
        bad("in a field", HEAD + b"Content-Le", closes=True),
        bad("behind a field", SIZED, closes=True),
        bad("before the last LF", SIZED + b"\r", closes=True),
        bad("behind an interim response", b"HTTP/1.1 103 Early Hints\r\n\r\n", closes=True),
    ],
    "Content-Length": [  # RFC 9112 §6.3
        good("the same twice", length(b"5", b"5")),
        good("the same in a list", length(b"5, 5")),
        good("zeros in front", length(b"0005")),
        good("zero", HEAD + b"Content-Length: 0\r\n\r\n", b""),
        bad("differing lines", length(b"5", b"6")),
        bad("differing members", length(b"5, 6")),
        bad("empty", length(b"")),
        bad("an empty member", length(b"5,")),
        bad("negative", length(b"-5")),
        bad("a plus", length(b"+5")),
        bad("hexadecimal", length(b"0x5")),
        bad("a fraction", length(b"5.0")),
        bad("a space within", length(b"5 5")),
        bad("text", length(b"five")),
        bad("2 to the 64th and 5", length(b"18446744073709551621")),
    ],
    "Transfer-Encoding": [  # RFC 9112 §6.1, §6.3
        good("chunked", CHUNKS),
        good("other letters", coding(b"cHuNkEd")),
        bad("gzip", coding(b"gzip")),
        bad("gzip, and then chunked", coding(b"gzip, chunked")),
        bad("chunked, and then gzip", coding(b"chunked, gzip")),
        bad("chunked twice", coding(b"chunked, chunked")),
        bad("on two lines", coding(b"chunked", b"chunked")),
        bad("empty", coding(b"")),
        bad("an empty member", coding(b", chunked")),
        bad("identity", coding(b"identity")),
        bad("chunked in disguise", coding(b"xchunked")),
        bad("a parameter", coding(b"chunked;a=b")),
        bad("a vertical tab before it", coding(b"\x0bchunked")),
        bad("in HTTP/1.0", CHUNKS.replace(b"HTTP/1.1", b"HTTP/1.0")),
        bad("and a length", CHUNKED + b"Content-Length: 5\r\n\r\n" + LAST + END),
        bad("behind a length", SIZED + b"Transfer-Encoding: chunked\r\n\r\n" + LAST + END),
        bad("an unknown one and a length", SIZED + b"Transfer-Encoding: x\r\n\r\nhello"),
    ],
    "chunks": [  # RFC 9112 §7.1
        good("two", chunks(b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")),
        good("none", chunks(b"0\r\n\r\n"), b""),
        good("zeros in front", chunks(b"005\r\nhello\r\n000\r\n\r\n")),
        good("extensions", chunks(b'5;a=b;c="d e"\r\nhello\r\n0;f\r\n\r\n')),
        cut("an empty size", chunks(b"\r\nhello\r\n0\r\n\r\n")),
        cut("no number", chunks(b"x\r\nhello\r\n0\r\n\r\n")),
        cut("negative", chunks(b"-5\r\nhello\r\n0\r\n\r\n")),
        cut("a plus", chunks(b"+5\r\nhello\r\n0\r\n\r\n")),
        cut("0x", chunks(b"0x5\r\nhello\r\n0\r\n\r\n")),
        cut("a space before the size", chunks(b" 5\r\nhello\r\n0\r\n\r\n")),
        cut("a space behind the size", chunks(b"5 \r\nhello\r\n0\r\n\r\n")),
        cut("2 to the 64th and 5", chunks(b"10000000000000005\r\nhello\r\n0\r\n\r\n")),
        cut("LF behind the size", chunks(b"5\nhello\r\n0\r\n\r\n")),
        cut("CR behind the size", chunks(b"5\rhello\r\n0\r\n\r\n")),
        cut("LF behind the data", chunks(b"5\r\nhello\n0\r\n\r\n")),
        cut("two other bytes behind the data", chunks(b"5\r\nhelloXX0\r\n\r\n")),
        cut("more data than said", chunks(b"5\r\nhello world\r\n0\r\n\r\n")),
        cut("an extension too long", chunks(b"5;" + b"a" * 256 + b"\r\nhello\r\n0\r\n\r\n")),
        cut("an extension without end", chunks(b"5;" + b"a" * 100_000)),
        cut("an open quote in an extension", chunks(b'5;a="b\r\nhello\r\n0\r\n\r\n')),
        cut("a NUL in an extension", chunks(b'5;a="\0"\r\nhello\r\n0\r\n\r\n')),
        cut("LF in an extension", chunks(b'5;a="\n"\r\nhello\r\n0\r\n\r\n')),
        cut("a response for a size", chunks(b"5\r\nhello\r\n" + HELLO)),
    ],
    "trailers": [  # RFC 9110 §6.5
        good("one", chunks(LAST + b"Colour: blue\r\n\r\n")),
        good("one of the header section's", chunks(LAST + b"Cache-Control: no-store\r\nSet-Cookie: a=b\r\n\r\n")),
        cut("a length", chunks(LAST + b"Content-Length: 5\r\n\r\n")),
        cut("a coding", chunks(LAST + b"Transfer-Encoding: chunked\r\n\r\n")),
        cut("no colon", chunks(LAST + b"Colour\r\n\r\n")),
        cut("a space before the colon", chunks(LAST + b"Colour : blue\r\n\r\n")),
        cut("a NUL", chunks(LAST + b"Colour: bl\0ue\r\n\r\n")),
        cut("a bare LF", chunks(LAST + b"Colour: blue\nSet-Cookie: a=b\r\n\r\n")),
        cut("a folded one", chunks(LAST + b"Colour: blue\r\n green\r\n\r\n")),
        cut("one folded behind an empty value", chunks(LAST + b"Colour:\r\n blue\r\n\r\n")),
        cut("too many", chunks(LAST + b"A: b\r\n" * 201 + b"\r\n")),
        cut("without end", chunks(LAST + b"Colour: blue\r\n" * 10_000), b"hello"),
        cut("a line without end", chunks(LAST + b"Colour: " + b"b" * 100_000), b"hello"),
        cut("that end too early", chunks(LAST + b"Colour: bl"), b"hello", closes=True),
    ],
    "content that ends too early": [  # RFC 9112 §8
        cut("by its length", SIZED + END + b"hell", b"hell", closes=True),
        cut("before its first byte", SIZED + END, closes=True),
        cut("in a chunk", chunks(b"5\r\nhell"), b"hell", closes=True),
        cut("behind a chunk", chunks(b"5\r\nhello\r\n"), b"hello", closes=True),
        cut("in a size", chunks(b"5\r\nhello\r\n1"), b"hello", closes=True),
        cut("before the last line", chunks(LAST), b"hello", closes=True),
        cut("before the last LF", chunks(LAST + b"\r"), b"hello", closes=True),
        good("without length: the end says that it is whole", HEAD + b"\r\nhello", reused=False, closes=True),
        good("without length, in HTTP/1.0", b"HTTP/1.0 200 OK\r\n" + FRESH + b"\r\nhello", reused=False, closes=True),
    ],
    "what was not asked for": [  # RFC 9112 §6.3, §9.2
        good("bytes behind the length", HELLO + b"x", reused=False),
        good("a line behind the length", HELLO + b"\r\n", reused=False),
        good("bytes behind the last chunk", CHUNKS + b"x", reused=False),
        good("another response", HELLO + HELLO.replace(b"hello", b"other"), reused=False),
        good("another response behind chunks", CHUNKS + HELLO, reused=False),
        good("content of a HEAD", HELLO, b"", stored=False, reused=False, method="HEAD"),
        good("chunks of a HEAD", CHUNKS, b"", stored=False, reused=False, method="HEAD"),
        good("no content of a HEAD", SIZED + END, b"", stored=False, method="HEAD"),
        good("content of a 204", HELLO.replace(b"200 OK", b"204 No Content"), b"", status=204, reused=False),
        good("a length of a 204", (SIZED + END).replace(b"200 OK", b"204 No Content"), b"", status=204),
        good("chunks of a 204", CHUNKS.replace(b"200 OK", b"204 No Content"), b"", status=204, reused=False),
        bad("a 304", b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n", reused=True),
        bad("another protocol", b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
        bad("another protocol, with a request for it", b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
            fields=(("Connection", "Upgrade"), ("Upgrade", "h2c"))),
    ],
    "interim responses": [  # RFC 9110 §15.2
        good("one", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + HELLO),
        good("an unknown one", b"HTTP/1.1 199 Soon\r\n\r\n" + HELLO),
        good("100, though nobody waits for it", b"HTTP/1.1 100 Continue\r\n\r\n" + HELLO),
        good("as many as allowed", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 16 + HELLO),
        bad("a flood", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000 + HELLO),
        bad("with content", b"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\nhello" + HELLO),
        bad("and nonsense", b"HTTP/1.1 103 Early Hints\r\n\r\nnonsense\r\n\r\n"),
        bad("a malformed one", b"HTTP/1.1 103 Early Hints\r\nLink : </a>\r\n\r\n" + HELLO),
    ],
    "Connection": [  # RFC 9112 §9.6
        good("close", field(b"Connection: close"), reused=False),
        good("close, in a list", field(b"Connection: X-Hop, CLOSE"), reused=False),
        good("keep-alive", field(b"Connection: keep-alive")),
        good("a length that it names", field(b"Connection: Content-Length")),
        bad("no list", field(b"Connection: a b")),
    ],
}  # fmt: skip
