"""The cache is no weapon: nobody gets an answer that another client has made the origin give."""

import re

import pytest
from raw.connections import CLAIMS
from scripted_origin import ok
from wire import chunked, exchange, request, wait_until

FRESH = "Cache-Control: public, max-age=60\r\n"


def tell(origin, peer):
    """Answers, for a minute, with all that it was told but for what is Weir's own."""
    while head := peer.head():
        origin.requests.append(head)
        lines = [line for line in head.split(b"\r\n") if not re.match(rb"X-Request-Id|X-Forwarded-For|Via", line)]
        peer.send(ok(b"\n".join(lines), FRESH))


@pytest.fixture(scope="module")
def origin(shared):
    return shared.scripted(tell)


@pytest.fixture(scope="module")
def weir(shared, origin):
    routes = [
        {"path": "/all/", "dropped_request_fields": []},
        {"path": "/keyed/", "key": {"request_fields": ["X-Host"]}},
        {"path": "/chosen/", "dropped_request_fields": ["X-Colour*"]},
        {"path": "/past/", "cache": False},
    ]
    return shared.weir(origin, routes=routes)


# What a client claims


@pytest.mark.parametrize("name", CLAIMS)
def test_what_a_client_claims_is_told_to_nobody(weir, name):
    attack = weir.get(f"/claim/{name}", {name: "evil.test"})
    victim = weir.get(f"/claim/{name}")
    assert (attack.cache, victim.cache) == ("MISS", "HIT")
    assert b"evil" not in victim.body and victim.body == attack.body


def test_nor_is_it_where_nothing_is_stored(weir):
    assert b"evil" not in weir.get("/past/a", {"X-Original-URL": "/evil"}).body
    assert b"evil" not in weir.ask("POST", "/a", {"X-HTTP-Method-Override": "EVIL"}, body=b"x").body


def test_nor_when_a_response_is_validated_in_the_background(world):
    def serve(origin, peer):
        while head := peer.head():
            origin.requests.append(head)
            evil = b"evil" in head
            peer.send(ok(b"evil" if evil else b"good", "Cache-Control: max-age=0, stale-while-revalidate=60\r\n"))

    origin = world.scripted(serve)
    weir = world.weir(origin)
    assert weir.get("/a").body == b"good"
    assert weir.get("/a", {"X-Forwarded-Host": "evil.test", "X-Host": "evil.test"}).cache == "STALE"
    wait_until(lambda: len(origin.requests) == 2, "it is validated")
    assert b"evil" not in origin.requests[1]
    weir.await_metrics({"weir_background_fetches": 0})
    assert weir.get("/a").body == b"good"


def test_another_list_of_what_is_dropped(weir):
    assert b"X-Host: b.test" in weir.get("/all/a", {"X-Host": "b.test"}).body
    told = weir.get("/chosen/a", {"X-Host": "b.test", "X-Colour-Depth": "8", "x-colour": "blue"}).body
    assert b"X-Host: b.test" in told and b"olour" not in told


def test_a_claim_that_is_part_of_the_key_is_forwarded(weir):
    evil = weir.get("/keyed/a", {"X-Host": "evil.test"})
    good = weir.get("/keyed/a")
    assert (evil.cache, good.cache) == ("MISS", "MISS")
    assert b"evil" in evil.body and b"evil" not in good.body


# Errors that a client provokes


def refusing(status, fields):
    """Refuses large requests so; answers others well."""

    def serve(origin, peer):
        while head := peer.head():
            origin.requests.append(head)
            error = b"HTTP/1.1 %s\r\nContent-Length: 0\r\n%s\r\n" % (status.encode(), fields.encode())
            peer.send(error if len(head) > 2000 else ok(b"good", FRESH))

    return serve


PROVOKED = [
    ("400 Bad Request", FRESH),
    ("406 Not Acceptable", FRESH),
    ("411 Length Required", FRESH),
    ("413 Content Too Large", FRESH),
    ("415 Unsupported Media Type", FRESH),
    ("417 Expectation Failed", FRESH),
    ("421 Misdirected Request", FRESH),
    ("429 Too Many Requests", FRESH),
    ("431 Request Header Fields Too Large", FRESH),
    ("505 HTTP Version Not Supported", FRESH),
    ("404 Not Found", ""),
    ("404 Not Found", "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"),
    ("404 Not Found", 'ETag: "a"\r\n'),
    ("405 Method Not Allowed", "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"),
    ("410 Gone", "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"),
    ("414 URI Too Long", "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"),
    ("500 Internal Server Error", ""),
    ("501 Not Implemented", "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"),
    ("502 Bad Gateway", ""),
    ("503 Service Unavailable", "Retry-After: 60\r\n"),
]


@pytest.mark.parametrize("status, fields", PROVOKED, ids=[f"{status} {fields}".strip() for status, fields in PROVOKED])
@pytest.mark.parametrize("ttl", ["off", "300s"])
def test_an_error_that_an_oversized_field_provokes_is_nobody_elses(world, status, fields, ttl):
    weir = world.weir(world.scripted(refusing(status, fields)), ttl=ttl)
    assert weir.get("/a", {"X-Large": "x" * 3000}).status == int(status[:3])
    victim = weir.get("/a")
    assert (victim.status, victim.body) == (200, b"good")


