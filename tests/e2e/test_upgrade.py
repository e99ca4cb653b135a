"""Another protocol on a client's connection: tunnelled where the route lets it and the origin switches, HTTP elsewhere."""

import base64
import hashlib
import os

import pytest
from scripted_origin import ok
from wire import Connection, request, wait_until

OFFER = {"Connection": "Upgrade", "Upgrade": "websocket"}
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Kept: 1\r\n\r\n"
ROUTES = [{"path": "/ws", "upgrade": ["websocket"]}, {"path": "/"}]


def switching(answer=SWITCHED, then=None):
    """Answers an offer so and goes on with `then`; answers all else with 200."""

    def serve(origin, peer):
        while head := peer.head():
            origin.requests.append(head)
            if b"\r\nUpgrade: websocket\r\n" not in head:
                peer.send(ok(b"hello", "Cache-Control: max-age=60\r\n"))
                continue
            peer.send(answer)
            return then and then(peer)

    return serve


def echo(peer):
    while data := peer.some():
        peer.send(data)


def offer(connection, target="/ws", data=b""):
    connection.send(request("GET", target, OFFER) + data)
    return connection.head()


def test_bytes_pass_in_both_directions(world):
    weir = world.weir(world.scripted(switching(then=echo)), routes=ROUTES)
    with weir.connect() as connection:
        switched = offer(connection)
        assert (switched.status, switched["Upgrade"], switched["Connection"]) == (101, "websocket", "Upgrade")
        assert switched["X-Kept"] == "1"
        for size in (1, 100, 1_000_000):
            data = os.urandom(size)
            connection.send(data)
            assert connection.read(size) == data
        weir.await_metrics({"weir_tunnels": 1, "weir_tunnels_total": 1})
        assert weir.metrics()["weir_buffer_bytes"] >= 2 * 16 * 1024
        connection.finish()
        assert connection.is_ended()
    open_to_origin = 'weir_upstream_connections{state="open",upstream="default"}'
    weir.await_metrics({"weir_tunnels": 0, "weir_connections": 0, open_to_origin: 0, "weir_buffer_bytes": 0})


def test_what_the_origin_is_offered(world):
    origin = world.scripted(switching(then=echo))
    weir = world.weir(origin, routes=ROUTES)
    with weir.connect() as connection:
        connection.send(request("GET", "/ws", {"Connection": "Upgrade, X-Hop", "Upgrade": "h2c, WebSocket", "X-Hop": "1",
                                               "Sec-WebSocket-Key": "dGVzdA=="}))  # fmt: skip
        wait_until(lambda: origin.requests, "the origin is asked")
    lines = origin.requests[0].decode().split("\r\n")
    assert [line for line in lines if line.startswith(("Connection", "Upgrade", "X-Hop", "Sec-"))] == [
        "Sec-WebSocket-Key: dGVzdA==",
        "Connection: Upgrade",
        "Upgrade: WebSocket",
    ]


def test_bytes_that_come_with_the_header_sections(world):
    """They are of the new protocol, once it is agreed on."""
    weir = world.weir(world.scripted(switching(SWITCHED + b"first", echo)), routes=ROUTES)
    with weir.connect() as connection:
        assert offer(connection, data=b"second").status == 101
        assert connection.read(11) == b"firstsecond"


def test_a_side_that_has_ended_still_gets_the_rest(world):
    def then(peer):
        asked = b""
        while data := peer.some():
            asked += data
        peer.send(b"%d bytes" % len(asked))

    weir = world.weir(world.scripted(switching(then=then)), routes=ROUTES)
    with weir.connect() as connection:
        assert offer(connection).status == 101
        connection.send(b"x" * 1000).finish()
        assert connection.read_to_end() == b"1000 bytes"


@pytest.mark.parametrize("side", ["client", "origin"])
def test_a_side_that_breaks_ends_the_other(world, side):
    ended = []

    def then(peer):
        peer.some()
        if side == "origin":
            return peer.reset()
        try:
            ended.append(peer.some())
        except ConnectionResetError:
            ended.append(b"")

    weir = world.weir(world.scripted(switching(then=then)), routes=ROUTES)
    with weir.connect() as connection:
        assert offer(connection).status == 101
        connection.send(b"x")
        if side == "client":
            connection.reset()
            wait_until(lambda: ended == [b""], "the origin's side has ended")
        else:
            assert connection.is_ended()
    weir.await_metrics({"weir_tunnels": 0, "weir_connections": 0})


def test_a_tunnel_in_which_nothing_passes_ends(world):
    weir = world.weir(
        world.scripted(switching(then=lambda peer: peer.until_closed())),
        routes=ROUTES,
        limits={"tunnel_timeout": "100ms"},
    )
    with weir.connect() as connection:
        assert offer(connection).status == 101
        assert connection.is_ended()
    reached = {limit: f'weir_limits_reached_total{{limit="{limit}"}}' for limit in ("tunnel_timeout", "write_deadline")}
    weir.await_metrics({reached["tunnel_timeout"]: 1, reached["write_deadline"]: 0, "weir_connections": 0})


