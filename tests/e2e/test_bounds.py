"""What many, slow or odd clients can take of a node: as much as its settings say, and nothing from the others."""

import contextlib
import selectors
import threading
from collections import Counter

import pytest
from fleet import Crowd
from resp import Resp
from servers import is_sanitized
from test_redis import connected
from wire import request, wait_until

MIB = 1024 * 1024
SANITIZED = is_sanitized("weir")
MANY = 6_500 if SANITIZED else 65_000

HEADER_DEADLINE = 'weir_limits_reached_total{limit="header_deadline"}'

pytestmark = pytest.mark.usefixtures("many_descriptors")
measures_memory = pytest.mark.skipif(SANITIZED, reason="a sanitizer's memory is no measure")


def ask_all(weir, numbers, ask, check, connections=8, at_once=50):
    """ask(number) is a request; check(number, response) sees its answer. Many are on their way at a time."""
    numbers = list(numbers)
    clients = [weir.connect() for _ in range(connections)]
    for begin in range(0, len(numbers), connections * at_once):
        batch = numbers[begin : begin + connections * at_once]
        for index, client in enumerate(clients):
            client.send(b"".join(map(ask, batch[index::connections])))
        for index, client in enumerate(clients):
            for number in batch[index::connections]:
                check(number, client.response())
    for client in clients:
        client.socket.close()


# Keys that a client makes up


@pytest.mark.parametrize("cache_control", ["max-age=300", "no-store"])
def test_query_strings_take_what_is_configured(world, origin, redis, cache_control):
    """Stored they fill memory and Redis, and no more; not stored, only the marks that say so."""
    budget, most, marks = 8 * MIB, 24 * MIB, 2_000
    collapse = {"max_marks": marks, "hit_for_miss": "1h"}
    redis.command("CONFIG", "SET", "maxmemory", most, "maxmemory-policy", "allkeys-lru")
    weir = connected(world.weir(origin, redis, memory={"budget": budget}, collapse=collapse))

    def ask(number):
        return request("GET", f"/items/made-up?size=1000&cache_control={cache_control}&etag={number}")

    def is_right(number, response):
        assert (response.status, response["ETag"], len(response.body)) == (200, f'"{number}"', 1000), response

    ask_all(weir, range(500), ask, is_right)
    before = weir.memory()
    ask_all(weir, range(1_000, 1_000 + MANY), ask, is_right)
    metrics = weir.metrics()
    grown = weir.memory() - before
    used = int(redis.command("INFO", "memory").split("used_memory:")[1].split()[0])
    print(f"{MANY} query strings, {cache_control}: {grown / MIB:.1f} MiB more, Redis {used / MIB:.1f} MiB")
    assert metrics["weir_memory_bytes"] <= budget
    assert metrics["weir_hit_for_miss_marks"] <= marks
    assert SANITIZED or grown <= 1.25 * budget
    assert used <= 1.1 * most
    if cache_control == "no-store":
        assert metrics["weir_hit_for_miss_marks"] > 0.8 * marks
        assert metrics["weir_memory_objects"] == 0 and redis.keys() == []
    else:
        assert metrics["weir_memory_evictions_total"] > 0
        with Resp(redis.port) as commands:
            assert all(commands("PTTL", key) != -1 for key in commands.scan("weir:{http*")), "each goes by itself"
        ask_all(weir, [MANY + 999], ask, lambda _, response: is_hit(response))


def is_hit(response):
    assert response.cache == "HIT", response


def test_variants_take_what_is_configured(world, origin, redis):
    """Of one resource, so many in memory and so many in Redis; other resources stay."""
    in_memory, in_redis, budget = 50, 300, 8 * MIB
    config = {"host": "127.0.0.1", "port": redis.port, "max_variants": in_redis}
    weir = connected(world.weir(origin, config, memory={"budget": budget, "max_variants": in_memory}))
    assert weir.get("/items/other?cache_control=max-age=300").cache == "MISS"

    def ask(number):
        return request("GET", "/echo?vary=X-Variant&cache_control=max-age=300", {"X-Variant": f"variant-{number}"})

    def is_right(number, response):
        assert response.status == 200 and ["X-Variant", f"variant-{number}"] in response.json()["fields"], response

    ask_all(weir, range(500), ask, is_right)
    before = weir.memory()
    ask_all(weir, range(1_000, 1_000 + MANY), ask, is_right)
    metrics = weir.metrics()
    grown = weir.memory() - before
    wait_until(lambda: weir.metrics()["weir_redis_pending_put_bytes"] == 0, "all is in Redis that will be")
    keys = redis.keys()
    print(f"{MANY} variants: {grown / MIB:.1f} MiB more, {len(keys)} keys in Redis")
    assert metrics["weir_memory_objects"] <= in_memory + 1 and metrics["weir_memory_evictions_total"] == 0
    assert metrics["weir_memory_variants_dropped_total"] >= MANY - in_memory
    assert SANITIZED or grown <= budget
    assert in_redis <= len(keys) <= in_redis + 4, "with another resource, the index of the variants and their list"
    assert metrics["weir_redis_variants_dropped_total"] > 0
    assert weir.get("/items/other?cache_control=max-age=300").cache == "HIT"
    ask_all(weir, [MANY + 999], ask, lambda _, response: is_hit(response))


# Clients that do little


