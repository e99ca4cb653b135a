"""How a node ends, and what it can do without."""

import contextlib
import signal
import subprocess

import pytest
from scripted_origin import ok
from servers import ENVIRONMENT, PROGRAMS, free_port
from wire import Connection, Truncated, request, wait_until


# The end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_idle_node(world, origin, number):
    weir = world.weir(origin)
    with weir.connect() as connection:
        assert connection.ask("GET", "/items/a").status == 200
        weir.signal(number)
        assert connection.is_ended()
        assert weir.wait() == 0
    weir.await_log("draining")


def test_exchanges_in_flight_are_finished(world, origin):
    weir = world.weir(origin, drain_deadline="20s")
    with weir.connect() as connection:
        connection.send(request("GET", "/items/slow?size=100000&latency_ms=100&drip_ms=3000"))
        wait_until(lambda: origin.stats()["open_requests"] == 1, "the origin is asked")
        weir.signal(signal.SIGTERM)
        weir.await_log("draining")
        response = connection.response()
        assert (response.status, len(response.body)) == (200, 100_000)
        assert connection.is_ended()
    assert weir.wait() == 0


def test_a_draining_node_takes_no_new_connections(world, origin):
    weir = world.weir(origin, drain_deadline="20s")
    with weir.connect() as connection:
        connection.send(request("GET", "/items/slow?latency_ms=3000"))
        wait_until(lambda: origin.stats()["open_requests"] == 1, "the origin is asked")
        weir.signal(signal.SIGTERM)

        def refused():
            try:
                weir.connect().socket.close()
            except (ConnectionRefusedError, ConnectionResetError):
                return True

        wait_until(refused, "connections are refused")
        assert connection.response().status == 200
    assert weir.wait() == 0


def test_what_does_not_end_is_broken_off_at_the_deadline(world, origin):
    weir = world.weir(origin, drain_deadline="100ms")
    with weir.connect() as connection:
        connection.send(request("GET", "/items/never?hang=1"))
        wait_until(lambda: origin.stats()["open_requests"] == 1, "the origin is asked")
        weir.signal(signal.SIGTERM)
        assert weir.wait() == 0


def test_a_second_signal_ends_everything_at_once(world, origin):
    weir = world.weir(origin, drain_deadline="1h")
    with weir.connect() as waiting, weir.connect() as reading:
        waiting.send(request("GET", "/items/never?hang=1"))
        reading.send(request("GET", "/items/dripping?size=1000000&drip_ms=600000"))
        reading.head()
        wait_until(lambda: origin.stats()["open_requests"] == 2, "the origin is asked")
        weir.signal(signal.SIGTERM)
        weir.await_log("draining")
        assert weir.is_running()
        weir.signal(signal.SIGTERM)
        assert weir.wait() == 0
        with pytest.raises((Truncated, ConnectionResetError)):
            reading.read(1_000_000)


def test_readiness_fails_before_the_listeners_close(world, origin):
    weir = world.weir(origin, drain_delay="1h")
    with weir.connect() as connection:
        assert connection.ask("GET", "/items/a")["Connection"] is None
        weir.signal(signal.SIGTERM)
        wait_until(lambda: weir.admin("/readyz").status == 503, "it is not ready")
        last = connection.ask("GET", "/items/a")
        assert (last.status, last["Connection"]) == (200, "close")
        assert connection.is_ended()
    new = weir.get("/items/b")
    assert (new.status, new["Connection"]) == (200, "close")
    weir.signal(signal.SIGTERM)
    assert weir.wait() == 0
    assert "draining" not in weir.log


def test_after_the_delay_it_drains(world, origin):
    weir = world.weir(origin, drain_delay="100ms")
    with weir.connect() as connection:
        connection.ask("GET", "/items/a")
        weir.signal(signal.SIGTERM)
        assert connection.is_ended()
    assert weir.wait() == 0
    weir.await_log("leaving(.|\n)*draining")


