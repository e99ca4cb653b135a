"""What Weir is to reach: ratios of medians from one run."""

from dataclasses import dataclass

import machine


@dataclass(frozen=True)
class Goal:
    """`at_most` or `at_least`. `other`: the lane it is divided by; None: the value itself."""

    workload: str
    what: str
    key: str
    lane: str
    other: str | None
    at_most: float | None = None
    at_least: float | None = None

    def value(self, result):
        if self.other is None:
            return result.median(self.lane, self.key)
        return result.ratio(self.lane, self.other, self.key)

    def is_met(self, value):
        return value <= self.at_most if self.at_most is not None else value >= self.at_least

    @property
    def bound(self):
        return f"<= {self.at_most:g}" if self.at_most is not None else f">= {self.at_least:g}"


GOALS = (
    Goal("hit-1k", "CPU per request / limit", "cpu_us", "weir", "limit", at_most=1.20),
    Goal("zipf-1k", "CPU per request / limit", "cpu_us", "weir", "limit", at_most=1.20),
    Goal("hit-16k", "CPU per request / limit", "cpu_us", "weir", "limit", at_most=1.15),
    Goal("hit-256k", "CPU per request / limit", "cpu_us", "weir", "limit", at_most=1.10),
    Goal("access-log", "CPU per request / without", "cpu_us", "weir, access log", "weir", at_most=1.25),
    Goal("pipelined", "requests/s / one by one", "rate", "weir", "weir, one by one", at_least=4),
    Goal("redis", "CPU per request / memory hit", "cpu_us", "weir, Redis only", "weir", at_most=2),
    Goal("miss-1k", "CPU per request / relay", "cpu_us", "weir", "relay", at_most=1.25),
    Goal("herd", "origin requests", "origin", "weir", None, at_most=1),
    Goal("herd", "p99 over the origin's latency, ms", "over_ms", "weir", None, at_most=15),
    Goal("memory", "bytes per object over payload", "over_payload", "weir", None, at_most=250),
    # where the load leaves them no core of their own, requests/s says nothing: 2 / 1.8
    Goal("workers", "requests/s / one worker", "rate", "weir, 2 workers", "weir, 1 worker", at_least=1.8)
    if machine.HAS_SPARE_CORES
    else Goal("workers", "CPU per request / one worker", "cpu_us", "weir, 2 workers", "weir, 1 worker", at_most=1.11),
    # recv, send, and a share of epoll_wait
    Goal("syscalls", "per hit", "total", "weir", None, at_most=2.2),
)


def judged(results):
    """(goal, value) of each that was measured."""
    by_name = {result.workload: result for result in results}
    for goal in GOALS:
        if (result := by_name.get(goal.workload)) and (value := goal.value(result)) is not None:
            yield goal, value