@pytest.mark.parametrize("status", ["400 Bad Request", "431 Request Header Fields Too Large", "403 Forbidden"])
def test_nor_does_it_end_what_is_stored(world, status):
    def serve(origin, peer):
        while head := peer.head():
            origin.requests.append(head)
            stale = 'Cache-Control: max-age=0\r\nETag: "a"\r\n'
            if len(head) > 2000:
                peer.send(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % status.encode())
            elif b'If-None-Match: "a"' in head:
                peer.send(b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n')
            else:
                peer.send(ok(b"good", stale))

    weir = world.weir(world.scripted(serve))
    assert weir.get("/a").cache == "MISS"
    assert weir.get("/a", {"X-Large": "x" * 3000}).status == int(status[:3])
    victim = weir.get("/a")
    assert (victim.cache, victim.body) == ("REVALIDATED", b"good")


def test_a_control_byte_does_not_reach_the_origin(weir, origin):
    before = len(origin.requests)
    assert exchange(weir.port, b"GET /meta HTTP/1.1\r\nHost: weir.test\r\nX: a\x07b\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert len(origin.requests) == before
    assert weir.get("/meta").status == 200


# Content that no key has


def tell_content(origin, peer):
    """Answers, for a minute, with the request's content."""
    while head := peer.head():
        length = re.search(rb"\r\nContent-Length: (\d+)", head)
        content = peer.read(int(length[1])) if length else b""
        if b"\r\nTransfer-Encoding: chunked\r\n" in head:
            while not content.endswith(b"0\r\n\r\n"):
                content += peer.read(1)
        origin.requests.append(content)
        peer.send(ok(content or b"good", FRESH))
        if content:
            return


EVIL = [({"Content-Length": "4"}, b"evil"), ({"Transfer-Encoding": "chunked"}, chunked(b"evil"))]


@pytest.mark.parametrize("fields, content", EVIL, ids=["sized", "chunked"])
def test_an_answer_to_a_get_with_content_is_nobody_elses(world, fields, content):
    origin = world.scripted(tell_content)
    weir = world.weir(origin)

    def attack():
        with weir.connect() as connection:
            connection.send(request("GET", "/a", fields) + content)
            return connection.response()

    assert b"evil" in attack().body
    victim = weir.get("/a")
    assert (victim.cache, victim.body) == ("MISS", b"good")
    assert b"evil" in attack().body, "nor does it get what is stored"
    victim = weir.get("/a")
    assert (victim.cache, victim.body) == ("HIT", b"good"), "nor does it end that"
    assert [bool(received) for received in origin.requests] == [True, False, True]


# Paths and hosts that some take for the same


TARGETS = [
    "/p", "/P", "/p/", "//p", "/./p", "/x/../p", "/%70", "/p%2F", "/p%2f", "/p%5C", "/p\\", "/p;", "/p;a=b", "/p%3Ba=b",
    "/p?", "/p?a=b", "/p?a=%62", "/p%3Fa=b", "/p?A=b", "/p?a=b&", "/p?a=b;c", "/p%00", "/p%20", "/p%23", "/p.", "/p.css",
    "/p/.css", "/%2e/p", "/x/%2e%2e/p", "/x/..%2fp", "/x/..;/p", "/p/..", "/p/%2E%2E/",
]  # fmt: skip


def test_targets_that_differ_are_kept_apart(weir):
    first = {target: weir.get(target, host="paths.test") for target in TARGETS}
    assert {answer.cache for answer in first.values()} == {"MISS"}
    for target in TARGETS:
        again = weir.get(target, host="paths.test")
        assert (again.cache, again.body) == ("HIT", first[target].body)
        assert again.body.startswith(f"GET {target} HTTP/1.1\nHost: paths.test\n".encode())


@pytest.mark.parametrize(
    "host, forwarded",
    [
        ("same.test", "same.test"),
        ("SAME.test", "same.test"),
        ("same.test:80", "same.test"),
        ("same.test:", "same.test"),
        ("same.test.", "same.test."),
        ("same.test:8080", "same.test:8080"),
        ("same.test:080", "same.test:080"),
        ("same.test:443", "same.test:443"),
        ("xsame.test", "xsame.test"),
    ],
)
def test_hosts_share_an_object_only_if_they_are_forwarded_alike(weir, host, forwarded):
    for answer in [
        weir.get("/host", host=host),
        weir.get("/host", host=host),
        weir.get(f"http://{host}/host", host="other.test"),
    ]:
        assert answer.body.startswith(f"GET /host HTTP/1.1\nHost: {forwarded}\n".encode())
        assert f"\nX-Forwarded-Host: {forwarded}\n".encode() in answer.body


# Pages that pretend to be files


@pytest.mark.parametrize(
    "target, content_type, stored",
    [
        ("/account/x.css", "text/html", False),
        ("/account%2Fx.css", "text/html; charset=utf-8", False),
        ("/account%3Fx.png", "text/html", False),
        ("/account/x.js;v=1", "application/json", False),
        ("/style.css", "text/css", True),
        ("/image.png", "image/webp", True),
        ("/account", "text/html", True),
        ("/account?x.css", "text/html", True),
    ],
)
def test_what_is_not_of_the_type_that_the_path_says_is_not_stored(world, target, content_type, stored):
    origin = world.scripted(ok(b"hello", FRESH + f"Content-Type: {content_type}\r\n"))
    weir = world.weir(origin, routes=[{"host": "guarded.test", "match_extension": True}])
    first, second = (weir.get(target, host="guarded.test") for _ in range(2))
    assert [first.cache, second.cache] == ["MISS", "HIT" if stored else "MISS"]
    assert stored or "; detail=media-type" in first["Cache-Status"]
    assert [weir.get(target).cache for _ in range(2)] == ["MISS", "HIT"]  # off unless chosen
