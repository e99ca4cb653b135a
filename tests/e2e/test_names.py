"""Origins by name: what the system's resolver says of it changes, or it says nothing."""

import contextlib
import signal
import socket
import threading

import pytest
from scripted_origin import ok
from servers import run
from wire import wait_until
from world import in_place_of

STALE = "Cache-Control: max-age=60, stale-if-error=600\r\nAge: 100\r\n"
NAME = b"\x06origin\x04test\x00"

in_namespace = run(*in_place_of({"/etc/hosts": "/etc/hosts"}), "true").returncode == 0
pytestmark = pytest.mark.skipif(not in_namespace, reason="needs a mount namespace")


class NameServer:
    """Hears all, and answers, when it may, that there is no such name."""

    address = "127.53.0.1"

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((self.address, 53))
        self._may_answer = threading.Event()
        self._open = True
        self.asked = 0  # for the address of version 4
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        left = []
        self._socket.settimeout(0.02)
        while self._open:
            with contextlib.suppress(TimeoutError):
                query, client = self._socket.recvfrom(4096)
                self.asked += NAME + b"\x00\x01" in query
                left.append((query, client))
            while left and self._may_answer.is_set():
                query, client = left.pop(0)
                self._socket.sendto(query[:2] + b"\x81\x83" + query[4:6] + b"\x00" * 6 + query[12:], client)

    def answer(self, whether):
        (self._may_answer.set if whether else self._may_answer.clear)()

    def stop(self):
        self._open = False
        self._thread.join()
        self._socket.close()


@pytest.fixture
def names():
    try:
        server = NameServer()
    except OSError:
        pytest.skip("needs the port of DNS")
    yield server
    server.stop()


def test_a_name_that_points_elsewhere(world, tmp_path):
    """What is asked next goes there, once no connection to the old address is left."""
    hosts = tmp_path / "hosts"
    old = world.scripted(ok(b"old", STALE + "Connection: close\r\n"))
    new = world.scripted(ok(b"new", STALE + "Connection: close\r\n"), address="127.0.0.2", port=old.port)
    hosts.write_text("127.0.0.1 origin.test\n")
    nobody = tmp_path / "resolv.conf"
    nobody.write_text(f"nameserver {NameServer.address}\noptions timeout:1 attempts:1\n")
    upstream = {"servers": [f"http://origin.test:{old.port}"]}
    weir = world.weir(upstream, workers=1, files={"/etc/hosts": hosts, "/etc/resolv.conf": nobody})
    assert weir.get("/").body == b"old"
    hosts.write_text("127.0.0.2 origin.test\n")
    assert weir.get("/").body == b"new"
    hosts.write_text("")
    stale = weir.get("/")
    assert (stale.cache, stale.body) == ("STALE", b"new")
    assert weir.get("/never").status == 502
    assert len(new.requests) == 1
    hosts.write_text("127.0.0.1 origin.test\n")
    assert weir.get("/").body == b"old"


def test_look_ups_do_not_pile_up_behind_one_that_hangs(world, names, tmp_path):
    """Who waits for one goes on at the deadline, and what nobody waits for any more is not looked up."""
    weir = asking(world, tmp_path)
    for number in range(20):
        assert weir.get(f"/{number}").status == 504
    assert names.asked == 1
    names.answer(True)
    wait_until(lambda: weir.get("/again").status == 502, "the resolver is there again")
    assert names.asked < 10


def test_a_look_up_that_hangs_does_not_keep_a_node_from_ending_at_once(world, names, tmp_path):
    weir = asking(world, tmp_path)
    assert weir.get("/").status == 504
    weir.signal(signal.SIGTERM)
    weir.await_log("draining")
    weir.signal(signal.SIGTERM)
    assert weir.wait() == 0


def test_nor_from_ending_after_its_deadline(world, names, tmp_path):
    weir = asking(world, tmp_path, drain_deadline="10ms")
    assert weir.get("/").status == 504
    weir.signal(signal.SIGTERM)
    assert weir.wait() == 0


def asking(world, tmp_path, **options):
    """A node whose look-ups take a minute where nobody answers."""
    resolver = tmp_path / "resolv.conf"
    resolver.write_text(f"nameserver {NameServer.address}\noptions timeout:30 attempts:2\n")
    upstream = {"servers": ["http://origin.test:1"], "connect_deadline": "100ms"}
    return world.weir(upstream, workers=1, files={"/etc/resolv.conf": resolver}, **options)
