"""Clocks that are wrong, ages and lifetimes that are absurd. RFC 9111 §4.2."""

import re

import pytest
from scripted_origin import http_date, in_turn, ok
from wire import wait_until
from world import NO_GRACE

HOUR = 3600
MOST = 2**31  # no duration counts for more. RFC 9111 §1.2.2


def answers(world, fields, count=2, **options):
    """What that many requests get, one after another."""
    weir = world.weir(world.scripted(ok(fields=fields)), routes=NO_GRACE, **options)
    return [weir.get("/") for _ in range(count)]


def date(seconds):
    return f"Date: {http_date(seconds)}\r\n"


@pytest.mark.parametrize("skew", [5 * HOUR, 10 * 365 * 24 * HOUR])
@pytest.mark.parametrize("lifetime", ["Cache-Control: max-age=60", "Expires: %s"])
def test_a_date_in_the_future_makes_nothing_younger_than_it_is(world, skew, lifetime):
    """RFC 9111 §4.2.3: an apparent age is never negative. §4.2.1: Expires counts from Date, by the origin's clock."""
    fields = date(skew) + (lifetime.replace("%s", http_date(skew + 60))) + "\r\n"
    miss, hit = answers(world, fields)
    assert (miss.cache, hit.cache) == ("MISS", "HIT")
    assert 0 <= int(hit["Age"]) <= 20
    assert hit.remaining + int(hit["Age"]) == 60
    assert hit["Date"] == miss["Date"] != http_date()


@pytest.mark.parametrize("lifetime", ["Cache-Control: max-age=60", "Expires: %s"])
def test_a_date_in_the_past_makes_it_stale(world, lifetime):
    """RFC 9111 §4.2.3: nobody can tell a wrong clock from a long way, so that the age is what Date says."""
    fields = date(-5 * HOUR) + (lifetime.replace("%s", http_date(-5 * HOUR + 60))) + "\r\n"
    assert [response.cache for response in answers(world, fields)] == ["MISS", "MISS"]


def test_a_date_in_the_past_counts_as_age(world):
    fields = date(-5 * HOUR) + f"Cache-Control: max-age={6 * HOUR}\r\n"
    _, hit = answers(world, fields)
    assert hit.cache == "HIT" and 5 * HOUR <= int(hit["Age"]) <= 5 * HOUR + 20
    assert 0 < hit.remaining <= HOUR


def test_a_date_that_is_missing_is_added(world):
    """RFC 9110 §6.6.1: the time of receipt, also in what is stored."""
    miss, hit = answers(world, "Cache-Control: max-age=60\r\n")
    assert hit.cache == "HIT" and int(hit["Age"]) <= 20
    assert miss["Date"] == hit["Date"] and len(hit.all("Date")) == 1
    assert hit["Date"] in [http_date(-seconds) for seconds in range(20)]


@pytest.mark.parametrize(
    "age, max_age",
    [
        ("61", "60"),
        (f"{MOST - 1}", "60"),
        (f"{MOST}", "60"),
        (f"{2**32 + 1}", "60"),
        (f"{2**63}", "60"),
        (f"{2**64 + 1}", "60"),
        ("9" * 20, "60"),
        ("9" * 20, "9" * 20),  # both are the most there is: as old as it may become
    ],
)
def test_what_is_too_old_on_arrival_is_not_used_again(world, age, max_age):
    """RFC 9111 §1.2.2: a number too large is 2^31, and never becomes a small one."""
    first, second = answers(world, f"Age: {age}\r\nCache-Control: max-age={max_age}\r\n")
    assert [first.cache, second.cache] == ["MISS", "MISS"]
    assert first["Age"] == age  # forwarded as it came


def test_an_age_below_the_largest_lifetime_counts(world):
    _, hit = answers(world, f"Age: {MOST - 100}\r\nCache-Control: max-age={MOST}\r\n")
    assert hit.cache == "HIT"
    assert MOST - 100 <= int(hit["Age"]) < MOST and 0 < hit.remaining <= 100


HUGE = [MOST - 1, MOST, MOST + 1, 2**32, 2**32 + 1, 2**63 - 1, 2**63, 2**64, 2**64 + 5, 10**20 - 1]


@pytest.mark.parametrize("seconds", HUGE)
def test_a_lifetime_too_large_is_the_largest_one(world, seconds):
    """RFC 9111 §1.2.2, in every place where an origin may say it."""
    for fields in (
        f"Cache-Control: max-age={seconds}\r\n",
        f'Cache-Control: s-maxage="{seconds}"\r\n',
        f"Cache-Control: max-age=60, stale-while-revalidate={seconds}, stale-if-error={seconds}\r\n",
    ):
        _, hit = answers(world, fields)
        assert hit.cache == "HIT"
        assert hit.remaining + int(hit["Age"]) == (60 if "stale" in fields else min(seconds, MOST))


def test_a_lifetime_too_large_is_a_lifetime_in_redis(world):
    redis = world.redis()
    origin = world.scripted(ok(fields=f"Cache-Control: max-age={'9' * 20}, stale-if-error={'9' * 20}\r\n"))
    one, two = (world.weir(origin, redis) for _ in range(2))
    for node in (one, two):
        node.await_redis()
    one.get("/")
    key = redis.await_key("weir:{http://weir.test/}")
    assert MOST - 60 <= int(redis.command("TTL", key)) <= 3 * MOST
    hit = two.get("/")
    assert hit["Cache-Status"].endswith("; detail=redis") and hit.remaining + int(hit["Age"]) == MOST


@pytest.mark.parametrize("seconds", ["-1", f"-{2**63}", "1e3", "60.5", "0x3c", "", " ", "60 s"])
def test_a_lifetime_that_is_no_number_is_none(world, seconds):
    """RFC 9111 §4.2.1: stale, rather than whatever its first digits would say."""
    assert [a.cache for a in answers(world, f"Cache-Control: max-age={seconds}\r\n", ttl="300s")] == ["MISS", "MISS"]


@pytest.mark.parametrize("status", [200, 304])
def test_a_clock_of_the_origin_that_goes_back(world, status):
    """The later answer counts, though its Date is the earlier one: RFC 9111 §4.3.3, §4.3.4. Its age does, too."""
    later = date(-HOUR) + f'ETag: "v1"\r\nCache-Control: max-age={2 * HOUR}\r\nX-Answer: 2\r\n'
    second = ok(b"second", later) if status == 200 else f"HTTP/1.1 304 Not Modified\r\n{later}\r\n".encode()
    first = ok(b"first", date(0) + 'ETag: "v1"\r\nCache-Control: max-age=1\r\nX-Answer: 1\r\n')
    weir = world.weir(world.scripted(in_turn(first, second)), routes=NO_GRACE)
    assert weir.get("/").body == b"first"
    wait_until(lambda: weir.get("/", {"Cache-Control": "only-if-cached"}).status == 504, "it is stale")
    expected = b"second" if status == 200 else b"first"
    answer, hit = weir.get("/"), weir.get("/")
    assert (answer.body, hit.body, hit.cache) == (expected, expected, "HIT")
    assert answer["X-Answer"] == hit["X-Answer"] == "2"
    assert HOUR <= int(hit["Age"]) <= HOUR + 20
    assert re.fullmatch(r"\w{3}, .* GMT", hit["Date"]) and hit["Date"] == answer["Date"]
