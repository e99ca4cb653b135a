"""Every error of Weir's own: short, in its own words, never with a word of the request, and with an id that the access log
has too."""

import contextlib
import json
import re

import pytest
from scripted_origin import ok
from wire import chunked, request, wait_until

MARK = "<script>"
TARGET = f"/{MARK}?{MARK}"
ASKED = {"X-Mark": MARK, "Referer": MARK}

ERROR = re.compile(r"(\d{3}) [A-Z][A-Za-z -]+\n[ -~]{5,60}\nrequest id: ([0-9a-f]{32})\n")


def check(weir, response, status):
    assert response.status == status
    body = response.body.decode()
    text = ERROR.fullmatch(body)
    assert text and int(text[1]) == status and text[2] == response["X-Request-Id"]
    assert response["Content-Type"] == "text/plain; charset=utf-8" and response["Cache-Control"] == "no-store"
    assert not any("script" in value for _, value in response.fields)
    log = weir.folder / "access.log"
    wait_until(lambda: text[2] in log.read_text(), "the log has the request's id")
    line = next(line for line in map(json.loads, log.read_text().splitlines()) if line["request_id"] == text[2])
    assert line["status"] == status


def logging(world, origin, redis=None, **options):
    return world.weir(origin, redis, log={"access": str(world.folder / "access.log")}, **options)


def ask(weir, method, target, fields=(), data=b""):
    """The answer to a request with these bytes of content."""
    with weir.connect() as connection:
        connection.send(request(method, target, ASKED | dict(fields)) + data)
        return connection.response()


def test_of_origins(world):
    def serve(_, peer):
        head = peer.head()
        if b"/malformed" in head:
            peer.send(b"<script>alert(1)</script>\r\n\r\n")
        elif b"/wrong-304" in head:
            peer.send(b"HTTP/1.1 304 Not Modified\r\n\r\n")
        elif b"/slow" in head:
            peer.until_closed()

    upstream = {"servers": [world.scripted(serve).url], "first_byte_deadline": "3s"}
    weir = logging(world, upstream)
    check(weir, ask(weir, "GET", f"/closed{TARGET}"), 502)
    check(weir, ask(weir, "GET", f"/malformed{TARGET}"), 502)
    check(weir, ask(weir, "GET", f"/wrong-304{TARGET}"), 502)
    check(weir, ask(weir, "POST", f"/closed{TARGET}", {"Content-Length": "5"}, b"hello"), 502)
    check(weir, ask(weir, "GET", f"/slow{TARGET}"), 504)


def test_of_an_origin_that_is_away(world):
    weir = logging(world, f"http://127.0.0.1:{world.refusing_port()}")
    check(weir, ask(weir, "GET", TARGET), 502)


def test_of_an_origin_that_has_enough_to_do(world):
    origin = world.origin()
    upstream = {"servers": [origin.url], "max_connections": 1, "max_queue": 0}
    weir = logging(world, upstream, workers=1, drain_deadline="100ms")
    with weir.connect() as busy:
        busy.send(request("GET", "/items/a?latency_ms=60000"))
        wait_until(lambda: origin.stats()["open_requests"] == 1, "the origin is busy")
        refused = ask(weir, "GET", TARGET)
    check(weir, refused, 503)
    assert refused["Retry-After"] == "1"


def test_of_a_node_that_has_enough_connections(world):
    origin = world.origin()
    weir = logging(world, origin, workers=1, limits={"max_connections": 1}, drain_deadline="100ms")
    with weir.connect() as busy:
        busy.send(request("GET", "/items/a?hang=1"))
        wait_until(lambda: origin.stats()["open_requests"] == 1, "it is busy")
        with weir.connect() as another:
            refused = another.response()
    check(weir, refused, 503)
    assert refused["Retry-After"] == "1"


