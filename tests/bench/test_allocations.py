"""A hit in memory takes no memory, from the request's first byte to the answer's last: counted in the whole process by
an allocator put before it."""

import time

import pytest

from servers import PROGRAMS, is_sanitized
from wire import request

COUNTER = PROGRAMS / "count-allocations.so"
HITS = 1000
SWEEPS = 10  # what timers ask for in a second

pytestmark = pytest.mark.skipif(is_sanitized("weir"), reason="sanitizers have an allocator of their own")


@pytest.fixture
def counted(world, tmp_path):
    """(a node, how to read how often it has asked for memory)"""
    file = tmp_path / "allocations"
    environment = {"LD_PRELOAD": str(COUNTER), "ALLOCATIONS_FILE": str(file)}
    weir = world.weir(world.origin(), workers=1, env=environment)

    def allocations():
        return int.from_bytes(file.read_bytes(), "little")

    return weir, allocations


def allocations_of_hits(counted, target, at_once, fields=()):
    weir, allocations = counted
    with weir.connect() as connection:

        def hits(count):
            for _ in range(count // at_once):
                connection.send(request("GET", target, fields) * at_once)
                assert [connection.response().cache for _ in range(at_once)] == ["HIT"] * at_once

        assert connection.ask("GET", target, fields).cache == "MISS"
        hits(100)  # buffers have grown
        before, begin = allocations(), time.monotonic()
        hits(HITS)
        return allocations() - before, SWEEPS * (1 + time.monotonic() - begin)


def test_the_counter_counts(counted):
    weir, allocations = counted
    before = allocations()
    weir.get("/items/foo?cache_control=max-age=60")
    assert allocations() > before + 10


@pytest.mark.parametrize("at_once", [1, 10])
@pytest.mark.parametrize("size", [1024, 300_000])
def test_a_hit_allocates_nothing(counted, size, at_once):
    target = f"/items/foo?cache_control=max-age=60&size={size}"
    asked, at_most = allocations_of_hits(counted, target, at_once)
    assert asked <= at_most


def test_a_browsers_hit_allocates_nothing(counted):
    fields = {
        "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
        "Accept-Language": "en-GB,en;q=0.7,de;q=0.3",
        "Accept-Encoding": "gzip, deflate, br, zstd",
        "Cookie": "session=0123456789abcdef; theme=dark",
    }
    asked, at_most = allocations_of_hits(counted, "/items/foo?cache_control=max-age=60&size=1024", 1, fields)
    assert asked <= at_most
