"""What is one client's is not in Redis, where others could read it. RFC 9111 §3, §3.5, §7.3."""

from resp import Resp
from scripted_origin import ok
from wire import chunked, request

FRESH = "Cache-Control: public, max-age=60\r\n"

SECRETS = [
    ({}, "Cache-Control: private, max-age=60\r\n"),
    ({}, "Cache-Control: no-store, max-age=60\r\n"),
    ({}, "Cache-Control: max-age=60\r\nSet-Cookie: id=secret\r\n"),
    ({}, 'Cache-Control: max-age=60\r\nVary: *\r\nETag: "a"\r\n'),
    ({"Authorization": "Basic c2VjcmV0"}, "Cache-Control: max-age=60\r\n"),
    ({"Authorization": "Basic c2VjcmV0"}, 'ETag: "a"\r\n'),
]


def test_what_is_one_clients_leaves_no_key_in_redis(world):
    """Whichever way it comes: by its length, in chunks, or to several at once."""

    def serve(origin, peer):
        while head := peer.head():
            target = head.split(b" ")[1].decode()
            origin.requests.append(target)
            fields = SECRETS[int(target[1])][1] if target[1].isdigit() else FRESH
            if target.endswith("chunked"):
                start = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{fields}\r\n"
                peer.send(start.encode() + chunked(b"secret"))
            else:
                peer.send(ok(b"secret", fields))

    redis, origin = world.redis(), world.scripted(serve)
    weir = world.weir(origin, redis, ttl="300s", drain_deadline="20s")
    weir.await_redis()
    targets = {f"/{n}{how}": fields for n, (fields, _) in enumerate(SECRETS) for how in ("", "chunked")}
    for target, fields in targets.items():
        with weir.connect() as one, weir.connect() as two:
            for client in (one, two):
                client.send(request("GET", target, fields))
            assert one.response().body == two.response().body == b"secret"
        assert weir.get(target, fields).body == b"secret"
    assert len(origin.requests) == 3 * len(targets), "nor does any answer another client"
    assert weir.get("/public").cache == "MISS"
    weir.stop()  # all that is to go there is there
    assert redis.command("--scan", "--pattern", "*:lease") == ""
    assert redis.keys() == ["weir:{http://weir.test/public}"]


def test_fields_that_are_one_clients_are_not_in_redis(world):
    """RFC 9111 §5.2.2.7, §5.2.2.4: the rest may be shared."""
    fields = 'Cache-Control: max-age=60, private="X-Account", no-cache="Set-Cookie"\r\n'
    fields += "X-Account: secret\r\nSet-Cookie: id=secret\r\n"
    redis, origin = world.redis(), world.scripted(ok(b"hello", fields))
    weir = world.weir(origin, redis)
    weir.await_redis()
    assert weir.get("/")["X-Account"] == "secret"
    key = redis.await_key("weir:{http://weir.test/}")
    with Resp(redis.port) as commands:
        record = commands("GET", key)
    assert b"hello" in record and b"secret" not in record
    hit = weir.get("/")
    assert (hit.cache, hit["X-Account"], hit["Set-Cookie"]) == ("HIT", None, None)
