"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

# Before torch is imported: the tests' small networks are faster on one thread, many times so on a busy machine.
os.environ["OMP_NUM_THREADS"] = "1"
# What one test has tracked must not serve the next, and the developer's own cache is none of their business.
os.environ["ANIMATOR_CACHE"] = ""

import pytest

DEV_MEDIA = Path(os.environ.get("ANIMATOR_DEV_MEDIA", Path(__file__).parents[2] / "shared" / "data" / "dev"))


@pytest.fixture(scope="session")
def dev_media() -> Path:
    """The developers' media folder; skips where it is missing."""
    if not (DEV_MEDIA / "manifest.json").is_file():
        pytest.skip(f"no developers' media at {DEV_MEDIA} (set ANIMATOR_DEV_MEDIA)")
    return DEV_MEDIA
