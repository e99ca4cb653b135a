"""What clients may take: each limit reached, what happens then, and that it is counted."""

import contextlib
import os
import select

import pytest
from servers import PROGRAMS
from wire import HOST, Connection, Truncated, chunked, exchange, request, wait_until


def reached(limit):
    return f'weir_limits_reached_total{{limit="{limit}"}}'


def ask_behind(connection, target):
    """On a connection that may have been closed: None then."""
    with contextlib.suppress(Truncated, ConnectionError):
        return connection.ask("GET", target)


# Connections


def test_one_client_cannot_take_all_connections(world, origin):
    weir = world.weir(origin, limits={"max_connections_per_client": 2, "exempt_clients": []})
    with weir.connect() as one, weir.connect() as two:
        assert one.ask("GET", "/items/a").status == two.ask("GET", "/items/a").status == 200
        with weir.connect() as three:
            refused = three.ask("GET", "/items/a")
            assert (refused.status, refused["Retry-After"], refused["Connection"]) == (429, "1", "close")
            assert refused["X-Request-Id"]
            assert three.is_ended()
        with Connection(weir.port, "127.0.0.2") as neighbour:
            assert neighbour.ask("GET", "/items/a").status == 200
        assert one.ask("GET", "/items/a").status == 200
        weir.await_metrics({reached("max_connections_per_client"): 1, "weir_connections_refused_total": 1})
        two.socket.close()
        wait_until(lambda: weir.get("/items/a").status == 200, "there is room again")


def test_some_clients_are_exempt(world, origin):
    weir = world.weir(origin, limits={"max_connections_per_client": 1, "exempt_clients": ["127.0.0.2"]})
    with Connection(weir.port, "127.0.0.2") as one, Connection(weir.port, "127.0.0.2") as two:
        assert one.ask("GET", "/items/a").status == two.ask("GET", "/items/a").status == 200


def test_idle_connections_make_room_for_others_the_oldest_first(world, origin):
    weir = world.weir(origin, workers=1, limits={"max_connections": 3})
    with weir.connect() as one, weir.connect() as two, weir.connect() as three:
        for connection in (two, one, three):
            assert connection.ask("GET", "/items/a").status == 200
        with weir.connect() as four:
            assert four.ask("GET", "/items/a").status == 200
            assert two.is_ended()
            assert one.ask("GET", "/items/a").status == three.ask("GET", "/items/a").status == 200
            weir.await_metrics(
                {
                    "weir_idle_connections_closed_total": 1,
                    "weir_connections_refused_total": 0,
                    "weir_connections": 3,
                    reached("max_connections"): 0,
                }
            )


def test_where_none_is_idle_the_new_one_is_refused(world, origin):
    weir = world.weir(origin, workers=1, limits={"max_connections": 2})
    with weir.connect() as one, weir.connect() as two:
        for number, connection in enumerate((one, two), 1):
            connection.send(request("GET", f"/items/{number}?hang=1"))
        wait_until(lambda: origin.stats()["open_requests"] == 2, "both are busy")
        with weir.connect() as three:
            refused = three.ask("GET", "/items/a")
            assert (refused.status, refused["Retry-After"], refused["Connection"]) == (503, "1", "close")
            assert three.is_ended()
        weir.await_metrics({reached("max_connections"): 1, "weir_connections_refused_total": 1})


def test_a_flood_of_connections_is_survived(world, origin):
    weir = world.weir(origin, limits={"max_connections": 50})
    weir.get("/items/a")
    with weir.connect() as kept, contextlib.ExitStack() as stack:
        for number in range(600):
            connection = Connection(weir.port)
            if number % 3 == 0:
                connection.reset()
            else:
                stack.callback(connection.socket.close)
            if number % 3 == 1:
                connection.send(b"GET / HT")
            if number % 100 == 0:
                ask_behind(kept, "/items/a")  # whatever becomes of it
    wait_until(lambda: weir.metrics()["weir_connections"] == 0, "nothing is left over")
    assert weir.get("/items/a").status == 200


@pytest.mark.skipif(
    b"__ubsan_handle" in (PROGRAMS / "weir").read_bytes(), reason="UBSan opens descriptors of its own to look at objects"
)
def test_idle_connections_make_room_where_descriptors_run_out(world, origin):
    weir = world.weir(origin, workers=1, ttl="300s")
    assert weir.get("/items/a").status == 200
    weir.limit_descriptors(len(os.listdir(f"/proc/{weir.pid}/fd")) + 4)
    clients = [weir.connect() for _ in range(12)]
    for client in reversed(clients[4:]):
        with client:
            answer = ask_behind(client, "/items/a")
            assert answer is None or answer.cache == "HIT"
    assert weir.get("/items/a").cache == "HIT"
    assert weir.metrics()[reached("descriptors")] >= 1
    for client in clients[:4]:
        client.socket.close()


# Requests


def test_requests_of_a_connection_are_numbered(world, origin):
    weir = world.weir(origin, ttl="300s", limits={"max_requests_per_connection": 3})
    with weir.connect() as connection:
        closes = [connection.ask("GET", "/items/a")["Connection"] for _ in range(3)]
        assert closes == [None, None, "close"]
        assert connection.is_ended()
    with weir.connect() as connection:
        connection.send(request("GET", "/items/a") * 5)
        assert [connection.response()["Connection"] for _ in range(3)] == [None, None, "close"]
        assert connection.is_ended()
    weir.await_metrics({reached("max_requests_per_connection"): 2})


