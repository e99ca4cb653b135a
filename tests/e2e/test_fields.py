"""What passes through, what is added, what is left out; the node's own endpoints; the choice of an origin."""

import pytest
from scripted_origin import ok


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
    assert {name.lower() for name in sent} & got.keys() == {"x-kept", "connection", "te"}
    assert (got["te"], got["connection"]) == ("trailers", "TE")  # ours: trailers are passed on
    assert "te" not in echo(weir, {"TE": "gzip", "Connection": "TE"})


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
            hop_by_hop = ("X-Hop", "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Connection", "Upgrade")
            assert [response[name] for name in hop_by_hop] == [None] * len(hop_by_hop)


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
