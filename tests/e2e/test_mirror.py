"""A real origin's tree of real files, fetched through Weir by a real client, three times: from the origin, from memory,
and by another node from Redis, the last two with the origin stopped."""

import filecmp
import os
import re
import shutil
from pathlib import Path

import pytest
from servers import run
from wire import wait_until

SOURCES = [Path("/usr/share/doc"), Path("/usr/share/perl"), Path("/usr/include"), Path("/usr/lib/python3")]
LONG_AGO = 1_000_000_000
HOST = "mirror.test"


def real_files(count, total):
    """So many regular files of this machine at most, of so many bytes together."""
    files = []
    for source in SOURCES:
        for folder, folders, names in os.walk(source):
            folders.sort()
            for name in sorted(names):
                file = Path(folder, name)
                size = file.lstat().st_size
                if file.is_symlink() or not file.is_file() or not re.fullmatch(r"[\w./+,~-]+", str(file)):
                    continue
                if size <= total and len(files) < count:
                    total -= size
                    files.append(file)
    return files


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Copies of real files, and two of sizes that matter."""
    root = tmp_path_factory.mktemp("tree")
    for file in real_files(600, 30_000_000):
        copy = root / file.relative_to("/usr")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    (root / "empty.bin").write_bytes(b"")
    (root / "large.bin").write_bytes(os.urandom(3_000_000))
    for file in files_in(root):
        file.chmod(0o644)
        os.utime(file, (LONG_AGO, LONG_AGO))  # Last-Modified says nothing that changes between runs
    return root


def files_in(folder):
    return sorted(file for file in folder.rglob("*") if file.is_file())


def fetch_all(weir, tree, folder):
    """Everything in the tree, into folder; every answer's X-Cache."""
    urls = folder.with_suffix(".urls")
    urls.write_text("".join(f"{weir.url}/{file.relative_to(tree)}\n" for file in files_in(tree)))
    command = ["wget", "--no-config", "--no-verbose", "--server-response", "--tries=1", "--timeout=20"]
    command += ["--no-host-directories", "--force-directories", f"--directory-prefix={folder}"]
    wget = run(*command, f"--header=Host: {HOST}", f"--input-file={urls}", seconds=120)
    assert wget.returncode == 0, wget.stderr[-3000:]
    return re.findall(r"X-Cache: (\w+)", wget.stderr)


def assert_same(tree, folder):
    files = [file.relative_to(tree) for file in files_in(tree)]
    assert files == [file.relative_to(folder) for file in files_in(folder)]
    same, different, missing = filecmp.cmpfiles(tree, folder, files, shallow=False)
    assert (different, missing, len(same)) == ([], [], len(files))


def test_a_tree_of_real_files(world, tree, tmp_path, capsys):
    count, total = len(files_in(tree)), sum(file.stat().st_size for file in files_in(tree))
    sizes = [file.stat().st_size for file in files_in(tree)]
    assert count >= 300 and min(sizes) == 0 and max(sizes) >= 3_000_000

    redis, nginx = world.redis(), world.nginx(tree)
    weir, other = (world.weir(nginx, redis, ttl="300s") for _ in range(2))
    for node in (weir, other):
        node.await_redis()

    assert fetch_all(weir, tree, tmp_path / "from-the-origin") == ["MISS"] * count
    assert_same(tree, tmp_path / "from-the-origin")
    wait_until(lambda: nginx.requests == count, "nginx has logged each request once")
    responses = r"^weir:\{http://mirror\.test/[^}]*\}$"
    wait_until(lambda: sum(bool(re.match(responses, key)) for key in redis.keys()) == count, "Redis has them all")
    nginx.stop()

    assert fetch_all(weir, tree, tmp_path / "from-memory") == ["HIT"] * count
    assert_same(tree, tmp_path / "from-memory")
    assert fetch_all(other, tree, tmp_path / "from-redis") == ["HIT"] * count
    assert_same(tree, tmp_path / "from-redis")

    weir.await_metrics({'weir_tier_hits_total{tier="memory"}': count, 'weir_tier_hits_total{tier="redis"}': 0})
    other.await_metrics({'weir_tier_hits_total{tier="memory"}': 0, 'weir_tier_hits_total{tier="redis"}': count})
    assert all(int(redis.command("PTTL", key)) > 0 for key in redis.keys()[:50])
    with capsys.disabled():
        print(f"\n  mirrored {count} files, {total} bytes, three times: {count} requests at the origin")
