"""Every query of the dashboard brings data from a real Prometheus that scrapes two nodes under load."""

import contextlib
import json
import math
import os
import threading
import urllib.parse
from pathlib import Path

import pytest
from processes import TOP, free_port, get, running, wait_until

DASHBOARD = json.loads((TOP / "grafana/dashboards/weir.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]]


class Stack:
    """Prometheus' and the nodes' addresses."""

    def __init__(self, prometheus, nodes):
        self.prometheus = prometheus
        self.nodes = nodes

    def query(self, expression):
        url = f"http://{self.prometheus}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        status, _, body = get(url)
        assert status == 200, body
        return json.loads(body)["data"]["result"]


def prometheus_config(nodes):
    """The checked-in configuration with these nodes and a scrape each second."""
    text = (TOP / "deploy/prometheus.yml").read_text()
    for old, new in [
        ('["weir-1:5000", "weir-2:5000"]', json.dumps(nodes)),
        ("scrape_interval: 5s", "scrape_interval: 1s"),
        ("scrape_timeout: 4s", "scrape_timeout: 1s"),
    ]:
        assert old in text
        text = text.replace(old, new)
    return text


def ask_for_uncacheable(nodes, stop):
    while not stop.wait(0.1):
        for node in nodes:
            get(f"http://{node}/items/private?cache_control=no-store&latency_ms=1")


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dashboard")
    programs = Path(os.environ["WEIR_BIN"])
    redis, origin, prometheus = free_port(), free_port(), f"127.0.0.1:{free_port()}"
    nodes = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    with contextlib.ExitStack() as started:

        def start(name, command, url=None, env=None):
            ready = url and (lambda: get(url, 2)[0] == 200)
            started.enter_context(running(folder, name, command, ready, env))

        start("redis", ["redis-server", "--bind", "127.0.0.1", "--port", redis, "--save", "", "--dir", folder])
        start(
            "origin",
            [programs / "weir-origin-stub", "--listen", f"127.0.0.1:{origin}", "--latency", "20ms"],
            f"http://127.0.0.1:{origin}/stats",
        )
        env = os.environ | {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(redis), "REDIS_DB": "0"}
        env |= {"ORIGIN_HOST": "127.0.0.1", "ORIGIN_PORT": str(origin)}
        for number, node in enumerate(nodes, 1):
            command = [programs / "weir", "--config", TOP / "config/demo.yaml", "--listen", node, "--admin", "off"]
            start(f"weir-{number}", command, f"http://{node}/health", env)
            load = [programs / "weir-loadgen", f"http://{node}/items", "--duration", "300s", "--rate", "100"]
            start(f"load-{number}", load + ["--keys", "2000"])
        stop = threading.Event()
        thread = threading.Thread(target=ask_for_uncacheable, args=(nodes, stop))
        thread.start()
        started.callback(lambda: (stop.set(), thread.join()))

        config = folder / "prometheus.yml"
        config.write_text(prometheus_config(nodes))
        command = ["prometheus", f"--config.file={config}", f"--web.listen-address={prometheus}", "--log.level=warn"]
        start("prometheus", command + [f"--storage.tsdb.path={folder}/tsdb"], f"http://{prometheus}/-/ready")
        yield Stack(prometheus, nodes)


def has_data(result):
    return bool(result) and any(not math.isnan(float(series["value"][1])) for series in result)


def concrete(expression, node):
    expression = expression.replace("$node", node).replace("$__rate_interval", "10s")
    assert "$" not in expression, "a variable this test does not know"
    return expression


@pytest.mark.parametrize("title, expression", QUERIES, ids=[f"{title}-{n}" for n, (title, _) in enumerate(QUERIES)])
def test_panel_has_data(stack, title, expression):
    for node in [".*", stack.nodes[0]]:
        query = concrete(expression, node)
        wait_until(lambda: has_data(stack.query(query)), 30, f"panel '{title}' has data: {query}")


def test_hit_rate_is_a_share(stack):
    expression = next(expr for title, expr in QUERIES if title == "Hit rate")
    query = concrete(expression, ".*")
    result = wait_until(lambda: [s for s in stack.query(query) if has_data([s])], 30, "hit rate")
    assert 0 < float(result[0]["value"][1]) < 1


def test_every_node_can_be_selected(stack):
    variable = DASHBOARD["templating"]["list"][0]
    assert (variable["name"], variable["definition"]) == ("node", "label_values(weir_build_info, instance)")
    for node in stack.nodes:
        wait_until(lambda: stack.query(f'weir_build_info{{instance="{node}"}}'), 30, f"{node} is listed")


def test_every_query_can_be_narrowed_to_a_node():
    without = [title for title, expression in QUERIES if 'instance=~"$node"' not in expression]
    assert without == []


def test_provisioned_names_agree():
    source = (TOP / "grafana/provisioning/datasources/prometheus.yml").read_text()
    folder = "/var/lib/weir-dashboards"
    assert {panel["datasource"]["uid"] for panel in PANELS} == {"prometheus"} and "uid: prometheus" in source
    assert f"path: {folder}" in (TOP / "grafana/provisioning/dashboards/weir.yml").read_text()
    assert f"./grafana/dashboards:{folder}" in (TOP / "docker-compose.yml").read_text()
