"""A Redis that is not to be had at first, or goes away: it is used as soon as it is back."""

from resp import Resp
from test_redis import await_health, connected, hit_in_redis, impatient, name_of
from wire import wait_until


def await_used(weir, redis):
    """Until something that this node fetches from now on is in Redis; the target of that."""
    asked = {}

    def stored():
        target = f"/items/later-{len(asked)}"
        weir.get(target)
        asked[name_of(target)] = target
        return next((asked[key] for key in redis.keys() if key in asked), None)

    return wait_until(stored, "Redis is used")


def test_a_redis_that_takes_no_more_clients_when_the_node_starts(world, origin, redis):
    """Each connection is answered with an error and ended; without Redis the node is of use all the same."""
    with Resp(redis.port) as only_client:
        only_client("CONFIG", "SET", "maxclients", 1)
        weir = world.weir(origin, impatient(redis), ttl="300s")
        weir.await_log("warning.*redis is not available.*max number of clients")
        assert (weir.health(), weir.admin("/readyz").status) == (503, 200)
        assert [weir.get("/items/foo").cache for _ in range(2)] == ["MISS", "HIT"]
        rejected = int(only_client.info("stats")["rejected_connections"])
        wait_until(lambda: int(only_client.info("stats")["rejected_connections"]) > rejected, "it tries again")
        assert weir.metrics()["weir_redis_connected"] == 0
        assert only_client.scan() == []
        only_client("CONFIG", "SET", "maxclients", 1000)
    await_health(weir, 200)
    connected(weir)
    await_used(weir, redis)


def test_a_redis_that_was_killed_is_used_again_with_the_settings_of_everyday(world, origin, redis):
    weir = connected(world.weir(origin, redis.url, ttl="300s"))
    await_used(weir, redis)
    redis.kill()
    await_health(weir, 503)
    for number in range(20):
        assert weir.get(f"/items/meanwhile-{number}").status == 200
    redis.start()
    assert redis.keys() == []
    await_health(weir, 200)
    other = connected(world.weir(origin, redis.url))
    wait_until(lambda: hit_in_redis(other, await_used(weir, redis)), "it is for all nodes again")
