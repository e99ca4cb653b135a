"""The cache that nodes share, and life without it."""

import itertools

import pytest
from wire import HOST, wait_until
from world import NO_GRACE

KEY = "weir:{http://%s%s}"  # of a response in Redis
IMPATIENT = {"command_budget": "500ms", "reconnect_min": "20ms", "reconnect_max": "100ms"}


def name_of(target, variant=""):
    return KEY % (HOST, target) + variant


def impatient(redis):
    """Tries again soon, so that the test need not wait long."""
    return {"host": "127.0.0.1", "port": redis.port, **IMPATIENT}


def await_health(weir, status):
    wait_until(lambda: weir.health() == status, f"/health is {status}")


def connected(weir, workers=2):
    """The node, as soon as so many of its workers are connected to Redis; where any are, they use it."""
    expected = {"weir_redis_connected": workers}
    if workers:
        expected |= {'weir_redis_breaker_state{state="closed"}': workers, "weir_purge_log_connected": 1}
    weir.await_metrics(expected)
    return weir


def test_a_miss_on_one_node_is_a_hit_on_the_other(world, origin, redis):
    one, two = (connected(world.weir(origin, redis, ttl="300s")) for _ in range(2))
    miss = one.get("/items/foo")
    assert miss.cache == "MISS"
    redis.await_key(name_of("/items/foo"))
    hit = two.get("/items/foo")
    assert (hit.cache, hit.body) == ("HIT", miss.body)
    assert hit["Cache-Status"].startswith("Weir; hit; ttl=") and hit["Cache-Status"].endswith("; detail=redis")
    assert two.get("/items/foo")["Cache-Status"].endswith("; detail=memory")
    assert origin.requests == 1
    two.await_metrics({'weir_tier_hits_total{tier="redis"}': 1, 'weir_tier_hits_total{tier="memory"}': 1})


@pytest.mark.parametrize("size", [0, 1, 1000, 256 * 1024, 256 * 1024 + 1, 8 * 1024 * 1024])
def test_content_of_any_size_comes_back_as_it_was(world, origin, redis, size):
    one, two = (connected(world.weir(origin, redis, ttl="300s")) for _ in range(2))
    target = f"/items/sized?size={size}"
    miss = one.get(target)
    redis.await_key(name_of(target))
    hit = two.get(target)
    assert (hit.cache, len(hit.body)) == ("HIT", size)
    assert hit.body == miss.body


def test_variants_are_shared(world, origin, redis):
    one, two = (connected(world.weir(origin, redis, ttl="300s")) for _ in range(2))
    target = "/items/varied?vary=Accept-Encoding"
    for coding in ("gzip", "br"):
        one.get(target, {"Accept-Encoding": coding})
        redis.await_key(name_of(target, f"accept-encoding={coding}"))
    assert two.get(target, {"Accept-Encoding": "gzip"}).cache == "HIT"
    assert two.get(target, {"Accept-Encoding": "br;q=1.0"}).cache == "HIT"
    assert "fwd=vary-miss" in two.get(target, {"Accept-Encoding": "zstd"})["Cache-Status"]


def test_invalidation_reaches_redis(world, origin, redis):
    weir = connected(world.weir(origin, redis, ttl="300s"))
    weir.get("/items/foo")
    redis.await_key(name_of("/items/foo"))
    assert weir.ask("PUT", "/items/foo", body=b"new").status == 200
    two = connected(world.weir(origin, redis, ttl="300s"))
    assert two.get("/items/foo").cache == "MISS"


