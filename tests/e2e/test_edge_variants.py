"""Vary in numbers: many variants, many selecting fields, many sets of them. RFC 9111 §4.1."""

import json

import pytest
from scripted_origin import ok
from servers import is_sanitized
from wire import HOST, request, wait_until

BUDGET = 2 * 1024 * 1024
PADDING = "x" * 4096


def echoing(vary):
    """Answers with the request's X- fields; vary(fields) is the value of Vary."""

    def serve(origin, peer):
        while head := peer.head():
            origin.requests.append(head)
            lines = (line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:-2])
            ours = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-request-id")  # the node's
            lower = ((name.lower(), value) for name, value in lines)
            fields = {name: value for name, value in lower if name.startswith("x-") and name not in ours}
            body = json.dumps(fields | {"padding": PADDING}).encode()
            answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nVary: {vary(fields)}\r\n"
            peer.send(answer.encode() + b"Cache-Control: max-age=300\r\n\r\n" + body)

    return serve


def value_of(response, name):
    return response.json().get(name)


@pytest.fixture
def small(world):
    """A node with little memory and no other bound; it takes the function that says what varies."""
    memory = {"budget": BUDGET, "shards": 1, "max_object_size": "64KiB", "max_variants": 100_000}
    return lambda vary: world.weir(world.scripted(echoing(vary)), memory=memory)


def test_more_variants_than_there_is_room_for(small):
    """The oldest go, and whatever comes is of the right variant."""
    weir = small(lambda _: "X-Variant")
    count = 1500
    with weir.connect() as connection:

        def variant(number):
            response = connection.ask("GET", "/", {"X-Variant": str(number)})
            assert (response.status, value_of(response, "x-variant")) == (200, str(number))
            return response.cache

        assert [variant(number) for number in range(count)] == ["MISS"] * count
        metrics = weir.metrics()
        assert metrics["weir_memory_bytes"] <= BUDGET
        assert 20 <= metrics["weir_memory_objects"] < BUDGET / len(PADDING) < count
        assert [variant(number) for number in range(count - 20, count)] == ["HIT"] * 20
        assert [variant(number) for number in range(20)] == ["MISS"] * 20
    assert weir.metrics()["weir_memory_bytes"] <= BUDGET


def test_more_variants_than_memory_may_have_of_one_resource(world):
    """Those stored longest ago go, though there is room; other resources stay."""
    weir = world.weir(world.scripted(echoing(lambda _: "X-Variant")), memory={"max_variants": 5})

    def variants(numbers):
        return [weir.get("/", {"X-Variant": str(number)}).cache for number in numbers]

    assert weir.get("/other").cache == "MISS"
    assert variants(range(8)) == ["MISS"] * 8
    weir.await_metrics(
        {"weir_memory_variants_dropped_total": 3, "weir_memory_objects": 6, "weir_memory_evictions_total": 0}
    )
    assert variants(range(3, 8)) == ["HIT"] * 5
    assert variants([0]) == ["MISS"]
    assert variants(range(4, 8)) == ["HIT"] * 4
    assert variants([3]) == ["MISS"]
    assert weir.get("/other").cache == "HIT"
    weir.await_metrics({"weir_memory_variants_dropped_total": 5})


def test_more_variants_than_redis_may_have_of_one_resource(world):
    """The same for what nodes share, whichever of them stored it."""
    redis, origin = world.redis(), world.scripted(echoing(lambda _: "X-Variant"))
    shared = {"host": "127.0.0.1", "port": redis.port, "max_variants": 3}
    one, two = (world.weir(origin, shared, memory={"budget": 0}) for _ in range(2))
    for weir in (one, two):
        weir.await_redis()
    for number in range(6):
        name = f"weir:{{http://{HOST}/}}x-variant={number}"
        assert (one, two)[number % 2].get("/", {"X-Variant": str(number)}).cache == "MISS"
        redis.await_key(name)
    for weir in (one, two):
        assert [weir.get("/", {"X-Variant": str(number)}).cache for number in (3, 4, 5)] == ["HIT"] * 3
    wait_until(lambda: len(redis.keys()) == 5, "these variants, their index and the list of them are there")
    for weir, dropped in ((one, 1), (two, 2)):
        weir.await_metrics({"weir_redis_variants_dropped_total": dropped})
    assert one.ask("DELETE", "/").status == 200
    assert [one.get("/", {"X-Variant": str(number)}).cache for number in (3, 4, 5)] == ["MISS"] * 3


def test_a_client_cannot_fill_the_memory_with_one_resource(small):
    """Its own limit aside, what one resource has in variants leaves the node's memory as it was."""
    weir = small(lambda _: "X-Variant")
    with weir.connect() as connection:
        for number in range(600):
            connection.ask("GET", "/", {"X-Variant": str(number)})
        before = weir.memory()
        for number in range(3000):
            connection.ask("GET", "/", {"X-Variant": f"{number}-{'v' * 1500}"})
    if not is_sanitized("weir"):
        assert weir.memory() - before < 16 * 1024 * 1024
    assert weir.metrics()["weir_memory_bytes"] <= BUDGET


