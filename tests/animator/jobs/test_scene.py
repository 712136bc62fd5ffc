"""Who does what, written once and read by every worker; another file in its place is noticed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from animator.errors import JobError
from animator.jobs.folder import JobFolder
from animator.jobs.inputs import input_sha256
from animator.jobs.record import JobRecord, Prepared, read_record
from animator.jobs.scene import load_scene, save_scene
from tests.animator.jobs.job_folder import SIZE, prepared_job


@pytest.fixture
def job(tmp_path: Path) -> JobFolder:
    return prepared_job(tmp_path / "job", num_frames=12)


def with_hash_of(job: JobFolder, path: Path) -> JobRecord:
    """The job's record as if this file had been written by it."""
    record = read_record(job)
    ready: Prepared = record.ready.model_copy(update={"sha256": {**record.ready.sha256, path.name: input_sha256(path)}})
    return record.model_copy(update={"prepared": ready})


def test_a_scene_comes_back_as_it_was_saved(job: JobFolder) -> None:
    scene, again = (load_scene(job, read_record(job)) for _ in range(2))
    assert (len(scene.driving), scene.fps, scene.subject.placement.canvas_size) == (12, 20, SIZE)
    assert scene.driving.frame_size == SIZE
    assert scene.subject.photo_HWC.shape == scene.subject.background_HWC.shape == (SIZE[1], SIZE[0], 3)
    assert scene.subject.matte_HW.dtype == np.float32
    assert np.array_equal(scene.subject.pose.keypoints_TK2, again.subject.pose.keypoints_TK2)


def test_those_who_stand_before_the_person_come_back_too(job: JobFolder) -> None:
    record = read_record(job)
    scene = load_scene(job, record)
    assert scene.subject.cover_HW is None
    cover = np.linspace(0, 1, SIZE[0] * SIZE[1], dtype=np.float32).reshape(SIZE[1], SIZE[0])
    record = save_scene(job, record, replace(scene, subject=replace(scene.subject, cover_HW=cover)))
    again = load_scene(job, record).subject.cover_HW
    assert again is not None
    assert np.array_equal(again, cover)


@pytest.mark.parametrize("name", ["poses.npz", "tracked.npz", "subject.npz"])
def test_a_file_that_is_missing_or_another_one_is_refused(job: JobFolder, name: str) -> None:
    path = job.path / name
    content = path.read_bytes()
    path.write_bytes(content + b" ")
    with pytest.raises(JobError, match=rf"job/{name}: missing, or not the file that this job wrote"):
        load_scene(job, read_record(job))
    path.unlink()
    with pytest.raises(JobError, match=rf"job/{name}: missing"):
        load_scene(job, read_record(job))


@pytest.mark.parametrize(
    "change",
    [
        {"photo": np.zeros((4, 4, 3), np.uint8)},
        {"matte": np.full((SIZE[1], SIZE[0]), np.nan, np.float32)},
        {"background": np.zeros((SIZE[1], SIZE[0], 3), np.float32)},
        {"cover": np.full((SIZE[1], SIZE[0]), np.nan, np.float32)},
        {"cover": np.zeros((4, 4), np.float32)},
        {"skeleton": np.array("octopus")},
        {"format": np.array("pose-animator-subject/9")},
        {"sizes": np.zeros(3)},
        {"photo": np.array([None])},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_subject_of_somebody_else_s_making_is_refused_in_one_line(job: JobFolder, change: dict[str, object]) -> None:
    with np.load(job.subject) as archive:
        arrays = dict(archive)
    np.savez(job.subject, **{**arrays, **change})  # type: ignore[arg-type]
    with pytest.raises(JobError) as caught:
        load_scene(job, with_hash_of(job, job.subject))
    assert "\n" not in str(caught.value)


def test_files_of_another_job_do_not_belong_to_it(job: JobFolder, tmp_path: Path) -> None:
    other = prepared_job(tmp_path / "other", num_frames=13)
    job.poses.write_bytes(other.poses.read_bytes())
    with pytest.raises(JobError, match="do not belong together"):
        load_scene(job, with_hash_of(job, job.poses))
