"""curl and wget, as people use them."""

import hashlib
import os
import re
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path

import pytest
from servers import Nginx, run
from wire import wait_until
from world import Weir


@pytest.fixture(scope="module")
def origin(shared):
    return shared.origin()


@pytest.fixture(scope="module")
def weir(shared, origin):
    return shared.weir(origin, shared.redis(), ttl="300s", local=["/health"])


def curl(*arguments, **options):
    result = run("curl", "-q", "--silent", "--show-error", "--max-time", "30", *arguments, **options)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    file = tmp_path_factory.mktemp("upload") / "big.bin"
    file.write_bytes(os.urandom(20_000_000))
    return file


def test_a_miss_and_a_hit(weir):
    seen = [curl("--include", f"{weir.url}/items/foo") for _ in range(2)]
    assert [re.search(r"(?i)^x-cache: (\w+)", text, re.MULTILINE)[1] for text in seen] == ["MISS", "HIT"]
    assert all(text.endswith('{"key":"foo","value":"value_for_foo","source":"origin"}') for text in seen)


def test_one_connection_for_many_urls(weir):
    written = curl("--write-out", "%{num_connects}\n", "-o", "/dev/null", *[f"{weir.url}/items/[1-20]"])
    assert written.split() == ["1"] + ["0"] * 19


def test_only_if_changed(weir, tmp_path):
    url = f"{weir.url}/items/dated?last_modified=1000000000&etag=v1&cache_control=max-age=60"
    file = tmp_path / "dated"
    status = ["--write-out", "%{http_code}", "-o"]
    assert curl("--remote-time", "--etag-save", tmp_path / "etag", *status, file, url) == "200"
    assert curl("--time-cond", file, *status, tmp_path / "unchanged", url) == "304"
    assert curl("--etag-compare", tmp_path / "etag", *status, tmp_path / "unchanged", url) == "304"
    assert curl("--time-cond", "1 Jan 1999", *status, tmp_path / "changed", url) == "200"


@pytest.mark.parametrize("how", [[], ["--header", "Transfer-Encoding: chunked"], ["--http1.0"]])
@pytest.mark.parametrize("expect", ["Expect: 100-continue", "Expect:"])
def test_a_large_upload(weir, big, how, expect):
    answer = curl("--header", expect, *how, "--upload-file", big, f"{weir.url}/items/uploaded")
    assert f'"received":{big.stat().st_size}' in answer


@pytest.mark.parametrize("knobs", ["", "&chunked=1", "&http10=1"])
@pytest.mark.parametrize("how", [[], ["--http1.0"]])
def test_a_large_download(weir, origin, knobs, how):
    path = f"/items/download?size=20000000{knobs}"
    through, direct = (
        hashlib.sha256(curl(*how, url + path, text=False)).hexdigest() for url in (weir.url, origin.url)
    )
    assert through == direct


def test_a_form(weir):
    assert '"method":"POST"' in curl("--data", "a=b", f"{weir.url}/items/form")


def test_a_download_is_continued(weir, tmp_path):
    url = f"{weir.url}/items/continued?size=100000&etag=v1&cache_control=max-age=60"
    whole, part = tmp_path / "whole", tmp_path / "part"
    curl("-o", whole, url)
    part.write_bytes(whole.read_bytes()[:40_000])
    curl("--continue-at", "-", "-o", part, url)
    assert part.read_bytes() == whole.read_bytes()


def test_a_truncated_download_is_noticed(weir):
    for framing in ("", "&chunked=1"):
        url = f"{weir.url}/items/truncated?size=100000&truncate=50000{framing}"
        assert run("curl", "-q", "--silent", "-o", "/dev/null", url).returncode in (18, 56)
        assert run("curl", "-q", "--silent", "--http1.0", "-o", "/dev/null", url).returncode in (18, 56)


def test_wget_with_its_timestamps(weir, tmp_path):
    url = f"{weir.url}/items/stamped?last_modified=1000000000&cache_control=max-age=60"
    for expected in (r"200 OK", r"304 Not Modified"):
        result = run("wget", "--no-config", "--timestamping", "--directory-prefix", tmp_path, url)
        assert result.returncode == 0 and re.search(expected, result.stderr), result.stderr


