"""Origins that are away, slow or broken: what the client gets, and that nothing of it is stored. Answers that are
malformed are in raw/responses.py."""

import select
import threading

import pytest
from scripted_origin import ok
from wire import Truncated, request, wait_until


def test_an_origin_that_refuses(world):
    weir = world.weir(f"http://127.0.0.1:{world.refusing_port()}", ttl="300s")
    with weir.connect() as connection:
        for method in ("GET", "HEAD", "POST", "GET"):
            response = connection.ask(method, "/")
            assert (response.status, response["Cache-Control"]) == (502, "no-store")
            assert len(response["X-Request-Id"]) == 32
            reason = "method" if method == "POST" else "uri-miss"
            assert response["Cache-Status"] == f'Weir; fwd={reason}; detail="the origin cannot be reached"'
    weir.await_metrics({'weir_requests_total{result="error",status="5xx"}': 4})


def test_an_origin_that_refuses_a_large_request(world):
    weir = world.weir(f"http://127.0.0.1:{world.refusing_port()}")
    assert weir.ask("POST", "/", body=b"x" * 1_000_000).status == 502


def test_an_origin_whose_name_is_unknown(world):
    assert world.weir({"servers": ["http://no-such-host.invalid:80"], "connect_deadline": "15s"}).get("/").status == 502


def test_an_origin_that_does_not_accept(world):
    """The kernel takes the connection, and nobody answers."""
    silent = world.scripted(lambda _, peer: peer.until_closed())
    weir = world.weir({"servers": [silent.url], "first_byte_deadline": "100ms"})
    assert weir.get("/").status == 504


def test_an_origin_that_is_too_slow(world):
    origin = world.origin()
    weir = world.weir({"servers": [origin.url], "first_byte_deadline": "2s"}, ttl="300s")
    assert weir.get("/items/a?latency_ms=60000").status == 504
    assert weir.get("/items/b?hang=1").status == 504
    assert weir.ask("POST", "/items/b?hang=1", body=b"x").status == 504
    assert weir.get("/items/c").status == 200
    weir.await_metrics({'weir_upstream_requests_total{outcome="timeout",upstream="default"}': 3})


TRICKLES = [
    ("status line", 0.02, b"HTTP/1.1 200 ", b"O"),
    ("field", 0.02, b"HTTP/1.1 200 OK\r\nColour: ", b"b"),
    ("interim response", 0.02, b"HTTP/1.1 103 Early Hints\r\nLink: ", b"b"),
    ("interim responses", 0.25, b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),  # few enough to be no flood
]


@pytest.mark.parametrize("seconds, start, more", [row[1:] for row in TRICKLES], ids=[row[0] for row in TRICKLES])
def test_a_header_section_of_an_origin_that_trickles(world, seconds, start, more):
    """Each piece in time does not make the whole in time."""

    def serve(_, peer):
        peer.head()
        peer.send(start)
        while not select.select([peer.socket], [], [], seconds)[0]:
            peer.send(more)

    origin = world.scripted(serve)
    weir = world.weir({"servers": [origin.url], "first_byte_deadline": "300ms"}, ttl="300s")
    assert weir.get("/").status == 504
    wait_until(origin.is_quiet, "its connection has ended")
    timeouts = 'weir_upstream_requests_total{outcome="timeout",upstream="default"}'
    weir.await_metrics({timeouts: 1, "weir_memory_objects": 0})


def test_an_origin_that_stops_in_the_middle_of_content(world):
    def serve(_, peer):
        while peer.head():
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")

    weir = world.weir({"servers": [world.scripted(serve).url], "between_bytes_deadline": "100ms"}, ttl="300s")
    for _ in range(2):
        with pytest.raises(Truncated) as truncated:
            weir.get("/")
        assert truncated.value.partial == b"hello"


HEAD = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n"

