"""What selects a stored response, route by route, and that the origin is told nothing else. It answers with what it was
asked: whoever gets another's answer sees it."""

import re

import pytest
from scripted_origin import ok
from wire import request
from world import asked

TRACKING = "utm_source=mail&gclid=x1"

ROUTES = [
    {"path": "/tracking/", "key": {"ignore_tracking": True}},
    {"path": "/ignored/", "key": {"ignored_parameters": ["session", "shop_*"]}},
    {"path": "/sorted/", "key": {"query": "sort"}},
    {"path": "/dropped/", "key": {"query": "drop"}},
    {"path": "/cookie/", "key": {"cookies": ["lang"]}},
    {"path": "/field/", "key": {"request_fields": ["X-Device"]}},
    {"path": "/private/", "cache": False},
    {"path": "/normal/", "key": {"path": "normalise"}},
    {"path": "/site/", "key": {"host": "Site.example:80"}},
]


def tell(origin, peer):
    """Answers, for a minute, with the request line and the names of the host."""
    while head := peer.head():
        text = head.decode("latin-1")
        length = re.search(r"\r\nContent-Length: (\d+)", text)
        peer.read(int(length[1]) if length else 0)
        method, target, _ = text.split("\r\n")[0].split(" ")
        names = re.findall(r"\r\n(?:X-Forwarded-)?Host: ([^\r]*)", text)
        origin.requests.append((method, target))
        peer.send(ok(" ".join([target, *names]).encode(), "Cache-Control: max-age=60\r\n"))


@pytest.fixture(scope="module")
def origin(shared):
    return shared.scripted(tell)


@pytest.fixture(scope="module")
def weir(shared, origin):
    return shared.weir(origin, routes=ROUTES)


def told(response):
    """The target that the origin was told."""
    return response.body.decode().split(" ")[0]


@pytest.mark.parametrize(
    "first, second, forwarded",
    [
        (f"/tracking/a?{TRACKING}&id=1", "/tracking/a?id=1&fbclid=2", "/tracking/a?id=1"),
        (f"/tracking/b?{TRACKING}", "/tracking/b", "/tracking/b"),
        ("/ignored/a?session=1&id=1&shop_x=2", "/ignored/a?id=1", "/ignored/a?id=1"),
        ("/sorted/a?b=2&a=1", "/sorted/a?a=1&b=2", "/sorted/a?a=1&b=2"),
        ("/sorted/b?a=2&b&a=1", "/sorted/b?b&a=2&a=1", "/sorted/b?a=2&a=1&b"),
        ("/dropped/a?x=1", "/dropped/a", "/dropped/a"),
        ("/normal/%7Ea%c3%a4", "/normal/~a%C3%A4", "/normal/~a%C3%A4"),
        ("/normal/x/.././b", "/normal/%2e/b", "/normal/b"),
    ],
)
def test_one_object_and_the_origin_knows_no_more_than_its_key(weir, origin, first, second, forwarded):
    miss = weir.get(first)
    assert (miss.cache, told(miss)) == ("MISS", forwarded)
    hit = weir.get(second)
    assert (hit.cache, hit.body) == ("HIT", miss.body)
    assert origin.requests.count(("GET", forwarded)) == 1


@pytest.mark.parametrize(
    "targets",
    [
        [f"/kept/a?{TRACKING}", "/kept/a", "/kept/a?"],  # off unless chosen
        ["/kept/b?a=1&b=2", "/kept/b?b=2&a=1"],
        ["/kept/~c", "/kept/%7Ec", "/kept/%7ec", "/kept/x/../~c", "/kept/./~c"],
        ["/kept/d", "/kept/D", "/kept/d/", "/kept//d"],
        ["/tracking/c?id=1", "/tracking/c?id=2", "/tracking/c?ID=1", "/tracking/c?GCLID=1", "/tracking/c?"],
        ["/tracking/d", "/tracking/d?utm_x=1;id=2"],  # which some origins read as two
        ["/sorted/c?a=1&a=2", "/sorted/c?a=2&a=1"],
        ["/normal/c/d", "/normal/c%2Fd", "/normal/c%5Cd", "/normal/c\\d", "/normal/c//d", "/normal/C/d"],
        ["/normal/e;x", "/normal/e%3Bx", "/normal/e/..;/x", "/normal/e/..%2Fx"],
        ["/normal/f%41?x=%41", "/normal/fA?x=A"],  # the query stays as it is
        ["/normal/%zz/../g", "/normal/g", "/normal/%252e%252e/normal/g"],
    ],
)
def test_objects_that_an_origin_can_tell_apart_are_kept_apart(weir, targets):
    misses = [weir.get(target) for target in targets]
    assert [miss.cache for miss in misses] == ["MISS"] * len(targets)
    for target, miss in zip(targets, misses):
        hit = weir.get(target)
        assert (hit.cache, hit.body) == ("HIT", miss.body)


