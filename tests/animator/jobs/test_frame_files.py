"""Pictures of a job: each appears whole, says whose it is, and is believed only when its pixels agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from animator.errors import JobError
from animator.jobs.folder import JobFolder
from animator.jobs.frame_files import (
    commit_frame,
    pixels_sha256,
    read_frame,
    sound_frames,
    sweep_frames,
)

SIZE, JOB = (20, 30), "a" * 64


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    place = JobFolder(tmp_path / "job")
    place.make()
    return place


@pytest.fixture
def picture_HWC() -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8)


def test_a_frame_comes_back_as_it_was_committed(folder: JobFolder, picture_HWC: np.ndarray) -> None:
    digest = commit_frame(folder, 7, picture_HWC, job=JOB)
    pixels_HWC, found = read_frame(folder, 7, size=SIZE, job=JOB)
    assert np.array_equal(pixels_HWC, picture_HWC)
    assert digest == found == pixels_sha256(picture_HWC)
    assert [path.name for path in folder.frames.iterdir()] == ["000007.png"]


def test_the_hash_is_of_pixels_and_shape(picture_HWC: np.ndarray) -> None:
    other = picture_HWC.copy()
    other[0, 0, 0] ^= 1
    turned = picture_HWC.reshape(SIZE[0], SIZE[1], 3)
    assert len({pixels_sha256(each) for each in (picture_HWC, other, turned)}) == 3


def test_a_picture_of_another_frame_job_size_or_of_nobody_is_refused(
    folder: JobFolder, picture_HWC: np.ndarray
) -> None:
    commit_frame(folder, 1, picture_HWC, job=JOB)
    folder.frame(2).write_bytes(folder.frame(1).read_bytes())
    Image.fromarray(picture_HWC).save(folder.frame(3))
    Image.fromarray(picture_HWC[..., 0]).save(folder.frame(4))
    folder.frame(5).write_bytes(folder.frame(1).read_bytes()[:-200])
    for index, job, size in ((1, "b" * 64, SIZE), (1, JOB, (30, 20)), *((index, JOB, SIZE) for index in (2, 3, 4, 5))):
        with pytest.raises(JobError, match=rf"00000{index}\.png: "):
            read_frame(folder, index, size=size, job=job)
    with pytest.raises(FileNotFoundError):
        read_frame(folder, 9, size=SIZE, job=JOB)


def test_of_frames_that_lie_there_the_sound_ones_count_and_the_others_go(
    folder: JobFolder, picture_HWC: np.ndarray
) -> None:
    digest = commit_frame(folder, 1, picture_HWC, job=JOB)
    folder.frame(2).write_bytes(folder.frame(1).read_bytes())
    folder.frame(3).write_bytes(b"")
    assert sound_frames(folder, range(5), size=SIZE, job=JOB) == {1: digest}
    assert sorted(path.name for path in folder.frames.iterdir()) == ["000001.png"]


def test_what_a_killed_worker_left_of_these_frames_is_swept_and_nothing_else(folder: JobFolder) -> None:
    for name in (".000001.png.aaaaaaaa.tmp", ".000009.png.bbbbbbbb.tmp", "000001.png"):
        (folder.frames / name).touch()
    sweep_frames(folder, range(5))
    assert sorted(path.name for path in folder.frames.iterdir()) == [".000009.png.bbbbbbbb.tmp", "000001.png"]
