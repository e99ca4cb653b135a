"""Purging: every way in, every kind of thing, on all nodes, whatever becomes of them and of Redis meanwhile."""

import json
import threading

import pytest
from scripted_origin import ok
from servers import PROGRAMS, run
from test_redis import impatient
from wire import HOST, Connection, request, wait_until
from world import asked

LOG = "weir:{log}:purges"
TAGGED = "/items/tagged?header=Surrogate-Key:news%20page-1"
OTHER = "/items/other?header=Cache-Tag:sport"
LOOPBACK = {"allow": ["127.0.0.0/8"]}


def node(world, origin, redis, **options):
    """One that uses Redis."""
    weir = world.weir(origin, redis, **{"ttl": "300s", **options})
    weir.await_redis()
    return weir


def fleet(world, origin, redis, count=3, **options):
    return [node(world, origin, redis, **options) for _ in range(count)]


def fill(nodes, redis, *targets):
    """All nodes have these in memory, and Redis has them."""
    for target in targets:
        nodes[0].get(target)
        redis.await_key("weir:{http://%s%s}" % (HOST, target))
        for weir in nodes:
            assert weir.get(target).cache == "HIT"
            assert weir.get(target)["Cache-Status"].endswith("detail=memory")


def purged_everywhere(nodes, position):
    for weir in nodes:
        weir.await_purged(position)


