"""Whole motions: mirrored, turned, resampled, mixed, held in place, set on the floor."""

import dataclasses

import numpy as np
import pytest

from animator.errors import JobError
from animator.synthesis.motions.library import procedural_motion
from animator.synthesis.motions.motion import (
    Motion,
    hold_in_place,
    joint_tracks,
    mirror_motion,
    mix_motions,
    motion_from_globals,
    resample_motion,
    stretch_motion,
    turn_motion,
    upright_frames,
)
from animator.synthesis.rig import JOINT, JOINTS, MIRROR, forward_kinematics


@pytest.fixture(scope="module")
def motion() -> Motion:
    return procedural_motion("roam", "any_arms", seed=3, num_frames=60, fps=25.0)


def test_joint_tracks_equal_forward_kinematics_frame_by_frame(motion: Motion) -> None:
    positions, turned = joint_tracks(motion)
    for frame in (0, 31, 59):
        expected = forward_kinematics(motion[frame])
        np.testing.assert_allclose(positions[frame], expected[0], atol=1e-12)
        np.testing.assert_allclose(turned[frame], expected[1], atol=1e-12)


def test_mirrored_motion_is_the_mirror_image_of_every_joint(motion: Motion) -> None:
    here, _ = joint_tracks(motion)
    there, _ = joint_tracks(mirror_motion(motion))
    np.testing.assert_allclose(there, here[:, MIRROR] * [-1, 1, 1], atol=1e-9)


def test_turning_moves_no_joint_against_another(motion: Motion) -> None:
    here, _ = joint_tracks(motion)
    there, _ = joint_tracks(turn_motion(motion, 70.0))
    np.testing.assert_allclose(
        np.linalg.norm(here[:, 1:] - here[:, :-1], axis=-1), np.linalg.norm(there[:, 1:] - there[:, :-1], axis=-1)
    )
    np.testing.assert_allclose(there[..., 1], here[..., 1], atol=1e-9)


def test_resampling_to_the_same_rate_changes_nothing(motion: Motion) -> None:
    again = resample_motion(motion, fps=25.0)
    np.testing.assert_allclose(again.rotations_TJ33, motion.rotations_TJ33, atol=1e-9)
    np.testing.assert_allclose(again.roots_T3, motion.roots_T3, atol=1e-12)


def test_double_speed_takes_half_the_frames_and_passes_through_the_same_poses(motion: Motion) -> None:
    fast = resample_motion(motion, fps=25.0, speed=2.0)
    assert len(fast) == 30
    np.testing.assert_allclose(fast.rotations_TJ33[10], motion.rotations_TJ33[20], atol=1e-9)


def test_stretched_motion_runs_forth_and_back_without_a_jump(motion: Motion) -> None:
    long = stretch_motion(motion, 150)
    steps = np.abs(np.diff(joint_tracks(long)[0], axis=0)).max()
    assert len(long) == 150
    assert steps <= np.abs(np.diff(joint_tracks(motion)[0], axis=0)).max() + 1e-12


def test_mixing_takes_legs_from_one_and_arms_from_the_other(motion: Motion) -> None:
    other = procedural_motion("march", "wave", seed=1, num_frames=50, fps=25.0)
    mixed = mix_motions(motion, other)
    assert len(mixed) == 50
    for name in ("left_knee", "pelvis", "right_foot"):
        np.testing.assert_array_equal(mixed.rotations_TJ33[:, JOINT[name]], other.rotations_TJ33[:, JOINT[name]])
    for name in ("left_elbow", "spine2", "head"):
        np.testing.assert_array_equal(mixed.rotations_TJ33[:, JOINT[name]], motion.rotations_TJ33[:50, JOINT[name]])


def test_mixing_different_rates_is_refused(motion: Motion) -> None:
    with pytest.raises(JobError, match="resample"):
        mix_motions(motion, dataclasses.replace(motion, fps=30.0))


def test_a_walk_across_the_room_is_held_in_place(motion: Motion) -> None:
    away = motion.roots_T3 + np.linspace(0, 4, len(motion))[:, None] * [1.0, 0, 0.5]
    held = hold_in_place(dataclasses.replace(motion, roots_T3=away))
    assert np.abs(held.roots_T3[:, [0, 2]]).max() <= 0.35 + 1e-9
    np.testing.assert_array_equal(held.roots_T3[:, 1], motion.roots_T3[:, 1])


def test_global_rotations_come_back_facing_front_and_standing(motion: Motion) -> None:
    turned = turn_motion(motion, 130.0)
    _, rotations = joint_tracks(turned)
    again = motion_from_globals(rotations, turned.roots_T3 + np.array([0, 0.7, 0]), fps=25.0)
    positions, _ = joint_tracks(again)
    feet = positions[:, [JOINT["left_ankle"], JOINT["right_ankle"]], 1]
    assert feet.min() == pytest.approx(0.08, abs=0.03)
    _, facing = joint_tracks(again)
    ahead = facing[:, [0, 9], :, 2].sum((0, 1))
    assert ahead[2] > 20 * abs(ahead[0])


def test_lying_and_hand_standing_are_not_upright(motion: Motion) -> None:
    assert upright_frames(motion).mean() > 0.9
    tipped = motion.rotations_TJ33.copy()
    tipped[:, 0] = np.array([[1, 0, 0], [0, 0, -1.0], [0, 1.0, 0]]) @ tipped[:, 0]
    assert not upright_frames(dataclasses.replace(motion, rotations_TJ33=tipped)).any()


def test_arrays_that_do_not_match_are_refused(motion: Motion) -> None:
    with pytest.raises(JobError, match="roots_T3"):
        dataclasses.replace(motion, roots_T3=motion.roots_T3[:5])
    with pytest.raises(JobError, match="finite"):
        dataclasses.replace(motion, smile_T=motion.smile_T * np.nan)


def test_all_joints_of_the_rig_move_in_free_motion(motion: Motion) -> None:
    moved = np.ptp(motion.rotations_TJ33, axis=0).max((1, 2))
    assert [JOINTS[joint] for joint in np.flatnonzero(moved < 1e-3)] == []
