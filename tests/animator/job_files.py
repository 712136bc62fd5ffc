"""Job files of the least, and what is said of bad ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from animator.errors import JobError
from animator.job_file import build_job

LEAST = {"photo": "me.jpg", "clip": "dance.mp4", "output": "out.mp4"}
LEAST_TOML = 'photo = "me.jpg"\nclip = "dance.mp4"\noutput = "out.mp4"\n'


def complaint(values: dict[str, Any], *overrides: str) -> str:
    """What is said of a job that is refused."""
    with pytest.raises(JobError) as caught:
        build_job(values, overrides)
    return str(caught.value)


def written(folder: Path, text: str) -> Path:
    """A job file of this text."""
    path = folder / "job.toml"
    path.write_text(text, encoding="utf-8")
    return path