KINDS = {
    "url": {"urls": [f"http://{HOST}{TAGGED}"]},
    "surrogate key": {"surrogate_keys": ["page-1"]},
    "prefix": {"prefixes": [f"http://{HOST}/items/tag"]},
    "host": {"hosts": [HOST]},
    "everything": {"everything": True},
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_thing_goes_on_all_nodes_and_in_redis(world, origin, redis, kind):
    nodes = fleet(world, origin, redis)
    fill(nodes, redis, TAGGED, OTHER)
    position = nodes[1].purge(**KINDS[kind])
    purged_everywhere(nodes, position)
    late = node(world, origin, redis)
    assert late.get(TAGGED, {"Cache-Control": "only-if-cached"}).status == 504, "a new node does not find it in Redis"
    assert nodes[0].get(TAGGED).cache == "MISS"
    assert asked(origin, TAGGED) == 2
    redis.await_key("weir:{http://%s%s}" % (HOST, TAGGED))
    for weir in [*nodes, late]:
        wait_until(lambda weir=weir: weir.get(TAGGED).cache == "HIT", "the new one is shared")
    assert asked(origin, TAGGED) <= 5, "each node at most once"
    survives = kind not in ("host", "everything")
    assert nodes[2].get(OTHER).cache == ("HIT" if survives else "MISS")
    assert asked(origin, OTHER) == (1 if survives else 2)


@pytest.mark.parametrize("kind", KINDS)
def test_softly_it_is_stale_and_served_while_it_is_validated(world, origin, redis, kind):
    target = TAGGED + "&etag=v1&cache_control=max-age=300,stale-while-revalidate=300"
    things = KINDS[kind] | ({"urls": [f"http://{HOST}{target}"]} if kind == "url" else {})
    one, two = nodes = fleet(world, origin, redis, 2)
    fill(nodes, redis, target)
    purged_everywhere(nodes, one.purge(**things, soft=True))
    stale = two.get(target)
    assert (stale.status, stale.cache) == (200, "STALE")
    wait_until(lambda: asked(origin, target) == 2, "it is validated")
    wait_until(lambda: two.get(target).cache == "HIT", "it is fresh again")
    late = node(world, origin, redis)
    wait_until(lambda: late.get(target).cache in ("HIT", "STALE"), "Redis has it still")


def test_softly_without_a_window_it_is_validated_first(world, origin, redis):
    target = TAGGED + "&etag=v1"
    (weir,) = fleet(world, origin, redis, 1)
    fill([weir], redis, target)
    weir.await_purged(weir.purge(surrogate_keys=["news"], soft=True))
    assert weir.get(target).cache == "REVALIDATED"
    assert weir.get(target).cache == "HIT"


def by_method(weir, target, **fields):
    answer = weir.ask("PURGE", target, fields)
    assert answer.status == 200, answer
    assert answer["Content-Type"] == "application/json"
    return answer.json()


def by_command(weir, *arguments):
    done = run(PROGRAMS / "weir", "purge", "--admin", f"127.0.0.1:{weir.admin_port}", *arguments)
    assert (done.returncode, done.stderr) == (0, ""), done
    return json.loads(done.stdout)


WAYS = {
    "method": lambda weir, target: by_method(weir, target),
    "admin": lambda weir, target: weir.try_purge({"urls": [f"http://{HOST}{target}"]}).json(),
    "command": lambda weir, target: by_command(weir, "--url", f"http://{HOST}{target}"),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_in_is_one_command_and_one_entry(world, origin, redis, way):
    nodes = fleet(world, origin, redis, 2, purge=LOOPBACK)
    fill(nodes, redis, TAGGED)
    before = int(redis.command("XLEN", LOG))
    wait_until(lambda: redis.command("XLEN", "weir:{log}:leases") == "1", "the lease is released")
    redis.command("CONFIG", "RESETSTAT")
    answer = WAYS[way](nodes[0], TAGGED)
    assert answer["purged"] == 1
    purged_everywhere(nodes, answer["position"])
    stats = redis.command("INFO", "commandstats")
    assert "cmdstat_eval:calls=1," in stats and "cmdstat_xadd:calls=1," in stats
    assert int(redis.command("XLEN", LOG)) == before + 1
    assert nodes[1].get(TAGGED).cache == "MISS"
    assert asked(origin, TAGGED) == 2, "PURGE is not forwarded"
    source = "client" if way == "method" else "admin"
    nodes[0].await_metrics({'weir_purges_total{source="%s"}' % source: 1})
    nodes[1].await_metrics({"weir_purge_log_applied_total": 1, "weir_purge_propagation_seconds_count": 1})
    assert nodes[1].metrics()["weir_purge_log_position"] == int(answer["position"].split("-")[0]) / 1000


@pytest.mark.parametrize("field", ["Soft-Purge", "Fastly-Soft-Purge"])
def test_the_method_purges_softly(world, origin, field):
    target = "/items/a?cache_control=max-age=300,stale-while-revalidate=300"
    weir = world.weir(origin, purge=LOOPBACK)
    weir.get(target)
    assert by_method(weir, target, **{field: "1"}) == {"position": None, "purged": 1}
    assert weir.get(target).cache == "STALE"


def test_the_command_knows_all_kinds(world, origin):
    weir = world.weir(origin, ttl="300s")
    every = ["--url", "http://a/", "--surrogate-key=k", "--prefix", "http://a/b", "--host", "a", "--everything"]
    assert by_command(weir, *every, "--soft") == {"position": None, "purged": 5}
    refused = run(PROGRAMS / "weir", "purge", "--admin", f"127.0.0.1:{weir.admin_port}", "--url", "nonsense")
    assert refused.returncode == 1 and "400" in refused.stderr and "urls[0]" in refused.stderr
    alone = run(PROGRAMS / "weir", "purge", "--admin", f"127.0.0.1:{world.refusing_port()}", "--everything")
    assert alone.returncode == 1 and "Connection refused" in alone.stderr
    assert run(PROGRAMS / "weir", "purge").returncode == 1
    assert "--surrogate-key" in run(PROGRAMS / "weir", "purge", "--help").stdout


def test_without_redis_it_is_this_node_alone(world, origin):
    weir = world.weir(origin, ttl="300s")
    weir.get(TAGGED)
    weir.get(OTHER)
    assert weir.purge(surrogate_keys=["page-1"]) is None
    assert (weir.get(TAGGED).cache, weir.get(OTHER).cache) == ("MISS", "HIT")
    assert weir.metrics()["weir_purge_entries"] == 1


def test_all_variants_and_all_that_the_key_adds(world, origin, redis):
    routes = [{"path": "/", "ttl": "300s", "key": {"cookies": ["who"], "query": "sort"}}]
    nodes = fleet(world, origin, redis, 2, routes=routes)
    target = "/items/varied?a=1&vary=Accept-Encoding"
    askers = [{"Accept-Encoding": coding, "Cookie": f"who={who}"} for coding in ("gzip", "br") for who in ("me", "you")]
    for weir in nodes:
        for asker in askers:
            weir.get(target, asker)
    for weir in nodes:
        assert all(weir.get(target, asker).cache == "HIT" for asker in askers)
    purged_everywhere(nodes, nodes[0].purge(urls=[f"http://{HOST}/items/varied?vary=Accept-Encoding&a=1"]))
    assert [nodes[1].get(target, asker).cache for asker in askers] == ["MISS"] * 4


def test_a_host_that_stands_for_all(world, origin, redis):
    routes = [{"path": "/", "ttl": "300s", "key": {"host": "demo"}}]
    (weir,) = fleet(world, origin, redis, 1, routes=routes, purge=LOOPBACK)
    for things in (
        {"urls": [f"http://{HOST}/items/a"]},
        {"hosts": ["another.test"]},
        {"prefixes": ["http://another.test/it"]},
    ):
        weir.get("/items/a")
        assert weir.get("/items/a").cache == "HIT"
        weir.await_purged(weir.purge(**things))
        assert weir.get("/items/a").cache == "MISS"
    by_method(weir, "/items/a")
    assert weir.get("/items/a").cache == "MISS"


class Gated:
    """An origin whose answer comes when the test says so; each has another number."""

    def __init__(self):
        self.asked = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)
        self.number = 0

    def __call__(self, origin, peer):
        while head := peer.head():
            origin.requests.append(head)
            self.number += 1
            body = b"%d" % self.number
            self.asked.release()
            assert self.go_on.acquire(timeout=20)
            peer.send(ok(body, "Cache-Control: max-age=300\r\nSurrogate-Key: k\r\n"))


@pytest.mark.parametrize("things", [{"urls": [f"http://{HOST}/a"]}, {"surrogate_keys": ["k"]}, {"everything": True}])
def test_what_was_being_fetched_when_it_was_purged_is_not_used_after_it(world, redis, things):
    gate = Gated()
    origin = world.scripted(gate)
    one, two = nodes = fleet(world, origin, redis, 2)
    with one.connect() as client:
        client.send(request("GET", "/a"))
        assert gate.asked.acquire(timeout=20)
        purged_everywhere(nodes, two.purge(**things))
        gate.go_on.release()
        assert client.response().body == b"1"
    for weir in nodes:
        gate.go_on.release()
        assert int(weir.get("/a").body) > 1
    assert [weir.get("/a").cache for weir in nodes] == ["HIT", "HIT"]


@pytest.mark.parametrize("things", [{"urls": [f"http://{HOST}/a"]}, {"surrogate_keys": ["k"]}, {"hosts": [HOST]}])
@pytest.mark.parametrize("soft", [False, True])
def test_who_comes_after_a_purge_does_not_get_what_was_asked_for_before_it(world, things, soft):
    gate = Gated()
    weir = world.weir(world.scripted(gate))
    with weir.connect() as early, weir.connect() as late:
        early.send(request("GET", "/a"))
        assert gate.asked.acquire(timeout=20)
        weir.purge(**things, soft=soft)
        late.send(request("GET", "/a"))
        if "surrogate_keys" in things:  # it waits until it is known which ones the response has
            weir.await_metrics({"weir_transfer_readers": 1})
        else:
            assert gate.asked.acquire(timeout=20), "it is asked for anew"
        gate.go_on.release(2)
        assert [early.response().body, late.response().body] == [b"1", b"2"]
    assert weir.get("/a").cache == "HIT"
    assert weir.get("/a").body == b"2"


def test_other_purges_do_not_keep_clients_from_waiting_together(world):
    gate = Gated()
    weir = world.weir(world.scripted(gate))
    with weir.connect() as early, weir.connect() as late:
        early.send(request("GET", "/a"))
        assert gate.asked.acquire(timeout=20)
        weir.purge(urls=[f"http://{HOST}/b"])
        late.send(request("GET", "/a"))
        weir.await_metrics({"weir_transfer_readers": 1})
        gate.go_on.release(2)
        assert [early.response().body, late.response().body] == [b"1", b"1"]
    assert gate.number == 1


def test_a_node_that_was_cut_off_catches_up(world, origin, redis):
    one, two = nodes = fleet(world, origin, impatient(redis), 2)
    fill(nodes, redis, TAGGED, OTHER)
    two.pause()
    position = one.purge(surrogate_keys=["news"])
    redis.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    two.resume()
    two.await_purged(position)
    assert two.get(TAGGED).cache == "MISS"
    assert two.get(OTHER).cache == "HIT"
    assert two.metrics()["weir_purge_log_gaps_total"] == 0


def test_a_node_that_starts_again_respects_what_was_purged_while_it_was_away(world, origin, redis):
    one, two = nodes = fleet(world, origin, redis, 2)
    fill(nodes, redis, TAGGED, OTHER)
    two.kill()
    one.purge(urls=[f"http://{HOST}{TAGGED}"])
    two.start()
    two.await_ready()
    two.await_redis()
    other = two.get(OTHER)
    assert (other.cache, other["Cache-Status"].split("; ")[-1]) == ("HIT", "detail=redis"), "warm at once"
    assert two.get(TAGGED).cache == "MISS"


@pytest.mark.parametrize("loss", [("DEL", LOG), ("FLUSHALL",), ("PEXPIRE", LOG, "1"), ("XTRIM", LOG, "MAXLEN", "0")])
def test_a_log_that_is_lost_costs_stored_responses_and_no_purge(world, origin, redis, loss):
    one, two = nodes = fleet(world, origin, redis, 2)
    fill(nodes, redis, TAGGED, OTHER)
    one.purge(surrogate_keys=["news"])
    redis.command(*loss)
    for weir in nodes:
        wait_until(lambda weir=weir: weir.metrics()["weir_purge_log_gaps_total"] >= 1, "the loss is noticed")
        weir.await_metrics({"weir_purge_log_connected": 1})
    assert two.get(TAGGED).cache == "MISS"
    fill(nodes, redis, TAGGED, OTHER)
    purged_everywhere(nodes, two.purge(surrogate_keys=["news"]))
    assert (one.get(TAGGED).cache, one.get(OTHER).cache) == ("MISS", "HIT")


def test_while_redis_is_away_operators_are_refused_and_origins_are_not(world, origin, redis):
    one, two = nodes = fleet(world, origin, impatient(redis), 2, purge=LOOPBACK)
    fill(nodes, redis, "/items/foo", OTHER)
    redis.pause()
    refused = one.try_purge({"everything": True})
    assert refused.status == 503 and "purge log" in refused.json()["error"]
    by_method_refused = one.ask("PURGE", OTHER)
    assert (by_method_refused.status, by_method_refused["Retry-After"]) == (503, "1")
    assert one.get(OTHER).cache == "HIT", "no effect"

    assert one.ask("PUT", "/items/foo", body=b"new").status == 200
    assert one.metrics()["weir_purge_pending"] == 1
    assert one.get("/items/foo").cache == "MISS", "here at once"
    redis.resume()
    one.await_metrics({"weir_purge_pending": 0, "weir_purge_log_connected": 1})
    two.await_metrics({"weir_purge_log_connected": 1})
    wait_until(lambda: two.metrics()["weir_purge_log_applied_total"] >= 1, "the other one knows")
    asked_before = asked(origin, "/items/foo")
    assert two.get("/items/foo").status == 200
    assert asked(origin, "/items/foo") == asked_before + 1, "and there when Redis is back"


def test_an_unsafe_request_reaches_all_nodes(world, origin, redis):
    one, two = nodes = fleet(world, origin, redis, 2)
    fill(nodes, redis, "/items/foo", OTHER)
    assert one.ask("PUT", "/items/foo", body=b"new").status == 200
    assert one.get("/items/foo").cache == "MISS"
    purged_everywhere(nodes, one.admin("/purge").json()["newest"])
    assert asked(origin, "/items/foo") == 3
    assert two.get("/items/foo")["Cache-Status"].startswith("Weir; hit; ") or asked(origin, "/items/foo") == 4
    assert two.get(OTHER).cache == "HIT"


BAD_REQUESTS = [
    (b"", 400, "no JSON object"),
    (b"everything", 400, "no JSON object"),
    ({"everything": "yes"}, 400, "everything: is no boolean"),
    ({"everythin": True}, 400, "unknown member"),
    ({}, 400, "nothing is named"),
    ({"urls": ["/items/foo"]}, 400, "urls[0]"),
    ({"everything": True, "hosts": ["a b"]}, 400, "hosts[0]"),
    ({"surrogate_keys": ["a"] * 1001}, 400, "at most 1000"),
    (b" " * (1 << 20) + b"{}", 413, "Payload Too Large"),
]


@pytest.mark.parametrize("request_, status, reason", BAD_REQUESTS, ids=range(len(BAD_REQUESTS)))
def test_a_bad_request_is_refused_with_its_reason_and_has_no_effect(world, origin, redis, request_, status, reason):
    (weir,) = fleet(world, origin, redis, 1)
    weir.get("/items/foo")
    length = redis.command("XLEN", LOG)
    answer = weir.try_purge(request_)
    assert (answer.status, reason in answer.json()["error"]) == (status, True), answer
    assert weir.get("/items/foo").cache == "HIT"
    assert redis.command("XLEN", LOG) == length


def test_a_foreign_page_in_an_operators_browser_cannot_purge(world, origin):
    weir = world.weir(origin, ttl="300s")
    weir.get("/items/foo")
    for foreign in ("http://evil.test", "null", f"https://{HOST}"):
        assert weir.try_purge({"everything": True}, {"Origin": foreign}).status == 403
    assert weir.get("/items/foo").cache == "HIT"
    assert weir.admin("/purge", "DELETE").status == 405
    assert weir.try_purge({"everything": True}, {"Origin": f"http://{HOST}"}).status == 200


WHO = [
    ({}, {}, 403),
    ({"allow": ["10.0.0.0/8", "::/1"]}, {}, 403),
    ({"allow": ["127.0.0.1"]}, {}, 200),
    ({"token": "secret"}, {}, 401),
    ({"token": "secret"}, {"Authorization": "Bearer wrong!"}, 403),
    ({"token": "secret"}, {"Authorization": "Basic secret"}, 403),
    ({"token": "secret"}, {"Authorization": "Bearer secret"}, 200),
    ({"token": "secret", "allow": ["127.0.0.1"]}, {}, 200),
    ({}, {"Authorization": "Bearer "}, 403),
]


@pytest.mark.parametrize("settings, fields, status", WHO, ids=range(len(WHO)))
def test_who_may_use_the_method(world, origin, settings, fields, status):
    weir = world.weir(origin, ttl="300s", purge=settings)
    weir.get("/items/foo")
    answer = weir.ask("PURGE", "/items/foo", fields)
    assert answer.status == status
    assert answer["WWW-Authenticate"] == ("Bearer" if status == 401 else None)
    assert weir.get("/items/foo").cache == ("MISS" if status == 200 else "HIT")
    assert asked(origin, "/items/foo") == (2 if status == 200 else 1)


def test_the_admin_token(world, origin):
    weir = world.weir(origin, ttl="300s", admin={"listen": "127.0.0.1:0", "token": "secret"})
    weir.get("/items/foo")
    assert weir.health() == 200, "what only looks needs none"
    things = {"everything": True}
    missing = weir.try_purge(things)
    assert (missing.status, missing["WWW-Authenticate"]) == (401, "Bearer")
    assert weir.try_purge(things, {"Authorization": "Bearer wrong"}).status == 403
    assert weir.admin("/purge").status == 401
    assert weir.get("/items/foo").cache == "HIT"
    assert weir.try_purge(things, {"Authorization": "Bearer secret"}).status == 200
    assert weir.get("/items/foo").cache == "MISS"
    arguments = ["--admin", f"127.0.0.1:{weir.admin_port}", "--everything"]
    assert run(PROGRAMS / "weir", "purge", *arguments).returncode == 1
    assert by_command(weir, "--everything", "--token", "secret")["purged"] == 1


def test_an_admin_listener_for_all_machines_needs_a_token(world, origin):
    flags = ["--upstream", origin.url, "--admin", "0.0.0.0:0", "--check"]
    refused = run(PROGRAMS / "weir", *flags)
    assert refused.returncode == 1 and "admin.token: is missing" in refused.stderr
    assert run(PROGRAMS / "weir", *flags, "--admin-token", "secret").returncode == 0


def test_clients_do_not_see_surrogate_keys(world, origin, redis):
    nodes = fleet(world, origin, redis, 2)
    target = "/items/foo?etag=v1&header=Surrogate-Key:a&header=xkey:b&header=Cache-Tag:c&header=X-Other:d"
    seen = [nodes[0].get(target)]
    redis.await_key("weir:{http://%s%s}" % (HOST, target))
    seen += [nodes[0].get(target), nodes[1].get(target), nodes[0].get(target, {"If-None-Match": '"v1"'})]
    assert [answer.status for answer in seen] == [200, 200, 200, 304]
    seen += [nodes[0].ask("HEAD", target), nodes[0].ask("POST", target, body=b"x")]
    for answer in seen:
        assert not [name for name, _ in answer.fields if name.lower() in ("surrogate-key", "xkey", "cache-tag")]
    assert all(answer["X-Other"] == "d" for answer in seen if answer.status == 200)


def test_nor_in_trailers(world):
    answer = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n0\r\nSurrogate-Key: a\r\nX-Sum: 1\r\nCache-Tag: b\r\n\r\n"
    )
    weir = world.weir(world.scripted(answer))
    assert weir.get("/a").trailers == [("X-Sum", "1")]