def test_of_a_node_whose_buffers_are_full(world):
    weir = logging(world, world.scripted(lambda _, peer: peer.until_closed()), limits={"max_buffers": "1MiB"})
    with contextlib.ExitStack() as stack:
        for _ in range(30):
            upload = stack.enter_context(weir.connect())
            upload.send(request("POST", "/", {"Content-Length": "1000000"}) + b"x" * 1000)
        wait_until(lambda: weir.metrics()["weir_buffer_bytes"] >= 1024 * 1024, "they are full")
        refused = ask(weir, "GET", TARGET)
    check(weir, refused, 503)
    assert refused["Retry-After"] == "1"


def test_of_a_purge_whose_log_is_away(world):
    redis = f"redis://127.0.0.1:{world.refusing_port()}"
    weir = logging(world, world.scripted(ok()), redis, purge={"allow": ["127.0.0.1"]})
    refused = ask(weir, "PURGE", TARGET)
    check(weir, refused, 503)
    assert refused["Retry-After"] == "1"


def test_of_a_shared_cache_that_is_away(world):
    routes = [{"on_store_failure": "fail"}]
    weir = logging(world, world.scripted(ok()), f"redis://127.0.0.1:{world.refusing_port()}", routes=routes)
    refused = ask(weir, "GET", TARGET)
    check(weir, refused, 503)
    assert refused["Retry-After"] == "1"


def test_of_what_is_stored(world):
    weir = logging(world, world.scripted(ok(b"hello", "Cache-Control: max-age=60\r\n")), local=["/health"],
                   routes=[{"honour_request_directives": True}])  # fmt: skip
    assert ask(weir, "GET", TARGET).status == 200
    check(weir, ask(weir, "GET", TARGET, {"Range": "bytes=5-"}), 416)
    check(weir, ask(weir, "GET", TARGET + "2", {"Cache-Control": "only-if-cached"}), 504)
    check(weir, ask(weir, "POST", f"/health?{MARK}"), 405)


def test_of_clients(world):
    limits = {"max_request_body": "10", "header_deadline": "100ms", "body_deadline": "100ms", "max_target_size": "256",
              "max_header_size": "1KiB"}  # fmt: skip
    weir = logging(world, world.scripted(lambda _, peer: peer.until_closed()), limits=limits)
    coded = {"Transfer-Encoding": "chunked"}
    check(weir, ask(weir, "GET", TARGET + " b"), 400)
    check(weir, ask(weir, "GET", TARGET, {MARK: "a"}), 400)
    check(weir, ask(weir, "POST", TARGET, coded, MARK.encode() + b"\r\n\r\n"), 400)
    check(weir, ask(weir, "TRACE", TARGET), 405)
    check(weir, ask(weir, "CONNECT", TARGET), 405)
    check(weir, ask(weir, "POST", TARGET, {"Content-Length": "5"}, b"hell"), 408)
    check(weir, ask(weir, "POST", TARGET, {"Content-Length": "11"}), 413)
    check(weir, ask(weir, "POST", TARGET, coded, chunked(b"hello", b"world!")), 413)
    check(weir, ask(weir, "GET", TARGET + "a" * 256), 414)
    check(weir, ask(weir, "GET", TARGET, {"Expect": MARK}), 417)
    check(weir, ask(weir, "GET", TARGET, {"Colour": "b" * 1024}), 431)
    check(weir, ask(weir, "POST", TARGET, {"Transfer-Encoding": f"{'a' * 5}, chunked"}), 501)
    with weir.connect() as connection:
        connection.send(request("GET", TARGET, ASKED)[:-2])
        check(weir, connection.response(), 408)
    with weir.connect() as connection:
        connection.send(request("GET", TARGET, ASKED, version="2.0"))
        check(weir, connection.response(), 505)


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_of_a_head_there_is_only_the_header_section(world, method):
    weir = world.weir(f"http://127.0.0.1:{world.refusing_port()}")
    for target in ("/a", "/a#b"):
        with weir.connect() as connection:
            connection.send(request(method, target, {"Connection": "close"}))
            response = connection.response(method)
            assert connection.is_ended() and bool(response.body) == (method == "GET")
            assert int(response["Content-Length"]) > 50
