"""Real processes on free ports: started, awaited, and stopped by their id."""

import contextlib
import json
import os
import re
import resource
import signal
import socket
import subprocess
from pathlib import Path

from scripted_origin import ScriptedOrigin
from wire import LIMIT, Connection, wait_until

TOP = Path(__file__).resolve().parents[2]
PROGRAMS = Path(os.environ.get("WEIR_BIN", TOP / "build/dev/bin"))

# Nothing is kept beyond its lifetime but to be validated, or where the origin says so.
NO_GRACE = [{"path": "/", "grace": "0s"}]

# What would change a program's settings behind a test's back.
STRAY_VARIABLES = ("WEIR_", "REDIS_", "ORIGIN_", "http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY")
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(STRAY_VARIABLES)}

SANITIZER_REPORT = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:")


def free_port():
    """Free at this moment: who binds it may come too late, and tries another one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def refusing_port():
    """A port where nobody listens, as long as the block lasts."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def run(*command, seconds=60, **options):
    """The finished process, its output as text; the exit status is the caller's to judge."""
    return subprocess.run(
        [str(part) for part in command],
        timeout=seconds,
        env=options.pop("env", ENVIRONMENT),
        stdout=subprocess.PIPE,
        stderr=options.pop("stderr", subprocess.PIPE),
        text=options.pop("text", True),
        **options,
    )


class Process:
    """A program with its output in `folder`/`name`.log."""

    stop_signal = signal.SIGTERM

    def __init__(self, name, folder, command, env=None):
        self.name = name
        self.folder = Path(folder)
        self.log_file = self.folder / f"{name}.log"
        self._command = [str(part) for part in command]
        self._env = ENVIRONMENT | (env or {})
        self._popen = None
        self.start()

    def start(self):
        self._begin = self.log_file.stat().st_size if self.log_file.exists() else 0
        with open(self.log_file, "ab") as log:
            self._popen = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=self._env
            )
        try:
            self.await_ready()
        except BaseException:
            self.kill()
            raise

    def await_ready(self):
        pass

    @property
    def log(self):
        """What it has written since its last start."""
        return self.log_file.read_bytes()[self._begin :].decode(errors="replace")

    def log_tail(self):
        return self.log_file.read_text(errors="replace")[-4000:]

    def await_log(self, pattern, seconds=LIMIT):
        def found():
            match = re.search(pattern, self.log)
            assert match or self.is_running(), f"{self.name} ended: {self.log_tail()}"
            return match

        return wait_until(found, f"{self.name} says {pattern!r}", seconds)

    def is_running(self):
        return self._popen.poll() is None

    @property
    def pid(self):
        return self._popen.pid

    def limit_descriptors(self, count):
        _, most = resource.prlimit(self.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, (count, most))

    def signal(self, number):
        self._popen.send_signal(number)

    def pause(self):
        self.signal(signal.SIGSTOP)

    def resume(self):
        self.signal(signal.SIGCONT)

    def wait(self, seconds=LIMIT):
        return self._popen.wait(seconds)

    def kill(self):
        self._popen.kill()
        self._popen.wait()

    def stop(self):
        """The exit status. May be called again."""
        self.resume()
        if self.is_running():
            self.signal(self.stop_signal)
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not stop: {self.log_tail()}") from None


class RedisServer(Process):
    def __init__(self, name, folder):
        for _ in range(10):
            self.port = free_port()
            command = ["redis-server", "--bind", "127.0.0.1", "--port", self.port, "--save", "", "--dir", folder]
            try:
                return super().__init__(name, folder, command)
            except AssertionError:
                if "Address already in use" not in self.log:
                    raise

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    def await_ready(self):
        self.await_log("Ready to accept connections")

    def command(self, *arguments, **options):
        """Its answer as redis-cli prints it to a pipe."""
        answer = run("redis-cli", "-p", self.port, *arguments, **options)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout.rstrip("\n")

    def keys(self):
        return sorted(filter(None, self.command("--scan").split("\n")))

    def await_key(self, key):
        wait_until(lambda: self.command("EXISTS", key) == "1", f"Redis has {key}")
        return key


