"""One fetch per object for the whole fleet: many clients on several nodes, with the origin's counters as witness."""

import threading

import pytest
from fleet import Fleet
from scripted_origin import ok
from servers import is_sanitized
from wire import HOST, LIMIT, Connection, Truncated, request, wait_until
from world import asked

CLIENTS = 500
LONG = "Cache-Control: max-age=3600\r\n"
SHORT = "Cache-Control: max-age=6\r\n"  # each node must have it before it is stale


class Held:
    """A script for an origin: each request is noted, and answered when the gate is open."""

    def __init__(self, *answers):
        """The first request is answered with the first of these, and so on; all further ones with the last."""
        self._answers = list(answers)
        self._lock = threading.Lock()
        self._gate = threading.Event()

    def __call__(self, origin, peer):
        while head := peer.head():
            with self._lock:
                origin.requests.append(head)
                answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
            assert self._gate.wait(LIMIT), "the gate is never opened"
            peer.send(answer)

    def open(self):
        self._gate.set()

    def close(self):
        self._gate.clear()


def fill_then_expire(fleet, held, target):
    """Each node has a response for it, and none is fresh."""
    held.open()
    fleet.fill(target)
    fleet.await_stale(target)
    held.close()


# Collapsing


def test_a_cold_key_is_fetched_once_for_the_whole_fleet(world, redis):
    origin = world.origin("200ms")
    fleet = Fleet(world, origin, redis)
    target = "/items/cold?size=20000&cache_control=max-age=60"
    crowd = fleet.crowd(CLIENTS, target).send().finish()
    assert asked(origin, target) == 1
    with Connection(origin.port) as connection:
        crowd.assert_all_have(connection.ask("GET", target).body)


def test_all_are_answered_by_the_one_exchange(world, redis):
    """One latency, and no second one behind it: the origin answers nothing more until all have their answer."""
    held = Held(ok(b"x" * 20_000, LONG))
    origin = world.scripted(held)
    fleet = Fleet(world, origin, redis)
    crowd = fleet.crowd(CLIENTS, "/cold").send()
    crowd.until(lambda: origin.requests, "the origin is asked")
    held.open()
    crowd.until(lambda: crowd.responses, "the first answer")
    held.close()
    crowd.finish().assert_all_have(b"x" * 20_000)
    assert len(origin.requests) == 1
    held.open()


def test_the_crowd_of_a_node_reads_along_while_the_response_comes(world):
    """The first byte is there as soon as the origin has sent it, however long the rest takes."""
    rest = threading.Event()

    def serve(origin, peer):
        while head := peer.head():
            origin.requests.append(head)
            peer.send(ok(b"x" * 30_000, LONG)[:-10_000])
            assert rest.wait(LIMIT)
            peer.send(b"x" * 10_000)

    origin = world.scripted(serve)
    crowd = Fleet(world, origin, nodes=1).crowd(100, "/dripping").send()
    crowd.until(lambda: all(b"x" * 20_000 in client.data for client in crowd.clients), "each has what there is")
    assert not crowd.responses and len(origin.requests) == 1
    rest.set()
    crowd.finish().assert_all_have(b"x" * 30_000)
    assert len(origin.requests) == 1


