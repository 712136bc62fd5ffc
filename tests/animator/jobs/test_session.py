"""A job that is done holds its frames: they can be delivered otherwise, and nothing else of it changes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from animator.cli import BAD_INPUT, main
from animator.config import RenderJob
from animator.encoding import read_provenance
from animator.errors import JobError
from animator.jobs import worker
from animator.jobs.folder import JobFolder
from animator.jobs.record import read_record
from animator.jobs.session import read_state
from animator.pipeline import animate, is_made
from tests.faults.tiny_job import TinyJob, decoded

NUM_FRAMES = 6


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyJob:
    return TinyJob.make(tmp_path_factory.mktemp("tiny"), NUM_FRAMES)


@pytest.fixture(scope="module")
def made(tiny: TinyJob, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a job whose frames are there."""
    folder = tmp_path_factory.mktemp("made")
    animate(RenderJob.model_validate({**tiny.values, "output": folder / "out.mp4"}), folder=folder / "job")
    return folder / "job"


@pytest.fixture
def done(tiny: TinyJob, made: Path, tmp_path: Path) -> RenderJob:
    """A job whose folder `job` is complete, its result beside it."""
    shutil.copytree(made, tmp_path / "job")
    job = RenderJob.model_validate({**tiny.values, "output": tmp_path / "out.mp4"})
    animate(job, folder=tmp_path / "job")
    return job


def frames(folder: Path) -> dict[str, tuple[int, int]]:
    """When each picture was put there, and which file it is."""
    return {path.name: (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.glob("frames/*.png")}


def test_another_encoding_is_made_of_the_frames_that_are_there(done: RenderJob, tmp_path: Path) -> None:
    before, fine, fine_bytes = frames(tmp_path / "job"), decoded(done.output), done.output.stat().st_size
    coarse = done.model_copy(update={"encode": done.encode.model_copy(update={"crf": 45})})
    assert is_made(done)
    assert not is_made(coarse)
    report = animate(coarse, folder=tmp_path / "job")
    assert frames(tmp_path / "job") == before
    assert len(before) == NUM_FRAMES
    assert is_made(coarse)
    assert not is_made(done)
    assert done.output.stat().st_size < fine_bytes
    assert np.abs(decoded(done.output).astype(int) - fine).mean() < 10
    assert (read_provenance(done.output) or {})["fingerprint"] == report.fingerprint
    assert read_record(JobFolder(tmp_path / "job")).job["encode"]["crf"] == 45


def test_the_same_frames_become_another_kind_of_file(done: RenderJob, tmp_path: Path) -> None:
    before = frames(tmp_path / "job")
    report = animate(done.model_copy(update={"output": tmp_path / "out.gif"}), folder=tmp_path / "job")
    assert (report.path, report.num_frames) == (tmp_path / "out.gif", NUM_FRAMES)
    assert frames(tmp_path / "job") == before


def test_resume_delivers_otherwise_and_refuses_other_frames(
    done: RenderJob, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "job"
    before, resume = frames(folder), ["jobs", "resume", str(folder), "--quiet"]
    assert main([*resume, "--set", "encode.crf=45"]) == 0
    assert (folder / "out.mp4").stat().st_size < done.output.stat().st_size
    assert read_record(JobFolder(folder)).job["encode"]["crf"] == 45
    assert main([*resume, "--set", "encode.crf=99"]) == 2
    capsys.readouterr()
    JobFolder(folder).cancelled.touch()
    record = JobFolder(folder).record.read_text()
    assert main([*resume, "--set", "seed=1", "--set", "encode.crf=20"]) == BAD_INPUT
    assert "job: seed has changed (0 then, 1 now)" in capsys.readouterr().err
    assert (read_state(JobFolder(folder)), JobFolder(folder).record.read_text()) == ("cancelled", record)
    assert main(resume) == 0
    assert frames(folder) == before


@pytest.mark.parametrize(("role", "setting"), [("photo", "photo"), ("poses", "tracker.recorded")])
def test_an_input_that_was_moved_is_missed_by_name_and_found_where_it_is_said_to_be(
    tiny: TinyJob, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], role: str, setting: str
) -> None:
    shutil.copytree(made, tmp_path / "job")
    record, lies = JobFolder(tmp_path / "job").record, {"photo": tiny.values["photo"], "poses": tiny.poses}[role]
    record.write_text(record.read_text().replace(str(lies), "/gone/it"))
    resume = ["jobs", "resume", str(tmp_path / "job"), "--quiet"]
    assert main(resume) == BAD_INPUT
    told = capsys.readouterr().err
    assert f"job: its {role} /gone/it cannot be found any more" in told
    assert f"animator jobs resume {tmp_path / 'job'} --set {setting}=FILE" in told
    assert main([*resume, "--set", f"{setting}={lies}"]) == 0
    assert decoded(tmp_path / "job" / "out.mp4").shape[0] == NUM_FRAMES


def test_a_folder_that_is_moved_away_under_its_render_is_said_to_be(
    tiny: TinyJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = worker.commit_frame

    def move_away(folder: JobFolder, index: int, *more: Any, **options: Any) -> str:
        if index == 2:
            folder.path.rename(tmp_path / "moved")
        return commit(folder, index, *more, **options)

    monkeypatch.setattr(worker, "commit_frame", move_away)
    job = RenderJob.model_validate({**tiny.values, "output": tmp_path / "out.mp4"})
    with pytest.raises(JobError, match="job: was moved or removed while it was rendered"):
        animate(job, folder=tmp_path / "job")
    assert not (tmp_path / "job").exists()
    monkeypatch.undo()
    assert animate(job, folder=tmp_path / "moved").num_frames == NUM_FRAMES


def test_a_watermark_comes_into_the_pictures_that_are_delivered(done: RenderJob, tmp_path: Path) -> None:
    before = frames(tmp_path / "job")
    marked = done.model_copy(update={"provenance": done.provenance.model_copy(update={"watermark": True})})
    report = animate(marked, folder=tmp_path / "job")
    assert frames(tmp_path / "job") == before
    assert is_made(marked)
    assert not is_made(done)
    assert report.sidecar is not None
    assert json.loads(report.sidecar.read_text())["watermark"] == report.fingerprint[:8]
