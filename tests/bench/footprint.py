"""What a cached object takes of memory beyond its content: the growth of the process tree, divided by the objects."""

import machine
from loads import ask
from results import Metric, Result

SIZE = 1024
METRICS = [
    Metric("over_payload", "bytes/object over payload", 0),
    Metric("in_files", "bytes/object in files", 0),
]


class Footprint:
    name = "memory"

    def __init__(self, objects):
        self.objects = objects
        self.title = f"memory of {objects} objects of 1 KiB"

    def measure(self, bench):
        result = Result(self.name, self.title, METRICS)
        for name, starts in bench.entrants().items():  # one at a time: together they would need much
            bench.tries(self, name, self._sample, bench, name, starts, result)
        return result

    def _sample(self, bench, name, starts, result):
        with bench.place(self.name, SIZE, "max-age=3600") as place:
            with machine.on(machine.SERVER_CORES):
                server = place.add(starts(place))
            ask(server.port, 64, 1000, "/before/%")  # buffers and threads are there
            before = machine.memory(server.pid)
            for _ in range(3):  # some keep in memory only what was asked for again
                asked = place.origin.requests
                ask(server.port, 64, self.objects)
            assert place.origin.requests - asked < self.objects / 100, "it did not keep them all"
            grown = machine.memory(server.pid) - before
            files = getattr(server, "files", None)
            result.add(
                name,
                over_payload=grown / self.objects - (0 if files else SIZE),
                in_files=_size_of(files) / self.objects if files else None,
            )


def _size_of(folder):
    return sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if file.is_file())
