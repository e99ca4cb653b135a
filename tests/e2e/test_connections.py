"""Connections and the framing of content, towards clients and origins."""

import os
import threading
import zlib

import pytest
from scripted_origin import answering, ok
from wire import LIMIT, Connection, chunked, request, wait_until


@pytest.fixture(scope="module")
def origin(shared):
    return shared.origin()


@pytest.fixture(scope="module")
def weir(shared, origin):
    return shared.weir(origin, ttl="300s", local=["/health"])


# Connections


def test_a_connection_serves_request_after_request(weir):
    with weir.connect() as connection:
        for target in ("/items/k1", "/items/k1", "/items/k2?chunked=1", "/items/k3?size=0", "/items/k1"):
            response = connection.ask("GET", target)
            assert (response.status, response["Connection"]) == (200, None)
        assert connection.ask("POST", "/items/k1", body=b"x" * 1000).json()["received"] == 1000
        assert connection.ask("HEAD", "/items/k3?size=0").status == 200
        last = connection.ask("GET", "/items/k1", {"Connection": "close"})
        assert last["Connection"] == "close"
        assert connection.is_ended()


def test_pipelined_requests_are_answered_in_their_order(weir):
    hits = [f"p{number}" for number in range(10)]
    for key in hits:
        weir.get(f"/items/{key}")
    slow = "slow?latency_ms=200"
    keys = hits[:5] + [slow] + hits[5:] + ["new1?chunked=1", "p0"] + hits * 20 + ["new2"]
    with weir.connect() as connection:
        connection.send(b"".join(request("GET", f"/items/{key}") for key in keys))
        responses = [connection.response() for _ in keys]
    assert [response.json()["key"] for response in responses] == [key.partition("?")[0] for key in keys]
    misses = [key for key, response in zip(keys, responses) if response.cache == "MISS"]
    assert misses == [slow, "new1?chunked=1", "new2"]


def test_pipelined_requests_of_all_kinds(weir):
    with weir.connect() as connection:
        connection.send(
            request("GET", "/items/mixed")
            + request("POST", "/echo", body=b"first body")
            + request("HEAD", "/items/mixed")
            + request("POST", "/echo", {"Transfer-Encoding": "chunked"})
            + chunked(b"second ", b"body")
            + b"\r\n"  # tolerated before a request line
            + request("GET", "/health")
            + request("GET", "/items/mixed")
        )
        assert connection.response().json()["key"] == "mixed"
        assert connection.response().json()["body"]["start"] == "first body"
        assert connection.response("HEAD").status == 200
        assert connection.response().json()["body"]["start"] == "second body"
        assert connection.response().json() == {"status": "ok"}
        assert connection.response().cache == "HIT"


def test_a_request_may_come_byte_by_byte(weir):
    with weir.connect() as connection:
        for byte in request("POST", "/echo", {"X-A": "b"}, body=b"slowly"):
            connection.send(bytes([byte]))
        assert connection.response().json()["body"]["start"] == "slowly"


def test_the_client_may_end_its_half_first(weir):
    with weir.connect() as connection:
        connection.send(request("GET", "/items/half?latency_ms=50")).finish()
        assert connection.response().status == 200
        assert connection.is_ended()


def test_an_idle_connection_is_closed(world, origin):
    weir = world.weir(origin, limits={"keep_alive_timeout": "2s"})
    with weir.connect() as connection:
        assert connection.is_ended()
    with weir.connect() as connection:
        assert connection.ask("GET", "/items/a").status == 200
        assert connection.is_ended()


# HTTP/1.0


@pytest.mark.parametrize("target", ["/items/old", "/items/old?chunked=1"])
def test_an_old_client_gets_content_that_ends_with_the_connection(weir, target):
    for cache in ("MISS", "HIT"):
        with weir.connect() as connection:
            response = connection.ask("GET", target, version="1.0")
            assert (response.status, response.cache, response["Transfer-Encoding"]) == (200, cache, None)
            assert response.json()["key"] == "old"
            assert connection.is_ended()


