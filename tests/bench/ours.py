"""What is built here: the limits, the origin, and Weir."""

from pathlib import Path

from servers import PROGRAMS, Process
from world import Weir


class Answer(Process):
    """bench-answer: as the origin, and as the limit of a server."""

    def __init__(self, name, folder, size, cache_control):
        self._counter = Path(folder) / f"{name}.requests"
        super().__init__(name, folder, [PROGRAMS / "bench-answer", size, cache_control, self._counter])

    def await_ready(self):
        self.port = int(self.await_log(r"listening on 127\.0\.0\.1:(\d+)")[1])

    @property
    def requests(self):
        """How many it has answered."""
        return int.from_bytes(self._counter.read_bytes(), "little")


class Relay(Process):
    def __init__(self, folder, origin_port):
        super().__init__("relay", folder, [PROGRAMS / "bench-relay", origin_port])

    def await_ready(self):
        self.port = int(self.await_log(r"listening on 127\.0\.0\.1:(\d+)")[1])


def weir(name, folder, origin_port, **config):
    """With the defaults but for one worker, as the peers have."""
    return Weir(name, folder, f"http://127.0.0.1:{origin_port}", **{"workers": 1} | config)
