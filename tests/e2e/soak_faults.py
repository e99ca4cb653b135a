"""What goes wrong while a fleet is under load: the origin, Redis and nodes, each on its own and all at once."""

import contextlib
import signal
import threading
from collections import Counter

from resp import Resp, RedisError, damage

SETTLING = 1  # seconds: what was asked of the origin in its trouble is answered by then, well or not


class Troubles:
    """Which parts are in trouble, so that one can tell what a request may have met."""

    def __init__(self):
        self._changes = Counter()  # of a part: odd while it is in trouble
        self.damaged = set()  # primary keys whose values in Redis have been

    @contextlib.contextmanager
    def of(self, part):
        self._changes[part] += 1
        try:
            yield
        finally:
            self._changes[part] += 1

    def now(self):
        return dict(self._changes)

    def met(self, part, before):
        """Whether that part was in trouble since troubles were as `before`."""
        then = before.get(part, 0)
        return then % 2 == 1 or self._changes[part] != then


class Faults:
    """Three threads' work: each breaks one part and mends it."""

    def __init__(self, origin, redis, nodes, troubles, over):
        self.counts = Counter()
        self._origin, self._redis, self._nodes = origin, redis, nodes
        self._troubles, self._over = troubles, over
        self.threads = [
            (self._now_and_then(2, 6, [self._origin_stalls, self._origin_is_killed]), "the origin's trouble"),
            (
                self._now_and_then(
                    0.3,
                    3,
                    [
                        self._redis_stalls,
                        self._redis_is_killed,
                        self._redis_cuts_off,
                        self._redis_is_full,
                        *[self._values_are_damaged] * 3,
                    ],
                ),
                "the trouble of Redis",
            ),
            (self._now_and_then(2, 8, [self._node_is_killed, self._node_is_restarted, *[self._node_is_reloaded] * 2]), "the nodes' trouble"),
        ]

    def _now_and_then(self, least, most, kinds):
        def step(rng):
            if self._over.wait(rng.uniform(least, most)):
                return
            kind = rng.choice(kinds)
            kind(rng)
            self.counts[kind.__name__.strip("_").replace("_", " ")] += 1

        return step

    def _origin_stalls(self, rng):
        with self._troubles.of("origin"):
            self._origin.pause()
            self._over.wait(rng.uniform(0.1, 5))
            self._origin.resume()
            self._over.wait(SETTLING)

    def _origin_is_killed(self, rng):
        with self._troubles.of("origin"):
            self._origin.kill()
            self._over.wait(rng.uniform(0, 1))
            self._origin.start()
            self._over.wait(SETTLING)

    def _redis_stalls(self, rng):
        with self._troubles.of("redis"):
            self._redis.pause()
            self._over.wait(rng.uniform(0.05, 3))
            self._redis.resume()

    def _redis_is_killed(self, rng):
        """It comes back empty."""
        with self._troubles.of("redis"):
            self._redis.kill()
            self._over.wait(rng.uniform(0, 0.5))
            self._redis.start()

    def _redis_cuts_off(self, rng):
        with self._troubles.of("redis"), Resp(self._redis.port) as redis:
            redis("CLIENT", "KILL", "TYPE", rng.choice(["normal", "pubsub"]))

    def _redis_is_full(self, rng):
        """It refuses to store anything."""
        with self._troubles.of("redis"), Resp(self._redis.port) as redis:
            redis("CONFIG", "SET", "maxmemory", 1)
            self._over.wait(rng.uniform(0.05, 2))
            redis("CONFIG", "SET", "maxmemory", 0)

    def _values_are_damaged(self, rng):
        with Resp(self._redis.port) as redis:
            keys = [key for key in redis.scan("weir:{http*") if redis("TYPE", key) == b"string"]
            for _ in range(min(len(keys), rng.randrange(1, 20))):
                key, others = rng.choice(keys), rng.sample(keys, min(3, len(keys)))
                self._troubles.damaged.update(map(primary_key, [key, *others]))
                with contextlib.suppress(RedisError):  # it has another type meanwhile
                    damage(redis, key, others, rng)

    def _node_is_killed(self, rng):
        node = rng.choice(self._nodes)
        node.kill()
        self._over.wait(rng.uniform(0, 1))
        node.start()

    def _node_is_restarted(self, rng):
        node = rng.choice(self._nodes)
        node.stop()
        node.start()

    def _node_is_reloaded(self, rng):
        """With the same configuration: all that was made of the old one is made anew."""
        rng.choice(self._nodes).process.signal(signal.SIGHUP)


def primary_key(key):
    """Between the braces of a key in Redis."""
    return key.decode("latin-1").partition("{")[2].rpartition("}")[0]


def in_threads(parts, over, rng_of, fail):
    """A thread for each (step, name), that repeats step(rng) until it is over; fail(name, problem) where one raises."""

    def repeat(step, name):
        rng = rng_of(name)
        try:
            while not over.is_set():
                step(rng)
        except BaseException as problem:
            fail(name, problem)

    return [threading.Thread(target=repeat, args=part) for part in parts]
