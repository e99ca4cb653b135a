"""What is asked of a server: by wrk for so many seconds, or by bench-ask so many times."""

import itertools
import json
from dataclasses import dataclass
from pathlib import Path

import machine
from servers import PROGRAMS, run

LUA = Path(__file__).resolve().parent / "load.lua"
fresh_keys = itertools.count(0, 100_000_000)  # where the next load of keys that nobody asked for begins


@dataclass(frozen=True)
class Load:
    """By wrk. `kind` and its arguments: see load.lua."""

    kind: str = "one"
    argument: int | None = None
    connections: int = 64
    threads: int = 1
    cores: tuple = machine.LOAD_CORES

    def put_upon(self, port, seconds, wrapper=()):
        """{"requests", "seconds", "errors", "p50_us", "p99_us"}; `wrapper`: a command that runs another one."""
        argument = next(fresh_keys) if self.kind == "each" else self.argument
        command = ["wrk", f"-t{self.threads}", f"-c{self.connections}", f"-d{seconds}s", "--timeout", "5s", "-s", LUA]
        command += [f"http://127.0.0.1:{port}/k/0", "--", self.kind, *([] if argument is None else [argument])]
        with machine.on(self.cores):
            done = run(*wrapper, *command, seconds=seconds + 30)
        assert done.returncode == 0, f"wrk failed: {done.stdout}{done.stderr}"
        outcome = json.loads(done.stdout.rstrip().rpartition("\n")[2])
        assert outcome["requests"] > 0, f"nothing was answered: {done.stdout}"
        return outcome


def ask(port, clients, requests, target="/k/%", wrapper=()):
    """By bench-ask: {"requests", "failed", "p50_us", "p99_us", "max_us"}; `wrapper`: a command that runs another one."""
    with machine.on(machine.LOAD_CORES):
        done = run(*wrapper, PROGRAMS / "bench-ask", port, clients, requests, target, seconds=120)
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["failed"] == 0, f"not answered with 200: {outcome}"
    return outcome
