"""Short gaps are filled, long ones stay."""

from __future__ import annotations

import numpy as np
import pytest

from pose_tracking.errors import PipelineError
from pose_tracking.skeleton import BLAZEPOSE_33
from temporal.errors import MotionError
from temporal.gaps import FARTHEST_CONFIDENCE, fill_gaps
from tests.temporal.motions import as_sequence, standing, swaying, with_noise

WRIST = BLAZEPOSE_33.index("left_wrist")
NOSE = BLAZEPOSE_33.index("nose")


def _with_gap(keypoints, frames, joint=WRIST):
    holed = keypoints.copy()
    holed[frames, joint] = np.nan
    return holed


def test_a_gap_on_a_line_is_filled_exactly():
    times_s = np.cumsum(np.random.default_rng(0).uniform(0.01, 0.08, size=60))
    line = standing(60) + times_s[:, None, None] * [70.0, -30.0]
    filled = fill_gaps(as_sequence(_with_gap(line, slice(20, 25)), times_s=times_s))
    np.testing.assert_allclose(filled.keypoints_TK2, as_sequence(line).keypoints_TK2, atol=1e-3)


def test_a_gap_in_a_curve_is_filled_closer_than_a_straight_line_would():
    times_s = np.arange(90) / 30
    truth = swaying(times_s)
    gap = slice(40, 46)
    filled = fill_gaps(as_sequence(_with_gap(with_noise(truth, 0.005), gap, joint=slice(None))))
    share = np.arange(1, 7)[:, None, None] / 7
    line = truth[39] + share * (truth[46] - truth[39])
    curve_error, line_error = (
        np.nanmean(np.linalg.norm(path - truth[gap], axis=-1)) for path in (filled.keypoints_TK2[gap], line)
    )
    assert curve_error < 0.5 * line_error


def test_only_gaps_up_to_the_maximum_are_filled():
    holed = _with_gap(_with_gap(standing(90), slice(10, 19)), slice(40, 50), joint=NOSE)
    filled = fill_gaps(as_sequence(holed, fps=20), max_gap_s=0.5)
    assert filled.seen_TK[10:19, WRIST].all()
    assert not filled.seen_TK[40:50, NOSE].any()


def test_a_gap_lasts_from_the_frame_before_to_the_frame_after_whatever_is_between():
    times_s = np.array([0.0, 0.1, 0.2, 0.6, 0.65, 0.7, 0.8])
    holed = _with_gap(standing(7), slice(3, 5))
    assert fill_gaps(as_sequence(holed, times_s=times_s), max_gap_s=0.5).seen_TK[3:5, WRIST].all()
    assert not fill_gaps(as_sequence(holed, times_s=times_s), max_gap_s=0.49).seen_TK[3:5, WRIST].any()


def test_ends_are_held_for_the_maximum_and_no_longer():
    holed = _with_gap(_with_gap(swaying(np.arange(60) / 20), slice(0, 20)), slice(45, 60))
    filled = fill_gaps(as_sequence(holed, fps=20), max_gap_s=0.5)
    np.testing.assert_array_equal(np.flatnonzero(filled.seen_TK[:, WRIST]), np.arange(10, 55))
    np.testing.assert_array_equal(filled.keypoints_TK2[10:20, WRIST], np.float32(holed[None, 20, WRIST].repeat(10, 0)))
    np.testing.assert_array_equal(filled.keypoints_TK2[45:55, WRIST], np.float32(holed[None, 44, WRIST].repeat(10, 0)))


def test_confidence_falls_with_the_distance_from_seen_frames():
    filled = fill_gaps(as_sequence(_with_gap(standing(60), slice(20, 29)), fps=20), max_gap_s=0.5)
    inside = filled.confidence_TK[20:29, WRIST]
    assert (np.diff(inside[:5]) < 0).all()
    np.testing.assert_allclose(inside, inside[::-1], atol=1e-6)
    assert inside[4] == pytest.approx(1 - (1 - FARTHEST_CONFIDENCE) * 0.5)
    at_the_end = fill_gaps(as_sequence(_with_gap(standing(60), slice(50, 60)), fps=20), max_gap_s=0.5)
    assert at_the_end.confidence_TK[59, WRIST] == pytest.approx(FARTHEST_CONFIDENCE)


def test_confidence_beside_a_gap_carries_into_it():
    holed = as_sequence(_with_gap(standing(60), slice(20, 29)))
    confidence = holed.confidence_TK.copy()
    confidence[:20, WRIST], confidence[29:, WRIST] = 0.2, 0.8
    filled = fill_gaps(holed.replace(confidence_TK=confidence)).confidence_TK[20:29, WRIST]
    assert 0.1 < filled[0] < 0.3
    assert 0.5 < filled[-1] < 0.8


def test_seen_frames_are_untouched():
    sequence = as_sequence(_with_gap(swaying(np.arange(60) / 30), slice(20, 24)))
    filled = fill_gaps(sequence)
    np.testing.assert_array_equal(filled.keypoints_TK2[sequence.seen_TK], sequence.keypoints_TK2[sequence.seen_TK])
    np.testing.assert_array_equal(filled.confidence_TK[sequence.seen_TK], sequence.confidence_TK[sequence.seen_TK])


def test_a_joint_seen_once_is_held_around_that_frame():
    holed = _with_gap(standing(30), slice(0, 30))
    holed[15, WRIST] = 100.0, 50.0
    filled = fill_gaps(as_sequence(holed, fps=10), max_gap_s=0.3)
    np.testing.assert_array_equal(np.flatnonzero(filled.seen_TK[:, WRIST]), np.arange(12, 19))
    assert (filled.keypoints_TK2[12:19, WRIST] == [100.0, 50.0]).all()


def test_joints_between_lone_frames_go_straight():
    holed = _with_gap(standing(4), slice(0, 4))
    holed[[0, 3], WRIST] = [[0, 0], [30, 60]]
    filled = fill_gaps(as_sequence(holed))
    np.testing.assert_allclose(filled.keypoints_TK2[:, WRIST], [[0, 0], [10, 20], [20, 40], [30, 60]], rtol=1e-6)


def test_a_joint_never_seen_stays_unseen():
    assert not fill_gaps(as_sequence(_with_gap(standing(10), slice(0, 10)))).seen_TK[:, WRIST].any()


def test_a_maximum_of_zero_fills_nothing():
    sequence = as_sequence(_with_gap(standing(10), slice(4, 6)))
    np.testing.assert_array_equal(fill_gaps(sequence, max_gap_s=0).keypoints_TK2, sequence.keypoints_TK2)


@pytest.mark.parametrize("max_gap_s", [-0.1, float("nan")])
def test_a_maximum_that_is_no_duration_is_refused(max_gap_s):
    with pytest.raises(MotionError, match="max_gap_s"):
        fill_gaps(as_sequence(standing(3)), max_gap_s=max_gap_s)
    assert issubclass(MotionError, PipelineError)
    assert issubclass(MotionError, ValueError)
