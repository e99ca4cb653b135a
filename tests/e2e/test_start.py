"""From the command line to a node that is ready."""

import contextlib
import json
import os
import re
import socket
import threading

import pytest
from scripted_origin import ok
from servers import PROGRAMS, TOP, run
from wire import LIMIT, request, wait_until


def weir_command(*arguments, **options):
    return run(PROGRAMS / "weir", *arguments, **options)


def test_two_nodes_may_share_a_port(world):
    one = world.weir(world.scripted(ok(b"one")))
    two = world.weir(world.scripted(ok(b"two")), listen=f"127.0.0.1:{one.port}")
    assert {one.get(f"/{number}").body for number in range(50)} == {b"one", b"two"}
    two.stop()
    assert {one.get(f"/{number}").body for number in range(50)} == {b"one"}


def test_flags_alone_are_enough(world, origin):
    redis = world.redis()
    flags = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--upstream", origin.url, "--redis", redis.url]
    weir = world.weir(flags=[*flags, "--ttl", "50s"])
    wait_until(lambda: weir.health() == 200, "Redis is connected")
    assert weir.get("/items/a").cache == "MISS"
    hit = weir.get("/items/a")
    assert hit.cache == "HIT" and 30 < hit.remaining <= 50


def test_a_configuration_may_come_through_a_pipe(world, origin, tmp_path):
    """It can be read once only."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    config = json.dumps({"listen": "127.0.0.1:0", "admin": "off", "upstream": origin.url})
    writing = threading.Thread(target=pipe.write_text, args=[config], daemon=True)
    writing.start()
    assert world.weir(flags=["--config", pipe]).get("/items/a").status == 200
    writing.join()


def has_ipv6():
    with socket.socket(socket.AF_INET6) as probe, contextlib.suppress(OSError):
        probe.bind(("::1", 0))
        return True


@pytest.mark.skipif(not has_ipv6(), reason="needs ::1")
def test_it_listens_on_several_addresses(world, origin):
    weir = world.weir(origin, listen=["127.0.0.1:0", "[::1]:0"])
    port = int(re.search(r"listening on \[::1\]:(\d+)", weir.log)[1])
    with socket.create_connection(("::1", port), LIMIT) as client:
        client.sendall(request("GET", "/items/a", {"Connection": "close"}))
        with client.makefile("rb") as answer:
            assert answer.readline() == b"HTTP/1.1 200 OK\r\n"
    assert weir.get("/items/a").status == 200


def test_an_address_in_use_is_an_error(origin, world, tmp_path):
    command = ["--upstream", origin.url, "--listen", f"127.0.0.1:{origin.port}", "--admin", "off"]
    result = weir_command(*command)
    assert result.returncode == 1 and "in use" in result.stderr


WRONG = """\
listen: 127.0.0.1:99999
upstraem: http://127.0.0.1:9000
ttl: 300
redis:
  hots: 127.0.0.1
limits:
  max_header_size: lots
routes:
  - path: items
"""


@pytest.mark.parametrize("arguments", [[], ["--check"], ["--print-config"]])
def test_every_mistake_in_a_file_is_named_at_once(tmp_path, arguments):
    file = tmp_path / "wrong.yaml"
    file.write_text(WRONG)
    result = weir_command("--config", file, *arguments)
    assert (result.returncode, result.stdout) == (1, "")
    for line, key in enumerate(["listen", "upstraem", "ttl", None, "hots", None, "max_header_size", None, "path"], 1):
        if key:
            texts = [text for text in result.stderr.splitlines() if f"{file}:{line}: " in text]
            assert any(key in text for text in texts), (line, key, result.stderr)
    assert 'did you mean "upstream"' in result.stderr and 'did you mean "300s"' in result.stderr


def test_a_file_that_is_not_there(tmp_path):
    result = weir_command("--config", tmp_path / "none.yaml")
    assert result.returncode == 1 and "none.yaml" in result.stderr


def test_a_good_file_is_checked_and_nothing_started(tmp_path):
    result = weir_command("--config", TOP / "config/weir.yaml", "--check")
    assert (result.returncode, result.stdout, result.stderr) == (0, "the configuration is valid\n", "")
    assert weir_command("--config", TOP / "config/demo.yaml", "--check").returncode == 0


def test_the_printed_configuration_can_be_read_again(tmp_path):
    printed = weir_command("--config", TOP / "config/demo.yaml", "--print-config")
    file = tmp_path / "printed.yaml"
    file.write_text(printed.stdout)
    again = weir_command("--config", file, "--print-config")
    assert again.returncode == 0 and again.stdout == printed.stdout


def test_unknown_flags_and_missing_origins(tmp_path):
    unknown = weir_command("--upstraem", "http://127.0.0.1:9000")
    assert unknown.returncode == 1 and "--upstream" in unknown.stderr
    missing = weir_command()
    assert missing.returncode == 1 and "upstream" in missing.stderr


@pytest.mark.parametrize("program", ["weir", "weir-origin-stub", "weir-loadgen"])
def test_help_and_version(program):
    assert "sage: " in run(PROGRAMS / program, "--help").stdout
    version = run(PROGRAMS / program, "--version")
    assert version.returncode == 0 and version.stdout.startswith(program + " ")


@pytest.mark.skipif(
    b"__ubsan_handle" in (PROGRAMS / "weir").read_bytes(), reason="UBSan opens descriptors of its own to look at objects"
)
def test_it_runs_with_few_descriptors(world, origin):
    """Connections that cannot be accepted now are accepted later."""
    weir = world.weir(origin, workers=1)
    limit = len(os.listdir(f"/proc/{weir.pid}/fd")) + 4
    weir.limit_descriptors(limit)
    clients = [weir.connect() for _ in range(12)]
    wait_until(lambda: len(os.listdir(f"/proc/{weir.pid}/fd")) >= limit - 1, "only one is left")
    for client in clients:
        client.socket.close()
    assert weir.get("/items/a").status == 200
