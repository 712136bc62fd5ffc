"""Clips and pairs on disk."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from animator.errors import EncodeError, JobError
from animator.synthesis.export import UV_STEPS, ExportOptions, check_clip_place, write_clip, write_pair
from animator.synthesis.take import TakeOptions, random_take
from pose_tracking.clip import DrivingClip
from pose_tracking.sequence import PoseSequence

SMALL = ExportOptions(take=TakeOptions(height=128, width=96, num_frames=6))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_clip(7, tmp_path_factory.mktemp("clip") / "walk.mp4", SMALL)


def test_clip_has_its_frames_rate_and_size(written: list[Path]) -> None:
    clip = DrivingClip.open(written[0])
    assert (clip.info.width, clip.info.height, float(clip.info.fps)) == (96, 128, 25.0)
    assert len(list(clip.frames())) == 6


def test_ground_truth_is_a_pose_file_with_maps_that_agree(written: list[Path]) -> None:
    poses = PoseSequence.load(written[1])
    assert len(poses) == 6
    assert poses.frame_size == (96, 128)
    with np.load(written[1]) as truth:
        assert truth["matte"].shape == (6, 128, 96)
        np.testing.assert_array_equal(truth["parts"] > 0, np.isfinite(truth["depth"]))
        assert (truth["parts"][truth["matte"] > 200] > 0).all()
        assert truth["keypoints_3d"].shape == (6, 33, 3)
        nose = poses.joint("nose").round().astype(int)
        assert all(truth["matte"][t, y, x] > 0 for t, (x, y) in enumerate(nose))


def test_same_seed_gives_the_same_bytes(written: list[Path], tmp_path: Path) -> None:
    again = write_clip(7, tmp_path / "walk.mp4", SMALL)
    assert again[0].read_bytes() == written[0].read_bytes()
    assert again[1].read_bytes() == written[1].read_bytes()


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"walk\.mov"):
        write_clip(1, tmp_path / "walk.mov", SMALL)


def test_pair_holds_driver_truth_and_photo(tmp_path: Path) -> None:
    options = ExportOptions(take=TakeOptions(height=128, width=96, num_frames=2, split="held-out"), maps=False)
    paths = write_pair(1, tmp_path, options)
    assert sorted(path.name for path in paths) == [
        "driver.mp4", "driver.npz", "photo.png", "subject.mp4", "subject.npz",
    ]  # fmt: skip
    assert Image.open(tmp_path / "photo.png").size == (96, 128)
    with np.load(tmp_path / "subject.npz") as truth:
        assert "parts" not in truth.files


def test_sides_that_mp4_cannot_have_are_refused(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"129x161 px.*give 130x162"):
        ExportOptions(take=TakeOptions(height=161, width=129))


def test_surface_coordinates_are_kept_to_a_part_in_65535(written: list[Path]) -> None:
    shown = random_take(7, SMALL.take).frame(2)
    with np.load(written[1]) as truth:
        assert truth["uv"].dtype == np.uint16
        np.testing.assert_allclose(truth["uv"][2] / UV_STEPS, shown.uv_HW2.clip(0, 1), atol=0.51 / UV_STEPS)
        np.testing.assert_array_equal(truth["parts"][2], shown.parts_HW)


@pytest.mark.parametrize("end", ["walk.mp4", "walk.npz"])
def test_a_place_that_cannot_be_written_is_found_before_any_work(tmp_path: Path, end: str) -> None:
    (tmp_path / end).mkdir()
    with pytest.raises(EncodeError, match=end):
        check_clip_place(tmp_path / "walk.mp4")
