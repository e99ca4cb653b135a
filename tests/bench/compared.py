"""Servers under the same load by wrk, in turns: A B C A B C. What counts is the processor time a request takes."""

import os
from collections.abc import Callable
from dataclasses import dataclass

import machine
from loads import Load, ask
from results import CPU, MEMORY, ORIGIN, P50, P99, RATE, Result


@dataclass
class Lane:
    name: str
    start: Callable  # with the Place; the server
    load: Load
    cores: tuple = machine.SERVER_CORES
    fills: str = ""  # a file in the place's folder, emptied after each round
    server: object = None


@dataclass
class Compared:
    """`keys`: how many are in the cache before; 0: nothing is. `origin`: size and Cache-Control of its answers."""

    name: str
    title: str
    origin: tuple
    keys: int
    lanes: Callable  # with the names of the peers; a list of Lane
    limit: str = "limit"

    def measure(self, bench):
        result = Result(self.name, self.title, [CPU, RATE, P50, P99, MEMORY, ORIGIN], self.limit)
        with bench.place(self.name, *self.origin) as place:
            lanes = self.lanes(bench.peers)
            lanes = [lane for lane in lanes if bench.tries(self, lane.name, self._prepare, lane, place)]
            for _ in range(bench.rounds):
                for lane in list(lanes):
                    if not bench.tries(self, lane.name, self._sample, lane, place, bench.seconds, result):
                        lanes.remove(lane)
                        result.samples.pop(lane.name, None)
        return result

    def _prepare(self, lane, place):
        with machine.on(lane.cores):
            lane.server = place.add(lane.start(place))
        for _ in range(2 if self.keys else 0):  # some keep in memory what was asked for twice
            ask(lane.server.port, min(32, self.keys), self.keys)
        ask(lane.server.port, 64, 2000, "/k/0")  # its threads and connections are there

    def _sample(self, lane, place, seconds, result):
        origin_before, cpu_before = place.origin.requests, machine.cpu_seconds(lane.server.pid)
        outcome = lane.load.put_upon(lane.server.port, seconds)
        cpu = machine.cpu_seconds(lane.server.pid) - cpu_before
        assert outcome["errors"] == 0, f"{outcome['errors']} errors"
        requests = outcome["requests"]
        forwarded = (place.origin.requests - origin_before) / requests
        if lane.name != self.limit:
            as_meant = forwarded < 0.05 if self.keys else forwarded > 0.9
            assert as_meant, f"{forwarded:.3f} of the requests reached the origin"
        result.add(
            lane.name,
            cpu_us=cpu / requests * 1e6,
            rate=requests / outcome["seconds"],
            p50_ms=outcome["p50_us"] / 1000,
            p99_ms=outcome["p99_us"] / 1000,
            memory_mib=machine.memory(lane.server.pid) / 2**20,
            origin=forwarded,
        )
        if lane.fills:
            os.truncate(place.folder / lane.fills, 0)
