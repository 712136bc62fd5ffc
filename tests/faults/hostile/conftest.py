"""One warm process for all tests of hostile input; `FAULTS=long` chooses the long set."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.hostile.sandbox import Sandbox

IS_LONG = os.environ.get("FAULTS") == "long"


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Runs command lines in forks."""
    if not hasattr(os, "fork") or not Path("/proc/self/statm").exists():
        pytest.skip("needs fork and /proc")
    warm = Sandbox(tmp_path_factory.mktemp("sandbox"))
    yield warm
    warm.close()


@pytest.fixture(scope="session")
def is_long() -> bool:
    """Whether the long set was asked for."""
    return IS_LONG
