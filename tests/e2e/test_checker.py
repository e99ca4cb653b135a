"""The randomised checker, for a short while; tests/checker runs it for longer."""

import random

from checker import Checker


def test_no_reader_sees_what_was_purged_and_no_body_is_broken(world):
    checker = Checker(world, seed=random.randrange(1 << 32))
    print("seed", checker.seed)
    checker.run(seconds=20)
    counts = checker.counts
    print(dict(sorted(counts.items())))
    for what in ("reads, HIT", "reads, MISS", "reads after a purge", "purges, urls", "invalidations", "kill a node"):
        assert counts[what] > 0, f"nothing was checked: {what}"
