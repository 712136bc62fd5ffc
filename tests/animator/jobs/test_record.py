from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from animator.config import RenderJob
from animator.errors import EncodeError, JobError
from animator.jobs.folder import JobFolder
from animator.jobs.inputs import input_sha256
from animator.jobs.locks import locked
from animator.jobs.record import (
    JobRecord,
    Prepared,
    begin_job,
    check_begin,
    read_record,
    refuse_changes,
    software,
    write_record,
)

Begin = Callable[[JobFolder, JobRecord], object]


def record(folder: Path, **changes: Any) -> JobRecord:
    job = RenderJob(photo=folder / "me.jpg", clip=folder / "walk.mp4", output=folder / "out.mp4", **changes)
    return JobRecord(
        software=software(),
        fingerprint=f"of {job.seed} {job.motion.window_s}",
        inputs={"photo": "aa", "clip": "bb"},
        generator=job.generator,
        canvas=(512, 640),
        chunk_size=24,
        job=job.model_dump(mode="json"),
    )


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


def test_the_same_job_is_taken_up_again_and_another_one_refused(folder: JobFolder, tmp_path: Path) -> None:
    begun = begin_job(folder, record(tmp_path))
    assert begin_job(folder, record(tmp_path)) == begun
    with pytest.raises(JobError, match=r"seed has changed \(0 then, 1 now\)"):
        begin_job(folder, record(tmp_path, seed=1))
    with pytest.raises(JobError, match=r"motion\.fps has changed \(none then, \"25\" now\)"):
        begin_job(folder, record(tmp_path, motion={"fps": 25, "window_s": 0.3}))
    with pytest.raises(JobError, match=r"motion\.window_s has changed"):
        begin_job(folder, record(tmp_path, motion={"window_s": 0.3}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"inputs": {"photo": "zz", "clip": "bb"}}, "the photo has changed (me.jpg)"),
        ({"inputs": {"photo": "aa", "clip": "zz"}}, "the clip has changed (walk.mp4)"),
        ({"model": {"name": "m", "fingerprint": "zz"}}, "the model has changed"),
        ({"generator": "diffusion"}, "the generator has changed (puppet then, diffusion now)"),
        ({"canvas": (64, 64)}, "the canvas has changed (512x640 px then, 64x64 px now)"),
        ({}, "a setting has changed"),
    ],
)
def test_what_has_changed_is_named(folder: JobFolder, tmp_path: Path, change: dict[str, Any], words: str) -> None:
    before = record(tmp_path)
    with pytest.raises(JobError) as caught:
        refuse_changes(folder, before, before.model_copy(update={**change, "fingerprint": "another"}))
    assert words in str(caught.value)


def test_what_shapes_no_frame_is_not_said_to_have_changed(folder: JobFolder, tmp_path: Path) -> None:
    now = record(tmp_path, encode={"crf": 30}, provenance={"watermark": True}, preview={"side_by_side": False}, seed=1)
    with pytest.raises(JobError, match=r"^job: seed has changed \(0 then, 1 now\) since"):
        refuse_changes(folder, record(tmp_path), now)


@pytest.mark.parametrize(
    "delivery",
    [
        {"provenance": {"consent": "I am in the photo"}},
        {"provenance": {"watermark": True}},
        {"preview": {"contact_sheet": False}},
        {"encode": {"crf": 30, "preset": "slow", "keep_audio": False}},
    ],
)
def test_a_job_whose_frames_are_to_be_delivered_otherwise_goes_on(
    folder: JobFolder, tmp_path: Path, delivery: dict[str, dict[str, Any]]
) -> None:
    begun = begin_job(folder, record(tmp_path))
    prepared = Prepared(num_frames=50, fps="25", sha256={})
    write_record(folder, begun.model_copy(update={"prepared": prepared}))
    folder.result.write_text("{}")
    assert begin_job(folder, record(tmp_path)).ready == prepared
    assert folder.result.exists()
    otherwise = begin_job(folder, record(tmp_path, **delivery))
    assert not folder.result.exists()
    assert (otherwise, otherwise.ready) == (read_record(folder), prepared)
    ((part, values),) = delivery.items()
    assert {key: otherwise.job[part][key] for key in values} == values