# Files of a web server that change


@dataclass
class Site:
    """Weir before nginx, which serves this folder: fresh for 300 s under /kept/, for a second under /brief/."""

    root: Path
    nginx: Nginx
    weir: Weir

    def write(self, path, content, modified):
        file = self.root / path.lstrip("/")
        file.write_bytes(content)
        os.utime(file, (modified, modified))  # nginx makes its ETag from time and size
        return self.weir.url + path

    def await_stale(self, path):
        only_if_cached = {"Cache-Control": "only-if-cached"}  # never reaches the origin
        host = self.weir.url.removeprefix("http://")
        wait_until(lambda: self.weir.get(path, only_if_cached, host=host).status == 504, f"{path} is stale")


@pytest.fixture(scope="module")
def site(shared):
    root = shared.folder / "site"
    for folder in ("kept", "brief"):
        (root / folder).mkdir(parents=True)
    lifetimes = [
        f"location /{folder}/ {{ add_header Cache-Control max-age={age}; }}"
        for folder, age in (("kept", 300), ("brief", 1))
    ]
    nginx = shared.nginx(root, " ".join(lifetimes))
    return Site(root, nginx, shared.weir(nginx))


OLD, NEW = b"".join(b"old %06d\n" % n for n in range(10_000)), b"".join(b"new! %06d\n" % n for n in range(10_000))
THEN, LATER = 1_000_000_000, 1_100_000_000  # seconds; in 2001 and 2004

CONDITIONS = {
    "etag": ["--etag-compare", "etag"],
    "file": ["--time-cond", "copy"],
    "date": ["--time-cond", "2 Feb 2002"],
}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_curl_gets_a_304_as_long_as_the_file_is_the_same(site, tmp_path, condition):
    """The condition is judged by the cache while what it has is fresh, by origin and cache together after that."""
    status = ["--write-out", "%{http_code}"]
    for path, judged_by in (("/kept/", "cache"), ("/brief/", "origin")):
        path += f"condition-{condition}"
        url = site.write(path, OLD, THEN)
        save = ["--remote-time", "--etag-save", "etag", "--output", "copy"]
        assert curl(*save, *status, url, cwd=tmp_path) == "200"
        seen = ["GET 200"]
        if judged_by == "origin":
            site.await_stale(path)
            seen.append("GET 304")
        assert curl(*CONDITIONS[condition], *status, "--output", "again", url, cwd=tmp_path) == "304"
        assert not (tmp_path / "again").exists() or (tmp_path / "again").read_bytes() == b""
        assert (tmp_path / "copy").read_bytes() == OLD
        assert site.nginx.asked(path) == seen


@pytest.mark.parametrize("condition", CONDITIONS)
def test_curl_gets_the_file_that_has_changed(site, tmp_path, condition):
    path = f"/brief/changed-{condition}"
    url = site.write(path, OLD, THEN)
    curl("--remote-time", "--etag-save", "etag", "--output", "copy", url, cwd=tmp_path)
    site.write(path, NEW, LATER)
    site.await_stale(path)
    assert curl(*CONDITIONS[condition], "--write-out", "%{http_code}", "--output", "again", url, cwd=tmp_path) == "200"
    assert (tmp_path / "again").read_bytes() == NEW
    assert site.nginx.asked(path) == ["GET 200"] * 2


@pytest.mark.parametrize("warm", [True, False], ids=["stored", "not stored"])
@pytest.mark.parametrize(
    "ranges, expected",
    [
        ("0-0", [(0, 1)]),
        ("1000-1999", [(1000, 2000)]),
        ("109000-", [(109_000, 110_000)]),
        ("-500", [(109_500, 110_000)]),
        ("0-99,50000-50099,-100", [(0, 100), (50_000, 50_100), (109_900, 110_000)]),
    ],
)
def test_curl_gets_the_ranges_it_asks_for(site, tmp_path, ranges, expected, warm):
    path = f"/kept/ranges-{warm}-{ranges}"
    url = site.write(path, OLD, THEN)
    if warm:
        curl("--output", tmp_path / "whole", url)
    head, _, body = curl("--include", "--range", ranges, url, text=False).partition(b"\r\n\r\n")
    status_line, _, fields = head.partition(b"\r\n")
    assert status_line == b"HTTP/1.1 206 Partial Content"
    message = message_from_bytes(fields + b"\r\n\r\n" + body)
    parts = message.get_payload() if message.is_multipart() else [message]
    assert [part["Content-Range"] for part in parts] == [f"bytes {a}-{b - 1}/110000" for a, b in expected]
    assert [part.get_payload(decode=True) for part in parts] == [OLD[a:b] for a, b in expected]
    if warm:
        assert site.nginx.asked(path) == ["GET 200"]
    assert curl(url, text=False) == OLD  # a part is never taken for the whole


