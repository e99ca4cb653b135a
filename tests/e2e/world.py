"""Nodes of Weir, load upon them, and the world of one test."""

import contextlib
import json
import re
import shlex
import signal
from pathlib import Path

from scripted_origin import ScriptedOrigin
from servers import PROGRAMS, Nginx, OriginStub, Process, RedisServer, refusing_port
from wire import Connection, wait_until

# Nothing is kept beyond its lifetime but to be validated, or where the origin says so.
NO_GRACE = [{"path": "/", "grace": "0s"}]

# On a slow machine, too, no node goes on without Redis because that did not answer at once: what is in there is found,
# and fetches can be counted.
PATIENT = {"command_budget": "5s", "breaker": {"slow_percent": 0}}

SANITIZER_REPORT = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:")


def in_place_of(files):
    """Runs what follows where each of these paths, such as /etc/hosts, is that file."""
    mounts = "".join(f"mount --bind {shlex.quote(str(file))} {path} && " for path, file in files.items())
    return ["unshare", "--map-root-user", "--mount", "sh", "-c", mounts + 'exec "$@"', "sh"]


class Weir(Process):
    """A node on free ports, with two workers, and else as the test configures it; or by its flags alone. `redis`: a
    server, or a configuration."""

    def __init__(self, process, folder, /, origin=None, redis=None, env=None, flags=None, files=None, **config):
        self._defaults = defaults = {
            "listen": "127.0.0.1:0",
            "admin": "127.0.0.1:0",
            "workers": 2,
            "drain_deadline": "2s",
        }
        if origin is not None:
            defaults["upstream"] = origin if isinstance(origin, (str, dict)) else origin.url
        if redis is not None:
            own = redis if isinstance(redis, (str, dict)) else {"port": redis.port}
            defaults["redis"] = own if isinstance(own, str) else PATIENT | own
        self.config_file = Path(folder) / f"{process}.yaml"
        self.config_file.write_text(json.dumps(defaults | config, indent=2))  # JSON is YAML
        self.admin_port = None
        command = [PROGRAMS / "weir", *(flags or ["--config", self.config_file])]
        super().__init__(process, folder, [*(in_place_of(files) if files else []), *command], env)

    def await_ready(self):
        self.await_log(r"ready, \d+ workers")
        self.port = int(re.search(r"listening on 127\.0\.0\.1:(\d+)", self.log)[1])
        if admin := re.search(r"admin endpoints on 127\.0\.0\.1:(\d+)", self.log):
            self.admin_port = int(admin[1])

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def configure(self, **config):
        """Another file in place of the one it has read, with the same defaults."""
        self.config_file.write_text(json.dumps(self._defaults | config, indent=2))

    def reload(self, **config):
        """Until all workers have it."""
        self.configure(**config)
        reloads = self.log.count("the configuration was reloaded")
        self.signal(signal.SIGHUP)
        wait_until(lambda: self.log.count("the configuration was reloaded") > reloads, f"{self.name} has reloaded")

    def connect(self):
        return Connection(self.port)

    def ask(self, method, target, fields=(), body=None, **options):
        """On a connection of its own."""
        with self.connect() as connection:
            return connection.ask(method, target, fields, body, **options)

    def get(self, target, fields=(), **options):
        return self.ask("GET", target, fields, **options)

    def admin(self, path, method="GET", fields=(), body=None):
        with Connection(self.admin_port) as connection:
            return connection.ask(method, path, fields, body)

    def try_purge(self, things, fields=()):
        """The answer of the purge API to these things, or to the bytes of a request."""
        body = things if isinstance(things, bytes) else json.dumps(things).encode()
        return self.admin("/purge", "POST", fields, body)

    def purge(self, **things):
        """The position in the log."""
        answer = self.try_purge(things)
        assert answer.status == 200, answer
        return answer.json()["position"]

    def await_purged(self, position):
        """Until this node has applied the log that far."""

        def number(text):
            return tuple(int(part) for part in (text or "0-0").split("-"))

        wait_until(
            lambda: number(self.admin("/purge").json()["position"]) >= number(position), f"{self.name} is at {position}"
        )

    def health(self):
        return self.admin("/health").status

    def metrics(self):
        return parse_metrics(self.admin("/metrics").body)

    def await_metrics(self, expected):
        """Until these samples have these values: an answer is counted a moment after the client has it."""
        seen = {}

        def agree():
            metrics = self.metrics()
            seen.update({name: metrics.get(name) for name in expected})
            return seen == expected

        with contextlib.suppress(AssertionError):
            wait_until(agree, "the metrics agree")
        assert seen == expected

    def await_redis(self, workers=2):
        """Until so many workers, which are all, are connected to Redis and may use what it holds."""
        self.await_metrics({"weir_redis_connected": workers, "weir_purge_log_connected": 1})

    def stop(self):
        status = super().stop()
        report = SANITIZER_REPORT.search(self.log)
        assert not report, f"{self.name}: {self.log[report.start() :][:6000]}"
        assert status == 0, f"{self.name}: exit status {status}: {self.log_tail()}"
        return status


def asked(origin, target):
    """How often the origin got a request for it."""
    return origin.stats()["targets"].get(target, 0)


def parse_metrics(text):
    """{sample with its labels in alphabetical order: value}"""
    samples = {}
    for line in text.decode().splitlines():
        if line and not line.startswith("#"):
            sample, value = line.rsplit(" ", 1)
            name, brace, labels = sample.rstrip("}").partition("{")
            samples[name + (brace and "{" + ",".join(sorted(labels.split(","))) + "}")] = float(value)
    return samples


class Load(Process):
    """weir-loadgen in the background."""

    def __init__(self, name, folder, url, *arguments):
        super().__init__(name, folder, [PROGRAMS / "weir-loadgen", url, "--json", *arguments])

    stop_signal = signal.SIGINT

    def summary(self):
        """Ends it; what it has counted."""
        assert self.is_running(), f"the load was over too early: {self.log_tail()}"
        self.stop()
        return json.loads(self.log[self.log.index("{") :])


class World:
    """All that one test, or the tests of one file, have started. Leaves in reverse order."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self._stack = contextlib.ExitStack()
        self.parts = []

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return self._stack.__exit__(*error)

    def add(self, part):
        self._stack.callback(part.stop)
        self.parts.append(part)
        return part

    def _name(self, kind):
        return f"{kind}-{1 + sum(isinstance(part, Process) for part in self.parts)}"

    def redis(self):
        return self.add(RedisServer(self._name("redis"), self.folder))

    def origin(self, latency="0ms"):
        return self.add(OriginStub(self._name("origin"), self.folder, latency))

    def nginx(self, root, directives=""):
        return self.add(Nginx(self._name("nginx"), self.folder, root, directives))

    def scripted(self, serve, **options):
        return self.add(ScriptedOrigin(serve, **options))

    def weir(self, origin=None, redis=None, **options):
        return self.add(Weir(self._name("weir"), self.folder, origin, redis, **options))

    def load(self, url, *arguments):
        return self.add(Load(self._name("load"), self.folder, url, *arguments))

    def refusing_port(self):
        return self._stack.enter_context(refusing_port())
