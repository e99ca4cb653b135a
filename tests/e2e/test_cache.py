"""What is stored, for how long, and for whom. The origin's count of requests is the witness."""

import json
import re

import pytest
from wire import request
from world import NO_GRACE, asked


@pytest.fixture(scope="module")
def origin(shared):
    return shared.origin()


@pytest.fixture(scope="module")
def weir(shared, origin):
    return shared.weir(origin, ttl="300s", routes=NO_GRACE)


def test_a_miss_then_hits(weir, origin):
    first = weir.get("/items/foo")
    assert (first.status, first.cache) == (200, "MISS")
    assert first["Cache-Status"] == "Weir; fwd=uri-miss; fwd-status=200; stored"
    assert first["Age"] is None
    for _ in range(4):
        hit = weir.get("/items/foo")
        assert (hit.status, hit.cache) == (200, "HIT")
        assert re.fullmatch(r"Weir; hit; ttl=\d+; detail=memory", hit["Cache-Status"])
        assert 0 <= int(hit["Age"]) <= 20
        assert hit.json() == first.json() == {"key": "foo", "value": "value_for_foo", "source": "origin"}
    assert asked(origin, "/items/foo") == 1


def test_a_hit_has_the_fields_of_the_response_it_repeats(weir):
    miss = weir.get("/items/fields?header=X-Colour:blue&etag=abc")
    hit = weir.get("/items/fields?header=X-Colour:blue&etag=abc")
    of_this_answer = {"age", "cache-status", "x-cache"}
    origins = {field for field in miss.fields if field[0].lower() not in of_this_answer}
    assert {field for field in hit.fields if field[0].lower() not in of_this_answer} == origins
    assert (hit["X-Colour"], hit["ETag"], hit["Via"]) == ("blue", '"abc"', "1.1 weir")


@pytest.mark.parametrize(
    "knobs, lifetime",
    [
        ("?cache_control=max-age=60", 60),
        ("?cache_control=max-age=60,s-maxage=90", 90),
        ("?expires=%2B120", 120),
        ("?cache_control=max-age=60&expires=%2B120", 60),
        ("?cache_control=max-age=60&age=20", 60),
        ("?header=CDN-Cache-Control:max-age=40&cache_control=no-store", 40),
    ],
)
def test_the_origin_decides_the_lifetime(weir, knobs, lifetime):
    assert weir.get("/items/lifetime" + knobs).cache == "MISS"
    hit = weir.get("/items/lifetime" + knobs)
    assert hit.cache == "HIT"
    assert hit.remaining + int(hit["Age"]) == lifetime


def test_where_it_does_not_the_configuration_does(weir):
    """From the moment of arrival, however old it is by then."""
    assert weir.get("/items/lifetime?age=1000").cache == "MISS"
    hit = weir.get("/items/lifetime?age=1000")
    assert hit.cache == "HIT" and 280 < hit.remaining <= 300 and int(hit["Age"]) >= 1000


@pytest.mark.parametrize(
    "knobs, fields, detail",
    [
        ("cache_control=no-store", {}, "no-store"),
        ("cache_control=private", {}, "private"),
        ("cache_control=max-age=0", {}, "no-freshness"),
        ("expires=-1", {}, "no-freshness"),
        ("set_cookie=a=b&cache_control=max-age=60", {}, "set-cookie"),
        ("vary=*", {}, "vary-any"),
        ("status=500", {}, "status"),
        ("status=404", {}, "status"),
        ("status=206&size=10", {}, "status"),
        ("status=206&size=10&header=Content-Range:bytes%200-9/*", {}, "status"),
        ("status=302", {}, "status"),
        ("cache_control=max-age=60", {"Authorization": "Basic YTpi"}, "authorization"),
    ],
)
def test_what_is_not_stored(weir, origin, knobs, fields, detail):
    target = f"/items/not-stored?{knobs}"
    for _ in range(2):
        response = weir.get(target, fields)
        assert response.cache == "MISS"
        assert response["Cache-Status"] == f"Weir; fwd=uri-miss; fwd-status={response.status}; detail={detail}"
    assert asked(origin, target) == 2


def test_authorization_is_no_obstacle_where_the_origin_says_public(weir):
    target = "/items/for-all?cache_control=public,max-age=60"
    assert weir.get(target, {"Authorization": "Basic YTpi"}).cache == "MISS"
    assert weir.get(target).cache == "HIT"


def test_an_error_with_a_lifetime_is_stored(weir):
    target = "/items/gone?status=410&cache_control=max-age=60"
    assert weir.get(target).status == 410
    hit = weir.get(target)
    assert (hit.status, hit.cache) == (410, "HIT")


