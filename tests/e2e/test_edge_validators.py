"""Validators that disagree: 304s nobody wanted, tags that change between two requests, weak ones with ranges."""

import pytest
from scripted_origin import in_turn, ok
from wire import wait_until
from world import NO_GRACE

BRIEF, LONG = "Cache-Control: max-age=1\r\n", "Cache-Control: max-age=300\r\n"


def tag(value):
    return f"ETag: {value}\r\n"


def not_modified(fields):
    return f"HTTP/1.1 304 Not Modified\r\n{fields}\r\n".encode()


def head_of(length, fields):
    """The answer to a HEAD request."""
    return f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{fields}\r\n".encode()


def before(world, *answers):
    """A node before an origin that gives these answers in turn."""
    origin = world.scripted(in_turn(*answers))
    return world.weir(origin, routes=NO_GRACE), origin


def await_stale(weir):
    wait_until(lambda: weir.get("/", {"Cache-Control": "only-if-cached"}).status == 504, "it is stale")


def condition(request):
    """The value of If-None-Match; None where it is not there."""
    lines = [line.partition(b": ") for line in request.split(b"\r\n")]
    return next((value.decode() for name, _, value in lines if name.lower() == b"if-none-match"), None)


@pytest.mark.parametrize("fields", [{}, {"If-None-Match": '"v1"'}], ids=["unconditional", "conditional"])
def test_a_304_for_something_that_is_not_stored_is_never_stored(world, fields):
    """RFC 9111 §3.3, §4.3.4: there is nothing to freshen; the next one asks again, without a condition."""
    weir, origin = before(world, not_modified(tag('"v1"') + LONG), ok(b"whole", tag('"v1"') + LONG))
    assert weir.get("/", fields).status in (304, 502)
    second, hit = weir.get("/"), weir.get("/")
    assert (second.status, second.body, second.cache) == (200, b"whole", "MISS")
    assert (hit.body, hit.cache) == (b"whole", "HIT")
    assert [condition(request) for request in origin.requests] == [None, None]


OTHER_TAGS = [tag('"v2"'), tag('W/"v2"'), tag('"v2"') + "Last-Modified: Sun, 09 Sep 2001 01:46:40 GMT\r\n"]


@pytest.mark.parametrize("other", OTHER_TAGS, ids=["strong", "weak", "with a date"])
def test_a_304_with_another_tag_freshens_nothing(world, other):
    """RFC 9111 §4.3.4: it is of something we do not have, which is fetched whole."""
    second = ok(b"second", tag('"v2"') + LONG)
    weir, origin = before(world, ok(b"first", tag('"v1"') + BRIEF), not_modified(other + LONG), second)
    assert weir.get("/").body == b"first"
    await_stale(weir)
    assert [(answer.status, answer.body) for answer in (weir.get("/"), weir.get("/"))] == [(200, b"second")] * 2
    assert [condition(request) for request in origin.requests] == [None, '"v1"', None]


def test_a_304_without_a_tag_freshens_the_only_one_there_is(world):
    weir, _ = before(world, ok(b"first", tag('"v1"') + BRIEF), not_modified(LONG))
    weir.get("/")
    await_stale(weir)
    answer, hit = weir.get("/"), weir.get("/")
    assert [answer.cache, hit.cache] == ["REVALIDATED", "HIT"]
    assert (hit.body, hit["ETag"], hit["Cache-Control"]) == (b"first", '"v1"', "max-age=300")


def test_a_tag_that_changes_between_get_and_head(world):
    """RFC 9111 §4.3.5: the HEAD response says that what is stored is outdated; it must not answer any more."""
    head = head_of(6, tag('"v2"') + LONG)
    weir, origin = before(world, ok(b"first!", tag('"v1"') + BRIEF), head, ok(b"second", tag('"v2"') + LONG))
    weir.get("/")
    await_stale(weir)
    assert weir.ask("HEAD", "/")["ETag"] == '"v2"'
    answer, hit = weir.get("/"), weir.get("/")
    assert [(answer.body, answer["ETag"]), (hit.body, hit["ETag"], hit.cache)] == [
        (b"second", '"v2"'),
        (b"second", '"v2"', "HIT"),
    ]
    assert len(origin.requests) == 3


def test_a_tag_that_changes_between_head_and_get(world):
    head = head_of(5, tag('"v1"') + LONG)
    weir, _ = before(world, head, ok(b"second", tag('"v2"') + LONG))
    assert weir.ask("HEAD", "/")["ETag"] == '"v1"'
    answer, hit = weir.get("/"), weir.get("/")
    assert [(answer.body, answer["ETag"]), (hit.body, hit["ETag"])] == [(b"second", '"v2"')] * 2
    after = weir.ask("HEAD", "/")
    assert (after.cache, after["ETag"], after["Content-Length"]) == ("HIT", '"v2"', "6")


CONTENT = b"0123456789"


@pytest.mark.parametrize(
    "stored, if_range, status",
    [
        ('W/"v1"', None, 206),
        ('W/"v1"', 'W/"v1"', 200),
        ('W/"v1"', '"v1"', 200),
        ('"v1"', 'W/"v1"', 200),
        ('"v1"', '"v1"', 206),
        ('"v1"', '"v2"', 200),
    ],
)
def test_a_weak_tag_never_makes_a_range(world, stored, if_range, status):
    """RFC 9110 §13.1.5: If-Range compares strongly, so that parts of two different contents are never joined."""
    weir, origin = before(world, ok(CONTENT, tag(stored) + LONG))
    weir.get("/")
    part = weir.get("/", {"Range": "bytes=2-4"} | ({"If-Range": if_range} if if_range else {}))
    assert (part.status, part.body) == ((206, b"234") if status == 206 else (200, CONTENT))
    assert part["Content-Range"] == ("bytes 2-4/10" if status == 206 else None)
    assert part.cache == "HIT" and len(origin.requests) == 1


def partial(content, first, last, fields):
    head = f"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {first}-{last}/{len(content)}\r\n"
    return head.encode() + f"Content-Length: {last + 1 - first}\r\n{fields}\r\n".encode() + content[first : last + 1]


@pytest.mark.parametrize(
    "first, second",
    [('"v1"', '"v2"'), ('W/"v1"', 'W/"v1"'), (None, None)],
    ids=["another tag", "a weak tag", "no tag"],
)
def test_parts_of_different_contents_are_never_joined(world, first, second):
    """RFC 9111 §3.4: only a strong validator that both have shows that two parts belong together."""
    old, new = b"old-old-old-", b"new-new-new-"
    fields = [LONG + (tag(value) if value else "") for value in (first, second)]
    weir, _ = before(world, partial(old, 0, 5, fields[0]), partial(new, 6, 11, fields[1]), ok(new, fields[1]))
    assert weir.get("/", {"Range": "bytes=0-5"}).body == old[:6]
    assert weir.get("/", {"Range": "bytes=6-11"}).body == new[6:]
    whole = weir.get("/")
    assert (whole.status, whole.body) == (200, new)