LATE = request("POST", "/", {"Transfer-Encoding": "chunked", "Connection": "close"})

BEYOND = {
    "max_header_size": (431, request("GET", "/", {"X-Long": "x" * 3000})),
    "max_header_fields": (431, request("GET", "/", {f"X-{number}": "" for number in range(20)})),
    "max_header_fields, of trailers": (400, LATE + chunked(b"x", trailers=b"A: b\r\n" * 20)),
    "max_target_size": (414, request("GET", "/" + "x" * 300)),
    "max_request_body": (413, request("POST", "/", {"Content-Length": "2000"})),
    "max_request_body, found late": (413, LATE + chunked(b"x" * 2000)),
    "header_deadline": (408, b"GET / HTTP/1.1\r\nHost: " + HOST.encode()),
    "body_deadline": (408, request("POST", "/", {"Content-Length": "10"}) + b"hello"),
    "keep_alive_timeout": (None, b""),
}


@pytest.mark.parametrize("limit", BEYOND)
def test_what_is_beyond_a_limit_is_refused_and_counted(world, limit):
    status, data = BEYOND[limit]
    limit = limit.partition(",")[0]
    settings = {
        "max_header_size": 2000,
        "max_header_fields": 10,
        "max_target_size": 256,
        "max_request_body": 1000,
        "header_deadline": "100ms",
        "body_deadline": "100ms",
        "keep_alive_timeout": "100ms",
    }
    weir = world.weir(world.scripted(lambda _, peer: peer.until_closed()), limits={limit: settings[limit]})
    answer = exchange(weir.port, data)
    if status is None:
        assert answer == b""
    else:
        assert answer.startswith(b"HTTP/1.1 %d " % status)
    weir.await_metrics({reached(limit): 1})


def test_content_that_trickles_is_too_slow(world):
    """Each byte in time does not make the whole in time, whether the bytes are content or frame it."""
    limits = {"body_rate_grace": "200ms", "min_body_rate": 10_000}
    weir = world.weir(world.scripted(lambda _, peer: peer.until_closed()), limits=limits)
    starts = [
        request("POST", "/", {"Content-Length": "100000"}),
        request("POST", "/", {"Transfer-Encoding": "chunked"}) + b"5;extension=",
    ]
    for start in starts:
        with weir.connect() as connection:
            connection.send(start)

            def refused(connection=connection):
                if not select.select([connection.socket], [], [], 0.01)[0]:
                    connection.send(b"x")
                    return None
                return connection.head()

            assert wait_until(refused, "it is refused").status == 408
    weir.await_metrics({reached("min_body_rate"): 2})


def test_a_client_that_reads_nothing_is_counted(world, origin):
    weir = world.weir(origin, limits={"write_deadline": "100ms"})
    with weir.connect() as connection:
        connection.send(request("GET", "/items/endless?size=500000000"))
        weir.await_metrics({reached("write_deadline"): 1, "weir_connections": 0})


# Buffers


def test_beyond_the_budget_of_buffers_only_what_needs_them_is_refused(world, origin):
    budget = 1024 * 1024
    weir = world.weir(origin, ttl="300s", limits={"max_buffers": budget})
    assert weir.get("/items/stored").cache == "MISS"
    with contextlib.ExitStack() as stack:
        for _ in range(30):
            upload = stack.enter_context(weir.connect())
            upload.send(request("POST", "/echo", {"Content-Length": "1000000"}) + b"x" * 1000)
        wait_until(lambda: weir.metrics()["weir_buffer_bytes"] >= budget, "the budget is used up")
        assert weir.get("/items/stored").cache == "HIT"
        refused = weir.get("/items/other")
        assert (refused.status, refused["Retry-After"]) == (503, "1")
        metrics = weir.metrics()
        assert metrics[reached("max_buffers")] >= 1
        assert metrics["weir_buffer_bytes"] < 2 * budget
        assert metrics["weir_buffer_budget_bytes"] == budget
    wait_until(lambda: weir.get("/items/other").status == 200, "there is room again")
    weir.await_metrics({"weir_connections": 0})
    assert weir.metrics()["weir_buffer_bytes"] < budget / 2


def test_what_a_slow_reader_has_yet_to_get_counts(world, origin):
    """Of content too large to be stored, which nobody else waits for."""
    window = 4 * 1024 * 1024
    weir = world.weir(origin, ttl="300s", memory={"max_object_size": "64KiB"}, collapse={"window": window})
    with weir.connect() as stalled:
        stalled.send(request("GET", "/items/large?size=200000000&chunked=1"))
        wait_until(lambda: weir.metrics()["weir_buffer_bytes"] > window / 2, "it is held")
    weir.await_metrics({"weir_connections": 0, "weir_transfers": 0})
    wait_until(lambda: weir.metrics()["weir_buffer_bytes"] < window / 4, "it is given back")


def test_where_buffers_are_short_stale_is_better_than_nothing(world, origin):
    route = {"path": "/", "ttl": "1s", "grace": "1h"}
    weir = world.weir(origin, routes=[route], limits={"max_buffers": "1MiB"})
    assert weir.get("/items/a").cache == "MISS"
    with contextlib.ExitStack() as stack:
        for _ in range(30):
            upload = stack.enter_context(weir.connect())
            upload.send(request("POST", "/echo", {"Content-Length": "1000000"}) + b"x" * 1000)
        wait_until(lambda: weir.get("/items/a").cache == "STALE", "it is served stale")
        assert weir.metrics()[reached("max_buffers")] >= 1
