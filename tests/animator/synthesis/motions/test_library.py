"""The library: pure functions of a seed, splits by construction, enough different poses, all in the picture."""

import numpy as np
import pytest

from animator.errors import JobError
from animator.synthesis.motions.carriage import CARRIAGES
from animator.synthesis.motions.framing import frame_points, outline_points
from animator.synthesis.motions.library import MotionFiles, procedural_motion, procedural_pairs, random_motion
from animator.synthesis.motions.motion import Motion, motion_from_rotations, turn_motion
from animator.synthesis.motions.stances import STANCES
from animator.synthesis.motions.variety import count_distinct, pose_shapes
from animator.synthesis.rig import DEFAULT_REST_J3, NUM_JOINTS, rotation
from animator.synthesis.splits import SPLITS


def test_same_seed_gives_the_same_motion() -> None:
    one, two = random_motion(11, num_frames=20), random_motion(11, num_frames=20)
    for name in ("rotations_TJ33", "roots_T3", "curl_TSF", "smile_T"):
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes()


def test_training_and_held_out_motions_share_no_pair() -> None:
    train, held_out = set(procedural_pairs("train")), set(procedural_pairs("held-out"))
    assert not train & held_out
    assert len(train) + len(held_out) == len(STANCES) * len(CARRIAGES)


@pytest.mark.parametrize("split", SPLITS)
def test_every_stance_and_carriage_is_in_both_splits(split: str) -> None:
    pairs = procedural_pairs(split)
    assert {stance for stance, _ in pairs} == set(STANCES)
    assert {carriage for _, carriage in pairs} == set(CARRIAGES)


def still(degrees: float) -> Motion:
    rotations = np.tile(np.eye(3), (1, NUM_JOINTS, 1, 1))
    rotations[:, 5] = rotation("z", degrees)
    return motion_from_rotations(rotations, np.array([[0.0, 1.0, 0.0]]), fps=1.0)


def test_motion_files_are_in_one_split_each_and_some_in_both() -> None:
    named = tuple((f"pose {number}", still(10.0 * number)) for number in range(6))
    files = MotionFiles(clips=named[:3], poses=named[3:], skipped=())
    for kind, motions in (("clips", named[:3]), ("poses", named[3:])):
        index = ("clips", "poses").index(kind)
        train, held_out = ({id(motion) for motion in files.of_split(split)[index]} for split in SPLITS)
        assert train
        assert held_out
        assert not train & held_out
        assert train | held_out == {id(motion) for _, motion in motions}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("fps", [1.0, 1.4, 2.0])
def test_moves_between_poses_may_be_shorter_than_a_frame(fps: float) -> None:
    files = MotionFiles(clips=(), poses=tuple((f"pose {n}", still(10.0 * n)) for n in range(8)), skipped=())
    for seed in range(40):
        assert len(random_motion(seed, num_frames=12, fps=fps, files=files)) == 12


def test_unknown_split_is_named() -> None:
    with pytest.raises(JobError, match="'test'"):
        random_motion(0, split="test")


def test_forty_motions_hold_a_hundred_distinct_poses() -> None:
    """A cheap part of the promise of 2,000; benchmarks/bench_synthesis.py counts them all."""
    motions = (turn_motion(random_motion(seed), 40.0 * (seed % 3 - 1)).take(slice(None, None, 6)) for seed in range(40))
    assert count_distinct(motions, stop_at=150) >= 100


def test_a_pose_that_was_seen_is_not_counted_again() -> None:
    motion = procedural_motion("stand", "at_ease", seed=0, num_frames=40, fps=25.0)
    assert count_distinct([motion, motion]) == count_distinct([motion])
    assert count_distinct([motion]) <= 2
    raised = procedural_motion("stand", "raise_arms", seed=1, num_frames=100, fps=25.0)
    assert count_distinct([motion, raised]) > count_distinct([motion])


def test_shapes_are_measured_in_torsos() -> None:
    shapes = pose_shapes(procedural_motion("stand", "at_ease", seed=0, num_frames=5, fps=25.0))
    torso = np.linalg.norm(shapes[:, 0:2].mean(1) - shapes[:, 6:8].mean(1), axis=1)
    np.testing.assert_allclose(torso, 1.0)


@pytest.mark.parametrize("seed", range(4))
def test_whole_motion_stays_in_the_picture_with_its_margin(seed: int) -> None:
    motion = random_motion(seed, num_frames=50)
    points = outline_points(motion, DEFAULT_REST_J3)
    camera = frame_points(points, height=320, width=256, margin=0.08, yaw_deg=25.0 * seed, elevation_deg=10.0)
    pixels = camera.project(points.reshape(-1, 3))[:, :2]
    assert pixels.min() > 0.07 * 256
    assert (pixels.max(0) < [256 * 0.93, 320 * 0.93]).all()
    touches = [pixels[:, 0].min() / 256, 1 - pixels[:, 0].max() / 256, pixels[:, 1].min() / 320]
    assert min(touches) < 0.10
