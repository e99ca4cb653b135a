"""Readers, writers and trouble on a fleet for a while, and what must hold all the time:

After a purge was acknowledged, and a node says that it has applied it, no read begun on that node from then on is
answered with an older version than was current when the purge was sent. No body is ever mixed, another key's, or
shorter than it says. No client of a node that lives sees an error; only what was being read from Redis when that went
away may break off.

What is done follows from the seed; when, from the machine."""

import json
import random
import threading
import time
from collections import Counter

from killable import Connections, Gone, Node, TheOrigin
from versioned import check_part, version_in
from wire import HOST, Truncated, wait_until

AREAS, NAMES = 10, 30  # as many keys as their product; both parts of a key are surrogate keys

# How the origin answers for a key, and whether stale content may be served while it is validated.
KINDS = [
    ("cache_control=max-age=60", False),
    ("cache_control=max-age=60&latency_ms=30&drip_ms=60", False),
    ("cache_control=max-age=60&vary=X-Variant", False),
    ("cache_control=max-age=60&chunked=1&drip_ms=200", False),
    ("cache_control=max-age=1", False),
    ("cache_control=max-age=1,stale-while-revalidate=30&latency_ms=20", True),
    ("cache_control=no-store", False),
]


class Key:
    def __init__(self, number, rng):
        self.area, self.word = f"a{number // NAMES}", f"k{number % NAMES}"
        self.name = f"{self.area}/{self.word}"
        knobs, self.may_be_stale = rng.choice(KINDS)
        self.target = f"/versioned/{self.name}?range=1&{knobs}"
        self.latest = 1  # the newest version that somebody has been told of


