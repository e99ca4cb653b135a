"""What clients of a fleet do in a soak: good ones, hurried and slow ones, and those that mean no good.

Each knows what may come of it. What is whole must be what the origin has; an error needs a reason."""

import json
import re
import time
import zlib

from killable import Connections, Gone
from soak_targets import CONTENTS, ILL, KIB, KNOBS, MALFORMED, OLD, VERSIONED
from versioned import check_part, version_in
from wire import HOST, Connection, Truncated, chunked, exchange, request


class Client:
    """One thread's. do_something(rng) may raise AssertionError: what must not be."""

    def __init__(self, nodes, expected, troubles, counts):
        self._nodes, self._expected, self._troubles, self._counts = nodes, expected, troubles, counts
        self._connections = Connections()
        self._stalled = []
        self._number = 0
        self._ways = {
            self._read: 45, self._miss: 14, self._part: 7, self._versioned: 20, self._look: 4, self._raise_version: 2,
            self._upload: 4, self._break_upload: 2, self._leave: 4, self._read_slowly: 2, self._stall: 1,
            self._dawdle: 1, self._pipeline: 3, self._be_malformed: 5, self._meet_an_ill_origin: 5, self._purge: 2,
            self._be_old: 2,
        }  # fmt: skip

    def close(self):
        self._connections.close()
        for connection in self._stalled:
            connection.socket.close()

    def do_something(self, rng):
        self._rng = rng
        incarnation = rng.choice(self._nodes).now
        if not incarnation:
            return
        (way,) = rng.choices(list(self._ways), self._ways.values())
        before, self._target = self._troubles.now(), None
        try:
            way(incarnation, before)
            self._counts[way.__name__.strip("_").replace("_", " ")] += 1
        except Gone:
            self._counts["broke off, as it may"] += 1
        except (OSError, Truncated) as problem:
            has_head = isinstance(problem, Truncated) and problem.response
            if incarnation.alive and not (has_head and self._may_be_cut(self._target, before)):
                raise AssertionError(f"{incarnation.name}: {way.__name__}: {problem!r}") from problem
            self._counts["broke off, as it may"] += 1

    # What may be

    def _item(self, largest=None):
        name = self._rng.choice([name for name, size in CONTENTS.items() if size <= (largest or 2_000_000)])
        self._target = f"/items/{name}?size={CONTENTS[name]}&range=1&{self._rng.choice(KNOBS)}"
        return name, self._target

    def _ask(self, incarnation, before, method, target, fields=(), body=None):
        """The answer; None where it is an error with a reason."""

        def may_break(problem):
            return isinstance(problem, Truncated) and problem.response and self._may_be_cut(target, before)

        if "vary=" in target:
            fields = {**dict(fields), "X-Variant": self._rng.choice("abc")}
        answer = self._connections.ask(
            incarnation, incarnation.port, method, target, fields, body, may_break=may_break
        )
        return answer if self._is_good(target, answer, before) else None

    def _may_be_cut(self, target, before):
        """What came from an origin or a Redis in trouble."""
        damaged = f"http://{HOST}{target}" in self._troubles.damaged
        return damaged or self._troubles.met("origin", before) or self._troubles.met("redis", before)

    def _is_good(self, target, answer, before):
        if answer.status < 500:
            return True
        assert self._troubles.met("origin", before), f"{target}: {answer}"
        assert answer.status in (502, 503, 504), f"{target}: {answer}"
        self._counts[f"{answer.status}, for the origin's sake"] += 1
        return False

    def _is_whole(self, name, target, answer):
        assert answer.status == 200, f"{target}: {answer.status} {answer.fields}"
        assert answer.body == self._expected[name], f"{target}: {len(answer.body)} other bytes; {answer.fields}"
        self._counts[f"answers, {answer.cache}"] += 1

    # Readers

    def _read(self, incarnation, before):
        name, target = self._item()
        answer = self._ask(incarnation, before, "GET", target)
        if answer:
            self._is_whole(name, target, answer)

    def _miss(self, incarnation, before):
        name, target = self._item(200_000)
        self._number += 1
        target += f"&miss={id(self)}-{self._number}"
        answer = self._ask(incarnation, before, "GET", target)
        if answer:
            self._is_whole(name, target, answer)

    def _part(self, incarnation, before):
        name, target = self._item()
        expected = self._expected[name]
        first = self._rng.randrange(len(expected) + 10)
        last = first + self._rng.randrange(50_000)
        answer = self._ask(incarnation, before, "GET", target, {"Range": f"bytes={first}-{last}"})
        if not answer or answer.status == 416:
            assert not answer or first >= len(expected), f"{target}: {answer}"
            return
        wanted = expected if answer.status == 200 else expected[first : last + 1]
        assert answer.body == wanted, f"{target}, {first}-{last}: {answer.status}, {answer.fields}"

    def _versioned(self, incarnation, before):
        name = self._rng.choice(VERSIONED)
        target = f"/versioned/{name}?range=1&{KNOBS[VERSIONED.index(name) % len(KNOBS)]}"
        first = self._rng.choice([None, None, self._rng.randrange(2000)])
        fields = {} if first is None else {"Range": f"bytes={first}-{first + 500}"}
        answer = self._ask(incarnation, before, "GET", target, fields)
        if not answer or answer.status == 416:
            return
        version = int(answer["ETag"].strip('"'))
        if answer.status == 206:
            complete_length = int(answer["Content-Range"].rpartition("/")[2])
            check_part(answer.body, name, version, first, complete_length)
        else:
            assert answer.status == 200 and version_in(answer.body, name) == version, f"{target}: {answer.fields}"

    def _look(self, incarnation, before):
        """HEAD, and a condition that holds."""
        name, target = self._item()
        answer = self._ask(incarnation, before, "HEAD", target)
        assert not answer or answer.status == 200, f"{target}: {answer}"
        if answer and answer["Content-Length"]:
            assert int(answer["Content-Length"]) == CONTENTS[name], f"{target}: {answer}"
        answer = self._ask(incarnation, before, "GET", target, {"If-None-Match": "*"})
        assert not answer or answer.status in (200, 304), f"{target}: {answer}"

    def _be_old(self, incarnation, before):
        name, target = self._item()
        with Connection(incarnation.port) as connection:
            connection.send(request("GET", target, version="1.0"))
            answer = connection.response()
        if self._is_good(target, answer, before) and len(answer.body) != CONTENTS[name]:
            # Where it has no length, that it was cut can't be seen.
            cut = answer["Content-Length"] is None and self._may_be_cut(target, before)
            assert cut and self._expected[name].startswith(answer.body), f"{target}: {answer.fields}"

    def _pipeline(self, incarnation, before):
        items = [self._item(200_000) for _ in range(self._rng.randrange(2, 12))]
        with Connection(incarnation.port) as connection:
            connection.send(b"".join(request("GET", target) for _, target in items))
            for name, target in items:
                try:
                    answer = connection.response()
                except Truncated as problem:
                    # The one before it was cut, or had to end the connection.
                    if incarnation.alive and not self._may_be_cut(target, before):
                        raise
                    raise Gone from problem
                if not self._is_good(target, answer, before):
                    return
                self._is_whole(name, target, answer)

    # Writers

    def _upload(self, incarnation, before):
        body = self._rng.randbytes(self._rng.choice([0, 10, 50_000, 700_000]))
        data = request("POST", "/echo", body=body)
        if self._rng.random() < 0.5:
            pieces = [body[at : at + 100_000] for at in range(0, len(body), 100_000)]
            data = request("POST", "/echo", {"Transfer-Encoding": "chunked"}) + chunked(*pieces)
        with Connection(incarnation.port) as connection:
            try:
                answer = connection.send(data).response()
            except (OSError, Truncated) as problem:  # refused before all of it was read, perhaps
                if incarnation.alive and not self._troubles.met("origin", before):
                    raise
                raise Gone from problem
        if self._is_good("/echo", answer, before):
            echo = answer.json()["body"]
            assert (echo["size"], echo["crc32"]) == (len(body), zlib.crc32(body)), echo

    def _break_upload(self, incarnation, before):
        with Connection(incarnation.port) as connection:
            if self._rng.random() < 0.5:
                connection.send(request("POST", "/echo", {"Transfer-Encoding": "chunked"}) + b"ffff\r\nhello")
            else:
                connection.send(request("POST", "/echo", {"Content-Length": "100000"}) + b"hello")
            self._rng.choice([connection.reset, connection.finish])()

    def _raise_version(self, incarnation, before):
        name = self._rng.choice(VERSIONED)
        target = f"/versioned/{name}?range=1&{KNOBS[VERSIONED.index(name) % len(KNOBS)]}"
        answer = self._ask(incarnation, before, "POST", target)
        assert not answer or answer.status == 200, f"{target}: {answer}"

    def _purge(self, incarnation, before):
        name, target = self._item()
        if self._rng.random() < 0.3:
            answer = self._connections.ask(incarnation, incarnation.port, "PURGE", target)
            assert answer.status in (200, 503), f"{target}: {answer}"
            return
        kinds = [("urls", [f"http://{HOST}{target}"]), ("prefixes", [f"http://{HOST}/items/{name[:3]}"])]
        kinds += [("surrogate_keys", [self._rng.choice(["a1", "k2"])]), ("everything", True)]
        ((kind, value),) = self._rng.choices(kinds, [10, 3, 3, 1])
        wanted = json.dumps({kind: value, "soft": self._rng.random() < 0.3}).encode()
        answer = self._connections.ask(incarnation, incarnation.admin_port, "POST", "/purge", (), wanted)
        assert answer.status in (200, 503), f"{wanted}: {answer}"  # 503: Redis is away
        if answer.status == 503:
            self._counts["purges refused"] += 1

    # Those that take their time, or leave

    def _leave(self, incarnation, before):
        _, target = self._item(20_000_000)
        with Connection(incarnation.port) as connection:
            connection.send(request("GET", f"{target}&latency_ms={self._rng.choice([0, 30])}"))
            if self._rng.random() < 0.5:
                connection.socket.recv(self._rng.choice([1, 1000, 100_000]))
            self._rng.choice([connection.reset, connection.finish, lambda: None])()

    def _read_slowly(self, incarnation, before):
        name = self._rng.choice([name for name in CONTENTS if name.startswith(("large", "huge"))])
        target = f"/items/{name}?size={CONTENTS[name]}&{self._rng.choice(['', 'cache_control=no-store'])}"
        expected, at = self._expected[name], 0
        with Connection(incarnation.port) as connection:
            answer = connection.send(request("GET", target)).head()
            if not self._is_good(target, answer, before):
                return
            assert answer["Content-Length"] == str(len(expected)), answer
            for _ in range(self._rng.randrange(1, 40)):
                size = min(64 * KIB, len(expected) - at)
                try:
                    piece = connection.read(size)
                except (ConnectionResetError, Truncated) as problem:
                    if incarnation.alive and not self._may_be_cut(target, before):
                        raise
                    raise Gone from problem
                assert piece == expected[at : at + size], f"{target}: other bytes at {at}"
                at += size
                self._pause(0.03)

    def _pause(self, seconds):
        """Part of what is tested: a client that is slow."""
        time.sleep(self._rng.uniform(0, seconds))

    def _stall(self, incarnation, before):
        """Reads nothing, until the node or a later one of these ends it."""
        connection = Connection(incarnation.port)
        connection.send(request("GET", f"/items/huge-0?size={CONTENTS['huge-0']}&{self._rng.choice(KNOBS)}"))
        self._stalled.append(connection)
        if len(self._stalled) > 3:
            self._stalled.pop(0).socket.close()

    def _dawdle(self, incarnation, before):
        """Never finishes its header section."""
        answer = exchange(incarnation.port, self._rng.choice([b"G", b"GET / HTTP/1.1\r\nHost: a\r\nColour: b"]))
        assert not incarnation.alive or answer.startswith(b"HTTP/1.1 408 "), answer

    def _be_malformed(self, incarnation, before):
        status, data = self._rng.choice(MALFORMED)
        answer = exchange(incarnation.port, data)
        first = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
        if incarnation.alive:
            excused = first and int(first[1]) in (502, 503, 504) and self._troubles.met("origin", before)
            assert excused or (first and int(first[1]) == status), f"{data[:80]}: {answer[:200]}"

    def _meet_an_ill_origin(self, incarnation, before):
        ill = self._rng.choice([*ILL, OLD])
        target = f"/items/small-1?size=1000&{ill}&n={self._rng.randrange(4)}"
        try:
            with Connection(incarnation.port) as connection:
                answer = connection.ask("GET", target)
        except Truncated as problem:
            if not incarnation.alive:
                raise Gone from problem
            assert "truncate" in ill and problem.response and problem.response.status == 200, f"{target}: {problem!r}"
            return
        wanted = {"status=500": 500, "hang=1": 504, OLD: 200}.get(ill, 502)
        excused = answer.status in (502, 503, 504) and self._troubles.met("origin", before)
        assert excused or answer.status == wanted, f"{target}: {answer}"
        if ill == OLD and answer.status == 200 and not self._troubles.met("origin", before):
            assert answer.body == self._expected["small-1"], f"{target}: {answer}"