class OriginStub(Process):
    def __init__(self, name, folder, latency="0ms"):
        super().__init__(name, folder, [PROGRAMS / "weir-origin-stub", "--listen", "127.0.0.1:0", "--latency", latency])

    def await_ready(self):
        self.port = int(self.await_log(r"listening on 127\.0\.0\.1:(\d+)")[1])

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def stats(self):
        with Connection(self.port) as connection:
            return connection.ask("GET", "/stats").json()

    @property
    def requests(self):
        """How many it has received but for those about itself."""
        return self.stats()["requests"]


class Nginx(Process):
    """An origin that serves the files in `root`, with nginx' own defaults."""

    stop_signal = signal.SIGQUIT

    def __init__(self, name, folder, root):
        folder = Path(folder) / name
        folder.mkdir()
        temp = "\n".join(
            f"{kind}_temp_path {folder};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        self._config = folder / "nginx.conf"
        user = "user root;" if os.geteuid() == 0 else ""  # the files are in a folder of this test alone
        for _ in range(10):
            self.port = free_port()
            self._config.write_text(f"""
                daemon off; worker_processes 1; pid {folder}/pid; error_log stderr; {user}
                events {{ worker_connections 512; }}
                http {{
                    access_log {folder}/access.log; {temp}
                    default_type application/octet-stream;
                    server {{ listen 127.0.0.1:{self.port}; root {root}; }}
                }}""")
            try:
                return super().__init__(name, folder, ["nginx", "-e", "stderr", "-c", self._config])
            except AssertionError:
                if "Address already in use" not in self.log:
                    raise

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def await_ready(self):
        def answers():
            assert self.is_running(), self.log
            with contextlib.suppress(ConnectionRefusedError):
                Connection(self.port).socket.close()
                return True

        wait_until(answers, "nginx listens")

    @property
    def requests(self):
        return (self.folder / "access.log").read_text().count("\n")


class Weir(Process):
    """A node on free ports, with two workers, and else as the test configures it; or by its flags alone."""

    def __init__(self, process, folder, /, origin=None, redis=None, env=None, flags=None, **config):
        defaults = {"listen": "127.0.0.1:0", "admin": "127.0.0.1:0", "workers": 2, "drain_deadline": "2s"}
        if origin is not None:
            defaults["upstream"] = origin if isinstance(origin, (str, dict)) else origin.url
        if redis is not None:
            defaults["redis"] = redis if isinstance(redis, (str, dict)) else redis.url
        self.config_file = Path(folder) / f"{process}.yaml"
        self.config_file.write_text(json.dumps(defaults | config, indent=2))  # JSON is YAML
        self.admin_port = None
        super().__init__(process, folder, [PROGRAMS / "weir", *(flags or ["--config", self.config_file])], env)

    def await_ready(self):
        self.await_log(r"ready, \d+ workers")
        self.port = int(re.search(r"listening on 127\.0\.0\.1:(\d+)", self.log)[1])
        if admin := re.search(r"admin endpoints on 127\.0\.0\.1:(\d+)", self.log):
            self.admin_port = int(admin[1])

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def connect(self):
        return Connection(self.port)

    def ask(self, method, target, fields=(), body=None, **options):
        """On a connection of its own."""
        with self.connect() as connection:
            return connection.ask(method, target, fields, body, **options)

    def get(self, target, fields=(), **options):
        return self.ask("GET", target, fields, **options)

    def admin(self, path):
        with Connection(self.admin_port) as connection:
            return connection.ask("GET", path)

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
            wait_until(agree, "the metrics agree", seconds=10)
        assert seen == expected

    def stop(self):
        status = super().stop()
        report = SANITIZER_REPORT.search(self.log)
        assert not report, f"{self.name}: {self.log[report.start() :][:6000]}"
        assert status == 0, f"{self.name}: exit status {status}: {self.log_tail()}"
        return status


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

    def nginx(self, root):
        return self.add(Nginx(self._name("nginx"), self.folder, root))

    def scripted(self, serve):
        return self.add(ScriptedOrigin(serve))

    def weir(self, origin=None, redis=None, **options):
        return self.add(Weir(self._name("weir"), self.folder, origin, redis, **options))

    def load(self, url, *arguments):
        return self.add(Load(self._name("load"), self.folder, url, *arguments))

    def refusing_port(self):
        return self._stack.enter_context(refusing_port())
