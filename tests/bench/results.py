"""Numbers of one workload: for each lane (a server under one load) the samples of all rounds."""

import statistics
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Metric:
    key: str
    label: str
    digits: int = 1


CPU = Metric("cpu_us", "CPU µs/request", 2)
RATE = Metric("rate", "requests/s", 0)
P50 = Metric("p50_ms", "p50 ms", 2)
P99 = Metric("p99_ms", "p99 ms", 2)
MEMORY = Metric("memory_mib", "memory MiB", 1)
ORIGIN = Metric("origin", "origin requests/request", 3)


@dataclass
class Result:
    workload: str
    title: str
    metrics: list
    limit: str = "limit"  # the lane that others are compared with
    samples: dict = field(default_factory=dict)  # lane: [{metric key: value}, one for each round]

    def add(self, lane, **values):
        self.samples.setdefault(lane, []).append(values)

    def values(self, lane, key):
        return [sample[key] for sample in self.samples.get(lane, ()) if sample.get(key) is not None]

    def median(self, lane, key):
        """None where it was not measured."""
        values = self.values(lane, key)
        return statistics.median(values) if values else None

    def ratio(self, lane, other, key):
        """Of the medians; None where one is missing or there is nothing to divide by."""
        mine, theirs = self.median(lane, key), self.median(other, key)
        return mine / theirs if mine is not None and theirs else None

    def as_json(self):
        return {"title": self.title, "metrics": [metric.key for metric in self.metrics], "samples": self.samples}
