"""deploy/demo as a newcomer runs it."""

import re
import signal
import subprocess
import sys

import pytest
from processes import TOP, get, wait_until

pytestmark = pytest.mark.timeout(2700)


def start(log, *arguments):
    command = [TOP / "deploy/demo", *arguments]
    return subprocess.Popen(
        command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True
    )


def left_over(demo):
    """Processes of the demo that go on without it: not those that have ended and wait for init to notice."""
    listed = subprocess.run(["ps", "-o", "pid=,stat=,args=", "--sid", str(demo.pid)], capture_output=True, text=True)
    return [line for line in listed.stdout.splitlines() if not line.split()[1].startswith("Z")]


@pytest.fixture(scope="module", autouse=True)
def built():
    """The build takes longest; later demos find nothing to do."""
    programs = ["weir", "weir-origin-stub", "weir-loadgen"]
    subprocess.run(["cmake", "-S", TOP, "--preset", "release"], check=True, cwd=TOP, stdout=sys.stderr)
    subprocess.run(["cmake", "--build", TOP / "build/release", "--target", *programs], check=True, stdout=sys.stderr)


def test_two_at_the_same_time_show_a_miss_a_hit_and_the_load_test(tmp_path):
    logs = [tmp_path / "first.log", tmp_path / "second.log"]
    demos = [start(log.open("w"), "--once") for log in logs]
    for demo, log in zip(demos, logs):
        status, text = demo.wait(300), log.read_text()
        assert status == 0, text[-3000:]
        assert re.search(r"First request: 0\.2\d* s, X-Cache: MISS, .*value_for_foo", text), text
        assert re.search(r"Second request: 0\.0\d* s, X-Cache: HIT, .*value_for_foo", text), text
        for line in [r"Cache hits:? +39\b", r"Cache misses:? +11\b", r"Errors:? +0\b", r"78\.00 ?%"]:
            assert re.search(line, text), f"{line} in {text}"
        assert left_over(demo) == []


def test_goes_on_until_interrupted_and_cleans_up(tmp_path):
    log = tmp_path / "demo.log"
    demo = start(log.open("w"))
    try:
        wait_until(lambda: "Ctrl-C ends it" in log.read_text() or demo.poll() is not None, 120, "the demo is up")
        text = log.read_text()
        assert demo.poll() is None, text
        base = re.search(r"curl (http://127\.0\.0\.1:\d+)/health", text).group(1)
        assert get(base + "/health")[0] == 200
        assert "cache_hits_total" in get(base + "/metrics")[2]
    finally:
        demo.send_signal(signal.SIGINT)
        status = demo.wait(30)
    assert (status, left_over(demo)) == (0, [])
    assert get(base + "/health")[0] == 0


def test_a_taken_port_is_named(tmp_path):
    log = tmp_path / "demo.log"
    with subprocess.Popen(
        [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "0"], stderr=subprocess.DEVNULL, text=True,
        stdout=subprocess.PIPE, env={"PYTHONUNBUFFERED": "1"},
    ) as server:  # fmt: skip
        port = re.search(r"port (\d+)", server.stdout.readline()).group(1)
        demo = start(log.open("w"), "--port", port)
        status = demo.wait(120)
        server.terminate()
    assert status == 1 and f"port {port} is taken" in log.read_text()
    assert left_over(demo) == []