def test_a_slow_reader_holds_back_the_origin(world):
    """There is one buffer a direction."""
    sent = []

    def then(peer):
        peer.socket.settimeout(1)
        try:
            for _ in range(200):
                peer.send(b"x" * 1_000_000)
                sent.append(1)
        except TimeoutError:
            sent.append(0)

    weir = world.weir(world.scripted(switching(then=then)), routes=ROUTES)
    before = weir.memory()
    with weir.connect() as connection:
        assert offer(connection).status == 101
        wait_until(lambda: sent[-1:] == [0], "the origin cannot send")
        assert weir.memory() < before + 10_000_000


def test_a_draining_node_ends_its_tunnels(world):
    weir = world.weir(world.scripted(switching(then=echo)), routes=ROUTES, drain_deadline="100ms")
    with weir.connect() as connection:
        assert offer(connection).status == 101
        weir.stop()
        assert connection.is_ended()


def test_what_is_stored_does_not_answer_an_offer(world):
    weir = world.weir(world.scripted(switching(then=echo)), routes=ROUTES)
    assert [weir.get("/ws").cache for _ in range(2)] == ["MISS", "HIT"]
    with weir.connect() as connection:
        assert offer(connection).status == 101


# Where it stays HTTP


def test_an_origin_that_does_not_switch(world):
    """What follows is the next request."""

    def serve(origin, peer):
        while head := peer.head():
            origin.requests.append(head)
            peer.send(ok(b"%d" % len(origin.requests), "Cache-Control: max-age=60\r\n"))

    origin = world.scripted(serve)
    weir = world.weir(origin, routes=ROUTES, workers=1)
    with weir.connect() as connection:
        connection.send(request("GET", "/ws", OFFER) + request("GET", "/ws"))
        first, second = connection.response(), connection.response()
        assert (first.body, first.cache, second.body, second.cache) == (b"1", "BYPASS", b"2", "MISS")
    assert origin.connections == 1


@pytest.mark.parametrize(
    "name, options",
    [
        ("on another route", {"target": "/other"}),
        ("in HTTP/1.0", {"version": "1.0"}),
        ("with content", {"body": b"x"}),
        ("by another method", {"method": "POST"}),
        ("not in Connection", {"fields": {"Upgrade": "websocket"}}),
        ("of another protocol", {"fields": {"Connection": "Upgrade", "Upgrade": "h2c"}}),
    ],
)
def test_an_offer_that_is_not_forwarded(world, name, options):
    origin = world.scripted(switching())
    weir = world.weir(origin, routes=ROUTES)
    options = {"method": "GET", "target": "/ws", "fields": OFFER} | options
    method, target, fields = options.pop("method"), options.pop("target"), options.pop("fields")
    assert weir.ask(method, target, fields, **options).body == b"hello"
    assert b"pgrade" not in origin.requests[0]


@pytest.mark.parametrize(
    "answer",
    [
        SWITCHED.replace(b"websocket", b"h2c"),
        SWITCHED.replace(b"websocket", b"websocket, h2c"),
        SWITCHED.replace(b"Upgrade: websocket\r\n", b""),
        SWITCHED.replace(b"Connection: Upgrade\r\n", b""),
    ],
    ids=["another", "two", "none", "not in Connection"],
)
def test_an_origin_that_switches_to_what_was_not_offered(world, answer):
    weir = world.weir(world.scripted(switching(answer)), routes=ROUTES)
    with weir.connect() as connection:
        assert offer(connection).status == 502


def test_a_websocket(world):
    """The handshake of RFC 6455 and a frame each way: what a browser does."""

    def then(peer):
        head = peer.some()
        length = head[1] & 0x7F
        mask, masked = head[2:6], head[6 : 6 + length]
        text = bytes(byte ^ mask[i % 4] for i, byte in enumerate(masked))
        peer.send(bytes([0x81, length]) + text.upper())

    def serve(origin, peer):
        head = peer.head()
        key = next(line for line in head.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key: "))[19:]
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        peer.send(SWITCHED[:-2] + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        then(peer)

    weir = world.weir(world.scripted(serve), routes=ROUTES)
    key = base64.b64encode(os.urandom(16)).decode()
    with Connection(weir.port) as connection:
        connection.send(request("GET", "/ws", OFFER | {"Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13"}))
        switched = connection.head()
        accept = hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        assert (switched.status, switched["Sec-WebSocket-Accept"]) == (101, base64.b64encode(accept).decode())
        mask = os.urandom(4)
        connection.send(b"\x81\x85" + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(b"hello")))
        assert connection.read(7) == b"\x81\x05HELLO"
