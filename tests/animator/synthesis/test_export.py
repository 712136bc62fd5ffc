"""Clips, folders and pairs on disk."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from animator.errors import JobError
from animator.synthesis.export import ExportOptions, write_clip, write_many, write_pair
from animator.synthesis.take import TakeOptions
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
    with np.load(again[1]) as one, np.load(written[1]) as two:
        for name in two.files:
            np.testing.assert_array_equal(one[name], two[name])


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


def test_folder_of_clips_has_a_manifest(tmp_path: Path) -> None:
    options = ExportOptions(take=TakeOptions(height=64, width=48, num_frames=1), maps=False)
    done: list[int] = []
    manifest = write_many("clips", tmp_path, 2, options, seed=5, advance=done.append)
    about = json.loads(manifest.read_text())
    assert [entry["seed"] for entry in about["clips"]] == [5, 6]
    assert all((tmp_path / name).is_file() for entry in about["clips"] for name in entry["files"])
    assert done == [1, 1]
