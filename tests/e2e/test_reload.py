"""SIGHUP: another configuration for requests to come, and nothing lost of those that are there."""

import contextlib
import signal
import threading

from scripted_origin import answering, ok
from test_redis_content import HalfRead
from test_upgrade import ROUTES, SWITCHED, echo, offer
from wire import request, wait_until

RELOADED = 'weir_config_reloads_total{outcome="ok"}'
FAILED = 'weir_config_reloads_total{outcome="error"}'
SUCCESSFUL = "weir_config_last_reload_successful"


def scripted(world, body):
    return world.scripted(answering(ok(body, "Cache-Control: no-store\r\n"), keep=True))


def test_requests_to_come_see_the_new_configuration(world):
    one, two = scripted(world, b"one"), scripted(world, b"two")
    weir = world.weir(one)
    before = weir.metrics()
    assert (before[RELOADED], before[FAILED], before[SUCCESSFUL]) == (0, 0, 1)
    with weir.connect() as connection:
        assert connection.ask("GET", "/").body == b"one"
        weir.reload(upstream=two.url)
        assert connection.ask("GET", "/").body == b"two", "on a connection that was open"
        assert weir.get("/").body == b"two"
        weir.reload(upstreams={"b": one.url}, upstream=two.url, routes=[{"path": "/b", "upstream": "b"}])
        assert [connection.ask("GET", path).body for path in ("/", "/b")] == [b"two", b"one"]
    after = weir.metrics()
    assert (after[RELOADED], after[FAILED], after[SUCCESSFUL]) == (2, 0, 1)
    assert after["weir_config_hash"] != before["weir_config_hash"]
    stamp = "weir_config_last_reload_success_timestamp_seconds"
    assert after[stamp] > before[stamp]
    assert after['weir_upstream_requests_total{outcome="ok",upstream="default"}'] == 4
    assert after['weir_upstream_requests_total{outcome="ok",upstream="b"}'] == 1
    assert after['weir_upstream_connections{state="open",upstream="default"}'] <= 2
    weir.reload(upstream=one.url)
    assert weir.metrics()["weir_config_hash"] == before["weir_config_hash"]


