"""Ranges of what is stored, and parts that are stored. RFC 9110 §14, RFC 9111 §3.3, §3.4."""

import email
import re

import pytest
from world import asked

CONTENT = bytes(range(256)) * 40


class Content:
    """What the origin has: answers each request with it, or with the range that is asked for."""

    def __init__(self, tag='"v1"', fields=""):
        self.tag, self.fields, self.content = tag, fields, CONTENT
        self.answer = self.right_answer  # a test may set another

    def __call__(self, origin, peer):
        while head := peer.head():
            origin.requests.append(head)
            data = self.answer(head)
            peer.send(data)
            length = int(field(data, "Content-Length"))
            if len(data.partition(b"\r\n\r\n")[2]) < length:
                return  # broken off

    def right_answer(self, head):
        fields = f"Cache-Control: max-age=300\r\nX-Kept: 1\r\n{self.fields}"
        fields += f"ETag: {self.tag}\r\n" if self.tag else ""
        range_ = re.fullmatch(r"bytes=(\d*)-(\d*)", field(head, "Range") or "")
        if not range_ or (field(head, "If-Range") or self.tag) != self.tag:
            return answer("200 OK", fields, self.content)
        first, last = range_.groups()
        size = len(self.content)
        if first == "":
            first, last = size - int(last), size - 1
        first, last = int(first), min(int(last or size), size - 1)
        fields += f"Content-Range: bytes {first}-{last}/{size}\r\n"
        return answer("206 Partial Content", fields, self.content[first : last + 1])


def field(head, name):
    """A field's value in a request; None where it is not there."""
    found = re.search(rb"\r\n" + name.encode() + rb": ([^\r]*)", head, re.IGNORECASE)
    return found[1].decode() if found else None


def answer(status, fields, content):
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\n{fields}\r\n".encode() + content


def ranged(weir, spec, **fields):
    return weir.get("/file", {"Range": f"bytes={spec}"} | fields)


@pytest.fixture
def served(world):
    """(content, origin, weir) for a Content with these arguments."""

    def start(**arguments):
        content = Content(**arguments)
        origin = world.scripted(content)
        return content, origin, world.weir(origin)

    return start


def ranges_asked(origin):
    return [field(head, "Range") for head in origin.requests]


def test_a_part_is_stored_and_answers_what_lies_within_it(served):
    _, origin, weir = served()
    miss = ranged(weir, "100-199")
    assert (miss.status, miss["Cache-Status"]) == (206, "Weir; fwd=uri-miss; fwd-status=206; stored")
    for spec, first, last in [("100-199", 100, 199), ("120-129", 120, 129), ("199-199", 199, 199)]:
        hit = ranged(weir, spec)
        assert (hit.status, hit.cache, hit.body) == (206, "HIT", CONTENT[first : last + 1])
        assert hit["Content-Range"] == f"bytes {first}-{last}/{len(CONTENT)}"
        assert hit["X-Kept"] == "1"
    assert ranges_asked(origin) == ["bytes=100-199"]


def test_a_part_never_answers_for_more_than_it_has(served):
    _, _, weir = served()
    ranged(weir, "100-199")
    beyond = ranged(weir, "150-249")
    assert (beyond.status, beyond.body) == (206, CONTENT[150:250])
    assert beyond["Cache-Status"].startswith("Weir; fwd=partial; fwd-status=206")
    assert weir.get("/file").body == CONTENT


def test_parts_with_one_strong_tag_are_combined(served):
    _, origin, weir = served()
    for spec in ("0-99", "200-299", "100-199"):
        assert ranged(weir, spec).cache == "MISS"
    across = ranged(weir, "50-249")
    assert (across.cache, across.body) == ("HIT", CONTENT[50:250])
    assert len(origin.requests) == 3


@pytest.mark.parametrize("tag", ['W/"v1"', None])
def test_parts_without_a_strong_tag_are_not(served, tag):
    _, origin, weir = served(tag=tag)
    ranged(weir, "0-99")
    ranged(weir, "100-199")
    assert ranged(weir, "50-149").cache == "MISS"
    assert ranged(weir, "60-140").cache == "HIT"  # the last part alone has that


def test_parts_of_two_versions_are_not(served):
    content, _, weir = served()
    ranged(weir, "0-99")
    content.tag, content.content = '"v2"', CONTENT[::-1]
    ranged(weir, "100-199")
    assert ranged(weir, "0-199").body == CONTENT[::-1][:200]