TRUNCATED = [
    ("by its length", HEAD + b"Content-Length: 10\r\n\r\nhello"),
    ("before its content", HEAD + b"Content-Length: 10\r\n\r\n"),
    ("in a chunk", HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel"),
    ("between chunks", HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
    ("before the final line", HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"),
    ("in a chunk's size", HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1"),
    ("a chunk that is malformed", HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nxyz\r\n"),
    ("much of it", HEAD + b"Content-Length: 2000000\r\n\r\n" + b"x" * 1_999_999),
]


@pytest.mark.parametrize("data", [row[1] for row in TRUNCATED], ids=[row[0] for row in TRUNCATED])
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_truncated_content_breaks_the_client_off_and_is_not_stored(world, data, version):
    origin = world.scripted(data)
    weir = world.weir(origin)
    for _ in range(2):
        with pytest.raises((Truncated, ConnectionResetError)):
            weir.get("/", version=version)
    assert len(origin.requests) == 2
    weir.await_metrics(
        {'weir_uncacheable_total{reason="incomplete"}': 2, "weir_stored_total": 0, "weir_memory_objects": 0}
    )


def test_truncated_content_is_not_stored_in_redis(world):
    redis = world.redis()
    weir = world.weir(world.scripted(HEAD + b"Content-Length: 900000\r\n\r\n" + b"x" * 800_000), redis)
    weir.await_redis()
    with pytest.raises(Truncated):
        weir.get("/")
    weir.stop()
    assert redis.keys() == []


def test_an_origin_that_resets(world):
    def serve(origin, peer):
        origin.requests.append(peer.head())
        peer.reset()

    origin = world.scripted(serve)
    weir = world.weir(origin)
    assert weir.get("/").status == 502
    assert weir.ask("POST", "/", body=b"x").status == 502
    assert len(origin.requests) == 2


def test_an_origin_that_resets_in_the_middle_of_content(world):
    def serve(origin, peer):
        peer.head()
        peer.send(HEAD + b"Content-Length: 10\r\n\r\nhello")
        assert read_by_client.wait(20)
        peer.reset()

    read_by_client = threading.Event()
    weir = world.weir(world.scripted(serve))
    with weir.connect() as connection:
        connection.send(request("GET", "/"))
        connection.head()
        assert connection.read(5) == b"hello"
        read_by_client.set()
        assert connection.is_ended()
    weir.await_metrics({'weir_uncacheable_total{reason="incomplete"}': 1, "weir_memory_objects": 0})


def dying_while_idle(world):
    """Answers once on each connection, and ends it as soon as the next request has come."""

    def serve(origin, peer):
        origin.requests.append(peer.head())
        peer.send(ok(b"%d" % peer.number))
        origin.requests.append(peer.head())

    return world.scripted(serve)


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_an_idempotent_request_on_a_connection_that_dies_is_sent_again(world, method):
    origin = dying_while_idle(world)
    weir = world.weir(origin, workers=1)
    assert weir.get("/first").body == b"1"
    assert weir.ask(method, "/second").status == 200
    assert origin.connections == 2
    weir.await_metrics({'weir_upstream_retries_total{upstream="default"}': 1})


@pytest.mark.parametrize("method, body", [("POST", None), ("POST", b"x"), ("PATCH", b"x")])
def test_any_other_request_is_not_sent_twice(world, method, body):
    origin = dying_while_idle(world)
    weir = world.weir(origin, workers=1)
    assert weir.get("/first").body == b"1"
    assert weir.ask(method, "/second", body=body).status == 502
    assert [head.split(b" ")[1] for head in origin.requests] == [b"/first", b"/second"]


def test_an_idle_connection_that_the_origin_has_closed_is_not_used(world):
    """Even for what could not be sent twice."""
    origin = world.scripted(ok(b"good"))  # ends each connection behind its answer, without saying so
    weir = world.weir(origin, workers=1)
    for number in range(10):
        assert weir.ask("POST", f"/{number}", body=b"x").body == b"good"
        wait_until(lambda: origin.is_quiet(), "the origin has closed it")
    assert len(origin.requests) == 10


def test_no_more_requests_at_once_than_the_origin_may_get(world):
    origin = world.origin()
    weir = world.weir({"servers": [origin.url], "max_connections": 2, "max_queue": 100}, workers=1)
    clients = [weir.connect() for _ in range(10)]
    for number, client in enumerate(clients):
        client.send(request("GET", f"/items/{number}?latency_ms=20"))
    assert [client.response().status for client in clients] == [200] * 10
    for client in clients:
        client.socket.close()
    assert origin.stats()["max_concurrent"] == 2


def test_more_requests_than_may_wait_are_refused(world):
    go_on = threading.Event()

    def serve(origin, peer):
        while head := peer.head():
            origin.requests.append(head)
            assert go_on.wait(20)
            peer.send(ok())

    origin = world.scripted(serve)
    weir = world.weir({"servers": [origin.url], "max_connections": 1, "max_queue": 1}, workers=1)
    with weir.connect() as one, weir.connect() as two, weir.connect() as three:
        one.send(request("GET", "/1"))
        wait_until(lambda: origin.requests, "the first is at the origin")
        two.send(request("GET", "/2"))
        weir.await_metrics({'weir_upstream_queued{upstream="default"}': 1})
        refused = three.ask("GET", "/3")
        assert (refused.status, refused["Retry-After"]) == (503, "1")
        go_on.set()
        assert one.response().status == two.response().status == 200


def test_a_request_that_expects_continue_gets_the_origins_refusal(world):
    weir = world.weir(f"http://127.0.0.1:{world.refusing_port()}")
    with weir.connect() as connection:
        connection.send(request("POST", "/", {"Expect": "100-continue", "Content-Length": "1000000"}))
        assert connection.response().status == 502
        assert connection.is_ended()


@pytest.mark.parametrize(
    "bad",
    [b"HTTP/1.1 200 A\r\n", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"],
    ids=["malformed", "an upgrade nobody asked for"],
)
def test_an_error_is_not_forgotten_over_the_end_of_the_request(world, bad):
    """The answer is there before the request: now and then it is found bad just when all content has been sent."""

    def serve(_, peer):
        peer.send(bad + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        peer.until_closed()

    weir = world.weir(world.scripted(serve), workers=1)
    for size in [1, 1000, 100_000] * 100:
        with weir.connect() as connection:
            connection.send(request("POST", "/", body=b"x" * size))
            assert connection.response().status == 502
