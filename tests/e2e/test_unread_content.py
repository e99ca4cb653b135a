"""Whoever answers owns the content: where Weir itself answers a request whose content is another request, that is never
answered, and never a request at the origin. CVE-2025-4366, VSV00015."""

import contextlib

import pytest
from framing import Strict
from recording_origin import RecordingOrigin
from wire import Truncated, chunked, request, wait_until

SMUGGLED = request("GET", "/smuggled")
NEXT = request("GET", "/next")

FRAMINGS = {
    "sized": ({"Content-Length": str(len(SMUGGLED))}, SMUGGLED),
    "chunked": ({"Transfer-Encoding": "chunked"}, chunked(SMUGGLED)),
}

framed = pytest.mark.parametrize("framing", FRAMINGS)


def answers_to(weir, method, target, framing, fields=()):
    """All answers to a request with such content and to another one behind it."""
    of_content, content = FRAMINGS[framing]
    with weir.connect() as connection:
        connection.send(request(method, target, dict(fields) | of_content) + content + NEXT).finish()
        answers = [connection.response(method)]
        with contextlib.suppress(Truncated):
            while True:
                answers.append(connection.response())
        return answers


def is_closed_behind(answers):
    """Nothing behind the first one was taken for a request."""
    return [answer["Connection"] for answer in answers] == ["close"]


def request_lines(origin):
    return [Strict().message(message, 0).request_line.decode() for _, message in origin.take()]


def hold(origin, peer):
    """Answers nothing; remembers what comes."""
    while received := peer.some():
        origin.requests.append(received)


@pytest.fixture(scope="module")
def origin(shared):
    """Lets all be stored."""
    return shared.add(RecordingOrigin("Cache-Control: max-age=3600\r\n"))


@pytest.fixture(scope="module")
def silent(shared):
    return shared.scripted(hold)


@pytest.fixture(scope="module")
def busy(shared):
    return shared.scripted(hold)


@pytest.fixture(scope="module")
def occupied(weir, busy):
    """All that may be asked of it at once is."""
    with weir.connect() as client:
        client.send(request("GET", "/busy/one"))
        wait_until(lambda: busy.requests, "it is asked")
        yield busy


@pytest.fixture(scope="module")
def weir(shared, origin, silent, busy):
    upstreams = {
        "away": f"http://127.0.0.1:{shared.refusing_port()}",
        "silent": {"servers": [silent.url], "first_byte_deadline": "100ms"},
        "busy": {"servers": [busy.url], "max_connections": 1, "max_queue": 0, "first_byte_deadline": "5m"},
    }
    routes = [{"path": f"/{name}", "upstream": name} for name in upstreams]
    own = {"local": ["/health"], "purge": {"allow": ["127.0.0.1"]}}
    return shared.weir(origin, workers=1, upstreams=upstreams, routes=routes, drain_deadline="100ms", **own)


@framed
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "fields",
    [{}, {"Range": "bytes=0-1"}, {"Range": "bytes=99-"}, {"If-None-Match": "*"}, {"Cache-Control": "only-if-cached"}],
    ids=["plainly", "a part", "no part", "a condition", "only if cached"],
)
def test_of_what_is_stored(weir, origin, method, framing, fields):
    """It is no hit: the origin may read the content, as content."""
    weir.get("/stored")
    weir.get("/next")
    assert weir.get("/stored").cache == weir.get("/next").cache == "HIT"
    origin.take()
    first, behind = answers_to(weir, method, "/stored", framing, fields)
    assert (first.status, first.cache) == (200, "BYPASS")
    assert (behind.cache, behind.body) == ("HIT", b"/next")
    assert request_lines(origin) == [f"{method} /stored HTTP/1.1"]
    assert weir.get("/stored").cache == "HIT"


@framed
@pytest.mark.parametrize("method, status", [("GET", 200), ("HEAD", 200), ("POST", 405)])
def test_of_an_endpoint_of_its_own(weir, origin, method, status, framing):
    answers = answers_to(weir, method, "/health", framing)
    assert is_closed_behind(answers) and answers[0].status == status
    assert request_lines(origin) == []


@framed
def test_of_a_purge(weir, origin, framing):
    weir.get("/purged")
    origin.take()
    answers = answers_to(weir, "PURGE", "/purged", framing)
    assert is_closed_behind(answers) and answers[0].status == 200
    assert request_lines(origin) == []
    assert weir.get("/purged").cache == "MISS"
    origin.take()


@framed
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_of_an_origin_that_is_away(weir, origin, method, framing):
    answers = answers_to(weir, method, "/away", framing)
    assert is_closed_behind(answers) and answers[0].status == 502
    assert request_lines(origin) == []


@framed
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_of_an_origin_that_is_silent(weir, origin, silent, method, framing):
    """It has read the content, as content; so what is behind that is the next request."""
    weir.get("/next")
    origin.take()
    first, behind = answers_to(weir, method, "/silent", framing)
    assert first.status == 504
    assert (behind.cache, behind.body) == ("HIT", b"/next")
    wait_until(lambda: silent.requests and silent.is_quiet(), "its connection has ended")
    stream = b"".join(silent.requests)
    silent.requests.clear()
    (message,) = Strict().cut(stream)
    assert (message.request_line, message.content) == (f"{method} /silent HTTP/1.1".encode(), SMUGGLED)
    assert message.end == len(stream)
    assert request_lines(origin) == []


@framed
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_of_an_origin_that_has_enough_to_do(weir, origin, occupied, method, framing):
    answers = answers_to(weir, method, "/busy/two", framing)
    assert is_closed_behind(answers) and answers[0].status == 503
    assert occupied.connections == 1 and b"/two" not in b"".join(occupied.requests)
    assert request_lines(origin) == []


@framed
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_where_buffers_are_short(world, method, framing):
    budget, uploads = 1024 * 1024, 30
    silent = world.scripted(hold)
    weir = world.weir(silent, limits={"max_buffers": budget})
    with contextlib.ExitStack() as stack:
        for _ in range(uploads):
            upload = stack.enter_context(weir.connect())
            upload.send(request("POST", "/upload", {"Content-Length": "1000000"}) + b"x" * 1000)
        wait_until(lambda: weir.metrics()["weir_buffer_bytes"] >= budget, "the budget is used up")
        answers = answers_to(weir, method, "/other", framing)
    assert is_closed_behind(answers) and answers[0].status == 503
    wait_until(silent.is_quiet, "it is released")
    assert silent.connections <= uploads and b"/other" not in b"".join(silent.requests)
