"""The example of a night's batch does what it says, on the media of the examples."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pose_tracking.clip import DrivingClip

ROOT = Path(__file__).parents[2]
TINY = ("canvas.width=96", "canvas.height=128", "end_s=0.3")


def run_batch(queue: Path, *words: str) -> subprocess.CompletedProcess[str]:
    settings = [word for setting in TINY for word in ("--set", setting)]
    return subprocess.run(
        [sys.executable, str(ROOT / "examples" / "overnight_batch.py"), *words, "--queue", str(queue), *settings],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.slow
def test_a_batch_is_made_once_and_what_cannot_be_is_named(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "good.png").write_bytes((ROOT / "examples" / "media" / "portrait.png").read_bytes())
    (photos / "torn.png").write_bytes(b"no picture at all")
    (photos / "torn.webp").write_bytes(b"nor this")
    first = run_batch(tmp_path / "night", str(photos))
    assert first.returncode == 7, first.stderr
    assert "1 of 3 done" in first.stdout
    assert "refused   torn: torn.png" in first.stderr
    assert "torn.webp: there is a job torn already" in first.stderr
    film = tmp_path / "night" / "good" / "out.mp4"
    assert DrivingClip.open(film).info.width == 96
    made_ns = film.stat().st_mtime_ns
    again = run_batch(tmp_path / "night", str(photos / "good.png"))
    assert film.stat().st_mtime_ns == made_ns, again.stderr


def test_a_queue_that_is_a_file_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "night").write_text("a file")
    done = run_batch(tmp_path / "night")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("error: ")