def test_every_key_is_readable_and_has_a_ttl(world, origin, redis):
    weir = connected(world.weir(origin, redis, routes=NO_GRACE, ttl="300s"))
    weir.get("/items/plain?a=1")
    weir.get("/items/large?size=1000000")
    weir.get("/items/kept?etag=v1&cache_control=max-age=60")
    weir.get("/items/varied?vary=Accept-Language", {"Accept-Language": "de"})
    targets = ("/items/plain?a=1", "/items/large?size=1000000", "/items/kept?etag=v1&cache_control=max-age=60")
    for key in [name_of(target) for target in targets] + [
        name_of("/items/varied?vary=Accept-Language", "accept-language=de")
    ]:
        redis.await_key(key)
    keys = redis.keys()
    assert name_of("/items/varied?vary=Accept-Language") in keys, "the index of its variants"
    assert len([key for key in keys if key.startswith(name_of("/items/large?size=1000000") + "#")]) == 4
    ttls = {key: int(redis.command("PTTL", key)) for key in keys}
    assert all(0 < ttl <= 3_660_000 for ttl in ttls.values()), ttls
    assert int(redis.command("PTTL", "weir:{log}:purges")) > 0
    assert 280_000 < ttls[name_of("/items/plain?a=1")] <= 300_000
    assert 3_600_000 < ttls[name_of("/items/kept?etag=v1&cache_control=max-age=60")] <= 3_660_000


@pytest.mark.parametrize("value", ["40", "40s"])
def test_redis_ttl_of_the_environment_wins(world, origin, redis, value):
    weir = connected(world.weir(origin, redis, routes=NO_GRACE, ttl="300s", env={"REDIS_TTL": value}))
    weir.get("/items/foo")
    assert 20_000 < int(redis.command("PTTL", redis.await_key(name_of("/items/foo")))) <= 40_000
    hit = weir.get("/items/foo")
    assert 20 < hit.remaining <= 40


def test_redis_is_found_by_the_environment(world, origin, redis):
    env = {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(redis.port), "REDIS_DB": "3"}
    weir = connected(world.weir(origin, env=env, ttl="300s"))
    weir.get("/items/foo")
    wait_until(lambda: redis.command("-n", "3", "EXISTS", name_of("/items/foo")) == "1", "database 3 has it")


def test_the_keys_of_a_prefix_of_its_own(world, origin, redis):
    weir = connected(world.weir(origin, {"port": redis.port, "key_prefix": "shop"}, ttl="300s"))
    weir.get("/items/foo")
    redis.await_key("shop:{http://%s/items/foo}" % HOST)


def test_an_expired_response_leaves_redis(world, origin, redis):
    weir = connected(world.weir(origin, redis, routes=NO_GRACE))
    weir.get("/items/short?cache_control=max-age=5")
    redis.await_key(name_of("/items/short?cache_control=max-age=5"))
    wait_until(lambda: redis.keys() == [], "Redis forgets it")


def test_a_restarted_node_finds_its_cache_warm(world, origin, redis):
    weir = connected(world.weir(origin, redis, ttl="300s"))
    targets = [f"/items/{number}?size=1000" for number in range(20)]
    bodies = [weir.get(target).body for target in targets]
    for target in targets:
        redis.await_key(name_of(target))
    weir.stop()
    weir.start()
    connected(weir)
    assert [weir.get(target).body for target in targets] == bodies
    weir.await_metrics({"cache_hits_total": 20})
    assert origin.requests == 20


def test_without_redis_the_memory_works_alone(world, origin):
    weir = world.weir(origin, ttl="300s")
    assert [weir.get("/items/foo").cache for _ in range(2)] == ["MISS", "HIT"]
    assert weir.health() == 200


def test_without_memory_redis_works_alone(world, origin, redis):
    weir = connected(world.weir(origin, redis, ttl="300s", memory={"budget": 0}))
    assert weir.get("/items/foo").cache == "MISS"
    redis.await_key(name_of("/items/foo"))
    for _ in range(2):
        assert weir.get("/items/foo")["Cache-Status"].endswith("; detail=redis")
    assert origin.requests == 1


def test_redis_absent_at_the_start_joins_later(world, origin, redis):
    redis.stop()
    weir = world.weir(origin, impatient(redis), ttl="300s")
    weir.await_log("warning.*redis is not available")
    assert weir.health() == 503
    assert weir.admin("/health").json() == {"status": "unavailable", "reason": "redis is not connected"}
    assert (weir.admin("/livez").status, weir.admin("/readyz").status) == (200, 200)
    assert [weir.get("/items/foo").cache for _ in range(2)] == ["MISS", "HIT"]
    redis.start()
    await_health(weir, 200)
    assert weir.admin("/health").json() == {"status": "ok"}
    weir.await_log("redis is connected")
    connected(weir)
    numbers = itertools.count()  # what comes while a worker's breaker is open yet stays in memory
    wait_until(lambda: weir.get(f"/items/bar-{next(numbers)}") and redis.keys(), "Redis is used")


