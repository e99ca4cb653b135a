"""Much of everything at once: connections, purges, nodes. What each costs is counted, not timed."""

import itertools
import json
import re
import selectors
import time
from collections import Counter

import pytest
from fleet import Fleet
from resp import Resp
from servers import is_sanitized
from test_bounds import ask_all, is_hit
from test_purge import LOG, purged_everywhere
from wire import HOST, LIMIT, Connection, request, wait_until

SANITIZED = is_sanitized("weir")
IDLE, BUSY = (1_000, 100) if SANITIZED else (10_000, 1_000)
PURGES = 200 if SANITIZED else 1_000
KEPT = 100


def item(number, fields=()):
    return request("GET", f"/items/{number}", fields)


def is_miss(number, response):
    assert (response.status, response.cache) == (200, "MISS"), (number, response)


# Connections


def test_many_idle_connections_and_many_busy_ones(world, origin, many_descriptors):
    """The busy ones pipeline, again as soon as all is answered; nothing comes to the idle ones, and they stay."""
    if many_descriptors < IDLE + BUSY + 500:
        pytest.skip(f"no more than {many_descriptors} open files are allowed here")
    keys, rounds = 100, 8
    limits = {"max_connections": 2 * (IDLE + BUSY), "keep_alive_timeout": "10m"}  # any worker may have more than half
    weir = world.weir(origin, ttl="10m", limits=limits)
    ask_all(weir, range(keys), item, is_miss)

    def send(client, numbers):
        client.send(b"".join(item(number % keys) for number in numbers))

    def assert_answered(client, numbers):
        for number in numbers:
            response = client.response()
            assert (response.status, response.cache) == (200, "HIT"), response
            assert response.json()["key"] == str(number % keys)

    def ask_each(clients):
        for number, client in enumerate(clients):
            send(client, [number])
        for number, client in enumerate(clients):
            assert_answered(client, [number])

    def assert_little_is_taken(connections):
        grown = weir.memory() - before
        print(f"{connections} connections: {grown / connections:.0f} bytes each")
        assert SANITIZED or grown <= 10_000 * connections

    before = weir.memory()
    idle = [weir.connect() for _ in range(IDLE)]
    ask_each(idle)
    assert_little_is_taken(IDLE)
    busy = [weir.connect() for _ in range(BUSY)]
    weir.await_metrics({"weir_connections": IDLE + BUSY})
    with selectors.DefaultSelector() as selector:
        for client in idle:
            selector.register(client.socket, selectors.EVENT_READ)
        for number, client in enumerate(busy):
            selector.register(client.socket, selectors.EVENT_READ, (client, range(number, number + 5)))
            send(client, range(number, number + 5))
        answered = Counter()
        while answered.total() < BUSY * rounds:
            events = selector.select(LIMIT)
            assert events, f"nothing more comes after {answered.total()} answers"
            for key, _ in events:
                assert key.data, "an idle connection ends, or gets what it did not ask for"
                client, numbers = key.data
                assert_answered(client, numbers)
                answered[client] += 1
                if answered[client] < rounds:
                    send(client, numbers)
    weir.await_metrics({"weir_connections": IDLE + BUSY})
    ask_each(idle)
    assert_little_is_taken(IDLE + BUSY)
    for client in idle + busy:
        client.socket.close()
    weir.await_metrics({"weir_connections": 0})
    assert origin.requests == keys


# Purges


FOLLOWING = ("xread", "xrange", "xrevrange")


def calls(redis):
    """How often Redis has run each command, in scripts too; but for INFO and the pings of idle connections."""
    with Resp(redis.port) as commands:
        stats = commands.info("commandstats")
    counts = {name.removeprefix("cmdstat_"): int(re.match(r"calls=(\d+)", stats[name])[1]) for name in stats}
    return Counter(counts | {"info": 0, "ping": 0})


def fill(fleet, redis, numbers):
    """All nodes have these in memory, and nothing is on its way to Redis any more."""
    released = calls(redis)["expire"] + len(numbers)  # a lease, once all is stored
    ask_all(fleet[0], numbers, item, is_miss)
    wait_until(lambda: calls(redis)["expire"] >= released, "all is in Redis")
    for node in fleet:
        ask_all(node, numbers, item, lambda _, response: is_hit(response))


def is_in_memory(number, response):
    assert response["Cache-Status"].endswith("; detail=memory"), (number, response)
    is_hit(response)


def is_nowhere(number, response):
    assert response.status == 504, (number, response)


def only_if_cached(number):
    return item(number, {"Cache-Control": "only-if-cached"})


class Operators:
    """Who purges: on a node's admin listener, the next one's on the next connection."""

    def __init__(self, fleet):
        self._nodes = itertools.cycle(fleet)

    def connect(self):
        return Connection(next(self._nodes).admin_port)


def purge_all(fleet, numbers, things=1, **options):
    """So many things by each request. The position of the last one."""
    positions = []

    def ask(first):
        urls = [f"http://{HOST}/items/{number}" for number in numbers[first : first + things]]
        return request("POST", "/purge", body=json.dumps({"urls": urls}).encode())

    def is_purged(_, response):
        assert (response.status, response.json()["purged"]) == (200, things), response
        positions.append(response.json()["position"])

    ask_all(Operators(fleet), range(0, len(numbers), things), ask, is_purged, **options)
    assert len(set(positions)) == len(numbers) // things
    return max(positions, key=lambda position: [int(part) for part in position.split("-")])