def test_where_files_lie_now_is_kept_for_the_next_time(folder: JobFolder, tmp_path: Path) -> None:
    begun = begin_job(folder, record(tmp_path))
    prepared = Prepared(num_frames=50, fps="25", sha256={})
    write_record(folder, begun.model_copy(update={"prepared": prepared}))
    folder.result.write_text("{}")
    moved = begin_job(folder, record(tmp_path / "albums"))
    assert (moved, moved.ready, moved.fingerprint) == (read_record(folder), prepared, begun.fingerprint)
    assert moved.render_job().photo == tmp_path / "albums" / "me.jpg"
    assert moved.render_job().output == tmp_path / "out.mp4"
    assert folder.result.exists()


def test_a_worker_keeps_the_places_it_works_with(folder: JobFolder, tmp_path: Path) -> None:
    begun = begin_job(folder, record(tmp_path))
    with locked(folder):
        assert begin_job(folder, record(tmp_path / "albums")) == begun
    assert read_record(folder) == begun


def test_what_a_job_says_of_itself_does_not_change_under_the_hands_of_a_worker(
    folder: JobFolder, tmp_path: Path
) -> None:
    begun = begin_job(folder, record(tmp_path))
    with locked(folder), pytest.raises(JobError, match="is being rendered already"):
        begin_job(folder, record(tmp_path, provenance={"consent": "I am in the photo"}))
    assert read_record(folder) == begun


def test_an_input_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"me\.jpg: cannot be read \(No such file or directory\)\. Check the path"):
        input_sha256(tmp_path / "me.jpg")


def test_another_version_of_the_program_is_refused(folder: JobFolder, tmp_path: Path) -> None:
    before = record(tmp_path)
    with pytest.raises(JobError, match="the program has changed"):
        refuse_changes(folder, before.model_copy(update={"software": "pose-animator 0.0.1"}), before)


@pytest.mark.parametrize("begin", [begin_job, check_begin])
def test_a_folder_of_something_else_is_left_alone(folder: JobFolder, tmp_path: Path, begin: Begin) -> None:
    folder.path.mkdir()
    (folder.path / "holiday.jpg").touch()
    with pytest.raises(JobError, match="already holds something else"):
        begin(folder, record(tmp_path))
    assert [path.name for path in folder.path.iterdir()] == ["holiday.jpg"]


@pytest.mark.parametrize("begin", [begin_job, check_begin])
def test_a_file_in_the_place_of_a_job_s_folder_is_named_as_one(folder: JobFolder, tmp_path: Path, begin: Begin) -> None:
    folder.path.write_text("the only copy")
    with pytest.raises(JobError, match="job: is a file, and a job is a folder; give a new folder"):
        begin(folder, record(tmp_path))
    assert folder.path.read_text() == "the only copy"


def test_whether_a_job_could_be_begun_is_found_out_without_a_trace(folder: JobFolder, tmp_path: Path) -> None:
    check_begin(folder, record(tmp_path))
    assert not folder.path.exists()
    begun = begin_job(folder, record(tmp_path))
    check_begin(folder, record(tmp_path, encode={"crf": 30}))
    with pytest.raises(JobError, match=r"seed has changed \(0 then, 1 now\)"):
        check_begin(folder, record(tmp_path, seed=1))
    assert read_record(folder) == begun
    (tmp_path / "file").touch()
    with pytest.raises(EncodeError, match="Not a directory"):
        check_begin(JobFolder(tmp_path / "file" / "job"), record(tmp_path))


def test_a_job_is_not_kept_where_its_result_goes(folder: JobFolder, tmp_path: Path) -> None:
    place = tmp_path / "out.mp4"
    with pytest.raises(JobError, match="is where the result goes; give the job a folder of its own"):
        begin_job(JobFolder(place), record(tmp_path))
    assert not place.exists()


def test_a_job_keeps_a_name_that_is_no_utf_8_and_json_people_can_read(folder: JobFolder, tmp_path: Path) -> None:
    output = tmp_path / os.fsdecode(b"\xfe " + "tänz 舞.mp4".encode())
    begun = begin_job(folder, record(tmp_path).model_copy(update={"job": {"output": str(output)}}))
    assert read_record(folder) == begun
    assert "tänz 舞" in folder.record.read_text(encoding="utf-8")


def test_a_folder_that_was_being_made_when_the_power_went_is_taken(folder: JobFolder, tmp_path: Path) -> None:
    folder.make()
    (folder.path / ".job.json.12345678.tmp").touch()
    begin_job(folder, record(tmp_path))
    assert read_record(folder).generator == "puppet"


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