def test_head_is_answered_from_a_stored_get(weir, origin):
    get = weir.get("/items/head?size=1000")
    head = weir.ask("HEAD", "/items/head?size=1000")
    assert (head.status, head.cache, head.body) == (200, "HIT", b"")
    assert head["Content-Length"] == get["Content-Length"] == "1000"
    assert origin.stats()["methods"].get("HEAD", 0) == 0


def test_head_is_forwarded_where_nothing_is_stored(weir, origin):
    target = "/items/head-first?size=1000"
    head = weir.ask("HEAD", target)
    assert (head.status, head.cache, head.body, head["Content-Length"]) == (200, "MISS", b"", "1000")
    get = weir.get(target)
    assert (get.cache, len(get.body)) == ("MISS", 1000)
    assert asked(origin, target) == 2


def test_the_query_selects(weir):
    assert weir.get("/items/query?a=1").cache == "MISS"
    assert weir.get("/items/query?a=2").cache == "MISS"
    assert weir.get("/items/query").cache == "MISS"
    assert [weir.get("/items/query" + query).cache for query in ("", "?a=1", "?a=2")] == ["HIT"] * 3


def test_the_host_selects(weir):
    assert weir.get("/items/host", host="one.test").cache == "MISS"
    assert weir.get("/items/host", host="two.test").cache == "MISS"
    assert weir.get("/items/host", host="ONE.test:80").cache == "HIT"
    assert weir.get("http://two.test/items/host", host="one.test").cache == "HIT"


def test_each_variant_is_stored(weir, origin):
    target = "/items/vary?vary=Accept-Language"
    first = {language: weir.get(target, {"Accept-Language": language}) for language in ("de", "en")}
    assert [response.cache for response in first.values()] == ["MISS", "MISS"]
    assert "fwd=uri-miss" in first["de"]["Cache-Status"] and "fwd=vary-miss" in first["en"]["Cache-Status"]
    assert [weir.get(target, {"Accept-Language": language}).cache for language in ("de", "en", "EN")] == ["HIT"] * 3
    assert weir.get(target).cache == "MISS"
    assert asked(origin, target) == 3


@pytest.mark.parametrize(
    "knobs, condition",
    [
        ("etag=v1", {"If-None-Match": '"v1"'}),
        ("etag=v1", {"If-None-Match": '"v0", W/"v1"'}),
        ("etag=v1", {"If-None-Match": "*"}),
        ("last_modified=1000000000", {"If-Modified-Since": "Sun, 09 Sep 2001 01:46:40 GMT"}),
    ],
)
def test_a_condition_is_judged_by_the_cache(weir, origin, knobs, condition):
    target = f"/items/condition?{knobs}&cache_control=max-age=60&for={len(str(condition))}"
    weir.get(target)
    response = weir.get(target, condition)
    assert (response.status, response.cache, response.body) == (304, "HIT", b"")
    assert response["Content-Length"] is None
    assert asked(origin, target) == 1


def test_a_condition_that_does_not_hold_is_answered_with_the_content(weir):
    target = "/items/condition-fails?etag=v1&cache_control=max-age=60"
    body = weir.get(target).body
    response = weir.get(target, {"If-None-Match": '"v0"'})
    assert (response.status, response.cache, response.body) == (200, "HIT", body)


def test_a_condition_on_a_miss_fetches_the_whole_and_stores_it(weir):
    target = "/items/condition-first?etag=v1&cache_control=max-age=60"
    assert weir.get(target, {"If-None-Match": '"v1"'}).status in (200, 304)
    response = weir.get(target)
    assert (response.status, response.cache) == (200, "HIT")


def test_a_range_is_cut_from_what_is_stored(weir, origin):
    target = "/items/range?size=1000&cache_control=max-age=60"
    whole = weir.get(target).body
    part = weir.get(target, {"Range": "bytes=100-199"})
    assert (part.status, part.cache, part.body) == (206, "HIT", whole[100:200])
    assert part["Content-Range"] == "bytes 100-199/1000"
    beyond = weir.get(target, {"Range": "bytes=1000-"})
    assert (beyond.status, beyond["Content-Range"]) == (416, "bytes */1000")
    assert asked(origin, target) == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "M-SEARCH"])
def test_other_methods_are_forwarded_each_time(weir, origin, method):
    target = f"/items/method-{method}?cache_control=max-age=60"
    for _ in range(2):
        response = weir.ask(method, target)
        assert (response.status, response.cache) == (200, "BYPASS")
        assert response["Cache-Status"] == "Weir; fwd=method; fwd-status=200"
        assert response.json()["method"] == method
    assert asked(origin, target) == 2


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_an_unsafe_method_invalidates(weir, method):
    target = f"/items/changed-by-{method}"
    weir.get(target)
    assert weir.get(target).cache == "HIT"
    assert weir.ask(method, target, body=b"new").status == 200
    assert weir.get(target).cache == "MISS"