def test_redis_killed_and_started_again_under_load(world, origin, redis):
    weir = connected(world.weir(origin, impatient(redis), ttl="1s"))
    load = world.load(weir.url + "/items", "--duration", "300s", "--rate", "200", "--connections", "8", "--keys", "300")
    wait_until(lambda: redis.keys(), "Redis has something")
    redis.kill()
    await_health(weir, 503)
    answered_before = weir.metrics()["request_latency_seconds_count"]
    wait_until(lambda: weir.metrics()["request_latency_seconds_count"] > answered_before + 50, "answers go on")
    redis.start()
    await_health(weir, 200)
    wait_until(lambda: redis.keys(), "Redis is used again")
    summary = load.summary()
    assert (summary["errors"], summary["not_sent"], summary["error_kinds"]) == (0, 0, {})
    assert summary["hits"] > 0 and summary["misses"] > 0
    assert weir.metrics()["weir_redis_reconnects_total"] >= 1


def test_while_redis_hangs_clients_are_answered(world, origin, redis):
    weir = connected(world.weir(origin, impatient(redis), ttl="300s"))
    weir.get("/items/known")
    redis.pause()
    assert weir.get("/items/known").cache == "HIT"
    for number in range(20):
        assert (weir.get(f"/items/{number}").status, weir.get(f"/items/{number}").cache) == (200, "HIT")
    assert weir.metrics()['weir_redis_commands_total{outcome="timeout"}'] >= 1
    redis.resume()
    connected(weir)
    weir.get("/items/later")
    redis.await_key(name_of("/items/later"))


def test_a_route_may_refuse_while_redis_is_away(world, origin, redis):
    routes = [{"path": "/", "ttl": "300s", "on_store_failure": "fail"}]
    weir = connected(world.weir(origin, impatient(redis), routes=routes))
    assert weir.get("/items/known").cache == "MISS"
    redis.kill()
    await_health(weir, 503)
    connected(weir, 0)
    assert weir.get("/items/known").cache == "HIT"
    refused = weir.get("/items/unknown")
    assert (refused.status, refused["Retry-After"]) == (503, "1")
    assert origin.requests == 1
    redis.start()


def garbage(redis, name):
    redis.command("SET", name, "no record of ours", "PX", "60000")


def another_type(redis, name):
    redis.command("DEL", name)
    redis.command("LPUSH", name, "a list")


def another_key(redis, name):
    """A good record under a name that is not its own."""
    redis.command("COPY", name_of("/items/other"), name, "REPLACE")


def cut_short(redis, name):
    redis.command("SETRANGE", name, "30", "!!!!")


def without_pieces(redis, name):
    pieces = [key for key in redis.keys() if key.startswith(name + "#")]
    assert pieces
    redis.command("DEL", *pieces)


@pytest.mark.parametrize("damage", [garbage, another_type, another_key, cut_short, without_pieces])
def test_what_is_damaged_in_redis_is_a_miss_and_is_mended(world, origin, redis, damage):
    writer = connected(world.weir(origin, redis, ttl="300s"))
    target = "/items/foo?size=600000" if damage is without_pieces else "/items/foo"
    body = writer.get(target).body
    writer.get("/items/other")
    redis.await_key(name_of(target))
    redis.await_key(name_of("/items/other"))
    damage(redis, name_of(target))

    two, three = (connected(world.weir(origin, redis, ttl="300s")) for _ in range(2))
    miss = two.get(target)
    assert (miss.status, miss.cache, miss.body) == (200, "MISS", body)
    hit = wait_until(lambda: hit_in_redis(three, target), "it is stored again")
    assert hit.body == body


def hit_in_redis(weir, target):
    """The answer where Redis has it; nothing is asked of the origin where it has not."""
    response = weir.get(target, {"Cache-Control": "only-if-cached"})
    return response if response.status == 200 else None
