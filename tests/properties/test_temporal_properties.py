"""What holds for every motion, not only for the ones we thought of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import COCO_17, Skeleton
from temporal.gaps import fill_gaps
from temporal.motion import MotionConfig, smooth_motion
from temporal.outliers import reject_outliers
from temporal.resampling import resample
from temporal.smoothing import SMOOTHERS, smooth_positions, smoother_by_name
from temporal.swaps import repair_swaps
from temporal.tying import tie_to_picture
from temporal.windows import pose_windows

Step = Callable[[PoseSequence], PoseSequence]
WINDOW_S = MotionConfig().window_s
# Positions are float32: at 4000 px the next number is 0.00025 px away.
TIGHT_PX = 2e-3

SMOOTHING: dict[str, Step] = {
    name: lambda sequence, name=name: smooth_positions(sequence, smoother_by_name(name, window_s=WINDOW_S))
    for name in SMOOTHERS
}
IN_PLACE: dict[str, Step] = {
    **SMOOTHING,
    "gaps": fill_gaps,
    "outliers": reject_outliers,
    "swaps": repair_swaps,
    "tie": lambda sequence: tie_to_picture(sequence, weight=MotionConfig().picture_weight),
}
WHOLE: dict[str, Step] = {
    f"motion {name}": lambda sequence, name=name: smooth_motion(sequence, MotionConfig(smoother=name), fps=Fraction(25))
    for name in SMOOTHERS
    if name != "none"
}
EVERY: dict[str, Step] = {**IN_PLACE, "grid": lambda sequence: resample(sequence, fps=Fraction(25)), **WHOLE}

quick = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def frame_times(draw: st.DrawFn, *, min_frames: int = 1, max_frames: int = 50) -> np.ndarray:
    """Rising times from 0, even or not, at 5 to 120 frames/s."""
    num_frames = draw(st.integers(min_frames, max_frames))
    step_s = 1 / draw(st.sampled_from([5, 10, 24, 29.97, 30, 60, 120]))
    unevenness = draw(st.sampled_from([0.0, 0.0, 0.3, 0.9]))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    steps_s = step_s * (1 + unevenness * random.uniform(-1, 1, size=num_frames))
    return np.concatenate([[0.0], np.cumsum(steps_s)[:-1]])


@st.composite
def linear_motions(draw: st.DrawFn, *, holes: bool = False) -> PoseSequence:
    """Every joint at its own constant velocity, zero included; perhaps with unseen keypoints inside."""
    times_s = draw(frame_times())
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    speed = draw(st.sampled_from([0.0, 5.0, 100.0, 400.0]))
    start_K2 = random.uniform(0, 1000, size=(17, 2))
    keypoints = start_K2 + times_s[:, None, None] * random.uniform(-speed, speed, size=(17, 2))
    if holes:
        keypoints[random.random(keypoints.shape[:2]) < draw(st.sampled_from([0.05, 0.3]))] = np.nan
    return _sequence(keypoints, times_s, random.uniform(0, 1, size=keypoints.shape[:2]))


@st.composite
def wild_motions(draw: st.DrawFn, *, min_frames: int = 1) -> PoseSequence:
    """Anything a tracker can give: wandering joints, noise, spikes, swaps, holes, uneven times.

    Coordinates are eighths of a px, so that moving them by whole px, doubling and mirroring lose no digit.
    """
    times_s = draw(frame_times(min_frames=min_frames))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (len(times_s), 17, 2)
    wander = np.cumsum(random.normal(size=shape) * draw(st.sampled_from([0.0, 1.0, 10.0])), axis=0)
    keypoints = random.uniform(200, 600, size=(17, 2)) + wander
    keypoints += random.normal(size=shape) * draw(st.sampled_from([0.0, 2.0]))
    spikes = random.random(shape[:2]) < draw(st.sampled_from([0.0, 0.02]))
    keypoints[spikes] += random.normal(size=(int(spikes.sum()), 2)) * 200
    if draw(st.booleans()) and len(times_s) > 3:
        cut = slice(len(times_s) // 3, len(times_s) // 2)
        keypoints[cut] = keypoints[cut][:, list(COCO_17.mirror)]
    keypoints[random.random(shape[:2]) < draw(st.sampled_from([0.0, 0.1, 0.6]))] = np.nan
    return _sequence(np.round(keypoints * 8) / 8, times_s, random.uniform(0, 1, size=shape[:2]))


def _sequence(keypoints: np.ndarray, times_s: np.ndarray, confidence: np.ndarray) -> PoseSequence:
    return PoseSequence(
        keypoints_TK2=keypoints, confidence_TK=confidence, times_s_T=times_s, skeleton=COCO_17, frame_size=(1024, 768)
    )


def _measured(sequence: PoseSequence) -> PoseSequence:
    """With a picture that moves exactly as the joints do."""
    keypoints = sequence.keypoints_TK2.astype(np.float64)
    return sequence.replace(steps_TK2=np.diff(keypoints, axis=0, prepend=keypoints[:1]))


def _same(first: PoseSequence, second: PoseSequence, *, atol: float = TIGHT_PX) -> None:
    np.testing.assert_array_equal(first.seen_TK, second.seen_TK)
    np.testing.assert_allclose(first.keypoints_TK2, second.keypoints_TK2, atol=atol, rtol=0)
    np.testing.assert_allclose(first.confidence_TK, second.confidence_TK, atol=1e-5)
    np.testing.assert_allclose(first.times_s_T, second.times_s_T, atol=1e-9)


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
    tied = tie_to_picture(_measured(sequence), weight=MotionConfig().picture_weight)
    _same(tied, sequence)


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
    measured = _measured(sequence)
    moved = step(measured.replace(keypoints_TK2=sequence.keypoints_TK2 + np.array([across, down], dtype=float)))
    original = step(measured)
    _same(moved, original.replace(keypoints_TK2=original.keypoints_TK2 + np.array([across, down], dtype=float)))


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


@pytest.mark.parametrize("step", WHOLE.values(), ids=WHOLE)
@quick
@given(sequence=linear_motions())
def test_linear_motion_passes_through_the_whole_chain(step, sequence):
    moved = step(sequence)
    expected = resample(sequence, fps=Fraction(25))
    np.testing.assert_allclose(moved.keypoints_TK2, expected.keypoints_TK2, atol=0.02, rtol=0)


@pytest.mark.parametrize("step", EVERY.values(), ids=EVERY)
@quick
@given(sequence=wild_motions(), across=st.integers(-500, 500), down=st.integers(-500, 500))
def test_where_in_the_picture_does_not_matter(step, sequence, across, down):
    offset = np.array([across, down], dtype=float)
    moved = step(sequence.replace(keypoints_TK2=sequence.keypoints_TK2 + offset))
    original = step(sequence)
    _same(moved, original.replace(keypoints_TK2=original.keypoints_TK2 + offset))


@pytest.mark.parametrize("step", EVERY.values(), ids=EVERY)
@quick
@given(sequence=wild_motions(), scale=st.sampled_from([0.25, 0.5, 2.0, 4.0]))
def test_the_size_of_the_picture_does_not_matter(step, sequence, scale):
    size = (int(1024 * scale), int(768 * scale))
    larger = step(sequence.replace(keypoints_TK2=sequence.keypoints_TK2 * scale, frame_size=size))
    original = step(sequence)
    expected = original.replace(keypoints_TK2=original.keypoints_TK2 * scale, frame_size=size)
    _same(larger, expected, atol=TIGHT_PX * max(1.0, scale))


@pytest.mark.parametrize("step", EVERY.values(), ids=EVERY)
@quick
@given(sequence=wild_motions())
def test_a_mirrored_picture_gives_the_mirrored_motion(step, sequence):
    def mirrored(motion: PoseSequence) -> PoseSequence:
        return motion.replace(keypoints_TK2=motion.keypoints_TK2 * [-1.0, 1.0] + [1024.0, 0.0])

    _same(step(mirrored(sequence)), mirrored(step(sequence)))


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
        np.testing.assert_array_equal(window.pose_K2, sequence.keypoints_TK2[window.center])
        distance = np.arange(size) - size // 2
        inside = (window.center + distance >= 0) & (window.center + distance < len(sequence))
        np.testing.assert_array_equal(
            window.keypoints_NK2[inside], sequence.keypoints_TK2[(window.center + distance)[inside]]
        )