def test_an_unsafe_method_that_fails_invalidates_nothing(weir):
    weir.get("/items/unchanged?status=200")
    assert weir.ask("POST", "/items/unchanged?status=403", body=b"new").status == 403
    assert weir.get("/items/unchanged?status=200").cache == "HIT"


def test_a_route_without_cache_forwards_everything(world):
    origin = world.origin()
    weir = world.weir(origin, routes=[{"path": "/items/live", "cache": False}, {"path": "/", "ttl": "300s"}])
    for _ in range(2):
        live = weir.get("/items/live?cache_control=max-age=60")
        assert (live.cache, live["Cache-Status"]) == ("BYPASS", "Weir; fwd=bypass; fwd-status=200")
    weir.get("/items/other")
    assert weir.get("/items/other").cache == "HIT"


def test_without_a_ttl_nothing_is_assumed(world):
    weir = world.weir(world.origin())
    assert [weir.get("/items/a").cache for _ in range(2)] == ["MISS", "MISS"]


def test_a_large_object_is_streamed_but_not_stored(weir, origin):
    stored, too_large = (f"/items/large?size={8 * 1024 * 1024 + more}" for more in (0, 1))
    assert [weir.get(stored).cache for _ in range(2)] == ["MISS", "HIT"]
    first, second = weir.get(too_large), weir.get(too_large)
    assert [first.cache, second.cache] == ["MISS", "MISS"]
    assert first["Cache-Status"].endswith("detail=too-large")
    assert len(first.body) == 8 * 1024 * 1024 + 1 and first.body == second.body
    assert first.body[: 8 * 1024 * 1024] == weir.get(stored).body


def test_a_large_object_of_unknown_length_is_streamed_but_not_stored(weir):
    target = f"/items/large?size={8 * 1024 * 1024 + 1}&chunked=1"
    first, second = weir.get(target), weir.get(target)
    assert [first.cache, second.cache] == ["MISS", "MISS"]
    assert len(first.body) == 8 * 1024 * 1024 + 1 and first.body == second.body


def test_empty_content_is_stored(weir):
    first, hit = (weir.get("/items/empty?size=0") for _ in range(2))
    assert [first.cache, hit.cache] == ["MISS", "HIT"]
    assert first.body == hit.body == b"" and hit["Content-Length"] == "0"


def test_a_response_without_content_is_stored(weir):
    target = "/items/none?status=204&cache_control=max-age=60"
    weir.get(target)
    hit = weir.get(target)
    assert (hit.status, hit.cache, hit["Content-Length"]) == (204, "HIT", None)


def test_the_client_that_leaves_does_not_stop_the_storing(world):
    origin = world.origin()
    weir = world.weir(origin, ttl="300s")
    target = "/items/abandoned?size=2000000&drip_ms=100"
    with weir.connect() as connection:
        connection.send(request("GET", target))
        connection.head()
        connection.reset()
    weir.await_metrics({"weir_memory_objects": 1})
    hit = weir.get(target)
    assert (hit.cache, len(hit.body)) == ("HIT", 2000000)
    assert asked(origin, target) == 1


def test_the_metrics_count_what_happened(world):
    origin = world.origin()
    weir = world.weir(origin, ttl="300s")
    for key in ("a", "b", "a", "a", "b", "a"):
        weir.get(f"/items/{key}")
    weir.ask("POST", "/items/c", body=b"x")
    weir.get("/items/d?cache_control=no-store")
    expected = {
        "cache_hits_total": 4,
        "cache_misses_total": 3,
        "request_latency_seconds_count": 8,
        'weir_requests_total{result="hit",status="2xx"}': 4,
        'weir_requests_total{result="miss",status="2xx"}': 3,
        'weir_requests_total{result="bypass",status="2xx"}': 1,
        'weir_tier_hits_total{tier="memory"}': 4,
        'weir_forwarded_total{reason="uri-miss"}': 3,
        'weir_forwarded_total{reason="method"}': 1,
        'weir_uncacheable_total{reason="no-store"}': 1,
        "weir_stored_total": 2,
        "weir_memory_objects": 2,
        "weir_connections_total": 8,
        'weir_upstream_requests_total{outcome="ok",upstream="default"}': 4,
    }
    weir.await_metrics(expected)
    assert origin.requests == 4


def test_the_access_log_tells_the_same(world, tmp_path):
    log = tmp_path / "access.log"
    weir = world.weir(world.origin(), workers=1, ttl="300s", log={"access": str(log)})
    weir.get("/items/a")
    weir.get("/items/a")
    weir.ask("DELETE", "/items/a")
    weir.stop()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line["method"], line["target"], line["status"]) for line in lines] == [
        ("GET", "/items/a", 200),
        ("GET", "/items/a", 200),
        ("DELETE", "/items/a", 200),
    ]
