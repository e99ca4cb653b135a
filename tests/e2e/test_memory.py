"""What a node takes of the machine's memory."""

import pytest
from servers import PROGRAMS, is_sanitized, run

MIB = 1024 * 1024


def load(weir, requests, keys, query):
    url = f"{weir.url}/items?{query}"
    answer = run(
        PROGRAMS / "weir-loadgen", url, "--requests", requests, "--connections", 32, "--keys", keys, "--zipf", 0,
        "--max-errors", 0, seconds=300,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.skipif(is_sanitized("weir"), reason="a sanitizer keeps what was freed")
def test_objects_far_beyond_the_budget_leave_the_process_within_it(world, origin):
    """With as many workers as could be at odds over the allocator's arenas."""
    budget = 32 * MIB
    weir = world.weir(origin, workers=4, ttl="300s", memory={"budget": budget})
    load(weir, 2_000, 50, "size=1024&cache_control=no-store")
    base = weir.memory()
    load(weir, 120_000, 1_000_000, "size=1024")
    metrics = weir.metrics()
    assert metrics["weir_memory_evictions_total"] > 3 * metrics["weir_memory_objects"]
    assert 0.9 * budget < metrics["weir_memory_bytes"] <= budget
    assert weir.memory() - base <= 1.25 * budget, f"{metrics['weir_memory_objects']} objects"
