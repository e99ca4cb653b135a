"""One request to the origin for all who ask for the same at the same time: each reads at its own pace."""

import threading

import pytest
from scripted_origin import ok
from wire import LIMIT, Truncated, chunked, request, wait_until

CACHEABLE = "Cache-Control: max-age=60\r\n"
FIRST, REST = b"first half, ", b"second half"
WHOLE = FIRST + REST


class Steps:
    """An origin that goes on only when the test says so."""

    def __init__(self, head, first=FIRST, rest=REST):
        self.head, self.first, self.rest = head, first, rest
        self.may_begin, self.may_end = threading.Event(), threading.Event()

    def __call__(self, origin, peer):
        while head := peer.head():
            origin.requests.append(head)
            assert self.may_begin.wait(LIMIT)
            peer.send(self.head.encode() + b"\r\n" + self.first)
            assert self.may_end.wait(LIMIT)
            peer.send(self.rest)


def steps(fields=CACHEABLE, length=len(WHOLE), **content):
    return Steps(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{fields}", **content)


def asking(weir, count, target="/", fields=(), **options):
    clients = [weir.connect() for _ in range(count)]
    for client in clients:
        client.send(request("GET", target, fields, **options))
    return clients


def await_waiting(weir, origin, count):
    """Until the origin was asked and so many clients wait for that: all requests have been read."""
    wait_until(lambda: origin.requests, "the origin is asked")
    wait_until(lambda: weir.metrics()["weir_transfer_readers"] >= count, f"{count} wait")


def test_all_stream_behind_one_request(world):
    script = steps()
    origin = world.scripted(script)
    weir = world.weir(origin)
    leader = asking(weir, 1)[0]
    wait_until(lambda: origin.requests, "the origin is asked")
    clients = [leader, *asking(weir, 20)]
    await_waiting(weir, origin, 20)
    script.may_begin.set()
    for client in clients:  # each has the first half before the origin has sent the second
        head = client.head()
        assert (head.status, head["Content-Length"]) == (200, str(len(WHOLE)))
        assert client.read(len(FIRST)) == FIRST
    late = asking(weir, 1)[0]  # and so has who comes in the midst of it
    assert late.head()["Cache-Status"].startswith("Weir; fwd=uri-miss")
    assert late.read(len(FIRST)) == FIRST
    script.may_end.set()
    for client in [*clients, late]:
        assert client.read(len(REST)) == REST
    assert len(origin.requests) == 1
    assert weir.get("/").cache == "HIT"
    weir.await_metrics({"weir_collapsed_total": 21, "weir_transfers": 0, "weir_transfer_readers": 0})


def test_a_follower_says_that_it_was_collapsed(world):
    script = steps()
    origin = world.scripted(script)
    weir = world.weir(origin)
    leader = asking(weir, 1)[0]
    wait_until(lambda: origin.requests, "the origin is asked")
    follower = asking(weir, 1)[0]
    await_waiting(weir, origin, 1)
    script.may_begin.set()
    script.may_end.set()
    assert leader.response()["Cache-Status"] == "Weir; fwd=uri-miss; fwd-status=200; stored"
    response = follower.response()
    assert response["Cache-Status"] == f"Weir; fwd=uri-miss; ttl={response.remaining}; collapsed"
    assert response.remaining + int(response["Age"]) == 60
    assert (response.cache, response.body) == ("HIT", WHOLE)


@pytest.mark.parametrize("leaver", [0, 1])
def test_who_leaves_takes_nothing_from_the_others(world, leaver):
    script = steps(length=4_000_000 + len(REST), first=b"x" * 4_000_000)
    origin = world.scripted(script)
    weir = world.weir(origin)
    clients = asking(weir, 1)
    wait_until(lambda: origin.requests, "the origin is asked")
    clients += asking(weir, 2)
    await_waiting(weir, origin, 2)
    script.may_begin.set()
    for client in clients:
        client.head()
    clients.pop(leaver).reset()
    for client in clients:
        assert client.read(4_000_000) == script.first
    script.may_end.set()
    for client in clients:
        assert client.read(len(REST)) == REST
    assert weir.get("/").cache == "HIT"
    assert len(origin.requests) == 1


def test_the_only_client_leaves_and_the_answer_is_stored(world):
    script = steps()
    origin = world.scripted(script)
    weir = world.weir(origin)
    client = asking(weir, 1)[0]
    script.may_begin.set()
    client.head()
    client.reset()
    script.may_end.set()
    wait_until(lambda: weir.get("/").cache == "HIT", "it is stored")
    assert len(origin.requests) == 1


def test_an_origin_that_breaks_off_looks_whole_to_nobody(world):
    started, may_break = threading.Event(), threading.Event()

    def serve(origin, peer):
        origin.requests.append(peer.head())
        assert started.wait(LIMIT)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nCache-Control: max-age=60\r\n\r\npart")
        assert may_break.wait(LIMIT)

    origin = world.scripted(serve)
    weir = world.weir(origin)
    clients = asking(weir, 1)
    wait_until(lambda: origin.requests, "the origin is asked")
    clients += asking(weir, 5)
    await_waiting(weir, origin, 5)
    started.set()
    for client in clients:
        client.head()
        assert client.read(4) == b"part"
    may_break.set()
    for client in clients:
        with pytest.raises(Truncated):
            client.read(96)
    with pytest.raises(Truncated):  # it is asked again: nothing was stored
        weir.get("/")
    assert len(origin.requests) == 2


def test_failures_are_shared(world):
    may_end = threading.Event()

    def serve(origin, peer):
        origin.requests.append(peer.head())
        assert may_end.wait(LIMIT)
        peer.send(b"this is not HTTP\r\n\r\n")

    origin = world.scripted(serve)
    weir = world.weir(origin)
    clients = asking(weir, 1)
    wait_until(lambda: origin.requests, "the origin is asked")
    clients += asking(weir, 5)
    await_waiting(weir, origin, 5)
    may_end.set()
    assert [client.response().status for client in clients] == [502] * 6
    assert len(origin.requests) == 1


def test_a_follower_may_ask_for_a_range(world):
    script = steps()
    origin = world.scripted(script)
    weir = world.weir(origin)
    leader = asking(weir, 1)[0]
    wait_until(lambda: origin.requests, "the origin is asked")
    early = asking(weir, 1, fields={"Range": "bytes=0-4"})[0]
    late = asking(weir, 1, fields={"Range": f"bytes={len(FIRST)}-"})[0]
    several = asking(weir, 1, fields={"Range": "bytes=0-0,-1"})[0]
    none = asking(weir, 1, fields={"Range": "bytes=1000-"})[0]
    await_waiting(weir, origin, 4)
    script.may_begin.set()
    part = early.response()  # before the rest has come
    assert (part.status, part.body, part["Content-Range"]) == (206, b"first", f"bytes 0-4/{len(WHOLE)}")
    script.may_end.set()
    assert (late.response().body, leader.response().body) == (REST, WHOLE)
    multipart = several.response()
    assert multipart.status == 206 and multipart["Content-Type"].startswith("multipart/byteranges")
    assert none.response().status == 416
    assert len(origin.requests) == 1


def test_a_range_of_unknown_length_waits_for_the_whole(world):
    script = Steps(
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{CACHEABLE}",
        b"%x\r\n%s\r\n" % (len(FIRST), FIRST),
        chunked(REST),
    )
    origin = world.scripted(script)
    weir = world.weir(origin)
    leader = asking(weir, 1)[0]
    wait_until(lambda: origin.requests, "the origin is asked")
    follower = asking(weir, 1, fields={"Range": "bytes=-4"})[0]
    old = asking(weir, 1, version="1.0")[0]
    await_waiting(weir, origin, 2)
    script.may_begin.set()
    script.may_end.set()
    part = follower.response()
    assert (part.status, part.body, part["Content-Range"]) == (206, b"half", f"bytes 19-22/{len(WHOLE)}")
    assert leader.response().body == WHOLE
    response = old.response()
    assert (response.body, response["Transfer-Encoding"], response["Connection"]) == (WHOLE, None, "close")
    assert len(origin.requests) == 1


def test_a_follower_whose_copy_is_good_need_not_wait(world):
    script = steps(fields='ETag: "a"\r\n' + CACHEABLE)
    origin = world.scripted(script)
    weir = world.weir(origin)
    leader = asking(weir, 1)[0]
    wait_until(lambda: origin.requests, "the origin is asked")
    follower = asking(weir, 1, fields={"If-None-Match": '"a"'})[0]
    await_waiting(weir, origin, 1)
    script.may_begin.set()
    assert follower.response().status == 304
    script.may_end.set()
    assert leader.response().body == WHOLE


class Together:
    """Answers only when so many requests are there at once: what is serialised never gets there."""

    def __init__(self, count, answer):
        self.barrier, self.answer = threading.Barrier(count), answer

    def __call__(self, origin, peer):
        while head := peer.head():
            origin.requests.append(head)
            if len(origin.requests) > 1:
                self.barrier.wait(LIMIT)
            peer.send(self.answer)


@pytest.mark.parametrize(
    "fields",
    [
        "Cache-Control: private\r\n",
        "Cache-Control: no-store\r\n",
        "Cache-Control: max-age=60\r\nSet-Cookie: a=b\r\n",
        "Cache-Control: max-age=60\r\nVary: *\r\n",
        'Cache-Control: no-cache\r\nETag: "a"\r\n',
        "",
    ],
)
def test_answers_that_are_not_for_others_are_not_waited_for(world, fields):
    held = threading.Event()
    together = Together(5, ok(fields=fields))

    def serve(origin, peer):
        if not origin.requests:
            origin.requests.append(peer.head())
            assert held.wait(LIMIT)
            peer.send(together.answer)
        together(origin, peer)

    origin = world.scripted(serve)
    weir = world.weir(origin, collapse={"hit_for_miss": "60s"})
    clients = asking(weir, 1)
    wait_until(lambda: origin.requests, "the origin is asked")
    clients += asking(weir, 5)
    await_waiting(weir, origin, 5)
    held.set()
    assert [client.response().body for client in clients] == [b"hello"] * 6
    clients = asking(weir, 5)  # and for a while nobody waits at all
    assert [client.response().body for client in clients] == [b"hello"] * 5
    assert len(origin.requests) == 11
    assert weir.metrics()["weir_hit_for_miss_marks"] == 1


def test_what_is_too_large_to_be_stored_is_still_read_by_all(world):
    size = 3_000_000
    script = Steps(
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{CACHEABLE}",
        b"%x\r\n%s\r\n" % (size, b"x" * size),
        chunked(REST),
    )
    origin = world.scripted(script)
    weir = world.weir(origin, memory={"max_object_size": "1MiB"})
    clients = asking(weir, 1)
    wait_until(lambda: origin.requests, "the origin is asked")
    clients += asking(weir, 3)
    await_waiting(weir, origin, 3)
    script.may_begin.set()
    script.may_end.set()
    bodies = {}
    threads = [
        threading.Thread(target=lambda i=i, c=c: bodies.update({i: c.response().body})) for i, c in enumerate(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert len(bodies) == 4 and all(body == b"x" * size + REST for body in bodies.values())
    assert len(origin.requests) == 1
    assert weir.get("/").cache == "MISS"
    assert len(origin.requests) == 2


def test_who_keeps_others_from_what_is_too_large_is_cut_off(world):
    size = 30_000_000
    script = Steps(
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{CACHEABLE}",
        b"%x\r\n%s\r\n" % (size, b"x" * size),
        chunked(REST),
    )
    origin = world.scripted(script)
    weir = world.weir(origin, memory={"max_object_size": "1MiB"}, collapse={"slow_reader_deadline": "1s"})
    quick = asking(weir, 1)[0]
    wait_until(lambda: origin.requests, "the origin is asked")
    stuck = asking(weir, 1)[0]
    await_waiting(weir, origin, 1)
    script.may_begin.set()
    script.may_end.set()
    assert quick.response().body == b"x" * size + REST
    with pytest.raises((Truncated, ConnectionResetError)):
        stuck.response()


def test_a_client_that_does_not_read_holds_up_nobody(world):
    size = 6_000_000
    origin = world.scripted(ok(b"x" * size, CACHEABLE))
    weir = world.weir(origin)
    stuck = asking(weir, 1)[0]
    wait_until(lambda: origin.requests, "the origin is asked")
    assert weir.get("/").body == b"x" * size
    assert stuck.response().body == b"x" * size
    assert len(origin.requests) == 1


def test_variants_are_fetched_each_once(world):
    may_begin = threading.Event()

    def serve(origin, peer):
        while head := peer.head():
            origin.requests.append(head)
            assert may_begin.wait(LIMIT)
            coding = b"gzip" if b"gzip" in head else b"none"
            peer.send(ok(coding, "Vary: Accept-Encoding\r\n" + CACHEABLE))

    origin = world.scripted(serve)
    weir = world.weir(origin)
    clients = asking(weir, 1, fields={"Accept-Encoding": "gzip"})
    wait_until(lambda: origin.requests, "the origin is asked")
    clients += asking(weir, 3, fields={"Accept-Encoding": "gzip"})
    plain = asking(weir, 4)
    await_waiting(weir, origin, 7)
    may_begin.set()
    assert [client.response().body for client in clients] == [b"gzip"] * 4
    assert [client.response().body for client in plain] == [b"none"] * 4
    assert len(origin.requests) == 2


def crowd_upon_what_is_stale(weir, origin):
    """(the client for which the origin is asked, five who wait)"""
    weir.get("/")
    wait_until(lambda: weir.get("/", {"Cache-Control": "only-if-cached"}).status == 504, "it is stale")
    leader = asking(weir, 1)[0]
    wait_until(lambda: len(origin.requests) == 2, "the origin is asked again")
    clients = asking(weir, 5)
    await_waiting(weir, origin, 5)
    return leader, clients


def test_a_validation_is_shared(world):
    may_answer = threading.Event()

    def serve(origin, peer):
        while head := peer.head():
            origin.requests.append(head)
            if b"If-None-Match" in head:
                assert may_answer.wait(LIMIT)
                peer.send(b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nCache-Control: max-age=60\r\n\r\n')
            else:
                peer.send(ok(WHOLE, 'ETag: "a"\r\nCache-Control: max-age=2\r\n'))

    origin = world.scripted(serve)
    weir = world.weir(origin, routes=[{"path": "/", "grace": "0s"}])
    leader, clients = crowd_upon_what_is_stale(weir, origin)
    may_answer.set()
    assert leader.response().body == WHOLE
    for client in clients:
        response = client.response()
        assert (response.status, response.body, response.cache) == (200, WHOLE, "REVALIDATED")
        assert "collapsed" in response["Cache-Status"]
    assert len(origin.requests) == 2


def test_one_error_of_the_origin_and_all_get_what_is_stale(world):
    may_answer = threading.Event()

    def serve(origin, peer):
        while head := peer.head():
            origin.requests.append(head)
            if len(origin.requests) == 1:
                peer.send(ok(WHOLE, "Cache-Control: max-age=2, stale-if-error=600\r\n"))
            else:
                assert may_answer.wait(LIMIT)
                peer.send(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")

    origin = world.scripted(serve)
    weir = world.weir(origin, routes=[{"path": "/", "grace": "0s"}])
    leader, clients = crowd_upon_what_is_stale(weir, origin)
    may_answer.set()
    assert [client.response().body for client in (leader, *clients)] == [WHOLE] * 6
    assert len(origin.requests) == 2


def test_interim_responses_are_for_all(world):
    script = steps()
    script.head = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n" + script.head
    origin = world.scripted(script)
    weir = world.weir(origin)
    clients = asking(weir, 1)
    wait_until(lambda: origin.requests, "the origin is asked")
    clients += asking(weir, 2)
    await_waiting(weir, origin, 2)
    script.may_begin.set()
    script.may_end.set()
    for client in clients:
        response = client.response()
        assert [hint["Link"] for hint in response.interim] == ["</style.css>"]
        assert response.body == WHOLE


def test_nobody_waits_for_an_answer_that_may_be_one_clients_own(world):
    script = steps()
    origin = world.scripted(script)
    weir = world.weir(origin)
    with_password = asking(weir, 1, fields={"Authorization": "Basic YTpi"})[0]
    wait_until(lambda: origin.requests, "the origin is asked")
    without = asking(weir, 1)[0]
    wait_until(lambda: len(origin.requests) == 2, "it is asked again")
    script.may_begin.set()
    script.may_end.set()
    assert with_password.response()["Cache-Status"].endswith("detail=authorization")
    assert without.response().body == WHOLE


def test_what_is_stale_before_it_is_whole_is_asked_for_once_more(world):
    may_end = threading.Event()

    def serve(origin, peer):
        while head := peer.head():
            origin.requests.append(head)
            lifetime = 2 if len(origin.requests) == 1 else 60
            fields = f"Content-Length: {len(WHOLE)}\r\nCache-Control: max-age={lifetime}\r\n"
            peer.send(f"HTTP/1.1 200 OK\r\n{fields}\r\n".encode() + FIRST)
            assert may_end.wait(LIMIT)
            peer.send(REST)

    origin = world.scripted(serve)
    weir = world.weir(origin)
    clients = []

    def is_asked_again():
        clients.extend(asking(weir, 1))
        return len(origin.requests) == 2

    wait_until(is_asked_again, "the first is stale")
    clients.extend(asking(weir, 10))
    for client in clients:
        assert client.head().status == 200
        assert client.read(len(FIRST)) == FIRST
    may_end.set()
    for client in clients:
        assert client.read(len(REST)) == REST
    assert len(origin.requests) == 2


def test_who_comes_after_a_change_does_not_wait_for_what_was_before(world):
    may_answer = threading.Event()

    def serve(origin, peer):
        while head := peer.head():
            origin.requests.append(head)
            if b"POST" in head:
                peer.send(ok(b"changed"))
            elif len(origin.requests) == 1:
                assert may_answer.wait(LIMIT)
                peer.send(ok(b"old", CACHEABLE))
            else:
                peer.send(ok(b"new", CACHEABLE))

    origin = world.scripted(serve)
    weir = world.weir(origin)
    early = asking(weir, 1)[0]
    wait_until(lambda: origin.requests, "the origin is asked")
    assert weir.ask("POST", "/", body=b"").body == b"changed"
    assert weir.get("/").body == b"new"
    may_answer.set()
    assert early.response().body == b"old"
    assert weir.get("/").body == b"new"


def test_what_is_too_large_to_be_held_leaves_room_for_others(world):
    """A slow client of it is still reading."""
    limits = {"memory": {"max_object_size": "1MiB"}, "collapse": {"max_bytes": "1MiB"}}
    weir = world.weir(world.origin(), ttl="60s", **limits)
    client = asking(weir, 1, "/items/large?size=100000000&chunked=1")[0]
    assert client.head().status == 200
    client.read(4 << 20)
    small = "/items/small?size=300000&chunked=1"
    assert [weir.get(small).cache for _ in range(2)] == ["MISS", "HIT"]


def test_beyond_the_limit_of_all_content_on_its_way_nothing_is_stored(world):
    origin = world.origin()
    weir = world.weir(origin, ttl="60s", collapse={"max_bytes": "100KiB"})
    response = weir.get("/items/large?size=300000&chunked=1")
    assert (response.status, len(response.body)) == (200, 300_000)
    assert weir.get("/items/large?size=300000&chunked=1").cache == "MISS"
    assert weir.get("/items/small?size=3000").cache == "MISS"
    assert weir.get("/items/small?size=3000").cache == "HIT"
