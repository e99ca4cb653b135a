"""The load test of the demo: on a cold cache its figures are known beforehand."""

import re

import pytest
from servers import PROGRAMS, run


def load(weir, *arguments):
    return run(PROGRAMS / "weir-loadgen", f"{weir.url}/items", *arguments, seconds=300)


@pytest.mark.parametrize("with_redis", [True, False], ids=["with Redis", "memory alone"])
def test_39_hits_and_11_misses(world, with_redis):
    origin = world.origin(latency="20ms")
    weir = world.weir(origin, world.redis() if with_redis else None, ttl="300s")
    result = load(weir, "--min-hit-rate", "78", "--max-errors", "0")
    assert result.returncode == 0, result.stdout + result.stderr
    summary = dict(re.findall(r"^([A-Z][\w -]+): +(.*)$", result.stdout, re.MULTILINE))
    assert (summary["Total requests"], summary["Cache hits"], summary["Cache misses"]) == ("50", "39", "11")
    assert (summary["Errors"], summary["Cache-hit rate"]) == ("0", "78.00 %")
    assert len(re.findall(r"^\[ *\d+/50\] ", result.stdout, re.MULTILINE)) == 50
    assert origin.requests == 11
    weir.await_metrics({"cache_hits_total": 39, "cache_misses_total": 11, "request_latency_seconds_count": 50})


def test_a_warm_cache_hits_always(world):
    weir = world.weir(world.origin(), ttl="300s")
    load(weir)
    again = load(weir, "--min-hit-rate", "100", "--max-errors", "0")
    assert again.returncode == 0, again.stdout


def test_a_threshold_that_is_not_met(world):
    weir = world.weir(world.origin(), ttl="300s")
    assert load(weir, "--min-hit-rate", "79").returncode == 2


def test_many_connections_without_an_error(world):
    origin = world.origin()
    weir = world.weir(origin, world.redis(), ttl="300s")
    result = load(weir, "--requests", "20000", "--connections", "100", "--keys", "500", "--max-errors", "0")
    assert result.returncode == 0, result.stdout + result.stderr
    asked = origin.requests
    weir.await_metrics(
        {"cache_hits_total": 20000 - asked, "cache_misses_total": asked, "request_latency_seconds_count": 20000}
    )