def assert_nothing_else_was_dropped(fleet, numbers):
    for node in fleet:
        ask_all(node, numbers, item, is_in_memory)
        node.await_metrics(
            {
                "weir_purge_log_gaps_total": 0,
                "weir_purge_log_not_understood_total": 0,
                "weir_purge_pending_overflows_total": 0,
            }
        )


def without_following(cost):
    return {name: count for name, count in cost.items() if name not in FOLLOWING}


def assert_followed_once(cost, nodes, events, begin):
    """Each node has read the streams once for each event at most, and once a second; and has looked each time how the
    log begins and ends."""
    most = nodes * (events + 2 + time.monotonic() - begin)
    print({name: cost[name] for name in FOLLOWING}, f"of {most:.0f}, {2 * most:.0f}, {most:.0f}")
    assert cost["xread"] <= most and cost["xrange"] <= 2 * most and cost["xrevrange"] <= most


@pytest.mark.parametrize("things", [1, PURGES], ids=["requests of their own", "one request"])
def test_a_burst_of_purges(world, origin, redis, things):
    fleet = Fleet(world, origin, redis, ttl="10m")
    purged, kept = range(PURGES), range(PURGES, PURGES + KEPT)
    fill(fleet, redis, range(PURGES + KEPT))
    requests, length, before, begin = PURGES // things, log_length(redis), calls(redis), time.monotonic()
    last = purge_all(fleet, purged, things, connections=12, at_once=PURGES)
    purged_everywhere(fleet, last)
    cost = calls(redis) - before
    assert cost["eval"] == cost["xadd"] == requests
    assert log_length(redis) == length + requests
    assert_followed_once(cost, len(fleet.nodes), requests, begin)
    for node in fleet:
        assert node.admin("/purge").json()["position"] == last
        node.await_metrics({"weir_purge_log_applied_total": requests, "weir_purge_entries": PURGES})
        ask_all(node, purged, only_if_cached, is_nowhere)
    assert_nothing_else_was_dropped(fleet, kept)
    for index, node in enumerate(fleet):
        ask_all(node, purged[index::3], item, is_miss)
    asked = origin.stats()["targets"]
    assert [asked[f"/items/{number}"] for number in range(PURGES + KEPT)] == [2] * PURGES + [1] * KEPT


def log_length(redis):
    return int(redis.command("XLEN", LOG))


def test_the_log_stays_bounded(world, origin, redis):
    """Redis drops whole blocks of a hundred entries. Nodes that keep up miss none."""
    most, at_once = 100, 50
    fleet = Fleet(world, origin, redis, nodes=2, ttl="10m", purge={"max_log": most})
    kept = range(PURGES, PURGES + KEPT)
    fill(fleet, redis, kept)
    for first in range(0, PURGES, at_once):
        purged_everywhere(fleet, purge_all(fleet, range(first, first + at_once), at_once=at_once))
        assert log_length(redis) < most + 100
    assert_nothing_else_was_dropped(fleet, kept)
    for node in fleet:
        node.await_metrics({"weir_purge_log_applied_total": PURGES, "weir_purge_entries": PURGES})


# Nodes


def test_what_more_nodes_cost_redis(world, origin):
    """What is written is the same for two nodes and for five. What grows with their number:

    - connections, one a worker and one a node, each with a ping a second while it is idle;
    - look-ups: each node reads a response once, and has it in memory then;
    - following the streams: at each purge and at the end of each fetch every node reads what is new in both, and looks
      how the log begins and ends, by four commands. Once a second it does so without any; and once, not several times,
      for all that came meanwhile (50 entries a stream at most).
    """
    count = 20
    for nodes in (2, 5):
        redis = world.redis()
        never_renewed = {"port": redis.port, "lease": "60s"}
        fleet = Fleet(world, origin, never_renewed, nodes, workers=1, ttl="10m")
        purged_everywhere(fleet, fleet[0].purge(hosts=["warm-up.test"]))
        with Resp(redis.port) as commands:
            assert commands.info("clients")["connected_clients"] == str(2 * nodes + 1)

        before, begin = calls(redis), time.monotonic()
        fill(fleet, redis, range(nodes * 1_000, nodes * 1_000 + count))
        cost = calls(redis) - before
        assert_followed_once(cost, nodes, count, begin)
        assert without_following(cost) == {
            "get": (nodes + 2) * count,  # by each node; by the one that fetches again with the lease, and to end it
            "set": 2 * count,  # the lease, the response
            **dict.fromkeys(("pttl", "getrange", "eval", "unlink", "xadd", "expire"), count),
        }

        before, begin = calls(redis), time.monotonic()
        for number in range(count):
            purged_everywhere(fleet, fleet[number % nodes].purge(urls=[f"http://{HOST}/items/{number}"]))
        cost = calls(redis) - before
        assert_followed_once(cost, nodes, count, begin)
        assert without_following(cost) == dict.fromkeys(("eval", "type", "xlen", "xadd", "pexpire"), count)
