"""Messages at the edge of what HTTP allows: their sizes, their fields, what comes before and after the content."""

import pytest
from scripted_origin import http_date, in_turn, ok
from servers import is_sanitized, run
from wire import chunked, exchange, request, wait_until
from world import NO_GRACE

FRESH = "Cache-Control: max-age=300\r\n"


def everywhere(world, answer):
    """What the origin answers as it comes on a miss, from memory, and from Redis."""
    origin, redis = world.scripted(answer), world.redis()
    one, two = (world.weir(origin, redis) for _ in range(2))
    for node in (one, two):
        node.await_redis()
    miss, hit = one.get("/"), one.get("/")
    redis.await_key("weir:{http://weir.test/}")
    shared = two.get("/")
    assert [miss.cache, hit.cache, shared.cache] == ["MISS", "HIT", "HIT"]
    assert shared["Cache-Status"].endswith("; detail=redis")
    return miss, hit, shared



# Sizes


def test_200_megabytes_pass_through(world):
    """Whole, not stored, and never more than a little of it in memory at once."""
    origin = world.origin()
    weir = world.weir(origin, ttl="300s")
    target = "/items/huge?size=200000000"
    expected = checksum(origin.url + target)
    before = weir.memory()
    for framing in ("", "&chunked=1"):
        assert checksum(weir.url + target + framing) == expected
    if not is_sanitized("weir"):
        assert weir.memory("VmHWM") - before < 64 * 1024 * 1024
    weir.await_metrics({'weir_uncacheable_total{reason="too-large"}': 2, "weir_memory_objects": 0})


def checksum(url):
    result = run("bash", "-c", 'set -o pipefail; curl -q -sS "$0" | sha256sum', url, seconds=300)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize(
    "data",
    [
        ok(b"", FRESH),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + FRESH.encode() + b"\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n" + FRESH.encode() + b"\r\n",
    ],
    ids=["by length", "chunked", "until the end"],
)
def test_nothing_at_all_is_stored_as_such(world, data):
    _, *hits = everywhere(world, data)
    assert [(hit.status, hit.body, hit["Content-Length"]) for hit in hits] == [(200, b"", "0")] * 2


# Fields


def lines_of(response, name):
    return [value.encode("latin-1") for value in response.all(name)]


VALUES = [
    b"caf\xc3\xa9",  # UTF-8
    b"caf\xe9",  # not UTF-8
    bytes(range(0x80, 0x100)),
    b"\x80",
    b"a\tb",
    b'"quoted, \\" string", (and so on) = ;',
    b"x" * 8000,
    b"",
]


def test_octets_of_a_value_are_kept(world):
    """RFC 9110 §5.5: what is beyond ASCII is opaque data; empty values and repetitions are values as well."""
    fields = b"".join(b"X-Value: " + value + b"\r\n" for value in VALUES + VALUES[:2])
    answer = b"HTTP/1.1 200 OK\r\n" + FRESH.encode() + fields + b"Content-Length: 5\r\n\r\nhello"
    for response in everywhere(world, answer):
        assert lines_of(response, "X-Value") == VALUES + VALUES[:2]


def test_octets_of_a_requests_value_are_kept(world):
    origin = world.scripted(ok())
    sent = b"GET / HTTP/1.1\r\nHost: weir.test\r\nConnection: close\r\n"
    sent += b"".join(b"X-Value: " + value + b"\r\n" for value in VALUES)
    assert exchange(world.weir(origin).port, sent + b"\r\n").startswith(b"HTTP/1.1 200 ")
    lines = origin.requests[0].split(b"\r\n")
    assert [line.partition(b":")[2].strip(b" ") for line in lines if line.startswith(b"X-Value:")] == VALUES


def test_a_tag_beyond_ascii_is_a_tag(world):
    """RFC 9110 §8.8.3: obs-text is allowed in it."""
    tag = b'"caf\xe9"'
    weir = world.weir(world.scripted(ok(fields=FRESH).replace(b"\r\n\r\n", b"\r\nETag: " + tag + b"\r\n\r\n")))
    assert lines_of(weir.get("/"), "ETag") == [tag]
    assert weir.get("/", {"If-None-Match": tag.decode("latin-1")}).status == 304
    assert weir.get("/", {"If-None-Match": '"cafe"'}).status == 200


def test_the_same_field_twice_stays_two_lines_in_their_order(world):
    """RFC 9110 §5.3: not every field is a list, so that nobody on the way may make one line of two."""
    fields = FRESH + "X-A: 1\r\nLink: </a>\r\nX-A: 2\r\nLink: </b>, </c>\r\nX-A: 1\r\n"
    for response in everywhere(world, ok(fields=fields)):
        assert response.all("X-A") == ["1", "2", "1"] and response.all("Link") == ["</a>", "</b>, </c>"]