def test_an_old_client_may_keep_its_connection(weir):
    with weir.connect() as connection:
        for _ in range(3):
            response = connection.ask("GET", "/items/old-kept", {"Connection": "keep-alive"}, version="1.0")
            assert (response.status, response["Connection"]) == (200, "keep-alive")


def test_an_old_client_may_name_no_host(weir):
    response = weir.get("/items/no-host", host=None, version="1.0")
    assert response.status == 200


def test_an_old_client_gets_no_interim_response(weir):
    response = weir.get("/items/old-interim?interim=103", version="1.0")
    assert (response.status, response.interim) == (200, [])


# Content


BIG = os.urandom(1 << 20) * 20


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
@pytest.mark.parametrize("framing", ["Content-Length", "chunked"])
@pytest.mark.parametrize("size", [1, 70_000])
def test_request_content_arrives_as_it_was_sent(weir, method, framing, size):
    body = BIG[:size]
    assert_echoed(weir, method, framing, body)


@pytest.mark.parametrize("framing", ["Content-Length", "chunked"])
def test_much_request_content_arrives_as_it_was_sent(weir, framing):
    assert_echoed(weir, "PUT", framing, BIG)


def assert_echoed(weir, method, framing, body):
    with weir.connect() as connection:
        if framing == "chunked":
            connection.send(request(method, "/echo", {"Transfer-Encoding": "chunked"}))
            pieces = [body[at : at + 100_000] for at in range(0, len(body), 100_000)]
            connection.send(chunked(*pieces, trailers=b"X-Trailer: dropped\r\n"))
        else:
            connection.send(request(method, "/echo", body=body))
        response = connection.response()
        assert connection.ask("GET", "/health").status == 200, "the connection goes on"
    echo = response.json()
    assert (echo["method"], echo["chunked"]) == (method, framing == "chunked")
    assert (echo["body"]["size"], echo["body"]["crc32"]) == (len(body), zlib.crc32(body))
    assert echo["trailers"] == []


def test_empty_request_content_arrives_as_such(weir):
    sized = weir.ask("POST", "/echo", body=b"")
    assert ["Content-Length", "0"] in sized.json()["fields"]
    with weir.connect() as connection:
        connection.send(request("POST", "/echo", {"Transfer-Encoding": "chunked"}) + chunked())
        assert connection.response().json()["body"]["size"] == 0


def test_response_content_streams_as_it_comes(world):
    go_on = threading.Event()

    def serve(_, peer):
        peer.head()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
        assert go_on.wait(20)
        peer.send(b"after")

    weir = world.weir(world.scripted(serve))
    with weir.connect() as connection:
        connection.send(request("GET", "/"))
        assert connection.head()["Content-Length"] == "10"
        assert connection.read(5) == b"first"
        go_on.set()
        assert connection.read(5) == b"after"


@pytest.mark.parametrize("cache_control", ["no-store", "max-age=60"])
@pytest.mark.parametrize(
    ("framing", "content"),
    [("Content-Length: 5", b"hello"), ("Transfer-Encoding: chunked", chunked(b"hello"))],
    ids=["length", "chunked"],
)
def test_the_head_does_not_wait_for_content(world, framing, content, cache_control):
    go_on = threading.Event()

    def serve(_, peer):
        peer.head()
        peer.send(f"HTTP/1.1 200 OK\r\n{framing}\r\nCache-Control: {cache_control}\r\n\r\n".encode())
        assert go_on.wait(LIMIT)
        peer.send(content)

    weir = world.weir(world.scripted(serve))
    with weir.connect() as connection:
        connection.send(request("GET", "/"))
        assert connection.head().status == 200
        go_on.set()
        assert connection.read(len(content)) == content


