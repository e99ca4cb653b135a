"""The world of the end-to-end tests, for the tests of what measures. WEIR_BIN: the folder of the executables."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "e2e"))

pytest.register_assert_rewrite("wire", "servers", "world")

from world import World  # noqa: E402


@pytest.fixture
def world(tmp_path):
    with World(tmp_path) as world:
        yield world
