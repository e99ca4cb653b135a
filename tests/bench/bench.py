"""One run: who takes part, how long, and where what is started lives and ends."""

import contextlib
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import machine
from ours import Answer
from workloads import entrants, limit

ROOM = 3 << 30  # bytes that caches in files and logs may take
IN_MEMORY = Path("/dev/shm")


class Place:
    """A folder, in memory where there is room, and the processes of one workload. They end with it, last first."""

    def __init__(self, name, size=None, cache_control=None):
        self._name, self.size, self._cache_control = name, size, cache_control
        self._stack = contextlib.ExitStack()
        self.origin = None

    def __enter__(self):
        roomy = IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free >= ROOM
        where = tempfile.TemporaryDirectory(prefix=f"weir-bench-{self._name}-", dir=IN_MEMORY if roomy else None)
        with self._stack:
            self.folder = Path(self._stack.enter_context(where))
            if self.size is not None:
                with machine.on(machine.LOAD_CORES):
                    self.origin = self.add(Answer("origin", self.folder, self.size, self._cache_control))
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *error):
        return self._stack.__exit__(*error)

    def add(self, process):
        self._stack.callback(self._end, process)
        return process

    @staticmethod
    def _end(process):
        try:
            process.stop()
        except AssertionError as error:  # it did not stop, and was killed; the others still must
            print(error, file=sys.stderr)


@dataclass
class Bench:
    peers: list
    rounds: int
    seconds: int
    say: object
    left_out: list = field(default_factory=list)  # (workload, lane, why)

    @staticmethod
    def place(name, *origin):
        return Place(name, *origin)

    def entrants(self, with_limit=False):
        """{name: how to start it in a Place}"""
        return ({"limit": limit} if with_limit else {}) | entrants(self.peers)

    def tries(self, workload, lane, action, *arguments):
        """Whether it went well. Else the lane is left out, and why is noted."""
        try:
            action(*arguments)
            return True
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            why = str(error).strip() or type(error).__name__
            self.left_out.append((workload.name, lane, why))
            self.say(f"{workload.name}: {lane} is left out: {why[-600:]}")
            return False