@measures_memory
def test_idle_connections_take_little(world, origin):
    count = 2_000
    weir = world.weir(origin, ttl="300s", limits={"keep_alive_timeout": "5m"})
    weir.get("/items/a")
    before = weir.memory()
    clients = [weir.connect() for _ in range(count)]
    for client in clients:
        client.send(request("GET", "/items/a"))
    for client in clients:
        assert client.response().cache == "HIT"
    assert weir.metrics()["weir_connections"] == count
    grown = weir.memory() - before
    print(f"{count} idle connections: {grown / MIB:.1f} MiB")
    assert grown <= 20e6
    for client in clients:
        client.socket.close()
    weir.await_metrics({"weir_connections": 0})


@measures_memory
@pytest.mark.parametrize("same", [False, True], ids=["different", "the same"])
def test_readers_that_stall_hold_no_content(world, origin, same):
    """So much goes to each that it would be known to stream, then it reads no further."""
    count, size, read = 30, 200_000_000, 2 * MIB
    weir = world.weir(origin, collapse={"slow_reader_deadline": "5m"}, limits={"write_deadline": "5m"})
    warm_up = weir.get(f"/items/warm-up?size={9 * MIB}")
    assert len(warm_up.body) == 9 * MIB
    before = weir.memory("VmHWM")
    clients = [weir.connect() for _ in range(count)]
    for number, client in enumerate(clients):
        client.send(request("GET", f"/items/{0 if same else number}?size={size}"))
    for client in clients:
        assert client.head()["Content-Length"] == str(size)
    for _ in range(read // (256 * 1024)):
        for client in clients:
            client.read(256 * 1024)
    assert [weir.get(f"/items/between-{number}").status for number in range(50)] == [200] * 50
    weir.await_metrics({"weir_connections": count})
    grown = weir.memory("VmHWM") - before
    print(f"{count} stalled readers of {size} bytes: {grown / MIB:.1f} MiB at most")
    assert grown <= 16 * MIB
    for client in clients:
        client.socket.close()
    weir.await_metrics({"weir_connections": 0, "weir_transfers": 0, "weir_transfer_readers": 0})
    wait_until(lambda: origin.stats()["open_requests"] == 0, "the origin is released")


BEGUN = b"GET /items/0 HTTP/1.1\r\nHost: weir.test\r\nColour: b"


def trickle(clients, over):
    while not over.wait(0.05):
        for client in clients:
            client.send(b"b")


def test_header_sections_that_trickle_harm_nobody(world, origin):
    """All others are answered meanwhile, on connections of their own too; and so are those that trickle, in the end."""
    slow, normal, keys = 500, 3_000, 100
    weir = world.weir(origin, ttl="5m", limits={"header_deadline": "5m"})
    clients = [weir.connect().send(BEGUN) for _ in range(slow)]
    weir.await_metrics({"weir_connections": slow})
    over = threading.Event()
    trickling = threading.Thread(target=trickle, args=(clients, over))
    trickling.start()
    answers = Counter()
    with weir.connect() as kept:
        for number in range(normal):
            target = f"/items/{number % keys}"
            answer = kept.ask("GET", target) if number % 2 else weir.get(target)
            answers[answer.status, answer.cache] += 1
    over.set()
    trickling.join()
    assert answers == {(200, "MISS"): keys, (200, "HIT"): normal - keys}
    weir.await_metrics({"weir_connections": slow, HEADER_DEADLINE: 0})
    for client in clients:
        assert client.send(b"\r\n\r\n").response().cache == "HIT"
        client.socket.close()
    weir.await_metrics({"weir_connections": 0})
    assert origin.requests == keys


def test_many_header_sections_that_trickle_too_long_are_all_refused(world, origin):
    slow = 500
    weir = world.weir(origin, limits={"header_deadline": "500ms"})
    with selectors.DefaultSelector() as selector:
        for _ in range(slow):
            client = weir.connect().send(BEGUN)
            selector.register(client.socket, selectors.EVENT_READ, client)
        while selector.get_map():
            for key, _ in selector.select(0.05):
                assert key.data.response().status == 408
                selector.unregister(key.fileobj)
                key.fileobj.close()
            for key in selector.get_map().values():
                with contextlib.suppress(ConnectionError):  # refused already
                    key.data.send(b"b")
    weir.await_metrics({HEADER_DEADLINE: slow, "weir_connections": 0})


# A Redis that does not answer


def test_a_frozen_redis_costs_a_miss_one_budget(world, origin, redis):
    """Of all the commands a miss needs the first one waits in vain; the others are not even sent."""
    config = {"port": redis.port, "command_budget": "100ms", "reconnect_min": "10ms"}
    config |= {"breaker": {"failures": 1000, "slow_percent": 0}}
    weir = world.weir(origin, config, workers=1, ttl="300s")

    def timeouts():
        return weir.metrics()['weir_redis_commands_total{outcome="timeout"}']

    connected(weir, workers=1)
    weir.get("/items/warm-up")
    weir.await_metrics({"weir_redis_pending_put_bytes": 0, "weir_redis_commands_in_flight": 0})
    paid = []
    for number in range(10):
        connected(weir, workers=1)
        before = timeouts()
        redis.pause()
        answer = weir.get(f"/items/{number}")
        paid.append(timeouts() - before)
        redis.resume()
        assert (answer.status, answer.cache) == (200, "MISS")
    print("commands that were waited for in vain, by each miss:", paid)
    assert max(paid) == 1

    connected(weir, workers=1)
    before, crowd = timeouts(), 100
    redis.pause()
    clients = Crowd([weir.port] * crowd, request("GET", "/items/crowd")).send().finish()
    redis.resume()
    assert [response.status for response in clients.responses] == [200] * crowd
    assert timeouts() - before <= 1, "one of a crowd looks for all"
