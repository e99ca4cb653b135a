"""curl and wget, as people use them."""

import hashlib
import os
import re

import pytest
from servers import run


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
    assert curl("--time-cond", "1999-01-01", *status, tmp_path / "changed", url) == "200"


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