def test_what_is_under_way_goes_on_by_the_old_configuration(world):
    go_on = threading.Event()

    def serve(origin, peer):
        while head := peer.head():
            origin.requests.append(head)
            peer.send(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 10\r\n\r\nfirst")
            assert go_on.wait(20)
            peer.send(b"after")

    old, new = world.scripted(serve), scripted(world, b"new")
    weir = world.weir(old, workers=1)
    with weir.connect() as reading, weir.connect() as joining:
        reading.send(request("GET", "/slow"))
        assert reading.head().status == 200
        joining.send(request("GET", "/slow"))
        joining.head()
        weir.reload(workers=1, upstream=new.url, routes=[{"path": "/", "ttl": "10s"}])
        weir.reload(workers=1, upstream=new.url, routes=[{"path": "/", "ttl": "20s"}])
        assert weir.get("/other").body == b"new"
        go_on.set()
        assert reading.read(10) == joining.read(10) == b"firstafter"
        assert reading.ask("GET", "/other").body == b"new"
    assert weir.get("/slow").cache == "HIT"
    wait_until(old.is_quiet, "the connections to the old origin are closed")


def test_what_waits_for_the_origin_is_not_lost(world):
    """In the queue of an upstream that is there no more; nor does it fill the queue of the next one."""
    go_on = threading.Event()

    def slow(body):
        def serve(origin, peer):
            while head := peer.head():
                origin.requests.append(head)
                assert go_on.wait(20)
                peer.send(ok(body, "Cache-Control: no-store\r\n"))

        return world.scripted(serve)

    def one_by_one(origin):
        return {"servers": [origin.url], "max_connections": 1, "max_queue": 1}

    queued = 'weir_upstream_queued{upstream="default"}'
    old, new = slow(b"old"), slow(b"new")
    weir = world.weir(one_by_one(old), workers=1)
    with contextlib.ExitStack() as stack:
        clients = []

        def ask(origin):
            """The first one asks the origin, the second one waits for it."""
            before = len(clients)
            for number in (1, 2):
                clients.append(stack.enter_context(weir.connect()))
                clients[-1].send(request("GET", f"/{before + number}"))
                wait_until(lambda: origin.requests, "the origin is asked")
            weir.await_metrics({queued: (before + number) / 2})

        ask(old)
        weir.reload(workers=1, upstream=one_by_one(new))
        ask(new)
        go_on.set()
        assert [client.response().body for client in clients] == [b"old", b"old", b"new", b"new"]
    weir.await_metrics({queued: 0, "weir_connections": 0})


def test_a_background_fetch_outlives_its_configuration(world):
    go_on = threading.Event()
    first = ok(b"stale", "Cache-Control: max-age=0, stale-while-revalidate=60\r\nETag: \"a\"\r\n")

    def serve(origin, peer):
        while head := peer.head():
            origin.requests.append(head)
            if len(origin.requests) > 1:
                assert go_on.wait(20)
                peer.send(ok(b"fresh", "Cache-Control: max-age=60\r\n"))
            else:
                peer.send(first)

    origin = world.scripted(serve)
    weir = world.weir(origin, workers=1)
    assert weir.get("/").body == weir.get("/").body == b"stale"
    wait_until(lambda: len(origin.requests) == 2, "it is refreshed")
    weir.reload(workers=1, name="another")
    go_on.set()
    wait_until(lambda: weir.get("/").body == b"fresh", "it is fresh")


def test_a_tunnel_outlives_its_configuration(world):
    """With its own connection, but none that is idle: it may go on for days."""
    go_on = threading.Event()

    def serve(origin, peer):
        while head := peer.head():
            origin.requests.append(head)
            if b"\r\nUpgrade: websocket\r\n" in head:
                peer.send(SWITCHED)
                return echo(peer)
            if len(origin.requests) > 2:
                assert go_on.wait(20)
            peer.send(ok(b"old", "Cache-Control: no-store\r\n"))

    old, new = world.scripted(serve), scripted(world, b"new")
    weir = world.weir(old, workers=1, routes=ROUTES)
    with weir.connect() as tunnel, weir.connect() as reading:
        assert offer(tunnel).status == 101
        assert weir.get("/1").body == b"old"
        reading.send(request("GET", "/2"))
        wait_until(lambda: len(old.requests) == 3, "the origin is asked")
        weir.reload(workers=1, upstream=new.url, limits={"tunnel_timeout": "1s"})
        weir.reload(workers=1, upstream=new.url, limits={"tunnel_timeout": "2s"})
        go_on.set()
        assert reading.response().body == b"old"
        for data in (b"still", b"there"):
            tunnel.send(data)
            assert tunnel.read(5) == data
        connections = 'weir_upstream_connections{{state="{}",upstream="default"}}'
        weir.await_metrics({connections.format("open"): 1, connections.format("idle"): 0})
        assert weir.get("/3").body == b"new"
        weir.await_metrics({connections.format("open"): 2, connections.format("idle"): 1})


def test_what_redis_loses_comes_from_the_old_origin(world, origin):
    """On its way to a client it is completed as it began."""
    half = HalfRead(world, origin, world.redis())
    new = scripted(world, b"new")
    for name in ("one", "two"):
        half.weir.reload(upstream=new.url, name=name)
    assert half.read_on() == half.body
    assert half.weir.get("/").body == b"new"


def test_nothing_is_lost_under_load(world, origin):
    weir = world.weir(origin)
    load = world.load(weir.url + "/items?size=2000", "--duration", "300s", "--rate", "500", "--connections", "16", "--keys", "1000000")
    wait_until(lambda: origin.requests > 100, "there is load")
    limits = {"max_header_fields": 100}
    for number in range(20):
        limits["max_header_fields"] += 1
        weir.reload(limits=limits, name=f"weir-{number}", upstream={"servers": [origin.url], "max_queue": 1000 + number})
    summary = load.summary()
    assert summary["errors"] == 0 and summary["requests"] > 100, summary
    assert weir.metrics()[RELOADED] == 20


def test_limits_hold_for_connections_that_are_open(world, origin):
    weir = world.weir(origin)
    many = {f"X-{number}": "" for number in range(20)}
    with weir.connect() as connection:
        assert connection.ask("GET", "/items/a", many).status == 200
        weir.reload(limits={"max_header_fields": 15})
        assert connection.ask("GET", "/items/a", many).status == 431


def test_a_header_section_may_be_longer_than_a_limit_that_came_meanwhile(world, origin):
    weir = world.weir(origin)
    with weir.connect() as connection:
        connection.send(b"GET /items/a HTTP/1.1\r\nX-Long: " + b"x" * 20_000)
        weir.await_metrics({"weir_connections": 1})
        wait_until(lambda: weir.metrics()["weir_buffer_bytes"] > 20_000, "it is received")
        weir.reload(limits={"max_header_size": "2KiB"})
        connection.send(b"x")
        assert connection.response().status == 431


def test_a_wrong_file_changes_nothing_and_is_explained(world, origin):
    weir = world.weir(origin, ttl="300s")
    weir.configure(ttl="300", upstraem="http://127.0.0.1:1")
    weir.signal(signal.SIGHUP)
    weir.await_log("the one before stays in force")
    lines = weir.config_file.read_text().splitlines()
    for key in ("ttl", "upstraem"):
        number = next(at for at, line in enumerate(lines, 1) if f'"{key}"' in line)
        assert f"{weir.config_file}:{number}: {key}: " in weir.log
    metrics = weir.metrics()
    assert (metrics[RELOADED], metrics[FAILED], metrics[SUCCESSFUL]) == (0, 1, 0)
    assert weir.get("/items/a").cache == "MISS" and weir.get("/items/a").cache == "HIT"
    weir.reload(ttl="300s")
    metrics = weir.metrics()
    assert (metrics[RELOADED], metrics[FAILED], metrics[SUCCESSFUL]) == (1, 1, 1)


def test_a_file_that_is_gone_changes_nothing(world, origin):
    weir = world.weir(origin)
    weir.config_file.unlink()
    weir.signal(signal.SIGHUP)
    weir.await_log("cannot be read(.|\n)*the one before stays in force")
    assert weir.get("/items/a").status == 200


def test_what_needs_a_restart_is_named(world, origin):
    weir = world.weir(origin)
    weir.reload(workers=3, memory={"budget": "1MiB"}, redis="redis://127.0.0.1:1", admin="127.0.0.1:1", name="other")
    weir.await_log(r"it needs a restart: admin\.listen memory\.budget redis workers")
    metrics = weir.metrics()
    assert metrics["weir_memory_budget_bytes"] == 256 << 20
    weir.get("/items/a")
    assert origin.requests == 1, "all else is taken over"


def test_tokens_and_local_paths_are_taken_over(world, origin):
    weir = world.weir(origin, admin={"listen": "127.0.0.1:0"})
    assert weir.try_purge({"everything": True}).status == 200
    assert weir.get("/livez").status == 404
    weir.reload(admin={"listen": "127.0.0.1:0", "token": "secret"}, local=["/livez"])
    assert weir.try_purge({"everything": True}).status == 401
    assert weir.try_purge({"everything": True}, {"Authorization": "Bearer secret"}).status == 200
    assert weir.get("/livez").json() == {"status": "ok"}
