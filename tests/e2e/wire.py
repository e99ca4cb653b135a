"""HTTP/1 as bytes on a connection: what a test sends is exactly what goes out, what it gets is exactly what came."""

import json
import re
import socket
import struct
import time
from dataclasses import dataclass, field

LIMIT = 20  # seconds nothing here waits longer than

HOST = "weir.test"  # the Host of requests that do not choose their own: cache keys are the same on every node


class Truncated(Exception):
    """The connection ended, or was reset, before the message did. `partial` has what came of it, `response` its head
    where that is whole."""

    def __init__(self, what, partial=None, response=None):
        super().__init__(what)
        self.partial = partial
        self.response = response


def wait_until(condition, what, seconds=LIMIT):
    """The first true result of condition()."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.005)


@dataclass
class Response:
    version: str
    status: int
    reason: str
    fields: list  # (name, value), in order
    body: bytes = b""
    interim: list = field(default_factory=list)  # the 1xx responses before it
    trailers: list = field(default_factory=list)  # (name, value)

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def __getitem__(self, name):
        """All lines of that field as one value; None where there is none."""
        values = self.all(name)
        return ", ".join(values) if values else None

    def json(self):
        return json.loads(self.body)

    @property
    def cache(self):
        return self["X-Cache"]

    @property
    def remaining(self):
        """ttl of Cache-Status."""
        return int(re.search(r"; ttl=(-?\d+)", self["Cache-Status"])[1])


def request(method, target, fields=(), body=None, host=HOST, version="1.1"):
    """A request's bytes; Content-Length is added where there is a body."""
    lines = [f"{method} {target} HTTP/{version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += [f"{name}: {value}" for name, value in dict(fields).items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b"")


def chunked(*pieces, trailers=b""):
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n" + trailers + b"\r\n"


class Connection:
    """A client's connection, read message by message."""

    def __init__(self, port, address=None):
        """From `address`, where it is to be a certain one of the loopback's."""
        source = (address, 0) if address else None
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=LIMIT, source_address=source)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)
        return self

    def finish(self):
        """No more requests."""
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _more(self):
        """Whether more came before the end."""
        data = self.socket.recv(1 << 18)
        self._buffer += data
        return bool(data)

    def _take(self, size):
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _take_until(self, end):
        from_ = 0
        while (at := self._buffer.find(end, from_)) < 0:
            from_ = max(0, len(self._buffer) - len(end))
            if not self._more():
                raise Truncated("before " + repr(end), bytes(self._buffer))
        return self._take(at + len(end))[: -len(end)]

    def read(self, size):
        while len(self._buffer) < size:
            if not self._more():
                raise Truncated(f"{len(self._buffer)} of {size} bytes", bytes(self._buffer))
        return self._take(size)

    def read_to_end(self):
        """All that comes until the other side ends the connection."""
        while self._more():
            pass
        return self._take(len(self._buffer))

    def is_ended(self):
        """Waits for the other side to end the connection; whether it did so without another byte."""
        try:
            return self.read_to_end() == b""
        except ConnectionResetError:
            return not self._buffer

    def head(self):
        """A status line and fields, and nothing behind them."""
        status_line, *lines = self._take_until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        version, status, reason = re.fullmatch(r"HTTP/(1\.\d) (\d{3}) (.*)", status_line).groups()
        fields = []
        for line in lines:
            name, colon, value = line.partition(":")
            assert colon and re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name), f"malformed field line: {line!r}"
            fields.append((name, value.strip(" \t")))
        return Response(version, int(status), reason, fields)

    def response(self, method="GET"):
        """The next final response, whole."""
        interim = []
        while (response := self.head()).status < 200:
            interim.append(response)
        response.interim = interim
        try:
            self._read_body(response, method)
        except Truncated as truncated:
            truncated.response = response
            raise
        except ConnectionResetError as reset:
            raise Truncated("reset", response, response) from reset
        return response

    def _read_body(self, response, method):
        if method == "HEAD" or response.status in (204, 304):
            return
        assert len(response.all("Content-Length")) <= 1
        if response["Transfer-Encoding"]:
            assert response["Transfer-Encoding"] == "chunked" and response["Content-Length"] is None
            while size := int(self._take_until(b"\r\n"), 16):
                response.body += self.read(size)
                assert self.read(2) == b"\r\n"
            while line := self._take_until(b"\r\n"):
                name, _, value = line.decode("latin-1").partition(": ")
                response.trailers.append((name, value))
        elif response["Content-Length"] is not None:
            response.body = self.read(int(response["Content-Length"]))
        else:
            response.body = self.read_to_end()

    def ask(self, method, target, fields=(), body=None, **options):
        self.send(request(method, target, fields, body, **options))
        return self.response(method)


def exchange(port, data):
    """Everything that is answered to these bytes, until the connection ends."""
    with Connection(port) as connection:
        try:
            connection.send(data)
        except (ConnectionResetError, BrokenPipeError):
            pass  # refused before all of it was read: the answer counts
        return connection.read_to_end()
