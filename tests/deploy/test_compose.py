"""The image is built and the compose file's core runs: Redis, the origin and two nodes.

With a Docker engine of this test's own: nothing of one that already runs is touched. The images the files ask for are made
here from Debian's packages, since a registry of images cannot be counted on.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import time

import pytest
from processes import TOP, free_port, get, running, wait_until

pytestmark = pytest.mark.timeout(2700)

DOCKER = "/usr/bin/docker"
CORE = ["redis", "origin", "weir-1", "weir-2"]
REDIS_IMAGE = """
FROM debian:12-slim
RUN apt-get update && apt-get install -y --no-install-recommends redis-server
"""
OVERRIDE = """
services:
  origin:
    build:
      network: host
"""


def skip(reason):
    print(f"\n*** NOT CHECKED: the image and the compose file. {reason}", file=sys.__stderr__, flush=True)
    pytest.skip(reason)


class Engine:
    """A dockerd of its own in `folder`; firewall, forwarding and bridges of the machine are left alone."""

    def __init__(self, folder):
        self.folder = folder
        self.env = os.environ | {
            "DOCKER_HOST": f"unix://{folder}/socket",
            "DOCKER_BUILDKIT": "0",
            "COMPOSE_DOCKER_CLI_BUILD": "0",
            "DOCKER_CONFIG": str(folder),
        }

    def command(self):
        places = [f"--data-root={self.folder}/data", f"--exec-root={self.folder}/exec"]
        places += [f"--pidfile={self.folder}/pid", f"--host=unix://{self.folder}/socket"]
        return ["dockerd", *places, "--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"]

    def run(self, *command, seconds=120, **options):
        result = subprocess.run(
            command, env=self.env, timeout=seconds, text=True, cwd=TOP, stdout=subprocess.PIPE, **options
        )
        assert result.returncode == 0, f"{' '.join(command)}: status {result.returncode}\n{result.stdout[-4000:]}"
        return result.stdout

    def answers(self):
        return subprocess.run([DOCKER, "info"], env=self.env, capture_output=True, timeout=20).returncode == 0


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    if os.geteuid() != 0:
        skip("Starting a Docker engine takes root.")
    folder = tmp_path_factory.mktemp("engine")
    engine = Engine(folder)
    with contextlib.ExitStack() as started:
        try:
            started.enter_context(running(folder, "dockerd", engine.command(), engine.answers, stop_within=60))
        except (AssertionError, OSError) as error:
            skip(f"No Docker engine can be started here: {error}")
        yield engine
    subprocess.run(["umount", folder / "exec/netns/default"], check=False)  # the host's namespace, which dockerd leaves
    shutil.rmtree(folder)


def import_debian(engine):
    archive = engine.folder / "debian.tar"
    engine.run("mmdebstrap", "--quiet", "--variant=minbase", "bookworm", str(archive), seconds=600)
    engine.run(DOCKER, "import", str(archive), "debian:12-slim")
    archive.unlink()


def build_redis(engine):
    lines = (TOP / "docker-compose.yml").read_text().splitlines()
    (image,) = [line.split()[1] for line in lines if line.strip().startswith("image: redis:7.")]
    engine.run(DOCKER, "build", "--network=host", "-t", image, "-", input=REDIS_IMAGE, seconds=600)


class Compose:
    def __init__(self, engine):
        self.engine = engine
        self.ports = {"weir-1": free_port(), "weir-2": free_port()}
        engine.env |= {"WEIR_1_PORT": f"127.0.0.1:{self.ports['weir-1']}"}
        engine.env |= {"WEIR_2_PORT": f"127.0.0.1:{self.ports['weir-2']}"}
        self.override = engine.folder / "override.yml"
        self.override.write_text(OVERRIDE)

    def __call__(self, *arguments, seconds=300):
        files = ["-f", str(TOP / "docker-compose.yml"), "-f", str(self.override)]
        return self.engine.run(
            "/usr/bin/docker-compose", "-p", "weir", *files, *arguments, seconds=seconds, stderr=subprocess.STDOUT
        )

    def url(self, node, path):
        return f"http://127.0.0.1:{self.ports[node]}{path}"

    def health(self, service):
        container = self("ps", "-q", service).split()[-1]
        return self.engine.run(DOCKER, "inspect", "-f", "{{.State.Health.Status}}", container).strip()


@pytest.fixture(scope="module")
def compose(engine):
    import_debian(engine)
    build_redis(engine)
    compose = Compose(engine)
    compose("build", "origin", seconds=1800)
    with contextlib.ExitStack() as ends:
        ends.callback(compose, "down", "--volumes", "--timeout", "15")
        ends.callback(lambda: print(compose("logs", "--no-color", "--tail=50")))
        compose("up", "-d", *CORE)
        yield compose


def test_every_service_becomes_healthy(compose):
    for service in CORE:
        wait_until(lambda: compose.health(service) == "healthy", 60, f"{service} is healthy")


def test_health_answers_from_outside(compose):
    for node in compose.ports:
        status, _, body = wait_until(lambda: answer_if_ok(compose.url(node, "/health")), 30, f"{node} answers")
        assert '"ok"' in body


def answer_if_ok(url):
    answer = get(url)
    return answer if answer[0] == 200 else None


def test_a_miss_on_one_node_is_a_hit_on_the_other(compose):
    host = "shop.example"  # as behind a load balancer: the authority is part of the key, and the nodes' ports differ
    status, header, first = get(compose.url("weir-1", "/items/foo"), host=host)
    assert (status, header["X-Cache"]) == (200, "MISS")
    scan = ["exec", "-T", "redis", "redis-cli", "--scan", "--pattern", "*items/foo*"]
    wait_until(lambda: "items/foo" in compose(*scan), 20, "the answer is in Redis")
    begin = time.monotonic()
    status, header, second = get(compose.url("weir-2", "/items/foo"), host=host)
    assert (status, header["X-Cache"], second) == (200, "HIT", first)
    assert time.monotonic() - begin < 0.2, "as slow as the origin"


def test_the_load_test_passes_its_thresholds(compose):
    thresholds = ["--min-hit-rate", "78", "--max-errors", "0"]
    compose("exec", "-T", "origin", "weir-loadgen", "http://weir-1:5000/items", *thresholds)


def test_the_image_is_small_and_runs_as_nobody_special(compose):
    assert compose("exec", "-T", "weir-1", "id", "-u").split()[-1] != "0"
    size = {
        image: int(compose.engine.run(DOCKER, "image", "inspect", "-f", "{{.Size}}", image))
        for image in ["debian:12-slim", "weir:0.1"]
    }
    assert size["weir:0.1"] - size["debian:12-slim"] < 60e6
