"""A herd: many clients ask at once for one cold key, and the origin takes its time."""

import itertools

import machine
from loads import ask
from results import Metric, Result
from servers import OriginStub

CLIENTS = 200
LATENCY = 200  # ms, of the origin
METRICS = [
    Metric("origin", "origin requests", 0),
    Metric("p50_ms", "p50 ms", 1),
    Metric("p99_ms", "p99 ms", 1),
    Metric("max_ms", "max ms", 1),
    Metric("over_ms", "p99 - origin ms", 1),
]


class Herd:
    name = "herd"
    title = f"{CLIENTS} clients at once, one cold key, an origin that takes {LATENCY} ms"

    def measure(self, bench):
        result = Result(self.name, self.title, METRICS)
        with bench.place(self.name) as place:
            with machine.on(machine.LOAD_CORES):
                stub = place.origin = place.add(OriginStub("stub", place.folder, f"{LATENCY}ms"))
            targets = (f"/items/herd-{number}?cache_control=max-age=60" for number in itertools.count())
            servers = {}

            def start(name, starts):
                with machine.on(machine.SERVER_CORES):
                    servers[name] = place.add(starts(place))
                ask(servers[name].port, 1, 1, next(targets))  # it is awake

            for name, starts in bench.entrants().items():
                bench.tries(self, name, start, name, starts)
            for _ in range(bench.rounds):
                for name in list(servers):
                    if not bench.tries(self, name, self._sample, name, servers[name], stub, next(targets), result):
                        del servers[name]
                        result.samples.pop(name, None)
        return result

    @staticmethod
    def _sample(name, server, stub, target, result):
        outcome = ask(server.port, CLIENTS, CLIENTS, target)
        result.add(
            name,
            origin=stub.stats()["targets"].get(target, 0),
            p50_ms=outcome["p50_us"] / 1000,
            p99_ms=outcome["p99_us"] / 1000,
            max_ms=outcome["max_us"] / 1000,
            over_ms=outcome["p99_us"] / 1000 - LATENCY,
        )
