"""System calls per hit, by name, counted by perf (or else strace) while the server is busy: the load is bench-ask, which
costs less than wrk, so that there always is a request to read."""

import re
import shutil
import signal
import subprocess
from collections import Counter

import machine
from loads import ask
from results import Metric, Result
from servers import ENVIRONMENT, run

NAMES = (
    "epoll_wait", "epoll_ctl", "poll", "recvfrom", "recvmsg", "read", "readv", "sendto", "sendmsg", "write", "writev",
    "sendfile64", "pread64", "openat", "close", "futex", "timerfd_settime",
)  # fmt: skip
CLIENTS = 64


class Syscalls:
    name = "syscalls"
    title = f"system calls per hit of 1 KiB, {CLIENTS} connections"

    def measure(self, bench):
        result = Result(self.name, self.title, [])
        count = count_by_perf if perf_works() else count_by_strace
        with bench.place(self.name, 1024, "max-age=3600") as place:
            for name, starts in bench.entrants(with_limit=True).items():
                bench.tries(self, name, self._sample, place, name, starts, count, bench.seconds, result)
        calls = {call for samples in result.samples.values() for call in samples[0]} - {"total"}
        result.metrics = [Metric(call, call, 2) for call in ["total", *sorted(calls)]]
        return result

    @staticmethod
    def _sample(place, name, starts, count, seconds, result):
        with machine.on(machine.SERVER_CORES):
            server = place.add(starts(place))
        ask(server.port, 1, 3, "/k/0")
        requests = seconds * 50_000
        calls = count(machine.tree(server.pid), server.port, requests, place.folder)
        per_request = {call: number / requests for call, number in calls.items()}
        often = {call: value for call, value in per_request.items() if value >= 0.005}
        result.add(name, total=sum(per_request.values()), **often)


def perf_works():
    if not shutil.which("perf"):
        return False
    tried = run("perf", "stat", "-e", "raw_syscalls:sys_enter,syscalls:sys_enter_read", "true")
    return tried.returncode == 0 and "not supported" not in tried.stderr


def count_by_perf(pids, port, requests, folder):
    """How often each call."""
    counts = folder / "perf.csv"
    events = ["raw_syscalls:sys_enter", *(f"syscalls:sys_enter_{name}" for name in NAMES)]
    perf = ["perf", "stat", "-x,", "-o", counts, "-e", ",".join(events), "-p", ",".join(map(str, pids))]
    ask(port, CLIENTS, requests, "/k/0", perf)
    calls = Counter()
    for line in counts.read_text().splitlines():
        if found := re.match(r"(\d+),[^,]*,\w+:sys_enter_?(\w*),", line):
            calls[found[2] or "other"] += int(found[1])
    calls["other"] -= sum(number for call, number in calls.items() if call != "other")
    return calls


def count_by_strace(pids, port, requests, folder):
    """The same, but the server is slower by it, and its kernel batches more."""
    counts = folder / "strace.txt"
    command = ["strace", "-c", "-f", "-o", counts, *(argument for pid in pids for argument in ("-p", str(pid)))]
    strace = subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    try:
        for _ in pids:
            assert "attached" in strace.stderr.readline(), "strace cannot attach"
        ask(port, CLIENTS, requests, "/k/0")
    finally:
        strace.send_signal(signal.SIGINT)
        strace.communicate(timeout=10)
    rows = re.findall(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$", counts.read_text(), re.MULTILINE)
    calls = Counter({name: int(number) for number, name in rows if name != "total"})
    return calls
