"""Every way an origin can fail, each with nothing stored and with something stale: 502 or 504, or the stale answer; nothing
of it is kept, and the connections that are left are good."""

import threading

import pytest
from scripted_origin import ok
from wire import Truncated, request, wait_until

STALE = "Cache-Control: max-age=60, stale-if-error=600\r\nAge: 100\r\n"
INTERIM = b"HTTP/1.1 103 Early Hints\r\n\r\n"


def send(data):
    return lambda peer: peer.send(data)


def reset_after(data):
    def fail(peer):
        peer.send(data)
        peer.reset()

    return fail


def hang_after(data):
    def fail(peer):
        peer.send(data)
        peer.until_closed()

    return fail


def endless(start, more):
    def fail(peer):
        peer.send(start)
        while True:
            peer.send(more)

    return fail


FAILURES = [
    ("closes", 502, send(b"")),
    ("resets", 502, reset_after(b"")),
    ("resets in the status line", 502, reset_after(b"HTTP/1.1 2")),
    ("resets in the header section", 502, reset_after(b"HTTP/1.1 200 OK\r\nColour: bl")),
    ("resets behind an interim response", 502, reset_after(INTERIM)),
    ("stalls", 504, hang_after(b"")),
    ("stalls in the status line", 504, hang_after(b"HTTP/1.1 2")),
    ("stalls in the header section", 504, hang_after(b"HTTP/1.1 200 OK\r\nColour: bl")),
    ("stalls behind an interim response", 504, hang_after(INTERIM)),
    ("ends in the header section", 502, send(b"HTTP/1.1 200 OK\r\nColour: blue\r\n")),
    ("speaks another protocol", 502, send(b"220 mail.test ESMTP ready\r\n")),
    ("sends noise", 502, send(bytes(range(256)))),
    ("sends two lengths", 502, send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")),
    ("sends two framings", 502, send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")),
    ("floods with interim responses", 502, endless(b"", INTERIM * 100)),
    ("sends a header section without end", 502, endless(b"HTTP/1.1 200 OK\r\n", b"Colour: blue\r\n" * 100)),
    ("sends a field without end", 502, endless(b"HTTP/1.1 200 OK\r\nColour: ", b"blue" * 1000)),
    ("sends a 304 to what was not conditional", 502, send(b"HTTP/1.1 304 Not Modified\r\n\r\n")),
    ("switches protocols", 502, send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: a\r\nConnection: Upgrade\r\n\r\n")),
]  # fmt: skip


def failing(fail):
    """/bad fails, once it has been good if it is to; all else is good, and tells its connection."""

    def serve(origin, peer):
        while head := peer.head():
            target = head.split(b" ")[1].decode()
            origin.requests.append(target)
            if target == "/good" or (target == "/had" and origin.requests.count(target) == 1):
                peer.send(ok(b"good", STALE if target == "/had" else "Cache-Control: no-store\r\n"))
            else:
                return fail(peer)

    return serve


@pytest.mark.parametrize("status, fail", [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES])
def test_an_origin_that(world, status, fail):
    origin = world.scripted(failing(fail))
    stalls = status == 504
    upstream = {"servers": [origin.url], "first_byte_deadline": "3s" if stalls else "15s"}
    weir = world.weir(upstream, workers=1, ttl="300s")
    rounds = 1 if stalls else 2  # the second finds nothing stored
    for _ in range(rounds):
        refused = weir.get("/never")
        assert (refused.status, refused["Cache-Control"]) == (status, "no-store")
        assert weir.get("/good").body == b"good"
    assert weir.get("/had").body == b"good"
    for _ in range(rounds):
        stale = weir.get("/had")
        assert (stale.status, stale.cache, stale.body) == (200, "STALE", b"good")
        assert weir.get("/good").body == b"good"
    assert origin.requests.count("/never") >= rounds
    weir.await_metrics({"weir_memory_objects": 1})


HEAD = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n"

IN_CONTENT = [
    ("length", HEAD + b"Content-Length: 10\r\n\r\nhello"),
    ("chunks", HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
    ("in a chunk", HEAD + b"Transfer-Encoding: chunked\r\n\r\nf\r\nhello"),
    ("behind the last chunk", HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"),
    ("the end of the connection", HEAD + b"\r\nhello"),
]


@pytest.mark.parametrize("how", [reset_after, hang_after], ids=["resets", "stalls"])
@pytest.mark.parametrize("data", [row[1] for row in IN_CONTENT], ids=[row[0] for row in IN_CONTENT])
def test_content_whose_rest_never_comes(world, how, data):
    origin = world.scripted(failing(how(data)))
    weir = world.weir({"servers": [origin.url], "between_bytes_deadline": "500ms"}, workers=1)
    for _ in range(2):
        with pytest.raises((Truncated, ConnectionResetError)):
            answer = weir.get("/never")
            assert answer.status != 502, answer  # the header section was lost with the reset
            raise AssertionError(f"it looks whole: {answer}")
        assert weir.get("/good").body == b"good"
    assert origin.requests.count("/never") == 2
    weir.await_metrics({"weir_memory_objects": 0, "weir_transfers": 0})


@pytest.mark.parametrize("framing", [b"Transfer-Encoding: chunked\r\n\r\n", b"\r\n"], ids=["chunks", "the end of the connection"])
def test_content_without_end(world, framing):
    """As much as the client wants, never stored; the origin is released when the client goes."""
    released = threading.Event()

    def fail(peer):
        piece = b"x" * 10_000
        try:
            endless(HEAD + framing, b"2710\r\n%s\r\n" % piece if b"chunked" in framing else piece)(peer)
        except OSError:
            released.set()

    weir = world.weir(world.scripted(failing(fail)), memory={"max_object_size": "1MB"}, workers=1)
    with weir.connect() as client:
        client.send(b"GET /never HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.head().status == 200
        client.read(5_000_000)
    assert released.wait(20)
    assert weir.get("/good").body == b"good"
    weir.await_metrics({"weir_memory_objects": 0, "weir_transfers": 0, "weir_transfer_bytes": 0})


# Connections that die while they are idle


def test_what_has_been_answered_in_part_is_not_sent_again(world):
    def serve(origin, peer):
        origin.requests.append(peer.head())
        peer.send(ok())
        origin.requests.append(peer.head())
        peer.send(b"H")

    origin = world.scripted(serve)
    weir = world.weir(origin, workers=1)
    assert weir.get("/first").status == 200
    assert weir.get("/second").status == 502
    assert [head.split(b" ")[1] for head in origin.requests] == [b"/first", b"/second"]


def test_a_request_is_sent_again_but_once(world):
    def serve(origin, peer):
        while head := peer.head():
            origin.requests.append(head.split(b" ")[1])
            if b"/second" in head:
                return
            peer.send(ok())

    origin = world.scripted(serve)
    weir = world.weir(origin, workers=1)
    assert weir.get("/first").status == 200
    assert weir.get("/second").status == 502
    assert origin.requests == [b"/first", b"/second", b"/second"]
    weir.await_metrics({'weir_upstream_retries_total{upstream="default"}': 1})


def test_a_stall_is_not_tried_again(world):
    origin = world.scripted(failing(hang_after(b"")))
    weir = world.weir({"servers": [origin.url], "first_byte_deadline": "3s"}, workers=1)
    assert weir.get("/good").status == 200
    assert weir.get("/never").status == 504
    assert origin.requests == ["/good", "/never"]


@pytest.mark.parametrize("late", [ok(b"late", STALE), b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n", b"\0"],
                         ids=["a response", "a 408", "a byte"])  # fmt: skip
def test_what_comes_while_a_connection_is_idle_answers_nobody(world, late):
    sent = threading.Event()

    def serve(origin, peer):
        while peer.head():
            peer.send(ok(b"%d" % peer.number, "Cache-Control: no-store\r\n"))
            if peer.number == 1:
                assert may_send.wait(20)
                peer.send(late)
                sent.set()

    may_send = threading.Event()
    weir = world.weir(world.scripted(serve), workers=1)
    assert weir.get("/a").body == b"1"
    may_send.set()
    assert sent.wait(20)
    assert weir.get("/b").body == b"2"


@pytest.mark.parametrize("behind", [b"", ok(b"another")], ids=["alone", "another behind it"])
def test_an_answer_before_the_request_is_complete_ends_its_connection(world, behind):
    ended = []

    def serve(_, peer):
        while b"/early" not in (head := peer.head() or b""):
            if not head:
                return
            peer.send(ok(b"%d" % peer.number, "Cache-Control: no-store\r\n"))
        peer.send(ok(b"early") + behind)
        peer.until_closed()
        ended.append(peer.number)

    weir = world.weir(world.scripted(serve), workers=1)
    assert weir.get("/a").body == b"1"
    with weir.connect() as client:
        client.send(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nx")
        assert client.response().body == b"early"
        assert client.is_ended()
    wait_until(lambda: ended == [1], "it is ended")
    assert weir.get("/b").body == b"2"


def test_an_answer_that_is_early_may_take_its_time(world):
    """Longer than the client could have taken for the rest of its request, which nobody waits for any more."""
    go_on = threading.Event()

    def serve(_, peer):
        if b"/early" not in peer.head():
            return peer.until_closed()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nearly")
        assert go_on.wait(20)
        peer.send(b"-late")
        peer.until_closed()

    weir = world.weir(world.scripted(serve), workers=1, limits={"body_deadline": "3s"})
    with weir.connect() as early, weir.connect() as other:
        early.send(request("POST", "/early", {"Content-Length": "1000"}) + b"x")
        assert early.head().status == 200 and early.read(5) == b"early"
        other.send(request("POST", "/other", {"Content-Length": "1000"}) + b"x")
        assert other.response().status == 408, "so long the first one has taken, too"
        early.send(b"x")
        go_on.set()
        assert early.read(5) == b"-late" and early.is_ended()
    assert weir.metrics()['weir_limits_reached_total{limit="write_deadline"}'] == 0
