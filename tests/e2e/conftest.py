"""What the end-to-end tests share. WEIR_BIN: the folder of the executables; default build/dev/bin."""

import resource

import pytest

pytest.register_assert_rewrite("wire", "servers", "scripted_origin", "world")

from servers import PROGRAMS  # noqa: E402
from world import World  # noqa: E402


def pytest_sessionstart():
    missing = [name for name in ("weir", "weir-origin-stub", "weir-loadgen") if not (PROGRAMS / name).exists()]
    if missing:
        pytest.exit(f"not built: {', '.join(missing)} in {PROGRAMS}", returncode=2)


@pytest.fixture
def world(tmp_path):
    with World(tmp_path) as world:
        yield world


@pytest.fixture
def origin(world):
    return world.origin()


@pytest.fixture
def redis(world):
    return world.redis()


@pytest.fixture(scope="module")
def shared(tmp_path_factory, request):
    """A World for all tests of a file."""
    with World(tmp_path_factory.mktemp(request.module.__name__)) as world:
        yield world


@pytest.fixture(scope="module")
def many_descriptors():
    """As many as the system allows, for the tests and what they start."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    report = (yield).get_result()
    if not report.failed:
        return
    for world in (value for value in item.funcargs.values() if isinstance(value, World)):
        for number, part in enumerate(world.parts, 1):
            title = getattr(part, "name", f"{type(part).__name__} {number}")
            report.sections.append((f"{title}: the end of its log", part.log_tail()))
