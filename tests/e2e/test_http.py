"""What passes through, what is added, what is left out; connections and framing towards both sides."""

import os
import threading
import zlib

import pytest
from scripted_origin import ok
from wire import Connection, chunked, request, wait_until


@pytest.fixture(scope="module")
def origin(shared):
    return shared.origin()


@pytest.fixture(scope="module")
def weir(shared, origin):
    return shared.weir(origin, ttl="300s", local=["/metrics", "/health"])


def fields_at_origin(echo):
    """The request's fields as the origin got them: names in lower case, several lines joined."""
    fields = {}
    for name, value in echo.json()["fields"]:
        fields.setdefault(name.lower(), []).append(value)
    return {name: ", ".join(values) for name, values in fields.items()}


def echo(weir, fields=(), **options):
    return fields_at_origin(weir.ask("OPTIONS", "/echo", fields, **options))


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
    weir = world.weir(origin, limits={"keep_alive_timeout": "100ms"})
    with weir.connect() as connection:
        assert connection.is_ended()
    with weir.connect() as connection:
        assert connection.ask("GET", "/items/a").status == 200
        assert connection.is_ended()


def test_more_connections_than_allowed_are_closed(world, origin):
    weir = world.weir(origin, workers=1, limits={"max_connections": 2})
    with weir.connect() as one, weir.connect() as two:
        assert one.ask("GET", "/items/a").status == two.ask("GET", "/items/a").status == 200
        with weir.connect() as three:
            assert three.is_ended()
        assert one.ask("GET", "/items/a").status == 200


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
    assert fields_at_origin(sized)["content-length"] == "0"
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


def test_what_follows_a_response_is_not_taken_for_the_next_one(world):
    smuggled = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    weir = world.weir(world.scripted(lambda _, peer: [peer.send(ok(b"good") + smuggled) for _ in iter(peer.head, None)]))
    with weir.connect() as connection:
        assert [connection.ask("GET", f"/{number}").body for number in range(5)] == [b"good"] * 5


# Fields


def test_what_concerns_one_connection_only_is_left_out_of_the_request(weir):
    sent = {
        "Connection": "close, X-Hop , te",
        "X-Hop": "1",
        "Keep-Alive": "timeout=5",
        "TE": "trailers",
        "Upgrade": "websocket",
        "Proxy-Connection": "keep-alive",
        "Proxy-Authorization": "Basic YTpi",
        "X-Kept": "2",
    }
    got = echo(weir, sent)
    assert got["x-kept"] == "2"
    assert {name.lower() for name in sent} & got.keys() <= {"x-kept", "connection"}
    assert got.get("connection", "keep-alive").lower() == "keep-alive"


def test_connection_cannot_take_away_what_the_message_needs(weir):
    got = echo(weir, {"Connection": "Host, Content-Length, X-Forwarded-For, Via"}, body=b"12345")
    assert (got["host"], got["content-length"], got["x-forwarded-for"]) == ("weir.test", "5", "127.0.0.1")
    assert got["via"].endswith("1.1 weir")


def test_what_concerns_one_connection_only_is_left_out_of_the_response(world):
    fields = "Connection: X-Hop, close\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\n"
    fields += "Upgrade: h2c\r\nProxy-Connection: close\r\nTrailer: X\r\nX-Kept: 2\r\n"
    weir = world.weir(world.scripted(ok(fields=fields)), ttl="300s")
    with weir.connect() as connection:
        for cache in ("MISS", "HIT"):
            response = connection.ask("GET", "/")
            assert (response.cache, response["X-Kept"], response.body) == (cache, "2", b"hello")
            names = {name.lower() for name, _ in response.fields}
            assert not names & {"connection", "x-hop", "keep-alive", "proxy-authenticate", "upgrade", "proxy-connection"}


def test_the_origin_learns_who_asks(weir):
    got = echo(weir, host="shop.test:8080")
    assert got["x-forwarded-for"] == "127.0.0.1"
    assert got["x-forwarded-proto"] == "http"
    assert got["x-forwarded-host"] == "shop.test:8080"
    assert got["host"] == "shop.test:8080"
    assert got["via"] == "1.1 weir"
    assert len(got["x-request-id"]) == 32


def test_clients_cannot_pretend_to_be_others(weir):
    forged = {"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.test"}
    got = echo(weir, forged | {"X-Request-Id": "mine", "Forwarded": "for=1.2.3.4"})
    assert (got["x-forwarded-for"], got["x-forwarded-proto"]) == ("127.0.0.1", "http")
    assert got["x-forwarded-host"] == "weir.test"
    assert got["x-request-id"] != "mine" and "forwarded" not in got


