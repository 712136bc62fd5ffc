"""Spikes and teleports go; everything a body can do stays."""

from __future__ import annotations

import numpy as np
import pytest

from pose_tracking.skeleton import BLAZEPOSE_33
from temporal.outliers import reject_outliers
from tests.temporal.motions import TORSO_PX, as_sequence, kicking, standing, swaying, turning, with_noise

WRIST = BLAZEPOSE_33.index("left_wrist")
KNEE = BLAZEPOSE_33.index("right_knee")


def _rejected(keypoints, **options):
    times_s = options.pop("times_s", None)
    sequence = as_sequence(keypoints, fps=options.pop("fps", 30.0), times_s=times_s)
    return sequence.seen_TK & ~reject_outliers(sequence, **options).seen_TK


@pytest.mark.parametrize("fps", [24, 30, 60, 120])
@pytest.mark.parametrize("length", [1, 2])
def test_a_joint_that_spikes_is_rejected_alone(fps, length):
    times_s = np.arange(3 * fps) / fps
    keypoints = with_noise(swaying(times_s), 0.01)
    keypoints[fps : fps + length, WRIST] += [0.7 * TORSO_PX, -0.5 * TORSO_PX]
    expected = np.zeros(keypoints.shape[:2], dtype=bool)
    expected[fps : fps + length, WRIST] = True
    np.testing.assert_array_equal(_rejected(keypoints, fps=fps), expected)


def test_longer_spikes_are_seen_through_where_frames_are_dense():
    keypoints = swaying(np.arange(240) / 120)
    keypoints[100:110, KNEE, 1] -= TORSO_PX
    rejected = _rejected(keypoints, fps=120)
    assert rejected[100:110, KNEE].all()
    assert rejected.sum() == 10


def test_rejected_joints_lose_their_confidence_and_nothing_else_changes():
    keypoints = swaying(np.arange(60) / 30)
    keypoints[30, WRIST] += TORSO_PX
    sequence = as_sequence(keypoints)
    kept = reject_outliers(sequence)
    assert kept.confidence_TK[30, WRIST] == 0
    np.testing.assert_array_equal(kept.keypoints_TK2[kept.seen_TK], sequence.keypoints_TK2[kept.seen_TK])
    np.testing.assert_array_equal(kept.times_s_T, sequence.times_s_T)


@pytest.mark.parametrize("fps", [5, 10, 15, 24, 30, 60, 120])
@pytest.mark.parametrize("motion", [swaying, kicking, turning])
def test_real_moves_are_kept_at_every_rate(fps, motion):
    assert not _rejected(motion(np.arange(3 * fps) / fps), fps=fps).any()


@pytest.mark.parametrize("fps", [5, 15, 30, 120])
def test_noise_is_left_to_the_smoother(fps):
    assert not _rejected(with_noise(swaying(np.arange(3 * fps) / fps), 0.02), fps=fps).any()


def test_the_kick_of_a_clip_with_dropped_frames_is_kept():
    random = np.random.default_rng(2)
    times_s = np.sort(random.choice(np.arange(180) / 60, size=90, replace=False))
    assert not _rejected(kicking(times_s), times_s=times_s).any()


def test_a_body_that_is_elsewhere_for_a_moment_is_rejected_for_that_moment():
    keypoints = with_noise(swaying(np.arange(90) / 30), 0.01)
    keypoints[40:50] += [3 * TORSO_PX, 0]
    rejected = _rejected(keypoints)
    seen = np.isfinite(keypoints[..., 0])
    np.testing.assert_array_equal(rejected[40:50], seen[40:50])
    assert not rejected[:40].any()
    assert not rejected[50:].any()


def test_two_people_in_turn_leave_the_one_seen_longer():
    keypoints = swaying(np.arange(90) / 30)
    other = np.zeros(90, dtype=bool)
    other[30:36] = other[40:47] = other[49] = other[51:53] = True
    keypoints[other] += [4 * TORSO_PX, TORSO_PX]
    np.testing.assert_array_equal(_rejected(keypoints).any(axis=1), other)


def test_both_sides_of_a_cut_are_kept():
    keypoints = swaying(np.arange(90) / 30)
    keypoints[45:] += [3 * TORSO_PX, 0]
    assert not _rejected(keypoints).any()


