"""Paths without detours lead where they led, and are told from the current folder on."""

from __future__ import annotations

from pathlib import Path

import pytest

from animator.job_file import read_job
from animator.paths import tidied, told


def test_detours_go(tmp_path: Path) -> None:
    assert tidied(tmp_path / "jobs" / ".." / "out" / "." / "dance.mp4") == tmp_path / "out" / "dance.mp4"
    assert tidied(tmp_path / "out.mp4") == tmp_path / "out.mp4"
    assert str(tidied(Path("..") / "out.mp4")) == "../out.mp4"
    assert str(tidied(Path("a\0") / ".." / "b")) == "a\0/../b"


def test_a_detour_through_a_link_stays_for_it_leads_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "far" / "jobs").mkdir(parents=True)
    (tmp_path / "jobs").symlink_to(tmp_path / "far" / "jobs", target_is_directory=True)
    through_link = tmp_path / "jobs" / ".." / "me.png"
    (tmp_path / "far" / "me.png").write_bytes(b"far")
    (tmp_path / "me.png").write_bytes(b"near")
    assert tidied(through_link).read_bytes() == b"far"
    # A link that is only passed through is kept as it was named.
    assert tidied(tmp_path / "jobs" / "new" / ".." / "me.png") == tmp_path / "jobs" / "me.png"


def test_what_lies_below_the_current_folder_is_told_from_there_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert told(tmp_path / "here" / "jobs" / ".." / "out" / "dance.mp4") == "out/dance.mp4"
    assert told(Path("out.mp4")) == "out.mp4"
    assert told(tmp_path / "out.mp4") == str(tmp_path / "out.mp4")
    assert told(Path("..") / "out.mp4") == str(tmp_path / "out.mp4")
    (tmp_path / "here").rmdir()
    assert told(Path("out.mp4")) == "out.mp4"


def test_the_places_of_a_job_file_have_no_detours(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    path = tmp_path / "jobs" / "job.toml"
    path.write_text('photo = "../me.png"\nclip = "~/../dance.mp4"\noutput = "../out/new.mp4"\n', encoding="utf-8")
    job = read_job(path)
    assert (job.photo, job.output) == (tmp_path / "me.png", tmp_path / "out" / "new.mp4")
    assert ".." not in job.clip.parts