@pytest.mark.parametrize("warm", [True, False], ids=["stored", "not stored"])
@pytest.mark.parametrize("client", ["curl", "wget"])
def test_a_partial_file_is_continued(site, tmp_path, client, warm):
    path = f"/kept/continued-{client}-{warm}"
    url = site.write(path, OLD, THEN)
    if warm:
        curl("--output", "/dev/null", url)
    file = tmp_path / path.rpartition("/")[2]
    file.write_bytes(OLD[:40_000])
    continue_download(client, file, url)
    assert file.read_bytes() == OLD
    assert site.nginx.asked(path) == (["GET 200"] if warm else ["GET 206"])


@pytest.mark.parametrize("client", ["curl", "wget"])
def test_a_partial_file_is_continued_from_where_it_came(site, tmp_path, client):
    """While what the cache has is fresh, a change at the origin does not mix two files into one."""
    path = f"/kept/changed-{client}"
    url = site.write(path, OLD, THEN)
    curl("--output", "/dev/null", url)
    site.write(path, NEW, LATER)
    file = tmp_path / path.rpartition("/")[2]
    file.write_bytes(OLD[:40_000])
    continue_download(client, file, url)
    assert file.read_bytes() == OLD
    assert site.nginx.asked(path) == ["GET 200"]


def test_a_partial_file_is_not_continued_with_another_one(site, tmp_path):
    """RFC 9110 §13.1.5: by If-Range curl gets the whole new one, and refuses to append it."""
    path = "/brief/replaced"
    url = site.write(path, OLD, THEN)
    curl("--etag-save", "etag", "--output", "copy", url, cwd=tmp_path)
    (tmp_path / "copy").write_bytes(OLD[:40_000])
    site.write(path, NEW, LATER)
    site.await_stale(path)
    if_range = ["--header", f"If-Range: {(tmp_path / 'etag').read_text().strip()}"]
    result = run("curl", "-q", "--silent", *if_range, "--continue-at", "-", "--output", "copy", url, cwd=tmp_path)
    assert result.returncode == 33  # "HTTP range error": it was a 200
    assert (tmp_path / "copy").read_bytes() == OLD[:40_000]
    assert curl("--range", "40000-", url, text=False) == NEW[40_000:]  # what there is now, undivided


def continue_download(client, file, url):
    if client == "curl":
        return curl("--continue-at", "-", "--output", file, url)
    result = run("wget", "--no-config", "--continue", "--tries=1", "--directory-prefix", file.parent, url)
    assert result.returncode == 0 and "206 Partial Content" in result.stderr, result.stderr


def test_wget_downloads_only_what_is_newer(site, tmp_path):
    def timestamping(path):
        result = run("wget", "--no-config", "--timestamping", "--directory-prefix", tmp_path, site.weir.url + path)
        assert result.returncode == 0, result.stderr
        return re.findall(r"awaiting response\.\.\. (\d+)", result.stderr)

    for path in ("/kept/stamped", "/brief/stamped-too"):
        site.write(path, OLD, THEN)
        assert [timestamping(path) for _ in range(2)] == [["200"], ["304"]]
        file = tmp_path / path.rpartition("/")[2]
        assert (file.read_bytes(), file.stat().st_mtime) == (OLD, THEN)
    assert site.nginx.asked("/kept/stamped") == ["GET 200"]

    site.write(path, NEW, LATER)
    site.await_stale(path)
    assert timestamping(path) == ["200"]
    assert (file.read_bytes(), file.stat().st_mtime) == (NEW, LATER)
    assert site.nginx.asked(path)[-1] == "GET 200"
