"""Ranges of what is stored, and parts that are stored. RFC 9110 §14, RFC 9111 §3.3, §3.4."""

import email
import random
import re
import threading

import pytest
from scripted_origin import in_turn
from wire import HOST, request, wait_until

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


def connected(nodes):
    """The nodes, as soon as all their workers are connected to Redis."""
    nodes = list(nodes)
    for node in nodes:
        node.await_redis()
    return nodes


def await_stored(weir, fields=()):
    """Until it is in Redis, too, which the origin's answer does not wait for."""
    only_if_cached = {"Cache-Control": "only-if-cached"} | dict(fields)
    wait_until(lambda: weir.get("/file", only_if_cached).status != 504, "it is stored")


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
    first, second = connected(world.weir(origin, redis, memory={"budget": 0}) for _ in range(2))
    ranged(first, "0-4999")
    await_stored(second, {"Range": "bytes=10-19"})
    part = ranged(second, "10-19")
    assert (part.cache, part.body) == ("HIT", CONTENT[10:20])
    assert second.get("/file").body == CONTENT
    await_stored(first)
    assert first.get("/file").cache == "HIT"
    assert ranges_asked(origin) == ["bytes=0-4999", "bytes=5000-"]


def test_ranges_of_a_large_part_are_read_from_redis(world):
    content = Content()
    content.content = random.Random(1).randbytes(3 << 20)
    origin, redis = world.scripted(content), world.redis()
    first, second = connected(world.weir(origin, redis, memory={"budget": 0}) for _ in range(2))
    end = 2 << 20
    ranged(first, f"1000-{end}")
    await_stored(second, {"Range": "bytes=1000-1009"})
    for begin, last in [(1000, 1009), (5000, 300_000), (end - 9, end)]:
        part = ranged(second, f"{begin}-{last}")
        assert (part.cache, part.body) == ("HIT", content.content[begin : last + 1])


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


def test_a_part_that_its_validation_takes_from_the_client_is_fetched(world):
    """If-Range by date held for the stale part; the 304 brings another date: no part of it may pose as the whole."""
    modified = "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    later = "Last-Modified: Mon, 07 Nov 1994 08:49:37 GMT\r\n"
    stale = f'Cache-Control: max-age=10\r\nAge: 10\r\nETag: "v1"\r\n{modified}'
    part = f"Content-Range: bytes 0-99/{len(CONTENT)}\r\n"
    origin = world.scripted(
        in_turn(
            answer("206 Partial Content", stale + part, CONTENT[:100]),
            f'HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\nCache-Control: max-age=300\r\n{later}\r\n'.encode(),
            answer("200 OK", f'Cache-Control: max-age=300\r\nETag: "v1"\r\n{later}', CONTENT),
            keep=True,
        )
    )
    weir = world.weir(origin)
    with weir.connect() as connection:
        connection.ask("GET", "/file", {"Range": "bytes=0-99"})
        again = connection.ask(
            "GET", "/file", {"Range": "bytes=0-9", "If-Range": "Sun, 06 Nov 1994 08:49:37 GMT"}
        )
        assert (again.status, again.body) == (200, CONTENT)
        assert connection.ask("GET", "/file").body == CONTENT  # the connection is in step
    assert len(origin.requests) == 3


def test_a_range_of_a_stale_part_is_validated_as_a_range(world):
    stale = 'Cache-Control: max-age=10\r\nAge: 10\r\nETag: "v1"\r\n'
    part = f"Content-Range: bytes 0-99/{len(CONTENT)}\r\n"
    changed = f'Cache-Control: max-age=300\r\nETag: "v2"\r\nContent-Range: bytes 5-9/{len(CONTENT)}\r\n'
    origin = world.scripted(
        in_turn(
            answer("206 Partial Content", stale + part, CONTENT[:100]),
            b'HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\nCache-Control: max-age=10\r\nAge: 10\r\n\r\n',
            answer("206 Partial Content", changed, b"ABCDE"),
            keep=True,
        )
    )
    weir = world.weir(origin)
    ranged(weir, "0-99")
    assert ranged(weir, "5-9").body == CONTENT[5:10]
    assert ranged(weir, "5-9").body == b"ABCDE"
    assert ranged(weir, "5-9").cache == "HIT"
    assert ranges_asked(origin) == ["bytes=0-99", "bytes=5-9", "bytes=5-9"]
    assert [field(head, "If-None-Match") for head in origin.requests] == [None, '"v1"', '"v1"']


def test_a_continued_download_of_a_stale_part_is_not_continued_in_another_version(world):
    """If-Range goes along: the origin has another version, and answers with all of it. RFC 9110 §13.1.5"""
    content = Content(fields="Age: 300\r\n")
    origin = world.scripted(content)
    weir = world.weir(origin)
    ranged(weir, "0-4999")
    content.tag, content.content = '"v2"', CONTENT[::-1]
    again = ranged(weir, "500-599", **{"If-Range": '"v1"'})
    assert (again.status, again.body) == (200, CONTENT[::-1])
    assert field(origin.requests[1], "If-Range") == '"v1"'