def test_each_response_varies_by_something_else(small):
    """Only so many sets of selecting fields are kept; a hit is always of what selected it."""
    weir = small(lambda fields: next(iter(fields), "X-None"))
    hits = 0
    with weir.connect() as connection:
        for turn in range(3):
            for number in range(50):
                name = f"x-{number}"
                for value in (f"{turn}-a", f"{turn}-b", f"{turn}-a"):
                    response = connection.ask("GET", "/", {name: value})
                    assert response.status == 200
                    selecting = response["Vary"].lower()
                    assert value_of(response, selecting) == (value if selecting == name else None)
                    hits += response.cache == "HIT"
    assert hits >= 150  # the third of each three at least
    assert weir.metrics()["weir_memory_bytes"] <= BUDGET


def test_many_selecting_fields(small):
    """All must match, absent ones included, in whatever order they come."""
    names = [f"X-{number}" for number in range(60)]
    weir = small(lambda _: ", ".join(names))
    fields = {name: f"value {name}" for name in names}
    assert weir.get("/", fields).cache == "MISS"
    assert weir.get("/", dict(reversed(fields.items()))).cache == "HIT"
    for changed in (fields | {"X-59": "other"}, {n: v for n, v in fields.items() if n != "X-0"}, fields | {"X-30": ""}):
        response = weir.get("/", changed)
        assert response.cache == "MISS" and "fwd=vary-miss" in response["Cache-Status"]
        assert weir.get("/", changed).cache == "HIT"
    assert weir.get("/", fields).cache == "HIT"


def test_selecting_values_that_are_too_long_are_not_stored(small):
    """A key has a length; what would need a longer one is fetched each time, and is always right."""
    weir = small(lambda _: "X-Long")
    for value in ("a" * 20_000, "a" * 19_999 + "b", "a" * 20_000):
        response = weir.get("/", {"X-Long": value})
        assert response.cache == "MISS" and value_of(response, "x-long") == value
    weir.await_metrics({"weir_memory_objects": 0})


# A field that every client sends, with values that mean nothing. CVE-2024-35296


def meaningless(number):
    shapes = [
        "coding-{}", "gzip;q=2.{}", "gzip;q={}", "gzip;q=0.{}000", "gzip;{}", "gzip {}", ";{}", "{},,,;", "=;{}", '"{}',
        "gz\xefp{}", "gzip;q=-{}", "br;q=1;q={}", "*;q=nan{}", "gzip/{}",
    ]  # fmt: skip
    return {"Accept-Encoding": shapes[number % len(shapes)].format(number)}


def test_accepted_codings_that_mean_nothing_do_not_matter_where_nothing_varies_by_them(world):
    origin = world.scripted(ok(b"hello", "Cache-Control: max-age=300\r\n"))
    weir = world.weir(origin)
    assert weir.get("/").cache == "MISS"
    with weir.connect() as connection:
        for number in range(300):
            hit = connection.ask("GET", "/", meaningless(number))
            assert (hit.cache, hit.body) == ("HIT", b"hello")
    assert len(origin.requests) == 1
    weir.await_metrics({"weir_memory_objects": 1, "weir_memory_variants_dropped_total": 0})


def test_accepted_codings_that_mean_nothing_take_no_more_than_any_variants(world):
    """Other resources are as they were; and so is this one, once it is asked for sensibly again."""
    most, flood = 5, 300
    weir = world.weir(world.scripted(echoing(lambda _: "Accept-Encoding")), memory={"max_variants": most})
    others = [f"/other-{number}" for number in range(20)]
    with weir.connect() as connection:
        for target in others:
            assert connection.ask("GET", target, {"Accept-Encoding": "gzip"}).cache == "MISS"
        for number in range(flood):
            assert connection.ask("GET", "/", meaningless(number)).status == 200
        metrics = weir.metrics()
        assert metrics["weir_memory_objects"] == most + len(others)
        assert metrics["weir_memory_evictions_total"] == 0
        for target in others:
            assert connection.ask("GET", target, {"Accept-Encoding": "gzip"}).cache == "HIT"
        assert [connection.ask("GET", "/", {"Accept-Encoding": "gzip, br"}).cache for _ in range(2)] == ["MISS", "HIT"]


@pytest.mark.parametrize("lines", [["X-A", "X-B"], ["X-A,,", ", X-B"], ["", "x-b , x-a"]])
def test_vary_in_several_lines_is_one_list(world, lines):
    vary = "".join(f"Vary: {line}\r\n" for line in lines)
    body = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nCache-Control: max-age=60\r\n" + vary.encode() + b"\r\nok"
    weir = world.weir(world.scripted(body))
    with weir.connect() as connection:
        sent = [{"X-A": "1", "X-B": "1"}, {"X-A": "1", "X-B": "2"}, {"X-A": "2", "X-B": "1"}, {"X-A": "1", "X-B": "1"}]
        for fields in sent:
            connection.send(request("GET", "/", fields, host=HOST))
        assert [connection.response().cache for _ in sent] == ["MISS", "MISS", "MISS", "HIT"]
