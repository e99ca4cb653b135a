"""The soak, for a short while; tests/soak runs it for longer."""

import random

from soak import Soak


def test_nothing_is_left_over_of_mixed_traffic_and_faults(world):
    soak = Soak(world, seed=random.randrange(1 << 32))
    print("seed", soak.seed)
    soak.run(seconds=20)
    print(dict(sorted(soak.counts.items())))
    for what in ("answers, HIT", "answers, MISS", "upload", "purge", "leave", "be malformed", "meet an ill origin"):
        assert soak.counts[what] > 0, f"nothing was tried: {what}"
    assert any(soak.counts[what] for what in ("origin stalls", "origin is killed"))
    assert any(soak.counts[what] for what in ("redis stalls", "redis is killed", "redis cuts off", "values are damaged"))
