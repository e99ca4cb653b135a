"""Nodes that may be killed at any moment, and connections that know what is their fault and what is not."""

import threading

from wire import Connection, Truncated


class Incarnation:
    """A process of a node, from its start to its end."""

    def __init__(self, process):
        self.name, self.port, self.admin_port = process.name, process.port, process.admin_port
        self.alive = True
        self.floors = {}  # of a key: no read from now on is answered with an older version
        self._lock = threading.Lock()

    def raise_floors(self, versions):
        with self._lock:
            for name, version in versions.items():
                self.floors[name] = max(version, self.floors.get(name, 0))


class Node:
    def __init__(self, process):
        self.process = process
        self.now = Incarnation(process)  # None while it is down

    def kill(self):
        self.now.alive = False
        self.now = None
        self.process.kill()

    def stop(self):
        """In order: what it is asked already is answered."""
        self.now.alive = False
        self.now = None
        self.process.stop()

    def start(self):
        self.process.start()
        self.now = Incarnation(self.process)


class TheOrigin:
    """As Connections sees it."""

    name, alive = "the origin", True


class Gone(Exception):
    """What was asked can no longer answer, and may not."""


class Connections:
    """One thread's connections, kept from request to request. Only a node that dies may break one."""

    def __init__(self):
        self._open = {}

    def ask(self, incarnation, port, *request, may_break=lambda problem: False):
        connection = self._open.pop((incarnation, port), None)
        reused = connection is not None
        try:
            connection = connection or Connection(port)
            response = connection.ask(*request)
        except (OSError, Truncated) as problem:
            if reused and is_close_of_idle(problem):
                return self.ask(incarnation, port, *request, may_break=may_break)
            if incarnation.alive and not may_break(problem):
                raise AssertionError(f"{incarnation.name}: {request[:2]}: {problem!r}") from problem
            raise Gone from problem
        if response["Connection"] != "close":
            self._open[incarnation, port] = connection
        return response

    def close(self):
        for connection in self._open.values():
            connection.socket.close()
        self._open.clear()


def is_close_of_idle(problem):
    """The connection ended before a byte of an answer came."""
    return not isinstance(problem, Truncated) or not (problem.partial or problem.response)
