"""Real processes on free ports: started, awaited, and stopped by their id."""

import contextlib
import mmap
import os
import re
import resource
import signal
import socket
import subprocess
from pathlib import Path

from wire import LIMIT, Connection, wait_until

TOP = Path(__file__).resolve().parents[2]
PROGRAMS = Path(os.environ.get("WEIR_BIN", TOP / "build/dev/bin"))

# What would change a program's settings behind a test's back.
STRAY_VARIABLES = ("WEIR_", "REDIS_", "ORIGIN_", "http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY")
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(STRAY_VARIABLES)}


def is_sanitized(program):
    """Built with AddressSanitizer or ThreadSanitizer: then its memory is no measure of what it needs."""
    with open(PROGRAMS / program, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(symbol) >= 0 for symbol in (b"__asan_init", b"__tsan_init"))


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
            running = self.is_running()  # before the log is read: it may say it and end
            match = re.search(pattern, self.log)
            assert match or running, f"{self.name} ended: {self.log_tail()}"
            return match

        return wait_until(found, f"{self.name} says {pattern!r}", seconds)

    def is_running(self):
        return self._popen.poll() is None

    @property
    def pid(self):
        return self._popen.pid

    def memory(self, field="VmRSS"):
        """Bytes, as its /proc/PID/status says: VmRSS now, VmHWM the most it ever was."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)[1]) * 1024

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
        """Those of stored responses: leases and the streams by which nodes tell each other things are left out."""
        keys = filter(None, self.command("--scan").split("\n"))
        return sorted(key for key in keys if ":{log}:" not in key and not key.endswith(":lease"))

    def await_key(self, key):
        wait_until(lambda: self.command("EXISTS", key) == "1", f"Redis has {key}")
        return key


class OriginStub(Process):
    def __init__(self, name, folder, latency="0ms"):
        super().__init__(name, folder, [PROGRAMS / "weir-origin-stub", "--listen", "127.0.0.1:0", "--latency", latency])

    def await_ready(self):
        self.port = int(self.await_log(r"listening on 127\.0\.0\.1:(\d+)")[1])
        self._command[2] = f"127.0.0.1:{self.port}"  # there it will be again when it is started again

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
    """An origin that serves the files in `root`, with nginx' own defaults but for these directives of its server."""

    stop_signal = signal.SIGQUIT

    def __init__(self, name, folder, root, directives=""):
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
                    log_format asked '$request_method $request_uri $status';
                    access_log {folder}/access.log asked; {temp}
                    default_type application/octet-stream;
                    server {{ listen 127.0.0.1:{self.port}; root {root}; {directives} }}
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
    def _lines(self):
        return (self.folder / "access.log").read_text().splitlines()

    @property
    def requests(self):
        return len(self._lines)

    def asked(self, path):
        """What it has answered under that path until now, in order: ["GET 200", ...]."""
        end = f"/end-of-log-{self.requests}"  # it has one worker: when this is logged, all before it is
        with Connection(self.port) as connection:
            connection.ask("GET", end)
        wait_until(lambda: f"GET {end} 404" in self._lines, "nginx has logged everything")
        seen = (line.split(" ") for line in self._lines)
        return [f"{method} {status}" for method, target, status in seen if target == path]
