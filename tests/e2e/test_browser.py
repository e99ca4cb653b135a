"""Chromium loads a page through Weir from nginx: what it shows, what Weir answered, what nginx was asked."""

import contextlib
import json
import struct
import zlib
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from selenium import webdriver
from selenium.common.exceptions import JavascriptException
from selenium.webdriver.chrome.service import Service
from wire import wait_until

PAGE = """<!doctype html>
<html><head><title>Weir</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/style.css"></head>
<body><p id="styled">styled</p><p id="scripted"></p><p id="fetched"></p><img id="image" src="/image.png">
<script src="/script.js"></script></body></html>"""

SCRIPT = """
document.getElementById("scripted").textContent = "by the script";
fetch("/data.json").then(async (response) => {
  window.cacheStatus = response.headers.get("Cache-Status");
  document.getElementById("fetched").textContent = (await response.json()).text;
});"""

PATHS = ["/", "/data.json", "/image.png", "/script.js", "/style.css"]

# Browsers ask again for the data each time they show the page; what answers them is fresh in a shared cache.
SERVED = """
    index index.html;
    types { text/html html; text/css css; text/javascript js; image/png png; application/json json; }
    add_header Cache-Control max-age=300;
    location = /data.json { add_header Cache-Control "max-age=0, s-maxage=300"; }
"""


