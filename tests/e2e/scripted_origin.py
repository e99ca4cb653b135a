"""An origin that answers with whatever bytes a test wants, and remembers what it was asked."""

import contextlib
import re
import socket
import struct
import threading
import time
from email.utils import formatdate

from wire import LIMIT


class Peer:
    """The proxy's connection, as the origin sees it."""

    def __init__(self, connection, number):
        self.socket = connection
        self.number = number  # of the connection, from 1
        self._buffer = b""

    def head(self):
        """The next request's header section; None where the proxy ended the connection."""
        while b"\r\n\r\n" not in self._buffer:
            data = self.socket.recv(65536)
            if not data:
                return None
            self._buffer += data
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        return head + b"\r\n\r\n"

    def read(self, size):
        while len(self._buffer) < size:
            data = self.socket.recv(65536)
            if not data:
                break
            self._buffer += data
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def some(self):
        """What comes next; empty where the proxy ended the connection."""
        if self._buffer:
            taken, self._buffer = self._buffer, b""
            return taken
        return self.socket.recv(65536)

    def send(self, data):
        self.socket.sendall(data)

    def until_closed(self):
        """Reads until the proxy ends the connection."""
        with contextlib.suppress(ConnectionError):
            while self.socket.recv(65536):
                pass

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def answering(data, keep=False):
    """Each request is answered with these bytes; then the connection ends, unless it is to be kept."""

    def serve(origin, peer):
        while head := peer.head():
            origin.requests.append(head)
            length = re.search(rb"\r\nContent-Length: (\d+)", head, re.IGNORECASE)
            peer.read(int(length[1]) if length else 0)  # what is unread when it closes would reset the connection
            peer.send(data)
            if not keep:
                return

    return serve


def in_turn(*answers, keep=False):
    """The first request is answered with the first of these, and so on; all further ones with the last."""
    left = list(answers)

    def serve(origin, peer):
        while head := peer.head():
            origin.requests.append(head)
            peer.send(left.pop(0) if len(left) > 1 else left[0])
            if not keep:
                return

    return serve


def http_date(seconds=0):
    """So many seconds from now."""
    return formatdate(time.time() + seconds, usegmt=True)


def ok(body=b"hello", fields=""):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s" % (len(body), fields.encode(), body)


class ScriptedOrigin:
    """serve(origin, peer) is called for each connection in a thread of its own, and appends to origin.requests."""

    def __init__(self, serve, address="127.0.0.1", port=0):
        self._serve = serve if callable(serve) else answering(serve)
        self.requests = []
        self.connections = 0
        self.failures = []
        self._open = set()
        self._threads = []
        self._listener = socket.create_server((address, port), backlog=64)
        self.port = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # stopped
            self.connections += 1
            connection.settimeout(LIMIT)
            thread = threading.Thread(target=self._run, args=(connection, self.connections), daemon=True)
            self._open.add(connection)
            self._threads.append(thread)
            thread.start()

    def _run(self, connection, number):
        try:
            with connection:
                self._serve(self, Peer(connection, number))
        except OSError:
            pass  # the proxy hung up, or the test is over
        except Exception as failure:  # of the script: shown when the origin stops
            self.failures.append(failure)
        finally:
            self._open.discard(connection)

    def is_quiet(self):
        """No connection is open."""
        return not self._open

    def stop(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(LIMIT)
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(LIMIT)
            assert not thread.is_alive(), "the script does not end"
        failures, self.failures = self.failures, []
        assert not failures, failures

    def log_tail(self):
        return f"{self.connections} connections\n" + "".join(repr(request) + "\n" for request in self.requests[-20:])