def test_an_excursion_longer_than_asked_for_is_kept():
    keypoints = swaying(np.arange(90) / 30)
    keypoints[40:50] += [3 * TORSO_PX, 0]
    assert not _rejected(keypoints, max_excursion_s=0.2).any()


def test_a_lone_wrong_body_is_rejected_even_at_five_frames_a_second():
    keypoints = standing(20)
    keypoints[9] += [5 * TORSO_PX, 0]
    assert _rejected(keypoints, fps=5).any(axis=1).nonzero()[0].tolist() == [9]


def test_people_who_leave_and_come_back_elsewhere_are_kept():
    keypoints = standing(90)
    keypoints[30:60] = np.nan
    keypoints[60:] += [4 * TORSO_PX, 0]
    assert not _rejected(keypoints).any()


@pytest.mark.parametrize("num_frames", [0, 1, 2, 3, 4])
def test_short_sequences_are_left_alone(num_frames):
    assert not _rejected(standing(num_frames)).any()


def test_nobody_seen_is_nothing_to_reject():
    assert not _rejected(np.full((10, 33, 2), np.nan)).any()


def _coming_in(first: slice, *, apart: float) -> np.ndarray:
    """Four seconds at 10 frames/s, in view but for 1.2 s; found elsewhere in the `first` frames after that."""
    keypoints = with_noise(swaying(np.arange(40) / 10), 0.01)
    keypoints[12:24] = np.nan
    keypoints[first, :, 0] += apart * TORSO_PX
    return keypoints


@pytest.mark.parametrize("first", [slice(24, 25), slice(24, 26)])
def test_who_comes_in_and_is_found_elsewhere_at_first_is_rejected_until_found(first):
    rejected = _rejected(_coming_in(first, apart=3.0), fps=10)
    assert rejected[first].any(axis=1).all()
    assert not rejected[first.stop :].any()
    assert not rejected[:12].any()


def test_who_comes_in_elsewhere_and_stays_there_is_kept():
    assert not _rejected(_coming_in(slice(24, None), apart=3.0), fps=10).any()
    assert not _rejected(_coming_in(slice(24, 34), apart=3.0), fps=10).any()


@pytest.mark.parametrize("fps", [24, 30, 60])
@pytest.mark.parametrize("length", [1, 2])
@pytest.mark.parametrize("at_end", [True, False])
def test_a_joint_that_slips_off_in_the_last_or_first_frames_is_rejected_alone(fps, length, at_end):
    keypoints = with_noise(swaying(np.arange(2 * fps) / fps), 0.01)
    frames = slice(-length, None) if at_end else slice(length)
    keypoints[frames, WRIST] += [0.7 * TORSO_PX, -0.5 * TORSO_PX]
    expected = np.zeros(keypoints.shape[:2], dtype=bool)
    expected[frames, WRIST] = True
    np.testing.assert_array_equal(_rejected(keypoints, fps=fps), expected)


def test_a_joint_that_slips_off_before_it_is_lost_is_rejected_there():
    keypoints = with_noise(swaying(np.arange(60) / 30), 0.01)
    keypoints[40:, KNEE] = np.nan
    keypoints[39, KNEE] += [TORSO_PX, 0]
    rejected = _rejected(keypoints)
    assert rejected[39, KNEE]
    assert rejected.sum() == 1


@pytest.mark.parametrize("fps", [5, 24, 30, 60, 120])
@pytest.mark.parametrize("moving", [1, 2, 3, 6])
def test_a_joint_that_sets_off_or_comes_to_rest_beside_an_end_is_kept(fps, moving):
    keypoints = standing(40)
    for place in range(moving):  # 5 torso lengths / s within a frame of a 30th of a second
        keypoints[40 - moving + place :, WRIST, 0] += 0.16 * TORSO_PX * min(1.0, 30 / fps)
    assert not _rejected(keypoints, fps=fps).any()
    assert not _rejected(keypoints[::-1], fps=fps).any()


@pytest.mark.parametrize("fps", [24, 30, 60])
def test_a_kick_that_the_clip_ends_in_is_kept(fps):
    whole = kicking(np.arange(2 * fps) / fps)
    for stop in range(round(0.8 * fps), round(1.25 * fps)):
        assert not _rejected(whole[:stop], fps=fps).any()
        assert not _rejected(whole[stop - fps // 2 :], fps=fps).any()