def test_a_part_that_comes_late_does_not_replace_what_is_complete(world):
    go_on = threading.Event()
    content = Content()

    def serve(origin, peer):
        while head := peer.head():
            origin.requests.append(head)
            if field(head, "Range"):
                assert go_on.wait(20)
            peer.send(content.right_answer(head))

    origin = world.scripted(serve)
    weir = world.weir(origin)
    with weir.connect() as connection:
        connection.send(request("GET", "/file", {"Range": "bytes=0-9"}))
        wait_until(lambda: origin.requests, "the range is at the origin")
        weir.get("/file")
        go_on.set()
        assert connection.response().body == CONTENT[:10]
    assert weir.get("/file").cache == "HIT"


@pytest.mark.parametrize("range_", ["bytes=cow", "items=0-0", "bytes=5-1"])
def test_a_malformed_range_is_not_sent_on(served, range_):
    _, origin, weir = served()
    assert weir.get("/file", {"Range": range_}).body == CONTENT
    assert ranges_asked(origin) == [None]
    assert weir.get("/file").cache == "HIT"


def test_an_error_that_a_range_may_have_caused_is_not_stored(world):
    error = answer("400 Bad Request", "Cache-Control: max-age=300\r\n", b"no ranges")
    origin = world.scripted(in_turn(error, answer("200 OK", "Cache-Control: max-age=300\r\n", CONTENT), keep=True))
    weir = world.weir(origin)
    assert ranged(weir, "0-1").status == 400
    assert weir.get("/file").body == CONTENT


def test_what_is_fresh_is_not_given_for_another_version(world):
    """If-Match names another tag than the stored one, and the origin fails: what is stored is no answer."""
    failing = answer("503 Service Unavailable", "", b"")
    stored = answer("200 OK", 'Cache-Control: max-age=300, stale-if-error=300\r\nETag: "v1"\r\n', CONTENT)
    weir = world.weir(world.scripted(in_turn(stored, failing, keep=True)))
    weir.get("/file")
    assert ranged(weir, "0-1", **{"If-Match": '"v2"'}).status == 503
    assert ranged(weir, "0-1", **{"If-Match": '"v1"'}).status == 206


def test_a_part_does_not_replace_what_is_complete(served):
    """A precondition has the origin asked for a range of what is stored whole and fresh."""
    _, _, weir = served()
    weir.get("/file")
    fields = {"If-Unmodified-Since": "Sun, 06 Nov 1994 08:49:37 GMT"}
    assert ranged(weir, "0-0", **fields)["Cache-Status"] == "Weir; fwd=request; fwd-status=206; detail=status"
    assert weir.get("/file").cache == "HIT"


def test_a_node_that_has_a_part_finds_what_another_one_completed(world):
    redis = world.redis()
    origin = world.scripted(Content())
    first, second = connected(world.weir(origin, redis) for _ in range(2))
    ranged(first, "0-4999")
    redis.await_key(f"weir:{{http://{HOST}/file}}")
    second.get("/file")
    await_stored(first, {"Range": "bytes=5000-5009"})
    beyond = ranged(first, "5000-5009")
    assert (beyond.cache, beyond.body) == ("HIT", CONTENT[5000:5010])


def test_a_multipart_answer_of_the_origin_is_passed_on_and_not_stored(world):
    body = b"\r\n--x\r\nContent-Range: bytes 0-1/9\r\n\r\nab\r\n--x--\r\n"
    fields = "Cache-Control: max-age=300\r\nContent-Type: multipart/byteranges; boundary=x\r\n"
    origin = world.scripted(
        in_turn(answer("206 Partial Content", fields + "Content-Range: bytes 0-1/9\r\n", body), keep=True)
    )
    weir = world.weir(origin)
    for _ in range(2):
        response = ranged(weir, "0-1,5-6")
        assert (response.status, response.body, response.cache) == (206, body, "MISS")
    assert len(origin.requests) == 2


def test_digests_of_a_part_are_not_those_of_the_whole(world):
    digests = "Content-MD5: YQ==\r\nContent-Digest: sha-256=:YQ==:\r\nRepr-Digest: sha-256=:Yg==:\r\n"
    weir = world.weir(world.scripted(Content(fields=digests)))
    for spec in ("0-4999", "5000-"):
        ranged(weir, spec)
    whole = weir.get("/file")
    assert (whole.cache, whole["Content-MD5"], whole["Content-Digest"]) == ("HIT", None, None)
    assert whole["Repr-Digest"] == "sha-256=:Yg==:"
    weir.get("/other")
    part = weir.get("/other", {"Range": "bytes=0-1"})
    assert (part.cache, part["Content-MD5"], part["Content-Digest"]) == ("HIT", None, None)
