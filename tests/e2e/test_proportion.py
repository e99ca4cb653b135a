"""Work in proportion to what a header section has: counted in the processor's time, in which a few large messages are
compared with as many bytes in smaller ones."""

import re
from pathlib import Path

import pytest
from servers import is_sanitized
from wire import chunked, request

pytestmark = pytest.mark.skipif(is_sanitized("weir"), reason="a sanitizer's time is no measure")

FEW, MORE = 400, 3_200  # fields of a header section


def processor_time(process):
    """Nanoseconds that its threads have run."""
    stats = Path(f"/proc/{process.pid}/task").glob("*/schedstat")
    return sum(int(stat.read_text().split()[0]) for stat in stats)


HEADERS = {
    "names of their own": lambda count: [f"X-{number:05}: some value" for number in range(count)],
    "one name": lambda count: ["X-Same-Name: some value"] * count,
    "cookies": lambda count: [f"Cookie: c{number:05}=value" for number in range(count)],
    "named by Connection": lambda count: [
        *(f"X-{number:05}: v" for number in range(count // 2)),
        *(f"Connection: X-{number:05}" for number in range(count // 2)),
    ],
    "directives": lambda count: [f"Cache-Control: max-age={number}, x{number}=1" for number in range(count)],
    "entity tags": lambda count: [f'If-None-Match: "{number}", W/"x{number}"' for number in range(count)],
    "hops": lambda count: [f"Via: 1.1 hop{number}" for number in range(count)],
}


@pytest.mark.parametrize("target", ["/items/stored", "/items/private?cache_control=no-store"], ids=["hit", "forwarded"])
@pytest.mark.parametrize("fields", HEADERS)
def test_work_is_in_proportion_to_the_fields_of_a_request(world, fields, target):
    """As many fields altogether in a few large requests as in many smaller ones."""
    origin = world.scripted(ok_to_all)
    limits = {"max_header_fields": MORE + 10, "max_header_size": "512KiB"}
    weir = world.weir(origin, workers=1, ttl="300s", limits=limits, routes=[KEYED_BY_A_COOKIE])

    def cost(count, requests):
        lines = "\r\n".join([f"GET {target} HTTP/1.1", "Host: a", *HEADERS[fields](count)])
        data = (lines + "\r\n\r\n").encode()
        with weir.connect() as connection:
            begin = processor_time(weir)
            for _ in range(requests):
                assert connection.send(data).response().status in (200, 304)
            return processor_time(weir) - begin

    assert_in_proportion(cost)


KEYED_BY_A_COOKIE = {"path": "/", "key": {"cookies": ["session"]}}


def ok_to_all(origin, peer):
    private = b"Cache-Control: no-store\r\n"
    while head := peer.head():
        fields = private if b"no-store" in head.partition(b"\r\n")[0] else b""
        peer.send(b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 5\r\n%s\r\nhello' % fields)


RESPONSE_HEADERS = {
    "names of their own": HEADERS["names of their own"],
    "one name": HEADERS["one name"],
    "named by Connection": HEADERS["named by Connection"],
    "directives": lambda count: [f"Cache-Control: s-maxage=60, x{number}=1" for number in range(count)],
    "targeted directives": lambda count: [f"CDN-Cache-Control: x{number}=1" for number in range(count)],
    "hops": HEADERS["hops"],
}


@pytest.mark.parametrize("stored", [True, False], ids=["stored", "not stored"])
@pytest.mark.parametrize("fields", RESPONSE_HEADERS)
def test_work_is_in_proportion_to_the_fields_of_a_response(world, fields, stored):
    heads = {}

    def serve(origin, peer):
        while head := peer.head():
            count = int(re.match(rb"GET /(\d+)", head)[1])
            peer.send(heads[count] + b"Content-Length: 5\r\n\r\nhello")

    origin = world.scripted(serve)
    limits = {"max_response_header_size": "1MiB", "max_response_header_fields": 20_000}
    weir = world.weir(origin, workers=1, ttl="300s" if stored else "off", limits=limits)
    keys = iter(range(1_000_000))

    def cost(count, requests):
        lines = ["HTTP/1.1 200 OK", *RESPONSE_HEADERS[fields](count), *([] if stored else ["Cache-Control: no-store"])]
        heads[count] = "".join(f"{line}\r\n" for line in lines).encode()
        with weir.connect() as connection:
            begin = processor_time(weir)
            for _ in range(requests):
                assert connection.send(request("GET", f"/{count}?{next(keys)}")).response().status == 200
            return processor_time(weir) - begin

    assert_in_proportion(cost)


def test_work_is_in_proportion_to_the_trailers_of_a_response(world):
    """With as many fields before them: any of those might say that a trailer is not to be passed on."""
    bodies = {}

    def serve(origin, peer):
        while peer.head():
            peer.send(bodies["now"])

    origin = world.scripted(serve)
    limits = {"max_response_header_size": "1MiB", "max_response_header_fields": 20_000}
    weir = world.weir(origin, workers=1, limits=limits)

    def cost(count, requests):
        fields = b"".join(b"a: b\r\n" for _ in range(count))
        head = b"HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nTransfer-Encoding: chunked\r\n"
        bodies["now"] = head + fields + b"\r\n" + chunked(b"hello", trailers=fields)
        with weir.connect() as connection:
            begin = processor_time(weir)
            for _ in range(requests):
                answer = connection.ask("GET", "/", {"TE": "trailers"})
                assert (answer.body, len(answer.trailers)) == (b"hello", count)
            return processor_time(weir) - begin

    assert_in_proportion(cost, few=600, more=4_800)


def assert_in_proportion(cost, few=FEW, more=MORE):
    """cost(fields, messages): linear work costs the same both ways, quadratic work eight times as much."""
    ratio = more // few
    cost(few, 2), cost(more, 2)
    pairs = [(cost(few, 12 * ratio), cost(more, 12)) for _ in range(5)]
    small, large = (min(costs) for costs in zip(*pairs))
    print(f"{small / 1e6:.1f} ms for messages of {few} fields, {large / 1e6:.1f} ms for as many fields in some of {more}")
    assert large < 6 * small, pairs
