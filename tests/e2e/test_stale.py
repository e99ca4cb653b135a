"""What happens after freshness: validation, and the uses of stale content."""

import re

import pytest
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
    assert re.match(r"Weir; fwd=stale; ttl=[01]; fwd-status=304; stored", revalidated["Cache-Status"])
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
    target = f"/items/stale?cache_control=max-age=1,{policy}"
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
