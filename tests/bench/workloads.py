"""What is measured, in this order."""

import machine
import ours
from compared import Compared, Lane
from footprint import Footprint
from herd import Herd
from loads import Load
from peers import PEERS
from servers import RedisServer
from syscalls import Syscalls

KIB = 1024
CACHED, UNCACHEABLE = "max-age=3600", "no-store"


def weir(place, name="weir", **config):
    return ours.weir(name, place.folder, place.origin.port, **config)


def limit(place):
    return ours.Answer("limit", place.folder, place.size, CACHED)


def relay(place):
    return ours.Relay(place.folder, place.origin.port)


def weir_behind_redis(place):
    with machine.on(machine.LOAD_CORES):
        redis = place.add(RedisServer("redis", place.folder))
    return weir(place, "weir-redis", redis=redis, memory={"budget": 0})


def peer(name):
    return lambda place: PEERS[name](place.folder, place.origin.port)


def entrants(peers):
    return {"weir": weir, **{name: peer(name) for name in peers}}


def all_under(load, first="limit", start=limit):
    """The limit, Weir and the peers, all under that load."""
    return lambda peers: [Lane(first, start, load), *(Lane(n, s, load) for n, s in entrants(peers).items())]


def redis_lanes(_):
    load = Load("zipf", 10_000)
    return [Lane("limit", limit, load), Lane("weir", weir, load), Lane("weir, Redis only", weir_behind_redis, load)]


def access_log_lanes(_):
    def logging(place):
        return weir(place, "weir-log", log={"access": str(place.folder / "access.log")})

    return [
        Lane("limit", limit, Load()),
        Lane("weir", weir, Load()),
        Lane("weir, access log", logging, Load(), fills="access.log"),
    ]


def pipelined_lanes(peers):
    deep = Load("pipelined", 16)
    return [Lane("weir, one by one", lambda place: weir(place, "weir-one"), Load()), *all_under(deep)(peers)]


def worker_lanes(_):
    """Each worker on a core, the load on the others; where there are too few, all share all."""
    spare = machine.HAS_SPARE_CORES
    load = Load(threads=2, cores=machine.CORES[2:] if spare else machine.CORES)
    one, two = (machine.CORES[:1], machine.CORES[:2]) if spare else (machine.CORES, machine.CORES)
    return [
        Lane("weir, 1 worker", lambda place: weir(place, "weir-1", workers=1), load, one),
        Lane("weir, 2 workers", lambda place: weir(place, "weir-2", workers=2), load, two),
    ]


def all_workloads(objects):
    hits, zipf = all_under(Load()), all_under(Load("zipf", 10_000))
    return [
        Compared("hit-1k", "hits, one hot key of 1 KiB, 64 connections", (KIB, CACHED), 1, hits),
        Compared("hit-16k", "hits, one hot key of 16 KiB", (16 * KIB, CACHED), 1, hits),
        Compared("hit-256k", "hits, one hot key of 256 KiB", (256 * KIB, CACHED), 1, hits),
        Compared("zipf-1k", "hits, 10,000 keys of 1 KiB, Zipf 0.99", (KIB, CACHED), 10_000, zipf),
        Compared("pipelined", "hits of 1 KiB, 16 at a time on each connection", (KIB, CACHED), 1, pipelined_lanes),
        Compared("access-log", "hits of 1 KiB with a line of JSON for each", (KIB, CACHED), 1, access_log_lanes),
        Compared("redis", "hits from Redis, 10,000 keys of 1 KiB, Zipf 0.99", (KIB, CACHED), 10_000, redis_lanes),
        Compared("workers", "hits of 1 KiB, one worker and two", (KIB, CACHED), 1, worker_lanes, "weir, 1 worker"),
        Compared("miss-1k", "uncacheable misses of 1 KiB, another key each", (KIB, UNCACHEABLE), 0,
                 all_under(Load("each"), "relay", relay), "relay"),
        Syscalls(),
        Herd(),
        Footprint(objects),
    ]  # fmt: skip