def test_the_origin_may_answer_before_it_has_read_everything(world):
    def serve(origin, peer):
        origin.requests.append(peer.head())
        peer.send(b"HTTP/1.1 413 Too Much\r\nContent-Length: 3\r\n\r\nno!")
        peer.until_closed()

    weir = world.weir(world.scripted(serve))
    with weir.connect() as connection:
        connection.send(request("POST", "/", {"Content-Length": "1000000"}) + b"x" * 1000)
        response = connection.response()
        assert (response.status, response.body, response["Connection"]) == (413, b"no!", "close")
        assert connection.is_ended()


def test_a_request_that_breaks_off_is_not_completed_at_the_origin(world):
    rest = []

    def serve(origin, peer):
        origin.requests.append(peer.head())
        rest.append(peer.read(1000))

    origin = world.scripted(serve)
    weir = world.weir(origin)
    with weir.connect() as connection:
        connection.send(request("POST", "/", {"Transfer-Encoding": "chunked"}) + b"5\r\nhello\r\n")
        wait_until(lambda: origin.requests, "the origin has the header")
        connection.finish()
        assert connection.is_ended()
    wait_until(lambda: rest, "the origin's connection ends")
    assert rest == [b"5\r\nhello\r\n"]


@pytest.mark.parametrize("knobs", ["chunked=1", "http10=1", "close=1", "trailers=1", "drip_ms=20&chunked=1", "size=5"])
@pytest.mark.parametrize("size", [0, 1, 65536, 300_000])
def test_response_content_arrives_as_it_was_sent(weir, origin, knobs, size):
    target = f"/items/framing?size={size}&{knobs}&last={size}" if knobs != "size=5" else f"/items/framing?size={size}"
    expected = direct(origin, f"/items/framing?size={size}")
    with weir.connect() as connection:
        miss = connection.ask("GET", target)
        hit = connection.ask("GET", target)
    assert [miss.cache, hit.cache] == ["MISS", "HIT"]
    assert len(miss.body) == size and miss.body == hit.body == expected.body
    assert hit["Content-Length"] == str(size)


def direct(origin, target):
    with Connection(origin.port) as connection:
        return connection.ask("GET", target)


@pytest.mark.parametrize("content", [b"", b"hello", b"0\r\nx"])
def test_chunked_content_may_come_octet_by_octet(world, content):
    framed = chunked(*[content] if content else [], trailers=b"X-T: 1\r\n")

    def serve(origin, peer):
        while head := peer.head():
            origin.requests.append(head)
            received = b""
            while received != b"0\r\n\r\n" and not received.endswith(b"\r\n0\r\n\r\n"):
                received += peer.read(1)
            origin.requests.append(received)
            for octet in b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + framed:
                peer.send(bytes([octet]))

    origin = world.scripted(serve)
    with world.weir(origin).connect() as connection:
        for octet in request("POST", "/", {"Transfer-Encoding": "chunked"}) + framed:
            connection.send(bytes([octet]))
        response = connection.response()
    assert (response.status, response.body, response.trailers) == (200, content, [("X-T", "1")])


def test_what_follows_a_response_is_not_taken_for_the_next_one(world):
    smuggled = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    weir = world.weir(world.scripted(answering(ok(b"good") + smuggled, keep=True)))
    with weir.connect() as connection:
        assert [connection.ask("GET", f"/{number}").body for number in range(5)] == [b"good"] * 5


# Interim responses


def test_an_interim_response_is_forwarded(weir):
    response = weir.get("/items/interim?interim=103&latency_ms=20")
    assert [interim.status for interim in response.interim] == [103]
    assert (response.status, response.json()["key"]) == (200, "interim")
    assert weir.get("/items/interim?interim=103&latency_ms=20").interim == []


def test_expectations_are_met_before_the_content_is_sent(weir):
    with weir.connect() as connection:
        connection.send(request("POST", "/echo", {"Expect": "100-continue", "Content-Length": "4"}))
        assert connection.head().status == 100
        connection.send(b"body")
        response = connection.response()
    assert (response.interim, response.json()["body"]["start"]) == ([], "body")
