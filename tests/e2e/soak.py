"""Mixed traffic over a fleet while parts of it fail, and at the end nothing may be left over of it.

What is done follows from the seed; when, from the machine."""

import contextlib
import os
import random
import statistics
import threading
from collections import Counter
from pathlib import Path

from killable import Node
from resp import Resp
from servers import is_sanitized
from soak_clients import Client
from soak_faults import Faults, Troubles, in_threads
from soak_targets import CONTENTS
from wire import Connection, wait_until
from world import SANITIZER_REPORT

MIB = 1024 * 1024
BUDGET = 16 * MIB

LIMITS = {
    "header_deadline": "1s",
    "body_deadline": "1s",
    "write_deadline": "6s",
    "keep_alive_timeout": "2s",
}

# What a node may hold though nobody asks anything of it; every other gauge is then zero.
KEPT = (
    "process_",
    "weir_buffer_budget_bytes",
    "weir_build_info",
    "weir_config_",
    "weir_memory_",
    "weir_hit_for_miss_marks",
    "weir_purge_entries",
    "weir_purge_log_",
    "weir_redis_breaker_state",
    "weir_redis_connected",
)


class Soak:
    def __init__(self, world, seed, nodes=3, clients=8, progress=lambda text: None):
        self.seed, self.counts, self._progress = seed, Counter(), progress
        self.origin, self.redis = world.origin("1ms"), world.redis()
        deadlines = {"connect_deadline": "6s", "first_byte_deadline": "6s", "between_bytes_deadline": "6s"}
        upstream = {"servers": [self.origin.url], **deadlines, "idle_timeout": "1s"}
        redis = {"port": self.redis.port, "reconnect_min": "10ms", "reconnect_max": "100ms", "lease": "500ms"}
        # A busy machine is no trouble of Redis: what came from there would be cut.
        redis |= {"command_budget": "1s", "breaker": {"slow": "900ms", "min_open": "100ms", "max_open": "500ms"}}
        config = {"memory": {"budget": BUDGET, "max_object_size": "4MiB"}, "limits": LIMITS}
        config |= {"ttl": "30s", "collapse": {"max_bytes": "32MiB"}, "purge": {"allow": ["127.0.0.0/8"]}}
        processes = [world.weir(upstream, redis, **config) for _ in range(nodes)]
        self.nodes = [Node(process) for process in processes]
        self._over = threading.Event()
        self._problem = None
        self._resident = []  # bytes of the node that is never restarted, second by second
        self._troubles = Troubles()
        self._faults = Faults(self.origin, self.redis, self.nodes[1:], self._troubles, self._over)
        self._expected = self._contents()
        self._clients = [Client(self.nodes, self._expected, self._troubles, self.counts) for _ in range(clients)]

    def _contents(self):
        """What the origin has, by name."""
        with Connection(self.origin.port) as connection:
            return {name: connection.ask("GET", f"/items/{name}?size={size}").body for name, size in CONTENTS.items()}

    def run(self, seconds):
        for node in self.nodes:
            assert node.process.get("/items/small-0?size=1000").status == 200
        idle = {node: self._await_quiet(node, None) for node in self.nodes}
        parts = [(client.do_something, f"client {number}") for number, client in enumerate(self._clients)]
        parts += [*self._faults.threads, (self._observe, "observer")]
        threads = in_threads(parts, self._over, lambda name: random.Random(f"{self.seed}/{name}"), self._fail)
        for thread in threads:
            thread.start()
        self._over.wait(seconds)
        self._over.set()
        for thread in threads:
            thread.join()
        for client in self._clients:
            client.close()
        self.counts.update(self._faults.counts)
        if self._problem:
            raise self._problem
        self.descriptors = [(idle[node], self._await_quiet(node, idle[node])) for node in self.nodes]
        self._check_the_end(seconds)

    def _fail(self, name, problem):
        if not self._problem:
            self._problem = AssertionError(f"seed {self.seed}, {name}: {problem}; of Redis: {self._redis_seen()}")
            self._problem.__cause__ = problem
        self._over.set()

    def _redis_seen(self):
        """What may explain a body that was cut, by node."""
        named = ['weir_redis_commands_total{outcome="timeout"}', "weir_redis_lost_content_total"]
        named += ["weir_redis_bad_records_total", "weir_redis_reconnects_total"]
        running = [node.process for node in self.nodes if node.now]
        with contextlib.suppress(OSError):
            return {process.name: [process.metrics().get(name) for name in named] for process in running}

    def _observe(self, rng):
        """The metrics as an operator sees them, each second."""
        metrics = self.nodes[0].process.metrics()
        assert metrics["weir_memory_bytes"] <= BUDGET, metrics["weir_memory_bytes"]
        self._resident.append(self.nodes[0].process.memory())
        if len(self._resident) % 10 == 0:
            held = ", ".join(f"{name} {value:.0f}" for name, value in left_over(self.nodes[0].process).items())
            self._progress(f"{len(self._resident)} s: {self._resident[-1] / MIB:.1f} MiB; {held}")
        self._over.wait(1)

    def _await_quiet(self, node, descriptors):
        """Until nothing is under way, and no more descriptors are open than that; how many there are."""
        process, seen = node.process, {}

        def is_quiet():
            seen.update(metrics=process.metrics(), left=left_over(process))
            seen["open"] = seen["metrics"]["process_open_fds"]
            connected = seen["metrics"]["weir_redis_connected"] == 2 and seen["metrics"]["weir_purge_log_connected"]
            return connected and not seen["left"] and seen["open"] <= (descriptors or seen["open"])

        try:
            wait_until(is_quiet, f"{process.name} is quiet", 30)
        except AssertionError as problem:
            files = sorted(os.readlink(file) for file in Path(f"/proc/{process.pid}/fd").iterdir())
            shown = f"{seen['left']}, {seen['open']} descriptors instead of {descriptors}: {files}"
            raise AssertionError(f"seed {self.seed}: {process.name}: {shown}") from problem
        return seen["open"]

    def _check_the_end(self, seconds):
        where = f"seed {self.seed}"
        wait_until(lambda: self.origin.stats()["open_requests"] == 0, f"{where}: the origin is released")
        with Resp(self.redis.port) as redis:
            wait_until(lambda: not redis.scan("*:lease"), f"{where}: no lease is held")
            keys = [key for key in redis.scan() if b":{log}:" not in key]
            assert all(redis("PTTL", key) != -1 for key in keys), f"{where}: each key goes by itself"
        for node in self.nodes:
            assert node.process.is_running(), f"{where}: {node.process.log_tail()}"
            text = node.process.log_file.read_text(errors="replace")  # that of all its lives
            assert not SANITIZER_REPORT.search(text) and "ended by an exception" not in text, where
            for name in CONTENTS:
                assert node.process.get(f"/items/{name}?size={CONTENTS[name]}").body == self._expected[name], where
        tenth = max(1, len(self._resident) // 10)
        warm, end = self._resident[3 * tenth : 4 * tenth], self._resident[-tenth:]
        self.warm, self.end = (statistics.median(some) if some else 0 for some in (warm, end))
        if seconds >= 60 and not is_sanitized("weir"):
            assert self.end <= 1.3 * self.warm + 16 * MIB, f"{where}: {self.warm / MIB} MiB, {self.end / MIB} at the end"


def left_over(process):
    """The gauges that are not zero and should be, where nothing is under way: {sample: value}."""
    gauges = set()
    for line in process.admin("/metrics").body.decode().splitlines():
        if line.startswith("# TYPE ") and line.endswith(" gauge"):
            gauges.add(line.split()[2])
    return {
        sample: value
        for sample, value in process.metrics().items()
        if value and sample.partition("{")[0] in gauges and not sample.startswith(KEPT)
    }