@pytest.mark.parametrize(
    "fields, lifetime",
    [
        ("Cache-Control: public\r\nCache-Control: max-age=60\r\n", 60),
        ("Cache-Control: max-age=60\r\nCache-Control: no-store\r\n", None),
        ("Cache-Control: max-age=600\r\nCache-Control: max-age=60\r\n", 60),
        ("Cache-Control:\r\nCache-Control: max-age=60\r\n", 60),
        ("Expires: %(minute)s\r\nExpires: %(hour)s\r\n", 60),
        ("Expires: 0\r\nExpires: Fri, 31 Dec 2100 00:00:00 GMT\r\n", None),
        ("Cache-Control: max-age=60\r\nAge: 20\r\nAge: 0\r\n", 60),
        ("Cache-Control: max-age=60\r\nAge: 90\r\nAge: 0\r\n", None),
        ("Vary: X-A\r\nVary: *\r\nCache-Control: max-age=60\r\n", None),
    ],
)
def test_what_decides_may_be_said_in_several_lines(world, fields, lifetime):
    """RFC 9110 §5.3: lines of a list are one list. RFC 9111 §4.2.1, §5.1: of what is no list, the first one counts."""
    fields %= {"minute": http_date(60), "hour": http_date(3600)}
    weir = world.weir(world.scripted(ok(fields=fields)), routes=NO_GRACE)
    weir.get("/")
    second = weir.get("/")
    assert second.cache == ("HIT" if lifetime else "MISS")
    if lifetime:
        slack = 30 if "Expires" in fields else 3  # which counts from when the test began
        assert lifetime - slack <= second.remaining + int(second["Age"]) <= lifetime


def test_a_folded_field_is_refused_and_said_to_be(world, tmp_path):
    """RFC 9112 §5.2: a 502 with an explanation, rather than a guess at what was meant; and the operator can see it."""
    folded = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60,\r\n no-store\r\nContent-Length: 5\r\n\r\nhello"
    log = tmp_path / "access.log"
    weir = world.weir(world.scripted(in_turn(folded, ok())), log={"access": str(log)})
    refused = weir.get("/")
    assert (refused.status, refused["Cache-Control"]) == (502, "no-store")
    assert b"the origin's response is malformed" in refused.body
    wait_until(lambda: "upstream sent a malformed response" in log.read_text(), "it is logged")
    assert weir.get("/").body == b"hello"  # nothing of it is left for the next one


# Before the content, and after it


@pytest.mark.parametrize("length", ["", "Content-Length: 5\r\n"], ids=["until the end", "by length"])
def test_an_origin_of_http_1_0(world, length):
    """RFC 9112 §6.3: content may end with the connection. It is stored whole, and sent as our own version says."""
    answer = f"HTTP/1.0 200 OK\r\n{FRESH}{length}\r\nhello".encode()
    for response in everywhere(world, answer):
        assert (response.version, response.status, response.body) == ("1.1", 200, b"hello")
    assert response["Content-Length"] == "5"


def test_an_interim_response_while_the_request_is_still_being_sent(world):
    """RFC 9110 §15.2: it is forwarded, too; at the latest with the final response."""

    def serve(origin, peer):
        origin.requests.append(peer.head())
        peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
        origin.requests.append(peer.read(10))
        peer.send(ok())

    origin = world.scripted(serve)
    weir = world.weir(origin)
    with weir.connect() as connection:
        connection.send(request("PUT", "/", {"Content-Length": "10"}) + b"12345")
        wait_until(lambda: origin.requests, "the origin has the header")
        connection.send(b"67890")
        response = connection.response()
        assert [(early.status, early["Link"]) for early in response.interim] == [(103, "</a.css>")]
        assert (response.status, response.body) == (200, b"hello")
    assert origin.requests[1] == b"1234567890"


def test_interim_responses_pass_with_their_fields_and_are_not_stored(world):
    """RFC 9110 §15.2: all of them, in order; a cache keeps the final response only."""
    hints = (
        b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nLink: </b.css>\r\n"
        b"X-Early: 1\r\nxkey: of no concern to clients\r\n\r\n"
    )
    processing = b"HTTP/1.1 102 Processing\r\n\r\n"
    miss, *hits = everywhere(world, processing + hints + processing + ok(fields=FRESH + "Link: </final.css>\r\n"))
    assert [interim.status for interim in miss.interim] == [102, 103, 102]
    early = miss.interim[1]
    assert early.all("Link") == ["</style.css>; rel=preload", "</b.css>"] and early["X-Early"] == "1"
    assert early["xkey"] is None
    for response in (miss, *hits):
        assert (response.status, response.all("Link"), response["X-Early"]) == (200, ["</final.css>"], None)
    assert [hit.interim for hit in hits] == [[], []]


def test_trailers_pass_and_are_not_stored(world):
    """RFC 9110 §6.5: behind the content for who reads it as it comes; never among the fields. RFC 9111 §3.1"""
    content = chunked(b"hello, ", b"world", trailers=b"X-Checksum: 1\r\nX-Trailer: 2\r\n")
    fields = f"Transfer-Encoding: chunked\r\nTrailer: X-Checksum, X-Trailer\r\n{FRESH}"
    weir = world.weir(world.scripted(f"HTTP/1.1 200 OK\r\n{fields}\r\n".encode() + content))
    asking = request("GET", "/", {"TE": "trailers", "Connection": "TE, close"})
    head, _, rest = exchange(weir.port, asking).partition(b"\r\n\r\n")
    assert b"\r\nTransfer-Encoding: chunked" in head and b"X-Checksum: 1" not in head
    assert b"world" in rest and rest.endswith(b"\r\n0\r\nX-Checksum: 1\r\nX-Trailer: 2\r\n\r\n")
    hit = weir.get("/")
    assert (hit.cache, hit.body, hit["Content-Length"]) == ("HIT", b"hello, world", "12")
    assert hit["X-Checksum"] is hit["X-Trailer"] is None