def test_what_is_not_stored_is_forwarded_as_it_came(weir, origin):
    for target in [f"/tracking/p?{TRACKING}", "/sorted/p?b&a", "/dropped/p?id=5", "/normal/x/../%7Ep"]:
        assert told(weir.ask("POST", target, body=b"x")) == target
        assert ("POST", target) in origin.requests


def test_an_unsafe_request_invalidates_by_the_same_key(weir):
    assert weir.get("/tracking/q?id=1").cache == "MISS"
    assert weir.get("/tracking/q?id=1").cache == "HIT"
    weir.ask("POST", f"/tracking/q?id=1&{TRACKING}", body=b"x")
    assert weir.get("/tracking/q?id=1").cache == "MISS"


@pytest.mark.parametrize(
    "target, selections, same",
    [
        (
            "/cookie/a",
            [{}, {"Cookie": "lang="}, {"Cookie": "a=1; lang=de"}, {"Cookie": "lang=fr"}],
            [{"Cookie": "Lang=de"}, {"Cookie": "lang="}, {"Cookie": "lang=de; b=2"}, {"Cookie": "lang=fr"}],
        ),
        (
            "/field/a",
            [{}, {"X-Device": ""}, {"X-Device": "phone"}, {"X-Device": "Phone"}],
            [
                {"Connection": "X-Device", "X-Device": "phone"},
                {"x-device": ""},
                {"x-DEVICE": " phone "},
                {"X-Device": "Phone"},
            ],
        ),
    ],
)
def test_cookies_and_fields_in_the_key(weir, target, selections, same):
    assert [weir.get(target, fields).cache for fields in selections] == ["MISS"] * 4
    assert [weir.get(target, fields).cache for fields in same] == ["HIT"] * 4


def test_the_host_by_default(weir):
    first = weir.get("/kept/host", host="A.example:80")
    assert (first.cache, first.body) == ("MISS", b"/kept/host a.example a.example")
    assert weir.get("/kept/host", host="a.EXAMPLE").cache == "HIT"
    assert weir.get("http://a.example:/kept/host", host="b.example").cache == "HIT"
    for host in ["a.example.", "a.example:8080", "b.example"]:
        assert weir.get("/kept/host", host=host).cache == "MISS"


def test_a_fixed_host(weir):
    first = weir.get("/site/a", host="localhost:5000")
    assert (first.cache, first.body) == ("MISS", b"/site/a site.example site.example")
    assert weir.get("/site/a", host="localhost:5001").cache == "HIT"
    posted = weir.ask("POST", "/site/a", body=b"x", host="localhost:5001")
    assert posted.body == b"/site/a site.example localhost:5001"
    assert weir.get("/site/a", host="localhost:5000").cache == "MISS"


def test_a_fixed_host_and_one_of_the_upstream(world, origin):
    upstream = {"servers": [origin.url], "host": "origin.example"}
    weir = world.weir(upstream, routes=[{"key": {"host": "site.example"}}])
    assert weir.get("/named", host="localhost:5000").body == b"/named origin.example site.example"


def test_the_demo_is_one_site_on_all_its_ports(world):
    origin, redis = world.origin(), world.redis()
    options = {"ttl": "300s", "routes": [{"key": {"host": "demo"}}]}
    nodes = [world.weir(origin, redis, **options) for _ in range(2)]
    for node in nodes:
        node.await_redis()
    assert nodes[0].get("/items/foo", host="localhost:5000").cache == "MISS"
    redis.await_key("weir:{http://demo/items/foo}")
    assert nodes[1].get("/items/foo", host="localhost:5001").cache == "HIT"
    assert asked(origin, "/items/foo") == 1


def test_a_route_is_chosen_by_the_path_in_its_normal_form(weir):
    for target in ["/normal/../private/a", "/normal/%2e%2e/private/a", "/%70rivate/a", "/kept/../private/a"]:
        for _ in range(2):
            answer = weir.get(target)
            assert (answer.cache, told(answer)) == ("BYPASS", target)


def test_a_key_that_is_too_long_is_neither_stored_nor_found(weir):
    fields = {"X-Device": "\xe4" * 6000}  # three bytes each in a key
    for _ in range(2):
        assert weir.get("/field/long", fields).cache == "BYPASS"


def test_bytes_that_a_target_must_not_have_are_refused(weir):
    with weir.connect() as connection:
        assert connection.send(request("GET", "/kept/a b")).response().status == 400