class Checker:
    def __init__(self, world, seed, nodes=3, readers=5, writers=2):
        self.seed = seed
        self.counts = Counter()
        self.origin = world.origin("2ms")
        self.redis = world.redis()
        redis = {"port": self.redis.port, "reconnect_min": "10ms", "reconnect_max": "100ms", "lease": "500ms"}
        memory = {"budget": "16MiB"}  # less than all of it: Redis is read as well
        processes = [world.weir(self.origin, redis, memory=memory) for _ in range(nodes)]
        self.nodes = [Node(process) for process in processes]
        rng = self._rng("keys")
        self.keys = [Key(number, rng) for number in range(AREAS * NAMES)]
        self._purged = []  # (position, {key's name: version}), as acknowledged; only ever grows
        self._problem = None
        self._over = threading.Event()
        self._redis_troubles = 0  # odd while there is one
        self._parts = [(self._read, f"reader {i}") for i in range(readers)]
        self._parts += [(self._write, f"writer {i}") for i in range(writers)]
        self._parts += [(self._follow(node), f"follower of {node.process.name}") for node in self.nodes]
        self._parts += [(self._trouble, "trouble")]

    def run(self, seconds):
        threads = [threading.Thread(target=self._repeat, args=part) for part in self._parts]
        for thread in threads:
            thread.start()
        self._over.wait(seconds)
        self._over.set()
        for thread in threads:
            thread.join()
        if self._problem:
            raise self._problem
        self._check_the_end()

    def _rng(self, name):
        return random.Random(f"{self.seed}/{name}")

    def _repeat(self, step, name):
        rng, connections = self._rng(name), Connections()
        try:
            while not self._over.is_set():
                try:
                    step(rng, connections)
                except Gone:
                    self.counts["requests that broke off"] += 1
        except BaseException as problem:
            if not self._problem:
                self._problem = AssertionError(f"seed {self.seed}, {name}: {problem}")
                self._problem.__cause__ = problem
            self._over.set()

    # Readers

    def _read(self, rng, connections):
        key = self.keys[min(int(rng.expovariate(1 / 40)), len(self.keys) - 1)]
        incarnation = rng.choice(self.nodes).now
        ways = [self._whole, self._unless_known, self._part, self._head]
        (way,) = rng.choices(ways, [80, 8, 8, 4])
        if incarnation:
            self._check(incarnation, connections, key, way, rng)
        else:
            time.sleep(0.001)

    def _check(self, incarnation, connections, key, way, rng):
        floor = incarnation.floors.get(key.name, 0)
        troubles = self._redis_troubles

        def may_break(problem):
            """Its head is there, and the content came from a Redis that went away."""
            redis_went_away = troubles % 2 == 1 or self._redis_troubles != troubles
            return redis_went_away and isinstance(problem, Truncated) and problem.response

        def ask(method, fields=()):
            fields = dict(fields) | ({"X-Variant": rng.choice("abc")} if "vary" in key.target else {})
            return connections.ask(incarnation, incarnation.port, method, key.target, fields, may_break=may_break)

        version, response = way(ask, key, rng)
        if version is None or not incarnation.alive:
            return
        shown = f"{incarnation.name} {response.fields}"
        assert version >= floor, f"{key.target}: version {version} where {floor} was purged for; {shown}"
        assert response["ETag"] == f'"{version}"', f"{key.target}: version {version}; {shown}"
        assert response["Surrogate-Key"] is None, f"{key.target}: {shown}"
        self.counts["reads"] += 1
        self.counts[f"reads, {response.cache}"] += 1
        self.counts["reads after a purge"] += floor > 0

    def _whole(self, ask, key, rng):
        response = ask("GET")
        assert response.status == 200, f"{key.target}: {response}"
        return version_in(response.body, key.name), response

    def _unless_known(self, ask, key, rng):
        known = max(1, key.latest - rng.randrange(3))
        response = ask("GET", {"If-None-Match": f'"{known}"'})
        assert response.status in (200, 304), f"{key.target}: {response}"
        return (known if response.status == 304 else version_in(response.body, key.name)), response

    def _part(self, ask, key, rng):
        first = rng.randrange(3000)
        response = ask("GET", {"Range": f"bytes={first}-{first + rng.randrange(300)}"})
        if response.status == 416:  # it is shorter; which version that was, is not said
            return None, response
        assert response.status in (200, 206), f"{key.target}: {response}"
        version = version_of(response)
        if response.status == 200:
            assert version == version_in(response.body, key.name)
        elif response.status == 206:
            complete_length = int(response["Content-Range"].rpartition("/")[2])
            check_part(response.body, key.name, version, first, complete_length)
        return version, response

    def _head(self, ask, key, rng):
        response = ask("HEAD")
        assert response.status == 200, f"{key.target}: {response}"
        return version_of(response), response

    # Writers

    def _write(self, rng, connections):
        time.sleep(rng.uniform(0, 0.06))
        key, incarnation = rng.choice(self.keys), rng.choice(self.nodes).now
        if not incarnation:
            return
        if rng.random() < 0.2:
            return self._post(key, incarnation, connections)
        kinds = {
            "urls": (f"http://{HOST}{key.target}", lambda other: other is key),
            "surrogate_keys": (rng.choice([key.area, key.word]), None),
            "prefixes": (f"http://{HOST}/versioned/{key.area}/", lambda other: other.area == key.area),
            "hosts": (HOST, lambda other: True),
            "everything": (None, lambda other: True),
        }
        (kind,) = rng.choices(list(kinds), [60, 25, 12, 1, 1])
        value, reaches = kinds[kind]
        reached = list(filter(reaches or (lambda other: value in (other.area, other.word)), self.keys))
        soft = rng.random() < 0.2
        versions = self._raise(reached, connections)
        if soft:
            versions = {k.name: versions[k.name] for k in reached if not k.may_be_stale}
        wanted = {kind: True if kind == "everything" else [value], "soft": soft}
        response = connections.ask(
            incarnation, incarnation.admin_port, "POST", "/purge", (), json.dumps(wanted).encode()
        )
        if response.status == 503:  # Redis is away
            self.counts["purges refused"] += 1
            return
        assert response.status == 200, f"{wanted}: {response}"
        self._purged.append((position_from(response.json()), versions))
        self.counts[f"purges, {kind}"] += 1

    def _raise(self, keys, connections):
        """New versions at the origin: {name: version}."""
        versions = {}
        for key in keys:
            response = connections.ask(TheOrigin, self.origin.port, "POST", f"/versioned/{key.name}")
            versions[key.name] = response.json()["version"]
            key.latest = max(key.latest, versions[key.name])
        return versions

    def _post(self, key, incarnation, connections):
        """An unsafe method through a node invalidates there and then. RFC 9111 §4.4"""
        response = connections.ask(incarnation, incarnation.port, "POST", key.target)
        assert response.status == 200, f"{key.target}: {response}"
        version = response.json()["version"]
        key.latest = max(key.latest, version)
        incarnation.raise_floors({key.name: version})
        self.counts["invalidations"] += 1

    def _follow(self, node):
        """Raises the floors of a node for what it says it has applied."""
        seen = {"incarnation": None, "next": 0, "waiting": []}

        def step(rng, connections):
            incarnation = node.now
            if not incarnation:
                return time.sleep(0.005)
            if incarnation is not seen["incarnation"]:
                seen.update(incarnation=incarnation, next=0, waiting=[])
            applied = position_from(connections.ask(incarnation, incarnation.admin_port, "GET", "/purge").json())
            end = len(self._purged)
            waiting = seen["waiting"] + self._purged[seen["next"] : end]
            for position, versions in waiting:
                if position <= applied:
                    incarnation.raise_floors(versions)
            seen.update(next=end, waiting=[purge for purge in waiting if purge[0] > applied])
            time.sleep(0.003)

        return step

    # Trouble

    def _trouble(self, rng, connections):
        self._over.wait(rng.uniform(0.2, 1.5))
        kinds = [self._kill_a_node, self._pause_redis, self._kill_redis, self._cut_off_all]
        (kind,) = rng.choices(kinds, [5, 3, 1, 2])
        if kind == self._kill_a_node:
            kind(rng)
        else:
            self._redis_troubles += 1
            kind(rng)
            self._redis_troubles += 1
        self.counts[kind.__name__.strip("_").replace("_", " ")] += 1

    def _kill_a_node(self, rng):
        node = rng.choice(self.nodes)
        node.kill()
        self._over.wait(rng.uniform(0, 0.5))
        node.start()

    def _pause_redis(self, rng):
        self.redis.pause()
        self._over.wait(rng.uniform(0.05, 1))
        self.redis.resume()

    def _kill_redis(self, rng):
        """It comes back empty."""
        self.redis.kill()
        self._over.wait(rng.uniform(0, 0.5))
        self.redis.start()

    def _cut_off_all(self, rng):
        self.redis.command("CLIENT", "KILL", "TYPE", "normal")

    def _check_the_end(self):
        """Everything runs: each node catches up, and then has nothing that is too old."""
        connections = Connections()
        newest = max(position for position, _ in self._purged) if self._purged else (0, 0)
        for node in self.nodes:

            def position(incarnation=node.now):
                return position_from(connections.ask(incarnation, incarnation.admin_port, "GET", "/purge").json())

            wait_until(lambda: position() >= newest, f"{node.process.name} has applied the last purge")
            for _, versions in self._purged:
                node.now.raise_floors(versions)
            for key in self.keys:
                self._check(node.now, connections, key, self._whole, self._rng("end"))


def version_of(response):
    assert response["ETag"], response
    return int(response["ETag"].strip('"'))


def position_from(answer):
    """The place in the purge log that a node names; (0, 0) where it has none."""
    milliseconds, _, number = (answer["position"] or "0-0").partition("-")
    return int(milliseconds), int(number)
