"""Large content in Redis, and Redis with little memory: a body is whole, or it is a miss."""

import random
import threading

import pytest
from resp import Resp, damage
from scripted_origin import ok
from servers import is_sanitized
from test_redis import connected, hit_in_redis, name_of
from wire import Connection, Truncated, request, wait_until

TRIES = 200 if is_sanitized("weir") else 1000
KIB = 1024
MIB = 1024 * 1024


def expected(origin, targets):
    """What the origin answers, asked directly."""
    with Connection(origin.port) as connection:
        return {target: connection.ask("GET", target).body for target in targets}


def objects_in_memory(weir):
    return weir.metrics()["weir_memory_objects"]


@pytest.mark.parametrize("size", [MIB, MIB + 1, 5 * MIB + 4321])
def test_large_content_of_another_node_comes_whole(world, origin, redis, size):
    one, two = (connected(world.weir(origin, redis, ttl="300s")) for _ in range(2))
    target = f"/items/large?size={size}"
    body = one.get(target).body
    redis.await_key(name_of(target))
    hit = two.get(target)
    assert (hit.cache, hit.body) == ("HIT", body)
    part = two.get(target, {"Range": f"bytes={size - 100}-"})
    assert (part.status, part.body) == (206, body[-100:])


def test_each_tier_has_a_limit_of_its_own(world, origin, redis):
    small, large = (f"/items/{size}?size={size}" for size in (50 * KIB, 200 * KIB))
    redis_config = {"port": redis.port, "max_object_size": "100KiB"}
    memory_is_larger = connected(world.weir(origin, redis_config, ttl="300s", memory={"max_object_size": "1MiB"}))
    for target in (large, small):
        assert memory_is_larger.get(target).cache == "MISS"
    redis.await_key(name_of(small))
    assert objects_in_memory(memory_is_larger) == 2
    assert redis.keys() == [name_of(small)]

    redis.command("FLUSHALL")
    redis_is_larger = connected(world.weir(origin, redis, ttl="300s", memory={"max_object_size": "100KiB"}))
    for target in (small, large):
        assert redis_is_larger.get(target).cache == "MISS"
        redis.await_key(name_of(target))
    assert objects_in_memory(redis_is_larger) == 1
    for _ in range(2):  # found in Redis it does not go to memory either
        assert redis_is_larger.get(large)["Cache-Status"].endswith("; detail=redis")
    assert objects_in_memory(redis_is_larger) == 1

    smaller_node = connected(world.weir(origin, redis_config, ttl="300s"))
    assert smaller_node.get(large).cache == "MISS"
    assert redis.keys(), "what others may store is left to them"
    assert redis_is_larger.get(large).cache == "HIT"


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
def test_a_redis_that_evicts_breaks_no_body(world, origin, redis, policy):
    """Fifty objects of 1.5 MiB in 24 MiB, read by many at once."""
    redis.command("CONFIG", "SET", "maxmemory", "24mb", "maxmemory-policy", policy)
    nodes = [connected(world.weir(origin, redis, ttl="300s", memory={"budget": 0})) for _ in range(2)]
    targets = [f"/items/{number}?size={MIB * 3 // 2 + number}" for number in range(50)]
    bodies = expected(origin, targets)
    wrong, hits = [], []

    def read(seed):
        try:
            ask_often(seed)
        except Exception as failure:  # else nobody would see it
            wrong.append(failure)

    def ask_often(seed):
        choose = random.Random(seed)
        connections = [node.connect() for node in nodes]
        for _ in range(60):
            # A few are asked for often, so that there are hits.
            target = targets[min(choose.randrange(50), choose.randrange(50), choose.randrange(50))]
            answer = choose.choice(connections).ask("GET", target)
            if (answer.status, answer.body) != (200, bodies[target]):
                wrong.append((target, answer.status, len(answer.body)))
            if answer.cache == "HIT":
                hits.append(target)
        for connection in connections:
            connection.socket.close()

    readers = [threading.Thread(target=read, args=(seed,)) for seed in range(6)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert hits, "Redis was of use"
    evicted = int(dict(line.split(":") for line in redis.command("INFO", "stats").split() if ":" in line)["evicted_keys"])
    assert evicted > 0
    assert sum(node.metrics()["weir_redis_bad_records_total"] for node in nodes) == 0


def test_a_lost_piece_is_a_miss_and_is_mended(world, origin, redis):
    writer, reader, other = (connected(world.weir(origin, roomy(redis), ttl="300s")) for _ in range(3))
    target = f"/items/large?size={4 * MIB}"
    body = writer.get(target).body
    redis.await_key(name_of(target))
    pieces = [key for key in redis.keys() if key.startswith(name_of(target) + "#")]
    redis.command("DEL", pieces[len(pieces) // 2])
    miss = reader.get(target)
    assert (miss.status, miss.cache, miss.body) == (200, "MISS", body)
    reader.await_metrics({"weir_redis_lost_content_total": 1})
    assert wait_until(lambda: hit_in_redis(other, target), "it is stored again").body == body


SIZE = 40 * MIB  # more than all buffers of the kernel take
WINDOWED = {"max_bytes": "1MiB"}


def test_stale_content_is_streamed_and_validated_afterwards(world, origin, redis):
    target = f"/items/large?size={4 * MIB}&etag=v1&cache_control=max-age=1,stale-while-revalidate=3600"
    writer = connected(world.weir(origin, roomy(redis)))
    body = writer.get(target).body
    redis.await_key(name_of(target))
    reader = connected(world.weir(origin, roomy(redis), memory={"budget": 0}))
    stale = wait_until(lambda: stale_only(reader.get(target)), "it is stale")
    assert stale.body == body
    again = wait_until(lambda: hit_in_redis(reader, target), "it is validated")
    assert again.body == body
    assert reader.metrics()["weir_background_fetches_total"] >= 1


def stale_only(response):
    return response if response.cache == "STALE" else None


class HalfRead:
    """A client of a node that holds no more of large content than a window, stopped when it has the head section."""

    target = f"/items/large?size={SIZE}"

    def __init__(self, world, upstream, redis):
        writer = connected(world.weir(upstream, roomy(redis), ttl="300s"))
        self.body = writer.get(self.target).body
        redis.await_key(name_of(self.target))
        self.weir = connected(world.weir(upstream, roomy(redis), ttl="300s", memory={"budget": 0}, collapse=WINDOWED))
        self.client = self.weir.connect()
        self.client.send(request("GET", self.target))
        self.head = self.client.head()
        assert (self.head.status, self.head.cache) == (200, "HIT")
        redis.command("DEL", *[key for key in redis.keys() if key.startswith(name_of(self.target))])

    def read_on(self):
        return self.client.read(SIZE)


def roomy(redis):
    return {"port": redis.port, "max_object_size": "64MiB"}


def resumptions(completed, broken_off):
    return {
        'weir_redis_resumptions_total{outcome="completed"}': completed,
        'weir_redis_resumptions_total{outcome="broken_off"}': broken_off,
    }


def test_what_redis_loses_on_the_way_comes_from_the_origin(world, origin, redis):
    half_read = HalfRead(world, origin, redis)
    assert half_read.read_on() == half_read.body
    assert origin.requests == 2
    half_read.weir.await_metrics(resumptions(completed=1, broken_off=0) | {"weir_redis_lost_content_total": 1})
    assert half_read.client.ask("GET", "/items/next").status == 200


def test_where_the_origin_has_something_else_now_it_is_broken_off(world, redis):
    """Though it begins alike, and is of the same length."""
    contents = [b"a" * SIZE, b"a" * (SIZE - 1) + b"b"]

    def serve(origin, peer):
        while head := peer.head():
            origin.requests.append(head)
            peer.send(ok(contents[min(len(origin.requests), 2) - 1], "Cache-Control: max-age=300\r\n"))

    half_read = HalfRead(world, world.scripted(serve), redis)
    assert half_read.body == contents[0]
    with pytest.raises(Truncated) as broken:
        half_read.read_on()
    assert contents[0].startswith(broken.value.partial)
    half_read.weir.await_metrics(resumptions(completed=0, broken_off=1))
    assert half_read.weir.get(half_read.target).body == contents[1]


def test_where_the_origin_is_gone_it_is_broken_off(world, origin, redis):
    half_read = HalfRead(world, origin, redis)
    origin.kill()
    with pytest.raises(Truncated) as broken:
        half_read.read_on()
    assert half_read.body.startswith(broken.value.partial)
    half_read.weir.await_metrics(resumptions(completed=0, broken_off=1))


def test_a_full_redis_stores_nothing_and_harms_nobody(world, origin, redis):
    redis.command("CONFIG", "SET", "maxmemory", "1", "maxmemory-policy", "noeviction")
    weir = connected(world.weir(origin, redis, ttl="300s"))
    for target in ("/items/small", f"/items/large?size={4 * MIB}"):
        miss = weir.get(target)
        assert (miss.status, miss.cache) == (200, "MISS")
        assert weir.get(target).body == miss.body
    wait_until(lambda: weir.metrics()['weir_redis_error_replies_total{kind="OOM"}'] >= 2, "it is counted")
    assert redis.keys() == []
    redis.command("CONFIG", "SET", "maxmemory", "0")
    weir.get("/items/later")
    redis.await_key(name_of("/items/later"))


def test_whatever_happens_to_values_in_redis_no_wrong_byte_is_served(world, origin, redis):
    seed = random.randrange(1 << 32)
    choose = random.Random(seed)
    weir = connected(world.weir(origin, roomy(redis), ttl="300s", memory={"budget": 0}))
    targets = [f"/items/{number}?size={choose.choice([0, 10, 5000, 300 * KIB, 1300 * KIB])}" for number in range(12)]
    bodies = expected(origin, targets)
    for target in targets:
        weir.get(target)
        redis.await_key(name_of(target))
    hits = 0
    with Resp(redis.port) as values, weir.connect() as connection:
        for attempt in range(TRIES):
            target = choose.choice(targets)
            names = [key for key in values.scan("weir:{http*") if b"}:lease" not in key]  # that has no content
            keys = [key for key in names if values("TYPE", key) == b"string"]
            mine = [key for key in keys if key.startswith(name_of(target).encode())]
            where = f"seed {seed}, {attempt}: {target} after {damage(values, choose.choice(mine or keys), keys, choose)}"
            answer = connection.ask("GET", target)
            assert (answer.status, answer.body) == (200, bodies[target]), where
            hits += answer.cache == "HIT"
    bad = weir.metrics()["weir_redis_bad_records_total"]
    print(f"seed {seed}: {hits} hits of {TRIES}, {bad:.0f} bad records")
    assert hits and bad, "how many depends on how soon the machine stores what it fetched again"