def test_each_request_has_an_id_of_its_own(weir):
    assert len({echo(weir)["x-request-id"] for _ in range(10)}) == 10


def test_via_grows(weir):
    assert echo(weir, {"Via": "1.0 edge"}, version="1.0", host="weir.test")["via"] == "1.0 edge, 1.0 weir"


def test_the_name_in_via_is_configured(world, origin):
    weir = world.weir(origin, name="gate-7")
    assert echo(weir)["via"] == "1.1 gate-7"
    assert weir.get("/items/a")["Via"] == "1.1 gate-7"


def test_host_is_set_by_the_configuration(world, origin):
    weir = world.weir({"servers": [origin.url], "host": "internal.test"})
    got = echo(weir, host="public.test")
    assert (got["host"], got["x-forwarded-host"]) == ("internal.test", "public.test")


def test_the_target_is_forwarded_byte_for_byte(weir):
    for target in ("/echo?a=%2F%2f&b=+%20&&c", "/echo?x=[1]|{2}'", "/echo?"):
        assert weir.ask("OPTIONS", target).json()["target"] == target


def test_the_absolute_form_is_understood(weir):
    response = weir.ask("OPTIONS", "http://other.test/echo?a=b", host="weir.test")
    assert response.json()["target"] == "/echo?a=b"
    assert fields_at_origin(response)["host"] == "other.test"


def test_options_of_the_whole_server_is_forwarded(world):
    origin = world.scripted(ok(b""))
    world.weir(origin).ask("OPTIONS", "*")
    assert origin.requests[0].startswith(b"OPTIONS * HTTP/1.1\r\n")


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


# The node's own endpoints


def test_local_endpoints_on_the_traffic_port(weir, origin):
    before = origin.requests
    health = weir.get("/health")
    assert (health.status, health["Content-Type"], health.json()) == (200, "application/json", {"status": "ok"})
    metrics = weir.get("/metrics")
    assert metrics.status == 200 and metrics["Content-Type"].startswith("text/plain; version=0.0.4")
    assert b"\n# TYPE request_latency_seconds histogram\n" in metrics.body
    assert weir.ask("HEAD", "/metrics").body == b""
    assert weir.ask("POST", "/health", body=b"x").status == 405
    assert origin.requests == before


def test_local_endpoints_are_the_origins_where_not_configured(world, origin):
    weir = world.weir(origin)
    assert weir.get("/health")["Server"] == "weir-origin-stub"
    assert weir.get("/metrics").status == 404


def test_the_admin_listener_has_them_always(weir):
    assert weir.admin("/health").json() == {"status": "ok"}
    assert weir.admin("/livez").status == weir.admin("/readyz").status == 200
    assert b"\ncache_hits_total " in weir.admin("/metrics").body
    assert weir.admin("/items/foo").status == 404


def test_no_admin_listener_where_switched_off(world, origin):
    weir = world.weir(origin, admin="off")
    assert weir.admin_port is None and "admin endpoints" not in weir.log
    assert weir.get("/items/a").status == 200


# Several origins


def test_routes_choose_among_upstreams(world):
    pages, images = world.scripted(ok(b"page")), world.scripted(ok(b"image"))
    weir = world.weir(
        upstreams={"pages": pages.url, "images": images.url},
        routes=[
            {"path": "/images/", "upstream": "images"},
            {"host": "images.test", "upstream": "images"},
            {"path": "/", "upstream": "pages"},
        ],
    )
    assert weir.get("/index").body == b"page"
    assert weir.get("/images/1").body == b"image"
    assert weir.get("/1", host="IMAGES.test:80").body == b"image"


def test_a_server_that_is_away_is_passed_over(world):
    up = world.scripted(ok(b"up"))
    weir = world.weir({"servers": [f"http://127.0.0.1:{world.refusing_port()}", up.url]})
    assert [weir.get(f"/{number}").body for number in range(6)] == [b"up"] * 6


def test_connections_to_the_origin_are_reused(world):
    origin = world.origin()
    weir = world.weir(origin, workers=1)
    for number in range(20):
        weir.get(f"/items/{number}")
    name = 'weir_upstream_%s_total{upstream="default"}'
    weir.await_metrics({name % "connects": 1, name % "reused": 19})
