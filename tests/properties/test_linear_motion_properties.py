"""Joints that move evenly keep moving evenly, whatever is done to their motion."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal.gaps import fill_gaps
from temporal.motion import MotionConfig
from temporal.outliers import reject_outliers
from temporal.resampling import resample
from temporal.swaps import repair_swaps
from temporal.tying import tie_to_picture
from tests.properties.motions import (
    IN_PLACE,
    TIGHT_PX,
    WITHOUT_FLIPS,
    assert_alike,
    linear_motions,
    quick,
    with_picture,
)


@pytest.mark.parametrize("step", IN_PLACE.values(), ids=IN_PLACE)
@quick
@given(sequence=linear_motions())
def test_linear_motion_passes_unchanged(step, sequence):
    np.testing.assert_allclose(step(sequence).keypoints_TK2, sequence.keypoints_TK2, atol=TIGHT_PX, rtol=0)


@pytest.mark.parametrize("step", [reject_outliers, repair_swaps], ids=["outliers", "swaps"])
@quick
@given(sequence=linear_motions(holes=True))
def test_linear_motion_with_holes_is_neither_rejected_nor_swapped(step, sequence):
    np.testing.assert_array_equal(step(sequence).keypoints_TK2, sequence.keypoints_TK2)


@quick
@given(sequence=linear_motions(holes=True))
def test_linear_motion_of_joints_and_picture_alike_is_tied_to_itself(sequence):
    tied = tie_to_picture(with_picture(sequence), weight=MotionConfig().picture_weight)
    assert_alike(tied, sequence)


@quick
@given(sequence=linear_motions(holes=True))
def test_gaps_in_linear_motion_are_filled_on_the_line(sequence):
    filled = fill_gaps(sequence)
    times_s = sequence.times_s_T
    for joint in range(17):
        seen = np.flatnonzero(sequence.seen_TK[:, joint])
        if len(seen) < 2:
            continue
        first, last = seen[0], seen[-1]
        line = np.polyfit(times_s[seen], sequence.keypoints_TK2[seen, joint].astype(float), 1)
        inside = filled.seen_TK[first : last + 1, joint]
        expected = np.outer(times_s[first : last + 1], line[0]) + line[1]
        got = filled.keypoints_TK2[first : last + 1, joint]
        # Velocities come from float32 positions a frame apart, and reach across half a second.
        np.testing.assert_allclose(got[inside], expected[inside], atol=0.02, rtol=0)


@quick
@given(sequence=linear_motions(), fps=st.sampled_from([5, 12, 24, 25, 30, 60, 120]))
def test_linear_motion_stays_on_its_line_at_every_rate(sequence, fps):
    resampled = resample(sequence, fps=Fraction(fps))
    if len(sequence) == 1:
        np.testing.assert_array_equal(resampled.keypoints_TK2, sequence.keypoints_TK2.repeat(len(resampled), axis=0))
        return
    usual_step_s = float(np.median(np.diff(sequence.times_s_T)))
    at_s = np.minimum(resampled.times_s_T, sequence.times_s_T[-1] + usual_step_s)[:, None, None]
    start, end = sequence.keypoints_TK2[[0, -1]].astype(float)
    expected = start + at_s * (end - start) / sequence.times_s_T[-1]
    # Beyond the last frame the line is drawn on from two float32 positions.
    np.testing.assert_allclose(resampled.keypoints_TK2, expected, atol=0.01, rtol=0)


@pytest.mark.parametrize("step", WITHOUT_FLIPS.values(), ids=WITHOUT_FLIPS)
@quick
@given(sequence=linear_motions())
def test_linear_motion_passes_through_the_whole_chain(step, sequence):
    moved = step(sequence)
    expected = resample(sequence, fps=Fraction(25))
    np.testing.assert_allclose(moved.keypoints_TK2, expected.keypoints_TK2, atol=0.02, rtol=0)
