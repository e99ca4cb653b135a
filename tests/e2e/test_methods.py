"""What HEAD and POST do to what is stored. RFC 9111 §4.3.5, §4.4, RFC 9110 §9.3.3."""

import threading

import pytest
from scripted_origin import http_date, in_turn, ok
from wire import chunked, request, wait_until

STALE = "Cache-Control: max-age=10\r\nAge: 10\r\nETag: \"v1\"\r\n"  # on arrival; stored for its validator
FRESH = "Cache-Control: max-age=300\r\nETag: \"v1\"\r\n"


def head(fields, length=5, status="200 OK"):
    return f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{fields}\r\n".encode()


def before(world, *answers, **options):
    origin = world.scripted(in_turn(*answers, keep=True))
    return origin, world.weir(origin, **options)


def test_head_is_answered_from_what_get_stored(world):
    origin, weir = before(world, ok(b"hello", FRESH))
    weir.get("/")
    answer = weir.ask("HEAD", "/")
    assert (answer.status, answer.cache, answer["Content-Length"]) == (200, "HIT", "5")
    assert len(origin.requests) == 1


def test_head_freshens_what_is_stored(world):
    origin, weir = before(world, ok(b"hello", STALE + "X-A: old\r\nX-B: kept\r\n"), head(FRESH + "X-A: new\r\n"))
    weir.get("/")
    assert weir.ask("HEAD", "/").cache == "MISS"
    hit = weir.get("/")
    assert (hit.cache, hit.body, hit["X-A"], hit["X-B"]) == ("HIT", b"hello", "new", "kept")
    assert [request.split()[0] for request in origin.requests] == [b"GET", b"HEAD"]


@pytest.mark.parametrize(
    "answer",
    [
        head(FRESH, length=6),
        head(FRESH.replace("v1", "v2")),
        head("Cache-Control: max-age=300\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n", length=6),
    ],
    ids=["length", "tag", "date"],
)
def test_a_head_of_something_else_ends_what_is_stored(world, answer):
    origin, weir = before(world, ok(b"hello", STALE), answer, ok(b"other", FRESH))
    weir.get("/")
    weir.ask("HEAD", "/")
    again = weir.get("/")
    assert (again.cache, again.body) == ("MISS", b"other")
    assert b"If-None-Match" not in origin.requests[-1]


@pytest.mark.parametrize("status", ["404 Not Found", "410 Gone", "503 Service Unavailable"])
def test_an_error_to_head_changes_nothing(world, status):
    origin, weir = before(world, ok(b"hello", STALE), head("", status=status), b"HTTP/1.1 304 Not Modified\r\n\r\n")
    weir.get("/")
    weir.ask("HEAD", "/")
    assert weir.get("/").body == b"hello"
    assert b'If-None-Match: "v1"' in origin.requests[-1]


def test_an_answer_to_post_that_stands_for_get(world):
    origin, weir = before(world, ok(b"hello", "Cache-Control: max-age=300\r\nContent-Location: /form\r\n"))
    posted = weir.ask("POST", "/form", body=b"a=1")
    assert posted["Cache-Status"] == "Weir; fwd=method; fwd-status=200; stored"
    hit = weir.get("/form")
    assert (hit.cache, hit.body) == ("HIT", b"hello")
    assert weir.ask("POST", "/form", body=b"a=1").cache == "BYPASS"
    assert len(origin.requests) == 2


@pytest.mark.parametrize(
    "fields, status",
    [
        ("Cache-Control: max-age=300\r\n", "200 OK"),
        ("Cache-Control: max-age=300\r\nContent-Location: /other\r\n", "200 OK"),
        ("Cache-Control: max-age=300\r\nContent-Location: http://other.test/form\r\n", "200 OK"),
        ("ETag: \"v1\"\r\nContent-Location: /form\r\n", "200 OK"),
        ("Cache-Control: max-age=300, private\r\nContent-Location: /form\r\n", "200 OK"),
        ("Cache-Control: max-age=300\r\nContent-Location: /form\r\n", "201 Created"),
    ],
)
def test_other_answers_to_post_are_not_stored(world, fields, status):
    _, weir = before(world, ok(b"hello", fields).replace(b"200 OK", status.encode()))
    posted = weir.ask("POST", "/form", body=b"a=1")
    assert posted["Cache-Status"].startswith("Weir; fwd=method; fwd-status=")
    assert "stored" not in posted["Cache-Status"]
    assert weir.get("/form").cache == "MISS"


