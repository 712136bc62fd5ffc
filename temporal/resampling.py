"""From the clip's own frame times, even or not, to an even output grid.

Legend: T frames, K keypoints, M output frames.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from pose_tracking.sequence import PoseSequence
from temporal.errors import MotionError
from temporal.runs import seen_runs_of_shots
from temporal.savitzky_golay import local_polynomial

# Sampled at less than this share of the clip's rate, a motion is low-passed first.
DOWNSAMPLING_RATIO = 0.9
# Width of the low-pass in output frame steps, and its order: passes motion that the output rate can show.
LOW_PASS_STEPS = 2.0
LOW_PASS_ORDER = 2
# A step between frames this many times longer than usual is a hole in the clip's frame times.
HOLE_STEPS = 2.5
# Rates given as floats are taken to this precision.
MAX_DENOMINATOR = 1_000_000
# Times closer than this are the same: clip times are decimal or come from clock ticks, grid times are fractions.
SAME_TIME_S = 1e-4


def resample(sequence: PoseSequence, *, fps: Fraction, duration_s: float | None = None) -> PoseSequence:
    """The motion at times i / fps, counted from the sequence's first frame.

    A frame is on screen until the next one, the last for as long as the usual frame step or until `duration_s`; the
    grid covers all of it, to the nearest whole frame (48 frames of a 24 fps clip give 48 frames at 24 fps, unchanged).
    Between frames positions follow a cubic through the samples around (exact for linear motion); within the last
    frame of a run the motion goes on at its last velocity for one frame step at most and then rests. To fewer frames
    per second, positions come from a quadratic fitted over two output steps, so that jitter does not alias. An output
    frame is unseen where the frame on screen at its time is unseen. No motion goes on over a cut. Steps, which belong
    to the clip's frames, are left behind.

    Args:
        sequence: the motion.
        fps: output frames per second.
        duration_s: how long the clip is shown, in seconds, where that is known better than from the frame times.

    Raises:
        MotionError: empty sequence, rate or duration that is not positive and finite.
    """
    _check(sequence, fps=fps, duration_s=duration_s)
    times_s_T = sequence.times_s_T - sequence.times_s_T[0]
    step_s = float(np.median(np.diff(times_s_T))) if len(sequence) > 1 else float(1 / fps)
    if duration_s is None:
        duration_s = float(times_s_T[-1]) + step_s
    rate = Fraction(fps).limit_denominator(MAX_DENOMINATOR)
    grid_s_M = _grid_s(rate, duration_s)
    keypoints_MK2 = np.full((len(grid_s_M), len(sequence.skeleton), 2), np.nan)
    confidence_MK = np.zeros((len(grid_s_M), len(sequence.skeleton)))
    for frames, joints in seen_runs_of_shots(sequence):
        run_s = times_s_T[frames]
        until_s = times_s_T[frames.stop] if frames.stop < len(sequence) else np.inf
        shown = np.flatnonzero((grid_s_M >= run_s[0] - SAME_TIME_S) & (grid_s_M < until_s - SAME_TIME_S))
        if len(shown) == 0:
            continue
        positions = sequence.keypoints_TK2[frames, joints].astype(np.float64)
        confidence = sequence.confidence_TK[frames, joints].astype(np.float64)
        at_s = np.clip(grid_s_M[shown], run_s[0], run_s[-1] + step_s)
        if float(rate) * step_s < DOWNSAMPLING_RATIO:
            moved = _low_passed(positions, run_s, at_s, weights_TK=confidence, width_s=LOW_PASS_STEPS / float(rate))
        else:
            moved = _between(positions, run_s, at_s)
        keypoints_MK2[np.ix_(shown, joints)] = moved
        confidence_MK[np.ix_(shown, joints)] = _linear(confidence, run_s, at_s)
    return sequence.replace(
        keypoints_TK2=keypoints_MK2,
        confidence_TK=confidence_MK.clip(0, 1),
        times_s_T=grid_s_M,
        steps_TK2=None,
        cuts_s=_on_grid(np.array(sequence.cuts_s) - sequence.times_s_T[0], grid_s_M),
    )


def _grid_s(rate: Fraction, duration_s: float) -> np.ndarray:
    """Times [M] of the output frames, seconds."""
    # Integers divided once: i / fps to the last digit, so that equal rates meet the samples exactly.
    return np.arange(max(1, round(duration_s * rate))) * rate.denominator / rate.numerator


def _low_passed(
    positions_TK2: np.ndarray, times_s_T: np.ndarray, at_s_M: np.ndarray, *, weights_TK: np.ndarray, width_s: float
) -> np.ndarray:
    """Positions [M, K, 2] without motion too fast for the output's rate."""
    return local_polynomial(
        positions_TK2,
        times_s_T,
        at_s_M=at_s_M,
        window_s=width_s,
        order=LOW_PASS_ORDER,
        taper=0,
        weights_TK=weights_TK,
    )


