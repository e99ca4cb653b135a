"""The system's clock is set while a node runs, or is wrong from the start."""

import mmap
import struct

import pytest
from scripted_origin import answering, ok
from servers import PROGRAMS
from wire import request, wait_until
from world import NO_GRACE

SET_CLOCK = PROGRAMS / "set-clock.so"

pytestmark = pytest.mark.skipif(not SET_CLOCK.exists(), reason="a sanitizer has clocks of its own")

HOUR = 3600
YEAR = 365 * 24 * HOUR


class Clock:
    """Of the processes that are started with its environment: so many seconds ahead of the system's."""

    def __init__(self, file):
        file.write_bytes(bytes(8))
        with open(file, "r+b") as opened:
            self._offset = mmap.mmap(opened.fileno(), 8)
        self.environment = {"LD_PRELOAD": str(SET_CLOCK), "CLOCK_OFFSET_FILE": str(file)}

    def set(self, seconds):
        self._offset[:] = struct.pack("q", seconds)


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path / "clock")


@pytest.fixture
def origin(world):
    """That says nothing of the time."""
    return world.scripted(answering(ok(fields="Cache-Control: max-age=3600\r\n"), keep=True))


@pytest.mark.parametrize("shared", [False, True], ids=["memory", "redis"])
@pytest.mark.parametrize("step", [2 * HOUR, -2 * HOUR])
def test_what_was_stored_before_a_step_is_stale_behind_it(world, origin, clock, step, shared):
    redis = world.redis() if shared else None
    weir = world.weir(origin, redis, routes=NO_GRACE, env=clock.environment)
    if redis:
        weir.await_redis()
    with weir.connect() as connection:

        def ask():
            return connection.ask("GET", "/")

        assert (ask().cache, ask().cache) == ("MISS", "HIT")
        if redis:
            redis.await_key("weir:{http://weir.test/}")
        clock.set(step)
        assert ask().cache == "MISS"
        hit = ask()
        assert hit.cache == "HIT" and hit.remaining + int(hit["Age"]) == HOUR
        clock.set(0)
        assert (ask().cache, ask().cache) == ("MISS", "HIT")
    assert len(origin.requests) == 3


def test_deadlines_are_of_a_clock_that_nobody_sets(world, clock):
    origin = world.scripted(lambda _, peer: peer.until_closed())
    upstream = {"servers": [origin.url], "first_byte_deadline": "1s"}
    weir = world.weir(upstream, env=clock.environment)
    with weir.connect() as connection:
        connection.send(request("GET", "/"))
        wait_until(lambda: origin.connections, "the origin is asked")
        clock.set(-2 * HOUR)
        assert connection.response().status == 504


def test_a_node_ahead_of_its_time_makes_nothing_fresh_for_the_others(world, origin, clock):
    redis = world.redis()
    clock.set(10 * YEAR)
    ahead = world.weir(origin, redis, env=clock.environment)
    right = world.weir(origin, redis)
    for node in (ahead, right):
        node.await_redis()
    assert ahead.get("/").cache == "MISS"
    redis.await_key("weir:{http://weir.test/}")
    assert ahead.get("/").cache == "HIT"
    assert right.get("/").cache == "MISS"
    assert right.get("/").cache == "HIT"
