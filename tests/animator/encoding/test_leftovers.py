"""What a killed process left is removed by the next one that writes there; what somebody writes is not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from animator.encoding.atomic_file import replacing, replacing_folder
from animator.encoding.leftovers import supersede
from animator.jobs.folder import kept_or_passing

pytest.importorskip("fcntl", reason="no locks of this kind here")

HALF_WAY = """
import sys, time
from pathlib import Path
from animator.encoding.atomic_file import replacing, replacing_folder
from animator.encoding.leftovers import supersede
from animator.jobs.folder import kept_or_passing
path = Path(sys.argv[2])
kinds = {"file": replacing, "folder": replacing_folder, "job": lambda near: kept_or_passing(None, near=near)}
with kinds[sys.argv[1]](path) as place:
    if sys.argv[1] == "file":
        with_sound = place.with_suffix(".sound.tmp")
        with_sound.write_bytes(b"half")
        supersede(with_sound, place)
        with_sound.write_bytes(b"half")
    else:
        (getattr(place, "path", place) / "000000.png").write_bytes(b"half")
    print("half", flush=True)
    time.sleep(60)
"""


@pytest.fixture(params=["file", "folder", "job"])
def half_way(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process in the middle of writing `out`."""
    words = [sys.executable, "-c", HALF_WAY, request.param, str(tmp_path / "out")]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    yield process
    process.kill()
    process.wait()


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def test_what_is_being_written_stays_and_what_was_left_goes(half_way: subprocess.Popen[str], tmp_path: Path) -> None:
    at_work = hidden(tmp_path)
    assert at_work
    with replacing(tmp_path / "out"):
        pass
    assert hidden(tmp_path) == at_work
    half_way.kill()
    half_way.wait()
    (tmp_path / ".out.other.tmp").touch()
    (tmp_path / ".outer.00000000.tmp").touch()
    with replacing(tmp_path / "out"):
        pass
    assert hidden(tmp_path) == [".out.other.tmp", ".outer.00000000.tmp"]


def test_folders_sweep_too(half_way: subprocess.Popen[str], tmp_path: Path) -> None:
    half_way.kill()
    half_way.wait()
    with replacing_folder(tmp_path / "out"):
        assert len(hidden(tmp_path)) == 1


def test_a_job_that_passes_sweeps_too(half_way: subprocess.Popen[str], tmp_path: Path) -> None:
    half_way.kill()
    half_way.wait()
    with kept_or_passing(None, near=tmp_path / "out") as job:
        assert hidden(tmp_path) == [job.path.name]
    assert hidden(tmp_path) == []


def test_a_link_under_a_hidden_name_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    (tmp_path / ".out.00000000.tmp").symlink_to(tmp_path / "precious")
    with replacing(tmp_path / "out"):
        pass
    assert hidden(tmp_path) == [".out.00000000.tmp"]


def test_a_file_that_nobody_holds_is_superseded_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(b"new")
    supersede(tmp_path / "new", tmp_path / "out")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("out", b"new")]