def test_post_invalidates_before_its_answer_is_stored(world):
    redis = world.redis()
    origin = world.scripted(
        in_turn(
            ok(b"old", "Cache-Control: max-age=300\r\n"),
            ok(b"new", "Cache-Control: max-age=300\r\nContent-Location: /form\r\n"),
            keep=True,
        )
    )
    weir = world.weir(origin, redis, workers=1)
    weir.await_redis(1)
    weir.get("/form")
    redis.await_key("weir:{http://weir.test/form}")  # else it comes behind the POST, and takes the new one along
    weir.ask("POST", "/form", body=b"a=1")
    assert (weir.get("/form").cache, weir.get("/form").body) == ("HIT", b"new")


@pytest.mark.parametrize("with_redis", [False, True], ids=["memory", "redis"])
def test_what_was_asked_before_an_invalidation_is_not_stored_after_it(world, with_redis):
    """RFC 9111 §4.4: the answer to GET that is on its way is older than what PUT has changed."""
    go_on = threading.Event()

    def serve(origin, peer):
        while request_head := peer.head():
            origin.requests.append(request_head)
            held = len(origin.requests) == 1
            if held:
                assert go_on.wait(20)
            peer.send(ok(b"old" if held else b"new", "Cache-Control: max-age=300\r\n"))

    origin = world.scripted(serve)
    options = {"memory": {"budget": 0}} if with_redis else {}
    weir = world.weir(origin, world.redis() if with_redis else None, **options)
    if with_redis:
        weir.await_redis()
    with weir.connect() as connection:
        connection.send(request("GET", "/"))
        wait_until(lambda: origin.requests, "it is at the origin")
        assert weir.ask("PUT", "/").body == b"new"
        go_on.set()
        old = connection.response()
    assert (old.body, old["Cache-Status"]) == (b"old", "Weir; fwd=uri-miss; fwd-status=200; stored")
    weir.await_metrics({'weir_uncacheable_total{reason="invalidated"}': 1})
    assert (weir.get("/").cache, weir.get("/").body) == ("MISS", b"new")


def test_a_query_the_key_does_not_hold_keeps_a_post_from_being_stored(world):
    route = {"path": "/", "key": {"ignored_parameters": ["session"]}}
    location = "/form?session=1&a=1"
    origin, weir = before(
        world, ok(b"hello", f"Cache-Control: max-age=300\r\nContent-Location: {location}\r\n"), routes=[route]
    )
    weir.ask("POST", location, body=b"x")
    assert origin.requests[0].startswith(f"POST {location} ".encode())
    assert weir.get("/form?a=1").cache == "MISS"


def test_a_host_the_key_does_not_hold_keeps_a_post_from_being_stored(world):
    """With a fixed host the answer to POST knows another one: it is not what all hosts may get."""
    location = "http://evil.test/form"
    fields = f"Cache-Control: max-age=300\r\nContent-Location: {location}\r\n"
    _, weir = before(world, ok(b"evil", fields), routes=[{"path": "/", "key": {"host": "www.test"}}])
    weir.ask("POST", "/form", body=b"x", host="evil.test")
    assert weir.get("/form", host="www.test").cache == "MISS"


MINE = FRESH.replace("v1", "mine")


@pytest.mark.parametrize(
    "method, anew",
    [
        ("GET", ok(b"mine!", MINE)),
        ("GET", ok(b"log in", "Cache-Control: no-store\r\n").replace(b"200 OK", b"401 Unauthorized")),
        ("HEAD", head(FRESH)),
        ("HEAD", head(MINE, length=9)),
    ],
)
def test_one_with_credentials_does_not_end_what_is_stored_for_all(world, method, anew):
    """RFC 9111 §3.5 keeps the answer out of the cache because of the request: the stored one is not wrong by that."""
    origin, weir = before(world, ok(b"hello", STALE), anew, b"HTTP/1.1 304 Not Modified\r\n" + FRESH.encode() + b"\r\n")
    weir.get("/")
    weir.ask(method, "/", {"Authorization": "Basic YTpi"})
    again = weir.get("/")
    assert (again.cache, again.body) == ("REVALIDATED", b"hello")
    assert b'If-None-Match: "v1"' in origin.requests[-1]


