from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from animator.config import PreviewConfig, RenderJob
from animator.destinations import check_destinations, check_job_place
from animator.errors import EncodeError, JobError

FPS = Fraction(25)


def job_in(folder: Path, **changes: Any) -> RenderJob:
    for name in ("me.png", "dance.mp4"):
        (folder / name).write_bytes(b"the only copy")
    paths = {"photo": folder / "me.png", "clip": folder / "dance.mp4", "output": folder / "out.mp4"}
    return RenderJob.model_validate({**paths, **changes})


def test_a_sound_place_is_accepted_and_nothing_left_there(tmp_path: Path) -> None:
    check_destinations(job_in(tmp_path, output=tmp_path / "new" / "out.mp4"), fps=FPS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dance.mp4", "me.png"]


@pytest.mark.parametrize(("key", "name"), [("photo", "out.contact.png"), ("clip", "out.side.mp4")])
def test_a_preview_never_overwrites_an_input(tmp_path: Path, key: str, name: str) -> None:
    (tmp_path / name).write_bytes(b"the only copy")
    job = job_in(tmp_path, **{key: tmp_path / name})
    with pytest.raises(EncodeError, match=f"{name}: is an input"):
        check_destinations(job, fps=FPS)
    without = job.model_copy(update={"preview": PreviewConfig(contact_sheet=False, side_by_side=False)})
    check_destinations(without, fps=FPS)


def test_recorded_poses_are_an_input_too(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").write_bytes(b"the only copy")
    with pytest.raises(EncodeError, match="is an input"):
        check_destinations(job_in(tmp_path, tracker={"recorded": tmp_path / "out.mp4"}), fps=FPS)


def test_the_picture_for_the_background_is_an_input_too(tmp_path: Path) -> None:
    (tmp_path / "out.contact.png").write_bytes(b"the only copy")
    with pytest.raises(EncodeError, match=r"out\.contact\.png: is an input"):
        check_destinations(job_in(tmp_path, background=tmp_path / "out.contact.png"), fps=FPS)


def test_previews_are_protected_where_nothing_may_be_overwritten(tmp_path: Path) -> None:
    (tmp_path / "out.side.mp4").write_bytes(b"mine")
    check_destinations(job_in(tmp_path), fps=FPS)
    with pytest.raises(JobError, match=r"out\.side\.mp4: exists already\. .* --set overwrite=true"):
        check_destinations(job_in(tmp_path, overwrite=False), fps=FPS)


def test_a_folder_in_the_place_of_a_preview_is_found_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "out.contact.png").mkdir()
    with pytest.raises(EncodeError, match="is not a file"):
        check_destinations(job_in(tmp_path), fps=FPS)


@pytest.mark.parametrize("name", ["me.png", "dance.mp4", "out.mp4", "out.side.mp4"])
def test_the_job_is_not_written_over_what_it_reads_or_makes(tmp_path: Path, name: str) -> None:
    with pytest.raises(EncodeError, match=f"{name}: is (an input|where the job)"):
        check_job_place(job_in(tmp_path), tmp_path / name)
    check_job_place(job_in(tmp_path), tmp_path / "job.toml")
