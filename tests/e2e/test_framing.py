"""The readers of framing.py: each lenient one is lenient, and sees in some bytes what a strict one does not."""

import pytest
from framing import LENIENT, Malformed, Strict

POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"

SEES_ELSE = {
    "EndsLinesAtLf": POST + b"A: b\nContent-Length: 39\r\n\r\n" + NEXT + NEXT,
    "EndsLinesAtCr": POST + b"A: b\rContent-Length: 39\r\n\r\n" + NEXT + NEXT,
    "SkipsEmptyLinesBeforeARequest": NEXT + b"\r\n" + NEXT,
    "TakesWhiteSpaceForAnEmptyLine": POST + b" \r\n" + NEXT,
    "Unfolds": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "SkipsWhatIsNoField": POST + b"nonsense\r\n\r\n",
    "TrimsNames": POST + b"Content-Length : 5\r\n\r\nhello",
    "TakesUnderscoresForDashes": POST + b"Content_Length: 5\r\n\r\nhello",
    "TrimsMoreThanWhiteSpace": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "EndsValuesAtNul": POST + b"Content-Length: 5\x006\r\n\r\nhello",
    "PrefersLength": POST + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "PrefersCoding": POST + b"Content-Length: 6\r\n" + CHUNKED + b"\r\n0\r\n\r\nX",
    "TakesTheFirstLength": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "TakesTheLastLength": POST + b"Content-Length: 6, 5\r\n\r\nhello",
    "ReadsSizesLikeStrtol": POST + CHUNKED + b"\r\n0x5\r\nhello\r\n0\r\n\r\n",
    "ReadsExtensionsForLines": POST + CHUNKED + b"\r\n5;\nhello\r\n0\r\n\r\n",
    "IgnoresContentOfGet": NEXT[:-2] + b"Content-Length: %d\r\n\r\n" % len(NEXT) + NEXT,
}


def cut(reader, stream):
    try:
        return reader.cut(stream)
    except Malformed:
        return "refused"


@pytest.mark.parametrize("reader", LENIENT, ids=lambda reader: reader.__name__)
def test_a_lenient_reader_is_lenient(reader):
    stream = SEES_ELSE[reader.__name__]
    assert cut(reader(), stream) not in ("refused", cut(Strict(), stream))


@pytest.mark.parametrize("reader", [Strict, *LENIENT], ids=lambda reader: reader.__name__)
def test_what_is_well_formed_is_seen_by_all(reader):
    stream = POST + b"Content-Length: 5\r\n\r\nhello" + POST + CHUNKED + b"\r\n2;a\r\nhe\r\n3\r\nllo\r\n0\r\nA: b\r\n\r\n" + NEXT
    assert [message.content for message in cut(reader(), stream)] == [b"hello", b"hello", b""]