@pytest.mark.parametrize(
    "had, missing",
    [("0-4999", "bytes=5000-"), ("5000-", "bytes=0-4999"), ("-5000", f"bytes=0-{len(CONTENT) - 5001}")],
)
def test_a_part_is_completed_by_the_rest_alone(served, had, missing):
    _, origin, weir = served()
    ranged(weir, had)
    whole = weir.get("/file")
    assert (whole.status, whole.body, whole["Content-Range"]) == (200, CONTENT, None)
    assert whole["Cache-Status"].startswith("Weir; fwd=partial")
    assert "; fwd-status=206; stored" in whole["Cache-Status"]
    assert ranges_asked(origin)[1:] == [missing]
    assert field(origin.requests[1], "If-Range") == '"v1"'
    hit = weir.get("/file")
    assert (hit.status, hit.cache, hit.body) == (200, "HIT", CONTENT)


def test_a_part_whose_content_has_changed_is_replaced(served):
    content, origin, weir = served()
    ranged(weir, "0-4999")
    content.tag, content.content = '"v2"', b"new"
    whole = weir.get("/file")
    assert (whole.status, whole.body) == (200, b"new")
    assert weir.get("/file").cache == "HIT"
    assert len(origin.requests) == 2


def test_an_origin_that_answers_another_part_is_asked_for_the_whole(served):
    content, origin, weir = served()
    ranged(weir, "0-4999")

    def another(head):
        if not field(head, "If-Range"):
            return content.right_answer(head)
        part = f"ETag: {content.tag}\r\nContent-Range: bytes 7000-7009/{len(CONTENT)}\r\n"
        return answer("206 Partial Content", "Cache-Control: max-age=300\r\n" + part, CONTENT[7000:7010])

    content.answer = another
    assert weir.get("/file").body == CONTENT
    assert ranges_asked(origin) == ["bytes=0-4999", "bytes=5000-", None]


def test_an_origin_that_breaks_off_while_a_part_is_completed(served):
    """No half answer: the client gets an error, and the part stays what it was."""
    content, _, weir = served()
    ranged(weir, "0-4999")
    content.answer = lambda head: content.right_answer(head)[:-10]
    assert weir.get("/file").status == 502
    hit = ranged(weir, "0-4999")
    assert (hit.cache, hit.body) == ("HIT", CONTENT[:5000])


def test_parts_are_shared_through_redis(world):
    redis = world.redis()
    origin = world.scripted(Content())
    first, second = [world.weir(origin, redis, memory={"budget": 0}) for _ in range(2)]
    ranged(first, "0-4999")
    hit = ranged(second, "10-19")
    assert (hit.cache, hit.body) == ("HIT", CONTENT[10:20])
    assert second.get("/file").body == CONTENT
    assert first.get("/file").cache == "HIT"
    assert ranges_asked(origin) == ["bytes=0-4999", "bytes=5000-"]


def parts_of(response):
    message = email.message_from_bytes(
        b"Content-Type: " + response["Content-Type"].encode() + b"\r\n\r\n" + response.body
    )
    assert message.is_multipart()
    return message.get_payload()


def test_several_ranges_of_a_stored_response(world):
    origin = world.scripted(Content(fields="Content-Type: image/png\r\n"))
    weir = world.weir(origin)
    weir.get("/file")
    response = ranged(weir, "0-1, 500-509, -3")
    assert (response.status, response.cache) == (206, "HIT")
    assert int(response["Content-Length"]) == len(response.body)
    assert response["Content-Range"] is None
    assert re.fullmatch(r"multipart/byteranges; boundary=[0-9a-f]{32}", response["Content-Type"])
    parts = parts_of(response)
    end = len(CONTENT)
    assert [part["Content-Range"] for part in parts] == [
        f"bytes 0-1/{end}",
        f"bytes 500-509/{end}",
        f"bytes {end - 3}-{end - 1}/{end}",
    ]
    assert {part["Content-Type"] for part in parts} == {"image/png"}
    boundary = b"\r\n--" + response["Content-Type"].split("=")[1].encode()
    contents = [piece.split(b"\r\n\r\n", 1)[1] for piece in response.body.split(boundary)[1:-1]]
    assert contents == [CONTENT[0:2], CONTENT[500:510], CONTENT[-3:]]
    assert response.body.endswith(boundary + b"--\r\n")
    assert len(origin.requests) == 1


def test_ranges_that_become_one_are_no_multipart(world):
    weir = world.weir(world.scripted(Content()))
    weir.get("/file")
    response = ranged(weir, "0-9,5-19")
    assert (response.status, response["Content-Range"]) == (206, f"bytes 0-19/{len(CONTENT)}")


def test_a_range_beyond_a_stored_part_is_416(served):
    _, origin, weir = served()
    ranged(weir, "0-99")
    response = ranged(weir, f"{len(CONTENT)}-")
    assert (response.status, response["Content-Range"]) == (416, f"bytes */{len(CONTENT)}")
    assert len(origin.requests) == 1