def test_trailers_are_passed_on_and_never_stored(world):
    """RFC 9110 §6.5: after a chunked answer, without those that must not be there."""
    trailers = b"X-Checksum: abc\r\nSet-Cookie: a=b\r\nHost: evil.test\r\nAge: 1\r\nX-Twice: 1\r\nX-Twice: 2\r\nX-Hop: 1\r\n"
    fields = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Checksum\r\nConnection: X-Hop\r\n"
    origin, weir = before(
        world, fields + b"Cache-Control: max-age=300\r\n\r\n" + chunked(b"hel", b"lo", trailers=trailers)
    )
    miss = weir.get("/", {"TE": "trailers", "Connection": "TE"})
    assert (miss.cache, miss.body) == ("MISS", b"hello")
    assert miss.trailers == [("X-Checksum", "abc"), ("X-Twice", "1"), ("X-Twice", "2")]
    assert b"TE: trailers\r\nConnection: TE\r\n" in origin.requests[0]
    hit = weir.get("/")
    assert (hit.cache, hit.body, hit.trailers, hit["Trailer"], hit["X-Checksum"]) == ("HIT", b"hello", [], None, None)


def test_a_304_nobody_asked_for_is_no_answer(world):
    """RFC 9110 §15.4.5: it answers a condition; the client sent none, and neither did we."""
    _, weir = before(world, b"HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\n\r\n")
    assert weir.get("/").status == 502
    assert weir.get("/", {"If-None-Match": '"v1"'}).status == 502  # not sent on: the answer is wanted whole


def test_what_an_http_1_0_origin_sent_is_said_in_via(world):
    """RFC 9110 §7.6.3: the protocol that the message was received by."""
    data = f"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nDate: {http_date()}\r\nCache-Control: max-age=300\r\n\r\nhello"
    _, weir = before(world, data.encode())
    assert [weir.get("/")["Via"], weir.get("/")["Via"]] == ["1.0 weir"] * 2


# TRACE, where the route lets it pass


def test_trace_is_forwarded_and_its_answer_is_never_stored(world):
    """RFC 9110 §9.3.8, and §7.6.2: one proxy fewer may follow."""
    echo = ok(b"TRACE / HTTP/1.1\r\n\r\n", "Content-Type: message/http\r\nCache-Control: max-age=300\r\n")
    origin, weir = before(world, echo, echo, ok(b"hello", FRESH), routes=[{"path": "/", "trace": True}])
    for _ in range(2):
        traced = weir.ask("TRACE", "/", {"Max-Forwards": "5"})
        assert (traced.status, traced["Content-Type"]) == (200, "message/http")
        assert traced["Cache-Status"] == "Weir; fwd=method; fwd-status=200"
    assert (weir.get("/").cache, weir.get("/").cache) == ("MISS", "HIT")
    assert [head.split()[0] for head in origin.requests] == [b"TRACE", b"TRACE", b"GET"]
    assert b"\r\nMax-Forwards: 4\r\n" in origin.requests[0]


def test_a_trace_that_may_go_no_further_is_shown_to_the_client(world):
    """As it was received, without what would let a script read secrets. RFC 9110 §9.3.8"""
    origin, weir = before(world, ok(), routes=[{"path": "/", "trace": True}])
    secrets = {"Authorization": "Basic YTpi", "Cookie": "a=b", "Proxy-Authorization": "Basic YTpi"}
    with weir.connect() as connection:
        for _ in range(2):
            traced = connection.ask("TRACE", "/a?b", {"Max-Forwards": "0", "X-A": "<b>"} | secrets)
            assert (traced.status, traced["Content-Type"], traced["Cache-Control"]) == (200, "message/http", "no-store")
            assert traced.body == b"TRACE /a?b HTTP/1.1\r\nHost: weir.test\r\nMax-Forwards: 0\r\nX-A: <b>\r\n\r\n"
    assert origin.requests == []


@pytest.mark.parametrize("forwards", [{}, {"Max-Forwards": "0"}, {"Max-Forwards": "5"}], ids=["any", "none", "some"])
def test_other_routes_refuse_trace(world, forwards):
    origin, weir = before(world, ok(), routes=[{"path": "/debug/", "trace": True}])
    refused = weir.ask("TRACE", "/", forwards)
    assert refused.status == 405 and "TRACE" not in refused["Allow"]
    assert origin.requests == []
    assert weir.ask("TRACE", "/debug/a", forwards).status == 200
