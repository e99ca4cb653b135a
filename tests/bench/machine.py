"""The processors, and what a tree of processes takes of them and of memory."""

import contextlib
import os
import platform
import re
from pathlib import Path

CORES = tuple(sorted(os.sched_getaffinity(0)))
SERVER_CORES = CORES[:1]
LOAD_CORES = CORES[1:] or CORES  # also of the origin and of Redis
HAS_SPARE_CORES = len(CORES) >= 4  # for two workers and their load
TICKS = os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def on(cores):
    """What is started in this block runs on these cores alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def tree(pid):
    """Its id and those of all its descendants."""
    pids = [pid]
    for parent in pids:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                pids += [int(child) for child in (task / "children").read_text().split()]
    return pids


def cpu_seconds(pid):
    """User and system time of the whole tree, including children that have ended and were waited for."""
    ticks = 0
    for member in tree(pid):
        with contextlib.suppress(OSError):
            behind_name = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(int(value) for value in behind_name[11:15])  # utime, stime, cutime, cstime
    return ticks / TICKS


def memory(pid):
    """Bytes resident in the whole tree; what several of them map is shared out among them."""
    total = 0
    for member in tree(pid):
        with contextlib.suppress(OSError):
            total += _resident(member)
    return total


def _resident(pid):
    try:
        text, field = Path(f"/proc/{pid}/smaps_rollup").read_text(), "Pss"
    except PermissionError:
        text, field = Path(f"/proc/{pid}/status").read_text(), "VmRSS"
    found = re.search(rf"^{field}:\s+(\d+) kB$", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0  # a process that is ending has no memory


def description():
    cpu = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {
        "cpu": cpu[1] if cpu else platform.machine(),
        "cores": len(CORES),
        "server_cores": SERVER_CORES,
        "load_cores": LOAD_CORES,
        "kernel": platform.release(),
        "load_average": os.getloadavg()[0],
    }
