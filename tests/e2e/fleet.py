"""Several nodes on one Redis, and crowds of clients that ask at the same moment."""

import re
import selectors
import socket
import time
import zlib
from collections import Counter

from wire import LIMIT, Connection, Truncated, request, wait_until


class Fleet:
    """Nodes that share a Redis, each connected to it; or, without one, nodes that know nothing of each other. `redis`: a
    server, or a configuration."""

    def __init__(self, world, origin, redis=None, nodes=3, workers=2, **config):
        if redis is not None:
            own = redis if isinstance(redis, dict) else {"port": redis.port}
            redis = {"lease": "10s"} | own  # longer than a busy machine may take to renew it
        self.nodes = [world.weir(origin, redis, workers=workers, **config) for _ in range(nodes)]
        if redis is not None:
            for node in self.nodes:
                node.await_redis(workers)

    def __getitem__(self, index):
        return self.nodes[index]

    def __iter__(self):
        return iter(self.nodes)

    def fill(self, target, fields=()):
        """The response, once each node has it in memory."""
        first = self.nodes[0].get(target, fields)
        assert first.status == 200, first
        for node in self.nodes:
            wait_until(lambda node=node: is_hit(node, target), f"{node.name} has {target}")
        return first

    def await_stale(self, target):
        """Until no node has a fresh response; nothing is asked of the origin for it."""
        for node in self.nodes:
            wait_until(lambda node=node: not is_hit(node, target), f"{target} is stale on {node.name}")

    def crowd(self, clients, target, fields=()):
        """So many clients, spread evenly over the nodes, connected and about to ask."""
        ports = [self.nodes[number % len(self.nodes)].port for number in range(clients)]
        return Crowd(ports, request("GET", target, fields))


def is_hit(node, target):
    return node.get(target, {"Cache-Control": "only-if-cached"}).status == 200


class _Arrived(Connection):
    """A message that has come already, in whole or in part."""

    def __init__(self, data):
        self._buffer = bytearray(data)

    def _more(self):
        return False


class Client:
    """One of a crowd. Its answer is a Response; or it has a `problem`."""

    def __init__(self, port):
        self.port = port
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
        self.socket.setblocking(False)
        self.sent = self.first_byte = self.done = None  # when, by time.monotonic()
        self.response = self.problem = None
        self.data = bytearray()
        self._size = None  # of the whole message, where its head says so

    def send(self, data):
        self.sent = time.monotonic()
        assert self.socket.send(data) == len(data), "a request fits the socket's buffer"

    def read(self):
        """What has come; afterwards it is done, or not yet."""
        try:
            data = self.socket.recv(1 << 18)
        except OSError as error:
            return self._end(str(error))
        if self.first_byte is None and data:
            self.first_byte = time.monotonic()
        self.data += data
        if not data or self._looks_whole():
            try:
                self.response = _Arrived(self.data).response()
                self._end(None)
            except Truncated as truncated:
                if not data:
                    self._end(f"truncated: {truncated}")

    def _looks_whole(self):
        """Cheap, as it is asked for every piece that comes."""
        if self._size is None:
            end = self.data.find(b"\r\n\r\n")
            if end < 0:
                return False
            length = re.search(rb"\r\nContent-Length: (\d+)\r\n", self.data[: end + 2], re.IGNORECASE)
            self._size = end + 4 + int(length[1]) if length else 0
        return len(self.data) >= self._size if self._size else self.data.endswith(b"\r\n0\r\n\r\n")

    def _end(self, problem):
        self.problem = problem
        self.done = time.monotonic()
        self.socket.close()


class Crowd:
    """Clients that send the same request at the same moment, each on a connection that was made before."""

    def __init__(self, ports, data):
        self._data = data
        self._selector = selectors.DefaultSelector()
        self.clients = []
        for port in ports:
            client = Client(port)
            self.clients.append(client)
            self._selector.register(client.socket, selectors.EVENT_READ, client)

    def send(self):
        for client in self.clients:
            client.send(self._data)
        return self

    def until(self, condition, what, seconds=LIMIT):
        """Lets answers come until condition(): a function of no argument."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}; {self.summary()}"
            for key, _ in self._selector.select(timeout=0.005):
                key.data.read()
                if key.data.done is not None:
                    self._selector.unregister(key.fileobj)
        return self

    def finish(self, seconds=LIMIT):
        """Until each has its answer, or will never have it."""
        return self.until(lambda: all(client.done is not None for client in self.clients), "all are answered", seconds)

    @property
    def responses(self):
        return [client.response for client in self.clients if client.response]

    @property
    def problems(self):
        return [client.problem for client in self.clients if client.problem]

    def summary(self):
        """Counts of all that answers differ in."""
        seen = Counter(
            (response.status, response["X-Cache"], response["Cache-Status"], zlib.crc32(response.body))
            for response in self.responses
        )
        waiting = sum(client.done is None for client in self.clients)
        return {"waiting": waiting, "problems": Counter(self.problems), "answers": seen}

    def assert_all_have(self, body):
        """The whole of it, with a 200."""
        assert not self.problems and all(
            response.status == 200 and response.body == body for response in self.responses
        ), self.summary()
        assert len(self.responses) == len(self.clients)

    def count(self, cache):
        """How many have that X-Cache."""
        return sum(response.cache == cache for response in self.responses)