def _on_grid(cuts_s: np.ndarray, grid_s_M: np.ndarray) -> tuple[float, ...]:
    """The times of the first output frames on which the frames behind the cuts are shown."""
    first = np.unique(np.searchsorted(grid_s_M, cuts_s - SAME_TIME_S))
    return tuple(grid_s_M[first[(first > 0) & (first < len(grid_s_M))]].tolist())


def _check(sequence: PoseSequence, *, fps: Fraction, duration_s: float | None) -> None:
    if len(sequence) == 0:
        raise MotionError("a motion without frames cannot be resampled; expected at least one frame")
    if not fps > 0:
        raise MotionError(f"fps is {fps}; expected a positive rate, such as 24 or 30000/1001")
    if duration_s is not None and not 0 < duration_s < float("inf"):
        raise MotionError(f"duration_s is {duration_s}; expected a positive number of seconds")


def _between(positions_TK2: np.ndarray, times_s_T: np.ndarray, at_s_M: np.ndarray) -> np.ndarray:
    """Positions [M, K, 2] between the samples of a run, and past its last one at its last velocity.

    A cubic spline where frames follow each other closely: of the interpolators tried on thinned mocap it came closest,
    from 5 to 25 frames/s. Across holes in the frame times PCHIP, which never leaves the range of its samples.
    """
    if len(times_s_T) == 1:
        return np.repeat(positions_TK2, len(at_s_M), axis=0)
    from scipy.interpolate import CubicSpline, PchipInterpolator

    steps_s = np.diff(times_s_T)
    before = np.searchsorted(times_s_T, at_s_M, side="right").clip(1, len(times_s_T) - 1) - 1
    inside_s = np.minimum(at_s_M, times_s_T[-1])
    moved = CubicSpline(times_s_T, positions_TK2, axis=0)(inside_s)
    across_hole = steps_s[before] > HOLE_STEPS * np.median(steps_s)
    if across_hole.any():
        moved[across_hole] = PchipInterpolator(times_s_T, positions_TK2, axis=0)(inside_s[across_hole])
    velocity = (positions_TK2[-1] - positions_TK2[-2]) / steps_s[-1]
    return moved + velocity * (at_s_M - inside_s)[:, None, None]


def _linear(values_TK: np.ndarray, times_s_T: np.ndarray, at_s_M: np.ndarray) -> np.ndarray:
    """Values [M, K] by linear interpolation."""
    if len(times_s_T) == 1:
        return np.repeat(values_TK, len(at_s_M), axis=0)
    after = np.searchsorted(times_s_T, at_s_M).clip(1, len(times_s_T) - 1)
    share_M1 = ((at_s_M - times_s_T[after - 1]) / (times_s_T[after] - times_s_T[after - 1]))[:, None]
    return values_TK[after - 1] + share_M1.clip(0, 1) * (values_TK[after] - values_TK[after - 1])
