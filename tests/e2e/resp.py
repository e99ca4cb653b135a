"""A connection to Redis that costs no process for each command, and what may happen to the values there."""

import socket

from wire import LIMIT


class RedisError(Exception):
    pass


class Resp:
    """Commands and their answers, in bytes. https://redis.io/docs/reference/protocol-spec, RESP2"""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
        self._file = self._socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()
        self._socket.close()

    def __call__(self, *command):
        parts = [part if isinstance(part, bytes) else str(part).encode() for part in command]
        framed = b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        self._socket.sendall(b"*%d\r\n%s" % (len(parts), framed))
        return self._answer()

    def _answer(self):
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis ended the connection")
        kind, text = line[:1], line[1:-2]
        if kind == b"-":
            raise RedisError(text.decode())
        if kind == b"+":
            return text
        number = int(text)
        if kind == b":":
            return number
        if number < 0:
            return None
        if kind == b"*":
            return [self._answer() for _ in range(number)]
        assert kind == b"$", line
        return self._file.read(number + 2)[:-2]

    def scan(self, pattern=b"*"):
        """All keys that match, sorted."""
        keys, cursor = set(), b"0"
        while True:
            cursor, some = self("SCAN", cursor, "MATCH", pattern, "COUNT", 1000)
            keys.update(some)
            if cursor == b"0":
                return sorted(keys)

    def info(self, section):
        lines = self("INFO", section).decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)


def damage(redis, key, others, choose):
    """Does one thing to the value of that key, a string; says what. `others` are keys of strings too."""
    value, other = redis("GET", key), choose.choice(others)
    theirs = redis("GET", other)
    if value is None or theirs is None:
        return "it was gone already"

    def put(name, new):
        redis("SET", name, new, "XX", "KEEPTTL")

    def flip_a_bit():
        at = choose.randrange(len(value))
        put(key, value[:at] + bytes([value[at] ^ 1 << choose.randrange(8)]) + value[at + 1 :])

    def cut():
        put(key, value[: choose.randrange(len(value))])

    def swap():
        put(key, theirs)
        put(other, value)

    def take_anothers():
        put(key, theirs)

    def change_the_type():
        left = redis("PTTL", key)
        redis("DEL", key)
        redis("LPUSH", key, "x")
        redis("PEXPIRE", key, max(1, left))

    def overwrite():
        at = choose.randrange(len(value))
        put(key, (value[:at] + choose.randbytes(8) + value[at + 8 :])[: len(value)])

    def raise_the_version():
        put(key, value[:4] + b"\x09" + value[5:])

    def lengthen():
        put(key, value + choose.randbytes(choose.randrange(1, 20)))

    def lose():
        redis("DEL", key)

    empty = [take_anothers, lengthen, change_the_type, lose]
    done = choose.choice([*empty, flip_a_bit, cut, swap, overwrite, raise_the_version] if value else empty)
    done()
    return f"{done.__name__} of {key.decode()}, {other.decode()}"
