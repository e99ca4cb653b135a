"""What happens after freshness: validation, and the uses of stale content."""

import re

import pytest
from scripted_origin import in_turn, ok
from wire import wait_until
from world import NO_GRACE, asked


@pytest.fixture(scope="module")
def origin(shared):
    return shared.origin()


@pytest.fixture(scope="module")
def weir(shared, origin):
    return shared.weir(origin, ttl="300s", routes=NO_GRACE)


def test_what_is_stale_is_validated_by_its_etag(weir, origin):
    target = "/items/validated?etag=v1&cache_control=max-age=1&size=50000"
    body = weir.get(target).body
    revalidated = wait_until(lambda: not_a_hit(weir.get(target)), "it is stale")
    assert (revalidated.status, revalidated.cache, revalidated.body) == (200, "REVALIDATED", body)
    assert re.match(r"Weir; fwd=stale; ttl=(?:[01]|-\d+); fwd-status=304; stored", revalidated["Cache-Status"])
    assert weir.get(target).cache in ("HIT", "REVALIDATED")
    assert asked(origin, target) >= 2


def test_what_is_stale_without_a_validator_is_fetched_anew(weir, origin):
    target = "/items/expired?cache_control=max-age=1"
    weir.get(target)
    again = wait_until(lambda: not_a_hit(weir.get(target)), "it is stale")
    assert again.cache == "MISS"
    assert asked(origin, target) == 2


def not_a_hit(response):
    return None if response.cache == "HIT" else response


@pytest.mark.parametrize(
    "grace, policy, expected",
    [
        ("0s", "stale-if-error=3600", "STALE"),
        ("1h", "must-understand", "STALE"),
        ("1h", "must-revalidate", None),
        ("0s", "must-understand", None),
    ],
)
def test_stale_content_while_the_origin_is_down(world, grace, policy, expected):
    origin = world.origin()
    weir = world.weir(origin, routes=[{"path": "/", "grace": grace}])
    target = f"/items/stale?cache_control=max-age=2,{policy}"
    weir.get(target)
    origin.stop()
    response = wait_until(lambda: not_a_hit(weir.get(target)), "it is stale")
    assert (response.status, response.cache) == ((200, "STALE") if expected else (502, None))
    if expected:
        assert response.json()["key"] == "stale" and response.remaining <= 0


def test_stale_content_answers_while_it_is_validated(weir, origin):
    target = "/items/swr?etag=v1&cache_control=max-age=1,stale-while-revalidate=3600"
    weir.get(target)
    assert wait_until(lambda: not_a_hit(weir.get(target)), "it is stale").cache == "STALE"
    assert wait_until(lambda: weir.get(target).cache == "HIT", "it is validated")


def test_stale_content_answers_an_error_of_the_origin(world):
    answers = iter([b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nCache-Control: max-age=1, stale-if-error=60\r\n\r\ngood"])
    error = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\n\r\nbad"
    weir = world.weir(world.scripted(lambda origin, peer: peer.head() and peer.send(next(answers, error))))
    assert weir.get("/").body == b"good"
    stale = wait_until(lambda: not_a_hit(weir.get("/")), "it is stale")
    assert (stale.status, stale.cache, stale.body) == (200, "STALE", b"good")
    assert "fwd-status=503" in stale["Cache-Status"]


# By what the origin answers, and by what it has said before. RFC 5861 §4, RFC 9111 §4.2.4, §5.2.2


def stale_then(world, cache_control, failure):
    """An origin whose first answer is stale when it comes, and that then fails so; and a node with that answer."""
    stored = ok(b"good", f'Cache-Control: {cache_control}\r\nAge: 100\r\nETag: "v1"\r\n')
    origin = world.scripted(in_turn(stored, failure))
    weir = world.weir(origin, routes=[{"path": "/", "grace": "1h"}])
    assert weir.get("/").body == b"good"
    return origin, weir


def failing(status):
    return b"HTTP/1.1 %d Whatever\r\nContent-Length: 3\r\n\r\nbad" % status


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_errors_that_are_answered_with_what_is_stale(world, status):
    origin, weir = stale_then(world, "max-age=60, stale-if-error=600", failing(status))
    for _ in range(2):
        stale = weir.get("/")
        assert (stale.status, stale.cache, stale.body) == (200, "STALE", b"good")
        assert f"fwd-status={status}" in stale["Cache-Status"]
    assert len(origin.requests) == 3
    assert all(b'If-None-Match: "v1"' in head for head in origin.requests[1:])


@pytest.mark.parametrize("status", [400, 403, 404, 410, 429, 501, 505])
def test_errors_that_are_answered_as_such(world, status):
    origin, weir = stale_then(world, "max-age=60, stale-if-error=600", failing(status))
    answer = weir.get("/")
    assert (answer.status, answer.body) == (status, b"bad")
    assert b'If-None-Match: "v1"' in origin.requests[1]


FORBIDDING = [
    "max-age=60, must-revalidate, stale-if-error=600",
    "max-age=60, proxy-revalidate, stale-if-error=600",
    "s-maxage=60, stale-if-error=600",
    "max-age=60, no-cache, stale-if-error=600",
]


@pytest.mark.parametrize("cache_control", FORBIDDING)
@pytest.mark.parametrize("failure, status", [(failing(503), 503), (b"", 502)], ids=["503", "gone"])
def test_what_must_not_be_used_when_it_is_stale_is_not(world, cache_control, failure, status):
    """Though it is stored, as its validator shows."""
    origin, weir = stale_then(world, cache_control, failure)
    for _ in range(2):
        answer = weir.get("/")
        assert answer.status == status and answer.body != b"good"
    assert len(origin.requests) >= 3
    assert all(b'If-None-Match: "v1"' in head for head in origin.requests[1:])


def test_an_error_that_may_be_answered_with_what_is_stale_only_so_long(world):
    _, weir = stale_then(world, "max-age=60, stale-if-error=20", failing(503))
    assert (weir.get("/").status, weir.get("/").body) == (503, b"bad")