def test_too_many_surrogate_keys_are_not_stored_half_tagged(world):
    keys = " ".join(f"key-{number:05}" for number in range(1700))
    origin = world.scripted(ok(b"hello", f"Cache-Control: max-age=60\r\nSurrogate-Key: {keys}\r\n"))
    weir = world.weir(origin)
    for _ in range(2):
        answer = weir.get("/a")
        assert (answer.status, answer.cache, answer["Surrogate-Key"]) == (200, "MISS", None)
        assert "detail=surrogate-keys" in answer["Cache-Status"]
    weir.await_metrics({'weir_uncacheable_total{reason="surrogate-keys"}': 2})
    weir.await_log(f"warning not stored, as it has too many surrogate keys: GET {HOST}/a")


def test_a_304_names_other_surrogate_keys(world, origin):
    weir = world.weir(origin, ttl="300s")
    target = "/items/foo?etag=v1&cache_control=no-cache&header=Surrogate-Key:a"
    weir.get(target)
    assert weir.get(target).cache == "REVALIDATED"
    weir.purge(surrogate_keys=["a"])
    assert weir.get(target).cache == "MISS"


def test_more_purges_than_are_remembered_lose_responses_and_no_purge(world, origin, redis):
    nodes = fleet(world, origin, redis, 2, purge={"max_entries": 10})
    fill(nodes, redis, TAGGED, OTHER)
    nodes[0].purge(urls=[f"http://{HOST}{TAGGED}"])
    position = nodes[0].purge(urls=[f"http://{HOST}/{number}" for number in range(10)])
    purged_everywhere(nodes, position)
    assert nodes[1].metrics()["weir_purge_entries"] == 10
    assert nodes[1].get(TAGGED).cache == "MISS"
    assert nodes[1].get(OTHER).cache == "MISS", "it is older than the purge that was forgotten"


def test_purging_works_while_all_is_busy(world, origin, redis):
    """Readers on two nodes, purges by a third: whoever has applied a purge shows nothing older."""
    nodes = fleet(world, origin, redis, 3)
    for number in range(30):
        target = f"/items/busy?header=Surrogate-Key:k{number % 3}&n={number % 5}"
        for weir in nodes:
            weir.get(target)
        before = asked(origin, target)
        purged_everywhere(nodes, nodes[number % 3].purge(surrogate_keys=[f"k{number % 3}"]))
        with Connection(nodes[(number + 1) % 3].port) as client:
            assert client.ask("GET", target).cache == "MISS"
        assert asked(origin, target) == before + 1
