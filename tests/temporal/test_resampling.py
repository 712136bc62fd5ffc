"""From clip times to an even grid."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from pose_tracking.skeleton import BLAZEPOSE_33, Skeleton
from temporal.errors import MotionError
from temporal.metrics import jitter
from temporal.resampling import resample
from tests.temporal.motions import TORSO_PX, as_sequence, kicking, standing, swaying, with_noise

WRIST = BLAZEPOSE_33.index("left_wrist")
DOT = Skeleton(name="dot", joints=("dot",), limbs=())
RATES = [Fraction(5), Fraction(24), Fraction(30000, 1001), Fraction(30), Fraction(60), Fraction(120)]


@pytest.mark.parametrize("fps", RATES)
def test_the_same_rate_gives_the_same_frames(fps):
    sequence = as_sequence(swaying(np.arange(48) * float(1 / fps)), fps=float(fps))
    same = resample(sequence, fps=fps)
    assert len(same) == 48
    np.testing.assert_array_equal(same.keypoints_TK2, sequence.keypoints_TK2)
    np.testing.assert_array_equal(same.confidence_TK, sequence.confidence_TK)
    np.testing.assert_allclose(same.times_s_T, sequence.times_s_T, atol=1e-12)


@pytest.mark.parametrize("target", RATES)
@pytest.mark.parametrize("source", RATES)
def test_duration_is_kept_to_half_a_frame(source, target):
    sequence = as_sequence(standing(37), times_s=np.arange(37) * float(1 / source))
    resampled = resample(sequence, fps=target)
    assert abs(len(resampled) / target - 37 / source) <= 0.5 / target + Fraction(1, 10**9)
    np.testing.assert_allclose(resampled.times_s_T, np.arange(len(resampled)) / float(target), atol=1e-9)


def test_a_known_duration_is_believed():
    sequence = as_sequence(standing(24), fps=24)
    assert len(resample(sequence, fps=Fraction(24), duration_s=2.5)) == 60
    assert len(resample(sequence, fps=Fraction(24), duration_s=0.75)) == 18
    assert len(resample(sequence, fps=Fraction(1), duration_s=0.1)) == 1


def test_a_picture_that_stays_on_at_the_end_rests():
    line = standing(20) + np.arange(20)[:, None, None] * [3.0, 0.0]
    resampled = resample(as_sequence(line, fps=20), fps=Fraction(20), duration_s=2.0)
    np.testing.assert_allclose(
        resampled.keypoints_TK2[20:], np.broadcast_to(line[19] + [3.0, 0.0], (20, 33, 2)), rtol=1e-6
    )


@pytest.mark.parametrize("target", RATES)
def test_curves_are_followed_between_the_frames(target):
    sequence = as_sequence(swaying(np.arange(90) / 30))
    resampled = resample(sequence, fps=target)
    truth = swaying(resampled.times_s_T)
    inside = (resampled.times_s_T > 0.15) & (resampled.times_s_T < 2.8)
    assert np.nanmax(np.abs(resampled.keypoints_TK2 - truth)[inside]) < 0.03 * TORSO_PX


def test_uneven_times_become_even():
    times_s = np.cumsum(np.random.default_rng(0).uniform(0.02, 0.05, size=90)) - 0.02
    resampled = resample(as_sequence(swaying(times_s - times_s[0]), times_s=times_s), fps=Fraction(30))
    np.testing.assert_allclose(np.diff(resampled.times_s_T), 1 / 30)
    assert np.nanmax(np.abs(resampled.keypoints_TK2 - swaying(resampled.times_s_T))[:-2]) < 0.03 * TORSO_PX


def test_holes_in_the_frame_times_are_crossed_without_overshoot():
    times_s = np.concatenate([np.arange(15) / 30, 1.4 + np.arange(15) / 30])
    keypoints = standing(30)
    keypoints[:15, WRIST, 0] += np.arange(15) * 6
    keypoints[15:, WRIST, 0] += 14 * 6
    resampled = resample(as_sequence(keypoints, times_s=times_s), fps=Fraction(30))
    wrist = resampled.joint("left_wrist")[:, 0]
    assert wrist.max() <= keypoints[:, WRIST, 0].max() + 1e-3


def test_times_count_from_the_first_frame():
    sequence = as_sequence(swaying(np.arange(60) / 30))
    resampled = resample(sequence[20:40], fps=Fraction(30))
    assert resampled.times_s_T[0] == 0
    np.testing.assert_allclose(resampled.keypoints_TK2, sequence.keypoints_TK2[20:40], atol=1e-3)


@pytest.mark.parametrize("target", [Fraction(12), Fraction(30), Fraction(60)])
def test_frames_in_long_gaps_stay_unseen(target):
    keypoints = standing(90)
    keypoints[30:60, WRIST] = np.nan
    resampled = resample(as_sequence(keypoints), fps=target)
    on_screen = np.floor(resampled.times_s_T * 30 + 1e-6).astype(int)
    np.testing.assert_array_equal(resampled.seen_TK[:, WRIST], np.isfinite(keypoints[on_screen, WRIST, 0]))
    assert (resampled.confidence_TK[~resampled.seen_TK] == 0).all()


def test_lone_frames_last_until_the_next():
    keypoints = np.full((4, 33, 2), np.nan)
    keypoints[1] = 50.0
    resampled = resample(as_sequence(keypoints, fps=10), fps=Fraction(30))
    np.testing.assert_array_equal(resampled.seen_TK[:, 0], [False] * 3 + [True] * 3 + [False] * 6)


def test_fewer_frames_do_not_alias_jitter():
    rest = standing(240) + np.where(np.arange(240) % 2, 1.0, -1.0)[:, None, None] * 0.03 * TORSO_PX
    resampled = resample(as_sequence(rest, fps=60), fps=Fraction(24))
    picked = as_sequence(rest[::2], fps=30)
    np.testing.assert_allclose(picked.keypoints_TK2[:, WRIST], np.float32(rest[None, 0, WRIST]).repeat(120, 0))
    assert np.std(resampled.keypoints_TK2[3:-3, WRIST], axis=0).max() < 0.015 * TORSO_PX
    noisy = as_sequence(with_noise(standing(240), 0.02), fps=60)
    slow = resample(noisy, fps=Fraction(20))
    assert jitter(slow) < 0.8 * jitter(noisy)


def test_fewer_frames_keep_kicks():
    sequence = as_sequence(kicking(np.arange(120) / 60, lasting_s=0.4), fps=60)
    resampled = resample(sequence, fps=Fraction(30)).joint("left_ankle")[:, 0]
    assert resampled.max() > sequence.joint("left_ankle")[:, 0].max() - 0.03 * TORSO_PX


def test_confidence_goes_along_and_stays_in_range():
    sequence = as_sequence(standing(30))
    confidence = np.random.default_rng(0).random(sequence.confidence_TK.shape)
    resampled = resample(sequence.replace(confidence_TK=confidence), fps=Fraction(97))
    assert resampled.confidence_TK.min() >= 0
    assert resampled.confidence_TK.max() <= 1
    seen = sequence.seen_TK[0]
    at = resampled.times_s_T.clip(0, 29 / 30)
    expected = np.stack([np.interp(at, sequence.times_s_T, joint) for joint in confidence.T[seen]], axis=-1)
    np.testing.assert_allclose(resampled.confidence_TK[:, seen], expected, atol=1e-6)


def test_a_single_frame_is_held():
    resampled = resample(as_sequence(standing(1)), fps=Fraction(25), duration_s=0.4)
    assert len(resampled) == 10
    assert len(resample(as_sequence(standing(1)), fps=Fraction(25))) == 1
    np.testing.assert_array_equal(resampled.keypoints_TK2, np.float32(standing(10)))


@pytest.mark.parametrize(("fps", "duration_s"), [(Fraction(0), None), (Fraction(-24), None), (Fraction(24), 0.0)])
@pytest.mark.parametrize("num_frames", [3])
def test_impossible_grids_are_refused(fps, duration_s, num_frames):
    with pytest.raises(MotionError):
        resample(as_sequence(standing(num_frames)), fps=fps, duration_s=duration_s)


def test_a_motion_without_frames_is_refused():
    with pytest.raises(MotionError, match="without frames"):
        resample(as_sequence(standing(0)), fps=Fraction(24))


@pytest.mark.parametrize("fps", [Fraction(60), Fraction(24), Fraction(10)])
def test_nothing_moves_over_a_cut(fps):
    places = np.concatenate([np.arange(20.0), 900 - np.arange(20.0)])
    points = np.stack([places, places], axis=-1)[:, None]
    joined = as_sequence(points, fps=30.0, skeleton=DOT).replace(cuts_s=(20 / 30,))
    shown = resample(joined, fps=fps)
    behind = shown.times_s_T >= 20 / 30 - 1e-6
    np.testing.assert_allclose(shown.keypoints_TK2[~behind, 0, 0], 30 * shown.times_s_T[~behind], atol=1e-3)
    np.testing.assert_allclose(shown.keypoints_TK2[behind, 0, 0], 920 - 30 * shown.times_s_T[behind], atol=1e-3)
    assert shown.cuts_s == (shown.times_s_T[behind][0],)


def test_cuts_are_counted_from_the_first_frame_as_the_grid_is():
    joined = as_sequence(np.zeros((20, 1, 2)), times_s=5 + np.arange(20) / 10, skeleton=DOT).replace(cuts_s=(5.7,))
    assert resample(joined, fps=Fraction(10)).cuts_s == pytest.approx((0.7,))
    assert resample(joined, fps=Fraction(10)).shots() == [slice(0, 7), slice(7, 20)]
