"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DEV_MEDIA = Path(os.environ.get("ANIMATOR_DEV_MEDIA", Path(__file__).parents[2] / "shared" / "data" / "dev"))


@pytest.fixture(scope="session")
def dev_media() -> Path:
    """The developers' media folder; skips where it is missing."""
    if not (DEV_MEDIA / "manifest.json").is_file():
        pytest.skip(f"no developers' media at {DEV_MEDIA} (set ANIMATOR_DEV_MEDIA)")
    return DEV_MEDIA