def first_hangs(world):
    """An origin whose first request is never answered, until it is asked to."""

    def serve(origin, peer):
        while head := peer.head():
            origin.requests.append(head)
            if len(origin.requests) == 1:
                return peer.until_closed()
            peer.send(ok(b"second", "Cache-Control: max-age=60\r\n"))

    return world.scripted(serve)


def leader_and_waiter(world, origin, redis, **config):
    nodes = [world.weir(origin, redis | {"lease": "1h"}, **config) for _ in range(2)]
    for node in nodes:
        node.await_redis()
    return nodes


def test_a_second_signal_ends_the_wait_for_another_node(world):
    origin, redis = first_hangs(world), world.redis()
    one, two = leader_and_waiter(world, origin, {"port": redis.port}, drain_deadline="1h")
    with one.connect() as leading, two.connect() as waiting:
        leading.send(request("GET", "/"))
        wait_until(lambda: origin.requests, "the origin is asked")
        waiting.send(request("GET", "/"))
        two.await_metrics({"weir_redis_lease_waiters": 1})
        two.signal(signal.SIGTERM)
        two.await_log("draining")
        assert two.is_running()
        two.signal(signal.SIGTERM)
        assert two.wait() == 0
        assert len(origin.requests) == 1
        one.signal(signal.SIGTERM)
        one.await_log("draining")  # what stops it at the end is the second one


def test_the_lease_of_what_is_broken_off_is_given_back(world):
    origin, redis = first_hangs(world), world.redis()
    one, two = leader_and_waiter(world, origin, {"port": redis.port}, drain_deadline="100ms")
    with one.connect() as leading, two.connect() as waiting:
        leading.send(request("GET", "/"))
        wait_until(lambda: origin.requests, "the origin is asked")
        waiting.send(request("GET", "/"))
        two.await_metrics({"weir_redis_lease_waiters": 1})
        one.signal(signal.SIGTERM)
        assert waiting.response().body == b"second"
        assert one.wait() == 0


def test_a_full_disk_takes_the_log_and_nothing_else(world, origin):
    weir = world.weir(origin, log={"access": "/dev/full"})
    for number in range(5):
        assert weir.get(f"/items/{number}").status == 200
    weir.await_log("No space left on device")
    weir.await_metrics({"weir_access_log_dropped_total": 5})
    assert weir.log.count("No space left on device") == 1


def test_it_runs_where_its_own_log_cannot_be_written(world, origin, tmp_path):
    port = free_port()
    with open("/dev/full", "wb") as full:
        command = [PROGRAMS / "weir", "--listen", f"127.0.0.1:{port}", "--admin", "off", "--upstream", origin.url]
        weir = subprocess.Popen(command, stderr=full, env=ENVIRONMENT)
    try:

        def answers():
            with contextlib.suppress(ConnectionRefusedError), Connection(port) as connection:
                return connection.ask("GET", "/items/a").status == 200

        wait_until(answers, "it answers")
        weir.send_signal(signal.SIGHUP)
        wait_until(answers, "it still answers")
        weir.send_signal(signal.SIGTERM)
        assert weir.wait(20) == 0
    finally:
        weir.kill()
        weir.wait()


def test_what_is_on_its_way_to_redis_arrives(world, origin):
    redis = world.redis()
    weir = world.weir(origin, redis, ttl="300s", drain_deadline="20s")
    weir.await_redis()
    with weir.connect() as connection:
        for number in range(20):
            connection.ask("GET", f"/items/{number}?size=300000")
        weir.stop()
    assert len([key for key in redis.keys() if key.endswith("}")]) == 20


def test_the_log_can_be_rotated(world, origin, tmp_path):
    log = tmp_path / "access.log"
    weir = world.weir(origin, log={"access": str(log)})
    weir.get("/items/before")
    wait_until(lambda: log.read_text().count("\n") == 1, "the first line is written")
    log.rename(tmp_path / "access.log.1")
    weir.signal(signal.SIGUSR1)
    wait_until(log.exists, "a new file is opened")
    weir.get("/items/after")
    wait_until(lambda: '"/items/after"' in log.read_text(), "the second line is written")
