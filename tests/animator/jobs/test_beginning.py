from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from animator.errors import EncodeError, JobError
from animator.jobs.beginning import begin_job, check_begin, refuse_changes
from animator.jobs.folder import JobFolder
from animator.jobs.ledger import ChunkEntry, read_entry, write_entry
from animator.jobs.locks import BusyError, locked
from animator.jobs.plan import Chunk
from animator.jobs.record import JobRecord, Prepared, read_record, write_record
from tests.animator.jobs.job_folder import job_record as record

Begin = Callable[[JobFolder, JobRecord], object]


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    return JobFolder(tmp_path / "job")


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


def of_another_program(begun: JobRecord, **changes: Any) -> JobRecord:
    """What another version of the program wrote of the same job, half done with its preparation."""
    prepared = Prepared(num_frames=50, fps="25", sha256={"poses.npz": "cc"})
    before = {"software": "pose-animator 0.0.1", "fingerprint": "another", "prepared": prepared}
    return begun.model_copy(update={**before, **changes})


@pytest.mark.parametrize("begin", [begin_job, check_begin])
def test_another_version_of_the_program_is_refused_once_there_are_frames(
    folder: JobFolder, tmp_path: Path, begin: Begin
) -> None:
    before = write_record(folder, of_another_program(begin_job(folder, record(tmp_path))))
    folder.frame(3).touch()
    with pytest.raises(JobError, match=r"^job: the program has changed .* its frames would not fit together"):
        begin(folder, record(tmp_path))
    assert read_record(folder) == before


def test_another_version_of_the_program_begins_anew_what_has_no_frame_yet(folder: JobFolder, tmp_path: Path) -> None:
    write_record(folder, of_another_program(begin_job(folder, record(tmp_path))))
    chunk = Chunk(first=0, stop=24)
    write_entry(folder, chunk, ChunkEntry(first=0, stop=24, failures={3: ("NaN", "NaN", "NaN")}))
    now = record(tmp_path).model_copy(update={"job": record(tmp_path / "albums").job})
    check_begin(folder, now)
    begun = begin_job(folder, now)
    assert begun == read_record(folder)
    assert (begun.software, begun.fingerprint, begun.prepared) == (now.software, now.fingerprint, None)
    # Its files may have moved meanwhile; its result goes where it was to go.
    assert begun.render_job().photo == tmp_path / "albums" / "me.jpg"
    assert begun.render_job().output == tmp_path / "out.mp4"
    assert not read_entry(folder, chunk).failures


def test_what_comes_with_the_program_may_be_another_one_with_it(folder: JobFolder, tmp_path: Path) -> None:
    now = record(tmp_path, generator="diffusion").model_copy(
        update={"model": {"name": "embedded", "fingerprint": "new"}, "canvas": (256, 320)}
    )
    motion = {key: value for key, value in now.job["motion"].items() if key != "window_s"}
    old = {"model": {"name": "embedded", "fingerprint": "old"}, "job": {**now.job, "motion": motion}}
    write_record(folder, of_another_program(begin_job(folder, now), **old))
    assert begin_job(folder, now) == now


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": {"photo": "zz", "clip": "bb"}},
        {"model": {"name": "/models/anna", "fingerprint": "zz"}},
        {"job": {"seed": 1}},
        {"job": {"canvas": None}},
        {"result": True},
    ],
)
def test_another_version_of_the_program_begins_nothing_else_anew(
    folder: JobFolder, tmp_path: Path, change: dict[str, Any]
) -> None:
    now = record(tmp_path).model_copy(update={"model": {"name": "/models/anna", "fingerprint": "aa"}})
    begun = begin_job(folder, now)
    if change.pop("result", False):
        folder.result.write_text("{}")
    change["job"] = {**begun.job, **change.get("job", {})}
    before = write_record(folder, of_another_program(begun, **change))
    with pytest.raises(JobError, match="the program has changed"):
        begin_job(folder, now)
    assert read_record(folder) == before


def test_a_job_that_another_version_of_the_program_works_on_is_left_to_it(folder: JobFolder, tmp_path: Path) -> None:
    before = write_record(folder, of_another_program(begin_job(folder, record(tmp_path))))
    with locked(folder), pytest.raises(BusyError):
        begin_job(folder, record(tmp_path))
    assert read_record(folder) == before


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


def test_a_folder_that_was_being_made_when_the_power_went_is_taken(folder: JobFolder, tmp_path: Path) -> None:
    folder.make()
    (folder.path / ".job.json.12345678.tmp").touch()
    begin_job(folder, record(tmp_path))
    assert read_record(folder).generator == "puppet"
