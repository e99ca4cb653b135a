"""Redis unwell in each of its ways: what clients, metrics, log and /readyz see of it. Counted, not timed."""

import pytest
from test_redis import IMPATIENT, await_health, connected, name_of
from wire import wait_until

BREAKER = {"failures": 3, "min_open": "100ms", "max_open": "300ms", "slow_percent": 0}
WORKERS = 2


@pytest.fixture
def weir(world, origin, redis):
    config = {"host": "127.0.0.1", "port": redis.port, "breaker": BREAKER, **IMPATIENT}
    routes = [
        {"path": "/items/guarded", "ttl": "300s", "on_store_failure": "fail"},
        {"path": "/", "ttl": "300s"},
    ]
    return connected(world.weir(origin, config, routes=routes))


def await_breaker(weir, state):
    weir.await_metrics({f'weir_redis_breaker_state{{state="{state}"}}': WORKERS})


def redis_state(weir):
    """What /readyz says; a node is ready whatever it is."""
    ready = weir.admin("/readyz")
    assert ready.status == 200
    assert ready.json()["status"] == "ok"
    return ready.json()["redis"]


def ended(weir, outcome):
    return weir.metrics()[f'weir_redis_commands_total{{outcome="{outcome}"}}']


def refused(weir):
    return weir.metrics()['weir_redis_refused_total{reason="breaker"}']


def answers_misses(weir, name, count=20):
    """Each client gets its answer from the origin."""
    for number in range(count):
        answer = weir.get(f"/items/{name}-{number}")
        assert (answer.status, answer.cache) == (200, "MISS")


def test_while_redis_hangs_requests_pay_for_it_a_few_times_and_then_not_at_all(weir, redis, origin):
    weir.get("/items/known")
    assert redis_state(weir) == "ok"
    redis.pause()
    answers_misses(weir, "first")
    await_breaker(weir, "open")
    paid = ended(weir, "timeout")
    assert 1 <= paid <= WORKERS * 2 * BREAKER["failures"]
    assert (redis_state(weir), weir.health()) == ("unavailable", 503)
    weir.await_log("warning redis breaker is open: ")

    before = refused(weir)
    answers_misses(weir, "second")
    assert weir.get("/items/known").cache == "HIT"
    assert ended(weir, "timeout") == paid
    assert refused(weir) >= before + 20
    assert origin.requests == 1 + 20 + 20

    redis.resume()
    await_breaker(weir, "closed")
    wait_until(lambda: redis_state(weir) == "ok", "all workers use Redis again")
    weir.await_log("info redis breaker is closed: ")
    assert weir.metrics()['weir_redis_breaker_transitions_total{state="half_open"}'] >= WORKERS
    weir.get("/items/later")
    redis.await_key(name_of("/items/later"))


def test_redis_killed_and_back_empty(weir, redis):
    weir.get("/items/known")
    redis.await_key(name_of("/items/known"))
    redis.kill()
    await_breaker(weir, "open")
    answers_misses(weir, "meanwhile")
    assert ended(weir, "timeout") == 0
    redis.start()
    await_breaker(weir, "closed")
    lost = "with the purge log all is lost that was stored before"
    wait_until(lambda: weir.get("/items/known").cache == "MISS", lost)
    weir.get("/items/later")
    redis.await_key(name_of("/items/later"))


def test_a_guarded_route_answers_503_at_once_while_the_breaker_is_open(weir, redis, origin):
    weir.get("/items/guarded/known")
    redis.pause()
    answers_misses(weir, "first", 5)
    await_breaker(weir, "open")
    paid, asked = ended(weir, "timeout"), origin.requests
    for number in range(20):
        answer = weir.get(f"/items/guarded/{number}")
        assert (answer.status, answer["Retry-After"]) == (503, "1")
    assert weir.get("/items/guarded/known").cache == "HIT"
    assert ended(weir, "timeout") == paid
    assert origin.requests == asked
    redis.resume()
    await_breaker(weir, "closed")
    connected(weir)
    assert weir.get("/items/guarded/unknown").status == 200


@pytest.mark.parametrize(
    ("kind", "trouble", "remedy", "opens"),
    [
        ("OOM", [["CONFIG", "SET", "maxmemory", "1"]], ["CONFIG", "SET", "maxmemory", "0"], False),
        ("NOPERM", [["ACL", "SETUSER", "default", "-set", "-eval"]], ["ACL", "SETUSER", "default", "+@all"], False),
        ("READONLY", [["REPLICAOF", "127.0.0.1", "1"]], ["REPLICAOF", "NO", "ONE"], True),
        (
            "MASTERDOWN",
            [["CONFIG", "SET", "replica-serve-stale-data", "no"], ["REPLICAOF", "127.0.0.1", "1"]],
            ["REPLICAOF", "NO", "ONE"],
            True,
        ),
    ],
)
def test_answers_that_are_errors_are_counted_and_harm_nobody(weir, redis, origin, kind, trouble, remedy, opens):
    for command in trouble:
        redis.command(*command)
    answers_misses(weir, kind, 30)
    metrics = weir.metrics()
    assert metrics[f'weir_redis_error_replies_total{{kind="{kind}"}}'] >= BREAKER["failures"]
    assert (metrics['weir_redis_breaker_transitions_total{state="open"}'] > 0) == opens
    assert weir.get(f"/items/{kind}-0").cache == "HIT"
    if kind != "MASTERDOWN":  # then it does not even say that
        assert redis.keys() == []
    assert origin.requests == 30
    redis.command(*remedy)
    await_breaker(weir, "closed")
    connected(weir)
    weir.get("/items/later")
    redis.await_key(name_of("/items/later"))


def test_a_password_that_is_asked_for_from_now_on(weir, redis):
    redis.command("CONFIG", "SET", "requirepass", "secret")
    redis.command("-a", "secret", "CLIENT", "KILL", "TYPE", "normal")
    await_breaker(weir, "open")
    weir.await_log("redis is not available, going on without it: ")
    answers_misses(weir, "meanwhile", 5)
    redis.command("-a", "secret", "CONFIG", "SET", "requirepass", "")
    await_breaker(weir, "closed")
    await_health(weir, 200)
