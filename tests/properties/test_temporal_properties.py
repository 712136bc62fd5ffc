"""What holds for every motion, not only for the ones we thought of."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import COCO_17, Skeleton
from temporal.gaps import fill_gaps
from temporal.outliers import reject_outliers
from temporal.resampling import resample
from temporal.swaps import repair_swaps
from temporal.tying import tie_to_picture
from temporal.windows import pose_windows
from tests.properties.motions import (
    EVERY,
    IN_PLACE,
    SMOOTHING,
    TIGHT_PX,
    WHOLE,
    assert_alike,
    quick,
    wild_motions,
    with_picture,
)


@quick
@given(sequence=wild_motions(), seed=st.integers(0, 1000))
def test_steps_of_any_kind_leave_what_is_seen_seen_and_finite(sequence, seed):
    random = np.random.default_rng(seed)
    steps_TK2 = random.normal(size=sequence.keypoints_TK2.shape) * random.choice([0.0, 1.0, 300.0])
    steps_TK2[random.random(steps_TK2.shape[:2]) < 0.2] = np.nan
    tied = tie_to_picture(sequence.replace(steps_TK2=steps_TK2), weight=1e6)
    np.testing.assert_array_equal(tied.seen_TK, sequence.seen_TK)


@pytest.mark.parametrize("step", [*IN_PLACE.values(), *WHOLE.values()], ids=[*IN_PLACE, *WHOLE])
@quick
@given(sequence=wild_motions(), across=st.integers(-500, 500), down=st.integers(-500, 500))
def test_where_in_the_picture_does_not_matter_to_measured_motion(step, sequence, across, down):
    measured = with_picture(sequence)
    moved = step(measured.replace(keypoints_TK2=sequence.keypoints_TK2 + np.array([across, down], dtype=float)))
    original = step(measured)
    assert_alike(moved, original.replace(keypoints_TK2=original.keypoints_TK2 + np.array([across, down], dtype=float)))


@pytest.mark.parametrize("step", EVERY.values(), ids=EVERY)
@quick
@given(sequence=wild_motions(), across=st.integers(-500, 500), down=st.integers(-500, 500))
def test_where_in_the_picture_does_not_matter(step, sequence, across, down):
    offset = np.array([across, down], dtype=float)
    moved = step(sequence.replace(keypoints_TK2=sequence.keypoints_TK2 + offset))
    original = step(sequence)
    assert_alike(moved, original.replace(keypoints_TK2=original.keypoints_TK2 + offset))


@pytest.mark.parametrize("step", EVERY.values(), ids=EVERY)
@quick
@given(sequence=wild_motions(), scale=st.sampled_from([0.25, 0.5, 2.0, 4.0]))
def test_the_size_of_the_picture_does_not_matter(step, sequence, scale):
    size = (int(1024 * scale), int(768 * scale))
    larger = step(sequence.replace(keypoints_TK2=sequence.keypoints_TK2 * scale, frame_size=size))
    original = step(sequence)
    expected = original.replace(keypoints_TK2=original.keypoints_TK2 * scale, frame_size=size)
    assert_alike(larger, expected, atol=TIGHT_PX * max(1.0, scale))


@pytest.mark.parametrize("step", EVERY.values(), ids=EVERY)
@quick
@given(sequence=wild_motions())
def test_a_mirrored_picture_gives_the_mirrored_motion(step, sequence):
    def mirrored(motion: PoseSequence) -> PoseSequence:
        return motion.replace(keypoints_TK2=motion.keypoints_TK2 * [-1.0, 1.0] + [1024.0, 0.0])

    assert_alike(step(mirrored(sequence)), mirrored(step(sequence)))


@pytest.mark.parametrize("step", EVERY.values(), ids=EVERY)
@quick
@given(sequence=wild_motions(), seed=st.integers(0, 1000))
def test_the_order_of_joints_does_not_matter(step, sequence, seed):
    order = np.random.default_rng(seed).permutation(17)
    shuffled = Skeleton(name="shuffled", joints=tuple(COCO_17.joints[place] for place in order), limbs=())
    original = step(sequence)
    other = step(
        replace(
            sequence,
            keypoints_TK2=sequence.keypoints_TK2[:, order],
            confidence_TK=sequence.confidence_TK[:, order],
            skeleton=shuffled,
        )
    )
    np.testing.assert_allclose(other.keypoints_TK2, original.keypoints_TK2[:, order], atol=TIGHT_PX, rtol=0)


@pytest.mark.parametrize("step", [*SMOOTHING.values(), fill_gaps], ids=[*SMOOTHING, "gaps"])
@quick
@given(sequence=wild_motions())
def test_played_backwards_the_result_is_the_same_backwards(step, sequence):
    def backwards(motion: PoseSequence) -> PoseSequence:
        return motion.replace(
            keypoints_TK2=motion.keypoints_TK2[::-1],
            confidence_TK=motion.confidence_TK[::-1],
            times_s_T=motion.times_s_T[-1] - motion.times_s_T[::-1],
        )

    np.testing.assert_allclose(
        step(backwards(sequence)).keypoints_TK2, backwards(step(sequence)).keypoints_TK2, atol=0.01, rtol=0
    )


@pytest.mark.parametrize("step", EVERY.values(), ids=EVERY)
@quick
@given(sequence=wild_motions())
def test_results_are_finite_where_seen_and_without_confidence_where_not(step, sequence):
    result = step(sequence)
    assert np.isfinite(result.keypoints_TK2[result.seen_TK]).all()
    assert (result.confidence_TK[~result.seen_TK] == 0).all()
    assert (np.diff(result.times_s_T) > 0).all()


@pytest.mark.parametrize("step", SMOOTHING.values(), ids=SMOOTHING)
@quick
@given(sequence=wild_motions())
def test_smoothing_neither_loses_nor_finds_joints(step, sequence):
    np.testing.assert_array_equal(step(sequence).seen_TK, sequence.seen_TK)


@quick
@given(sequence=wild_motions())
def test_filling_only_adds_rejecting_only_removes_swapping_only_exchanges(sequence):
    seen = sequence.seen_TK
    assert (fill_gaps(sequence).seen_TK >= seen).all()
    assert (reject_outliers(sequence).seen_TK <= seen).all()
    repaired = repair_swaps(sequence)
    np.testing.assert_array_equal(repaired.seen_TK.sum(axis=1), seen.sum(axis=1))
    for before, after in zip(sequence.keypoints_TK2, repaired.keypoints_TK2, strict=True):
        np.testing.assert_array_equal(np.sort(before, axis=0), np.sort(after, axis=0))


@quick
@given(sequence=wild_motions(), max_gap_s=st.floats(0, 1))
def test_filled_joints_are_never_surer_than_the_seen_ones_around(sequence, max_gap_s):
    filled = fill_gaps(sequence, max_gap_s=max_gap_s)
    assert (filled.confidence_TK <= sequence.confidence_TK.max(axis=0, keepdims=True) + 1e-6).all()
    np.testing.assert_array_equal(filled.confidence_TK[sequence.seen_TK], sequence.confidence_TK[sequence.seen_TK])


@quick
@given(
    sequence=wild_motions(),
    fps=st.fractions(1, 120, max_denominator=1001),
    shown_longer_s=st.sampled_from([None, 0.0, 0.3, 2.0]),
)
def test_the_grid_lasts_as_long_as_the_clip_to_one_frame(sequence, fps, shown_longer_s):
    times_s = sequence.times_s_T
    step_s = float(np.median(np.diff(times_s))) if len(times_s) > 1 else float(1 / fps)
    lasting_s = float(times_s[-1]) + step_s
    duration_s = None if shown_longer_s is None else lasting_s + shown_longer_s
    resampled = resample(sequence, fps=fps, duration_s=duration_s)
    np.testing.assert_allclose(resampled.times_s_T, np.arange(len(resampled)) / float(fps), atol=1e-9)
    if len(resampled) > 1:
        assert abs(len(resampled) / float(fps) - (duration_s or lasting_s)) <= 0.5 / float(fps) + 1e-9


@quick
@given(sequence=wild_motions(min_frames=2), factor=st.sampled_from([2, 3]))
def test_a_finer_grid_still_passes_through_the_frames(sequence, factor):
    even = sequence.replace(times_s_T=np.arange(len(sequence)) / 30)
    finer = resample(even, fps=Fraction(30 * factor))
    np.testing.assert_allclose(finer.keypoints_TK2[::factor], even.keypoints_TK2, atol=TIGHT_PX, rtol=0)


@quick
@given(sequence=wild_motions(), size=st.sampled_from([1, 3, 5, 9]), edge=st.sampled_from(["repeat", "reflect"]))
def test_windows_hold_only_poses_of_the_motion_with_its_own_in_the_middle(sequence, size, edge):
    windows = list(pose_windows(sequence, size=size, edge=edge))
    assert len(windows) == len(sequence)
    for window in windows:
        np.testing.assert_array_equal(window.keypoints_NK2[size // 2], sequence.keypoints_TK2[window.center])
        distance = np.arange(size) - size // 2
        inside = (window.center + distance >= 0) & (window.center + distance < len(sequence))
        np.testing.assert_array_equal(
            window.keypoints_NK2[inside], sequence.keypoints_TK2[(window.center + distance)[inside]]
        )