def png(width, height):
    def part(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)  # 8 bits of grey
    pixels = zlib.compress((b"\0" + b"\x80" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", pixels) + part(b"IEND", b"")


@dataclass
class Exchange:
    """One request of the page. What its own cache answered has no status: nothing went over the network."""

    path: str = ""
    status: int = 0  # as Weir sent it: the page sees a 200 instead of a 304
    sent: dict = field(default_factory=dict)
    got: dict = field(default_factory=dict)
    is_over: bool = False
    is_from_cache: bool = False  # of the browser

    def is_known(self):
        return self.is_over and bool(self.status) != self.is_from_cache

    def is_hit(self):
        return self.got.get("Cache-Status", "").startswith("Weir; hit; ")


class Browser:
    """A Chromium with a profile of its own, showing the page."""

    def __init__(self, url):
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for switch in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "disable-gpu", "no-proxy-server"):
            options.add_argument(f"--{switch}")
        options.ignore_local_proxy_environment_variables()
        options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
        self._url = url
        self._driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        self._driver.set_page_load_timeout(120)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._driver.quit()

    def value(self, expression):
        return self._driver.execute_script(f"return {expression}")

    def load(self):
        return self._exchanges_of(lambda: self._driver.get(self._url))

    def reload(self, hard=False):
        """As by the reload button; a hard one as together with the shift key."""
        self._driver.execute_script("window.isOld = true")
        return self._exchanges_of(lambda: self._driver.execute_cdp_cmd("Page.reload", {"ignoreCache": hard}))

    def _exchanges_of(self, action):
        """{path: Exchange}, as soon as the page is complete."""
        self._driver.get_log("performance")  # empties it
        action()
        wait_until(self._is_complete, "the page is complete", 60)
        exchanges = {}

        def are_all_known():
            for entry in self._driver.get_log("performance"):
                note(exchanges, json.loads(entry["message"])["message"])
            known = [exchange.path for exchange in exchanges.values() if exchange.path and exchange.is_known()]
            return sorted(known) == PATHS

        wait_until(are_all_known, "the log has each path, once", 60)
        return {exchange.path: exchange for exchange in exchanges.values() if exchange.path}

    def _is_complete(self):
        with contextlib.suppress(JavascriptException):  # between two documents
            return self.value('!window.isOld && document.readyState == "complete" && window.cacheStatus')


def note(exchanges, message):
    """One event of the DevTools protocol's Network domain; those of one request come in any order."""
    event, values = message["method"], message["params"]
    if not event.startswith("Network.") or "requestId" not in values:
        return
    exchange = exchanges.setdefault(values["requestId"], Exchange())
    if event == "Network.requestWillBeSent":
        url = urlsplit(values["request"]["url"])
        exchange.path = "" if url.scheme == "data" else url.path
    elif event == "Network.requestWillBeSentExtraInfo":
        exchange.sent = values["headers"]
    elif event == "Network.responseReceived":
        exchange.is_from_cache |= values["response"]["fromDiskCache"]
    elif event == "Network.requestServedFromCache":
        exchange.is_from_cache = True
    elif event == "Network.responseReceivedExtraInfo":
        exchange.status, exchange.got = values["statusCode"], values["headers"]
    elif event == "Network.loadingFinished":
        exchange.is_over = True


@pytest.fixture(scope="module")
def nginx(shared):
    root = shared.folder / "site"
    root.mkdir()
    (root / "index.html").write_text(PAGE)
    (root / "style.css").write_text("#styled { color: rgb(1, 2, 3); }")
    (root / "script.js").write_text(SCRIPT)
    (root / "data.json").write_text('{"text": "from the data"}')
    (root / "image.png").write_bytes(png(3, 2))
    return shared.nginx(root, SERVED)


@pytest.fixture(scope="module")
def url(shared, nginx):
    return shared.weir(nginx).url + "/"


def assert_shown(browser):
    assert browser.value('getComputedStyle(document.querySelector("#styled")).color') == "rgb(1, 2, 3)"
    assert browser.value('document.querySelector("#scripted").textContent') == "by the script"
    assert browser.value('document.querySelector("#fetched").textContent') == "from the data"
    assert browser.value('document.querySelector("#image").naturalWidth') == 3


def statuses(exchanges):
    return {path: exchange.status for path, exchange in exchanges.items()}


def test_a_page_is_loaded_and_reloaded(nginx, url):
    """What the browser has is validated by Weir, and no way of asking for it anew reaches the origin."""
    with Browser(url) as browser:
        first = browser.load()
        assert_shown(browser)
        assert statuses(first) == dict.fromkeys(PATHS, 200)
        for exchange in first.values():
            assert exchange.got["Cache-Status"] == "Weir; fwd=uri-miss; fwd-status=200; stored"
        assert browser.value("window.cacheStatus") == first["/data.json"].got["Cache-Status"]

        again = browser.reload()
        assert_shown(browser)
        validated = {path: exchange for path, exchange in again.items() if not exchange.is_from_cache}
        assert statuses(validated) == {"/": 304, "/data.json": 304}
        assert validated["/"].sent["Cache-Control"] == "max-age=0"
        for path, exchange in validated.items():
            assert exchange.sent["If-None-Match"] == first[path].got["ETag"] == exchange.got["ETag"]
            assert exchange.is_hit()

        hard = browser.reload(hard=True)
        assert_shown(browser)
        assert statuses(hard) == dict.fromkeys(PATHS, 200)
        for exchange in hard.values():  # request directives are off unless a route honours them
            assert exchange.sent["Cache-Control"] == "no-cache" and "If-None-Match" not in exchange.sent
            assert exchange.is_hit()
        assert browser.value("window.cacheStatus") == hard["/data.json"].got["Cache-Status"]

    with Browser(url) as browser:
        assert all(exchange.status == 200 and exchange.is_hit() for exchange in browser.load().values())
        assert_shown(browser)
    assert {path: nginx.asked(path) for path in PATHS} == {path: ["GET 200"] for path in PATHS}


def test_a_hard_reload_reaches_the_origin_where_the_route_honours_it(shared, nginx):
    """RFC 9111 §5.2.1.4: no-cache validates what is stored, and the page is as before."""
    weir = shared.weir(nginx, routes=[{"path": "/", "honour_request_directives": True}])
    with Browser(weir.url + "/") as browser:
        browser.load()
        before = {path: len(nginx.asked(path)) for path in PATHS}
        hard = browser.reload(hard=True)
        assert_shown(browser)
    assert statuses(hard) == dict.fromkeys(PATHS, 200)
    assert {path: nginx.asked(path)[before[path] :] for path in PATHS} == {path: ["GET 304"] for path in PATHS}