@pytest.mark.parametrize(
    "validator, again",
    [
        ("", ok(b"new", LONG)),
        ('ETag: "a"\r\n', ok(b"new", LONG + 'ETag: "b"\r\n')),
        ('ETag: "a"\r\n', b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n%s\r\n' % LONG.encode()),
    ],
    ids=["without a validator", "changed", "validated"],
)
def test_an_expired_key_is_fetched_once_for_the_whole_fleet(world, redis, validator, again):
    held = Held(ok(b"old", SHORT + validator), again)
    origin = world.scripted(held)
    fleet = Fleet(world, origin, redis)
    fill_then_expire(fleet, held, "/expired")
    crowd = fleet.crowd(CLIENTS, "/expired").send()
    crowd.until(lambda: len(origin.requests) == 2, "the origin is asked again")
    held.open()
    crowd.finish().assert_all_have(b"old" if b" 304 " in again else b"new")
    assert len(origin.requests) == 2
    assert (b"If-None-Match" in origin.requests[1]) == bool(validator)


@pytest.mark.parametrize("field", ["Cache-Control: private", "Cache-Control: no-store", "Vary: *", "Set-Cookie: a=1"])
def test_what_may_not_be_stored_is_never_serialised(world, redis, field):
    """Once it is known, the origin answers only when it has all the requests: single file would wait for ever."""
    clients = 60
    all_here = threading.Barrier(clients)
    is_known = threading.Event()
    uncacheable = ok(b"yours alone", f"{field}\r\n" + ("" if "Cache" in field else LONG))

    def serve(origin, peer):
        while head := peer.head():
            origin.requests.append(head)
            if is_known.is_set():
                all_here.wait(LIMIT)
            peer.send(uncacheable)

    origin = world.scripted(serve)
    fleet = Fleet(world, origin, redis, collapse={"hit_for_miss": "60s"})
    for node in fleet:
        node.get("/private")
    is_known.set()
    fleet.crowd(clients, "/private").send().finish().assert_all_have(b"yours alone")
    assert len(origin.requests) == 3 + clients


def test_the_fetch_goes_on_when_the_client_that_began_it_leaves(world, redis):
    held = Held(ok(b"for the others", LONG))
    origin = world.scripted(held)
    fleet = Fleet(world, origin, redis)
    with fleet[0].connect() as first:
        first.send(request("GET", "/left"))
        wait_until(lambda: origin.requests, "the origin is asked")
        crowd = fleet.crowd(30, "/left").send()
    held.open()
    crowd.finish().assert_all_have(b"for the others")
    assert len(origin.requests) == 1


def test_no_object_is_fetched_twice_however_the_requests_fall(world, redis):
    """Every node is asked for every object, in the same order, by loads that run beside one another: look-ups, leases
    and what is being stored meet at every moment."""
    origin = world.origin("2ms")
    fleet = Fleet(world, origin, redis, routes=[{"path": "/", "ttl": "1h", "key": {"host": HOST}}])
    load = ("--requests", "5000", "--connections", "8", "--keys", "1000", "--zipf", "0.2")
    for running in [world.load(node.url + "/items", *load) for node in fleet]:
        assert running.wait(120) == 0
    fetched = origin.stats()["targets"]
    assert len(fetched) > 900 and set(fetched.values()) == {1}, {t: n for t, n in fetched.items() if n > 1}


# Nodes that die, and Redis


def test_others_take_over_from_a_node_that_was_killed(world, redis):
    held = Held(ok(b"at last", LONG))
    origin = world.scripted(held)
    fleet = Fleet(world, origin, {"port": redis.port, "lease": "3s"})
    leader, *others = fleet
    with leader.connect() as client:
        client.send(request("GET", "/orphan"))
        wait_until(lambda: origin.requests, "the leader asks the origin")
        fleet.nodes = others
        crowd = fleet.crowd(60, "/orphan").send()
        leader.kill()
        with pytest.raises((Truncated, ConnectionResetError)):
            client.response()
    crowd.until(lambda: len(origin.requests) == 2, "another node asks the origin")
    held.open()
    crowd.finish().assert_all_have(b"at last")
    assert len(origin.requests) == 2, "one node took over, not each"
    leader.start()


def test_a_lease_is_renewed_as_long_as_the_fetch_takes(world, redis):
    held = Held(ok(b"slowly", LONG))
    origin = world.scripted(held)
    fleet = Fleet(world, origin, {"port": redis.port, "lease": "3s"})
    crowd = fleet.crowd(30, "/slow").send()
    crowd.until(lambda: origin.requests, "the origin is asked")
    (lease,) = wait_until(lambda: redis.command("--scan", "--pattern", "*:lease").split(), "there is a lease")

    def renewals():
        """Each makes the time that is left longer than it was."""
        before = int(redis.command("PTTL", lease))
        while True:
            now = int(redis.command("PTTL", lease))
            assert now > 0, "the lease has expired"
            yield now > before
            before = now

    seen = renewals()
    for _ in range(4):
        wait_until(lambda: next(seen), "the lease is renewed")
    assert len(origin.requests) == 1
    held.open()
    crowd.finish().assert_all_have(b"slowly")
    assert len(origin.requests) == 1


def test_where_too_many_wait_for_other_nodes_one_more_fetches_at_once(world, redis):
    """And does not ask for the lease again and again."""
    held = Held(ok(b"content", LONG))
    origin = world.scripted(held)
    fleet = Fleet(world, origin, {"port": redis.port, "max_lease_waiters": 0})
    crowd = fleet.crowd(9, "/").send()
    crowd.until(lambda: len(origin.requests) == len(fleet.nodes), "each node asks the origin")
    assert sum(node.metrics()['weir_redis_leases_total{outcome="held"}'] for node in fleet) == len(fleet.nodes) - 1
    held.open()
    crowd.finish().assert_all_have(b"content")


def test_without_redis_each_node_fetches_once(world, redis):
    held = Held(ok(b"x" * 20_000, LONG))
    origin = world.scripted(held)
    fleet = Fleet(world, origin, redis)
    redis.kill()
    for node in fleet:
        node.await_metrics({"weir_redis_connected": 0})
    crowd = fleet.crowd(CLIENTS, "/alone").send()
    crowd.until(lambda: len(origin.requests) == 3, "each node asks the origin")
    held.open()
    crowd.finish().assert_all_have(b"x" * 20_000)
    assert len(origin.requests) == 3
    redis.start()


@pytest.mark.parametrize("trouble", ["kill", "pause"])
def test_redis_is_lost_while_others_wait_for_the_leader(world, redis, trouble):
    held = Held(ok(b"still here", LONG))
    origin = world.scripted(held)
    fleet = Fleet(world, origin, {"port": redis.port, "lease": "2s"})
    with fleet[0].connect() as first:
        first.send(request("GET", "/lost"))
        wait_until(lambda: origin.requests, "the leader asks the origin")
        crowd = fleet.crowd(60, "/lost").send()
        getattr(redis, trouble)()
        crowd.until(lambda: len(origin.requests) == 3, "the others ask for themselves")
        held.open()
        crowd.finish().assert_all_have(b"still here")
        assert first.response().body == b"still here"
    assert len(origin.requests) == 3
    if trouble == "kill":
        redis.start()


# Staleness


def test_one_revalidation_for_the_whole_fleet_and_nobody_waits_for_it(world, redis):
    stale = "Cache-Control: max-age=6, stale-while-revalidate=3600\r\n"
    held = Held(ok(b"old", stale), ok(b"clock", SHORT), ok(b"new", LONG))
    origin = world.scripted(held)
    fleet = Fleet(world, origin, redis)
    held.open()
    fleet.fill("/swr")
    fill_then_expire(fleet, held, "/clock")  # what is older is stale as well
    crowd = fleet.crowd(CLIENTS, "/swr").send().finish()
    crowd.assert_all_have(b"old")
    assert crowd.count("STALE") == CLIENTS
    wait_until(lambda: len(origin.requests) == 3, "the origin is asked again")
    held.open()
    for node in fleet:
        wait_until(lambda node=node: node.get("/swr").body == b"new", f"{node.name} has the new one")
    assert len(origin.requests) == 3, "one node asked for all"


def test_what_only_redis_holds_is_stale_at_once_and_validated_once(world, redis):
    """Without Redis, all wait for the validation that is under way."""
    held = Held(ok(b"old", "Cache-Control: max-age=1, stale-while-revalidate=3600\r\n"), ok(b"new", LONG))
    origin = world.scripted(held)
    fleet = Fleet(world, origin, redis, nodes=1, memory={"budget": 0})
    held.open()
    assert fleet[0].get("/only").body == b"old"
    redis.await_key("weir:{http://%s/only}" % HOST)
    held.close()
    wait_until(lambda: fleet[0].get("/only").cache == "STALE", "it is stale")
    wait_until(lambda: len(origin.requests) == 2, "it is being validated")
    assert fleet[0].get("/only").cache == "STALE"
    redis.kill()
    fleet[0].await_metrics({"weir_redis_connected": 0})
    crowd = fleet.crowd(20, "/only").send()
    wait_until(lambda: fleet[0].metrics()["weir_transfer_readers"] == 20, "all wait")
    held.open()
    crowd.finish().assert_all_have(b"new")
    assert len(origin.requests) == 2
    redis.start()


@pytest.mark.parametrize(
    "route, lifetime",
    [({"stale_while_revalidate": "30s"}, 1), ({"early_refresh": 3}, 8)],
    ids=["stale-while-revalidate", "early refresh"],
)
def test_a_hot_key_that_expires_under_load_is_never_a_miss(world, redis, route, lifetime):
    origin = world.origin("200ms")
    everywhere_the_same = {"path": "/", "grace": "0s", "key": {"host": HOST}, **route}
    fleet = Fleet(world, origin, redis, routes=[everywhere_the_same])
    fields = f"?cache_control=max-age={lifetime}"
    hot = "/items/key-1" + fields  # the first key of every load
    fleet.fill(hot)
    load = ("--duration", "300s", "--rate", "300", "--connections", "8", "--keys", "1")
    loads = [world.load(node.url + "/items" + fields, *load) for node in fleet]
    before = asked(origin, hot)
    wait_until(lambda: asked(origin, hot) >= before + 3, "it would have expired several times", seconds=60)
    for load in loads:
        summary = load.summary()
        assert (summary["misses"], summary["errors"]) == (0, 0), summary
        assert summary["hits"] > 30, "there was a load"


# Streaming


@pytest.mark.skipif(is_sanitized("weir"), reason="its memory is no measure")
def test_a_gibibyte_through_a_slow_client_takes_no_memory(world):
    block, blocks = 1 << 20, 1 << 10
    begun = threading.Event()

    def serve(origin, peer):
        peer.head()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n" % (block * blocks, LONG.encode()))
        for number in range(blocks):
            peer.send(number.to_bytes(8, "big") + bytes(block - 8))
            begun.set()

    origin = world.scripted(serve)
    weir = world.weir(origin)
    weir.get("/warm-up")
    with weir.connect() as client:
        before = weir.memory("VmHWM")
        client.send(request("GET", "/gibibyte"))
        assert client.head().status == 200
        for number in range(blocks):
            content = client.read(block)
            assert content[:8] == number.to_bytes(8, "big") and not any(content[8:64]), f"block {number}"
        assert weir.memory("VmHWM") - before < 4 << 20
