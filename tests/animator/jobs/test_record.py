from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from animator.config import RenderJob
from animator.errors import JobError
from animator.jobs.beginning import begin_job
from animator.jobs.folder import JobFolder
from animator.jobs.inputs import input_sha256
from animator.jobs.record import Prepared, read_record, write_record
from tests.animator.jobs.job_folder import job_record as record


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    return JobFolder(tmp_path / "job")


def test_a_job_comes_back_as_it_was_written(folder: JobFolder, tmp_path: Path) -> None:
    begun = begin_job(folder, record(tmp_path, seed=3, motion={"fps": "30000/1001"}, start_s=1.5))
    assert read_record(folder) == begun
    assert begun.render_job() == RenderJob(
        photo=tmp_path / "me.jpg",
        clip=tmp_path / "walk.mp4",
        output=tmp_path / "out.mp4",
        seed=3,
        motion={"fps": "30000/1001"},  # type: ignore[arg-type]
        start_s=1.5,
    )
    prepared = Prepared(num_frames=50, fps="30000/1001", sha256={"poses.npz": "cc"}, warnings=("dark",))
    write_record(folder, begun.model_copy(update={"prepared": prepared}))
    assert read_record(folder).ready == prepared
    assert [chunk.name for chunk in read_record(folder).chunks] == ["000000-000023", "000024-000047", "000048-000049"]


def test_an_input_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"me\.jpg: cannot be read \(No such file or directory\)\. Check the path"):
        input_sha256(tmp_path / "me.jpg")


def test_a_job_keeps_a_name_that_is_no_utf_8_and_json_people_can_read(folder: JobFolder, tmp_path: Path) -> None:
    output = tmp_path / os.fsdecode(b"\xfe " + "tänz 舞.mp4".encode())
    begun = begin_job(folder, record(tmp_path).model_copy(update={"job": {"output": str(output)}}))
    assert read_record(folder) == begun
    assert "tänz 舞" in folder.record.read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["", "[1]", '{"format": "pose-animator-job/9"}', '{"format": "pose-animator-job/1"}'])
def test_a_damaged_job_is_refused_in_one_line(folder: JobFolder, text: str) -> None:
    folder.make()
    folder.record.write_text(text)
    with pytest.raises(JobError, match=r"job/job\.json: .*\. Submit the job into a new folder\.$") as caught:
        read_record(folder)
    assert "\n" not in str(caught.value)


def test_a_job_from_elsewhere_names_no_code_without_trust(folder: JobFolder, tmp_path: Path) -> None:
    begin_job(folder, record(tmp_path, generator="os:system"))
    with pytest.raises(JobError, match="would run Python code"):
        read_record(folder).render_job()
    assert read_record(folder).render_job(trust=True).generator == "os:system"


def test_links_in_a_job_are_refused(folder: JobFolder, tmp_path: Path) -> None:
    begin_job(folder, record(tmp_path))
    (folder.frames / "000000.png").symlink_to(tmp_path / "elsewhere.png")
    with pytest.raises(JobError, match=r"000000\.png is a link"):
        read_record(folder)


def test_json_of_a_job_is_plain(folder: JobFolder, tmp_path: Path) -> None:
    begin_job(folder, record(tmp_path))
    assert json.loads(folder.record.read_text())["format"] == "pose-animator-job/1"
