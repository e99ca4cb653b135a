"""What the figures rest on: sums over process trees, medians and ratios; and that nothing is left running."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from servers import PROGRAMS
from wire import wait_until

HERE = Path(__file__).resolve().parent
sys.path.insert(1, str(HERE))

import goals  # noqa: E402
import machine  # noqa: E402
import report  # noqa: E402
from results import Metric, Result  # noqa: E402

BURN = "import time\nwhile time.process_time() < 0.3: pass"


def result_of(**lanes):
    result = Result("hit-1k", "a title", [Metric("cpu_us", "CPU", 1)])
    for lane, values in lanes.items():
        for value in values:
            result.add(lane, cpu_us=value)
    return result


def test_medians_and_ratios():
    result = result_of(limit=[8, 9, 100], weir=[12, 9, 10], nginx=[20, 18, 19])
    assert result.median("limit", "cpu_us") == 9
    assert result.ratio("weir", "limit", "cpu_us") == pytest.approx(10 / 9)
    row = next(line for line in report.table_of(result).splitlines() if line.startswith("weir"))
    assert row.split() == ["weir", "10.0", "9.0", "-", "12.0", "1.11", "0.53"]


def test_a_lane_without_values_has_no_ratio():
    result = result_of(weir=[10])
    assert result.ratio("weir", "nginx", "cpu_us") is None
    assert "weir" in report.table_of(result)
    assert list(goals.judged([result])) == []


def test_a_goal_is_met_or_missed():
    for weir, met in ((11, True), (13, False)):
        [(goal, value)] = goals.judged([result_of(limit=[10], weir=[weir])])
        assert value == weir / 10 and goal.is_met(value) is met


@pytest.mark.parametrize("ended", [False, True])
def test_processor_time_is_that_of_the_whole_tree(ended):
    """Of a child that runs, and of one that has ended."""
    child = f"{sys.executable} -c '{BURN}{'' if ended else chr(10) + 'input()'}'"
    shell = subprocess.Popen(["sh", "-c", f"{child}; echo done; read _"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        if ended:
            assert shell.stdout.readline() == b"done\n"
        wait_until(lambda: machine.cpu_seconds(shell.pid) >= 0.28, "the child's time is counted")
        assert (len(machine.tree(shell.pid)) > 1) is not ended
    finally:
        shell.communicate(b"\n\n")


def processes_with(mark, name=b""):
    """Names of those that have it in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            if mark.encode() in (process / "environ").read_bytes():
                found.append((process / "comm").read_bytes())
    return [one for one in found if name in one]


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_run_ends_and_leaves_nothing(tmp_path, interrupted):
    mark = f"mark-{os.getpid()}-{interrupted}"
    file = tmp_path / "numbers.json"
    command = [HERE / "run", "--peers", "none", "--only", "hit-1k", "--rounds", "2", "--seconds", "1", "--json", file]
    if interrupted:
        command[command.index("--rounds") + 1] = "1000"
    environment = os.environ | {"WEIR_BIN": str(PROGRAMS), "BENCH_MARK": mark}
    run = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        if interrupted:
            wait_until(lambda: processes_with(mark, b"wrk\n"), "the load has begun")
            run.send_signal(signal.SIGINT)
        said, _ = run.communicate(timeout=60)
    finally:
        run.send_signal(signal.SIGINT)  # does nothing where it has ended; else it stops what it started
        run.wait(30)
    assert run.returncode == (130 if interrupted else 0), said
    assert processes_with(mark) == []
    if not interrupted:
        samples = json.loads(file.read_text())["results"]["hit-1k"]["samples"]
        assert [len(samples[lane]) for lane in ("limit", "weir")] == [2, 2]
        assert all(sample["origin"] == 0 for sample in samples["weir"]), "not all of them were hits"
