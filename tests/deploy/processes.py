"""Real processes on free ports, stopped by their id."""

import contextlib
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, seconds, what):
    """The first true result of condition(); fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.1)


def get(url, seconds=10, host=None):
    """(status, header, body as text); status 0 where nobody answers. `host` is sent as Host."""
    request = urllib.request.Request(url, headers={"Host": host} if host else {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=seconds) as response:
            return response.status, response.headers, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()
    except OSError:
        return 0, {}, ""


@contextlib.contextmanager
def running(folder, name, command, ready=None, env=None, stop_within=15):
    """Runs command until the block ends; ready() must become true first. Its output is in folder/name.log."""
    log = Path(folder) / f"{name}.log"
    with open(log, "wb") as output:
        process = subprocess.Popen([str(part) for part in command], stdout=output, stderr=output, env=env)

    def is_ready():
        assert process.poll() is None, f"{name} ended: {log.read_text()[-2000:]}"
        return ready()

    try:
        if ready is not None:
            wait_until(is_ready, 30, f"{name} is ready")
        yield process
    finally:
        process.terminate()
        try:
            process.wait(stop_within)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
