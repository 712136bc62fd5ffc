"""What a motion is worth: jitter, lag, foot slide. In torso lengths and seconds, so that clips compare.

Legend: T frames, K keypoints.
"""

from __future__ import annotations

import numpy as np

from pose_tracking.sequence import PoseSequence
from temporal.scale import torso_length_px

# Lags are looked for up to this far, on a grid this many times finer than the frames.
MAX_LAG_S = 0.25
LAG_OVERSAMPLING = 4
# A foot stands when it is this near to the lowest place it had within FLOOR_WINDOW_S and hardly moves up or down.
FLOOR_TORSO = 0.1
FLOOR_WINDOW_S = 0.5
STANDING_TORSO_PER_S = 0.5
_FOOT_JOINTS = ("ankle", "heel", "foot_index", "big_toe", "small_toe")


def jitter(sequence: PoseSequence) -> float:
    """Typical jitter in torso lengths: |p(t-1) - 2 p(t) + p(t+1)|, median over joints, then over frames.

    For uneven times, twice the distance from the line between the neighbours. Depends on the frame rate: compare
    motions at the same rate. NaN where no joint was seen in three frames running.
    """
    if len(sequence) < 3:
        return float("nan")
    positions = sequence.keypoints_TK2.astype(np.float64) / torso_length_px(sequence)
    times = sequence.times_s_T
    share = ((times[1:-1] - times[:-2]) / (times[2:] - times[:-2]))[:, None, None]
    between = positions[:-2] + share * (positions[2:] - positions[:-2])
    return _median_of_medians(2 * np.linalg.norm(positions[1:-1] - between, axis=-1))


def lag_s(reference: PoseSequence, smoothed: PoseSequence) -> float:
    """By how many seconds `smoothed` comes after `reference` (negative: before).

    Where the cross-correlation of the paths of all joints peaks, by a parabola through the peak. Both motions count
    time from the same zero. NaN where nothing moves or too little is seen in both.
    """
    step_s = float(np.median(np.diff(smoothed.times_s_T))) / LAG_OVERSAMPLING if len(smoothed) > 2 else 0.0
    start = max(reference.times_s_T[0], smoothed.times_s_T[0]) if len(reference) and len(smoothed) else 0.0
    end = min(reference.times_s_T[-1], smoothed.times_s_T[-1]) if len(reference) and len(smoothed) else 0.0
    if len(reference) < 3 or step_s == 0 or end - start < 4 * step_s * LAG_OVERSAMPLING:
        return float("nan")
    grid_s = np.arange(start, end, step_s)
    first, second = (_on_grid(motion, grid_s) for motion in (reference, smoothed))
    reach = min(round(MAX_LAG_S / step_s), len(first) // 2)
    shifts = np.arange(-reach, reach + 1)
    correlation = np.array([_correlation(first, second, int(shift)) for shift in shifts])
    if not np.isfinite(correlation).all():
        return float("nan")
    peak = int(correlation.argmax())
    return float(shifts[peak] + _vertex(correlation, peak)) * step_s


def foot_slide(sequence: PoseSequence) -> float:
    """Mean horizontal speed of a foot while it stands, in torso lengths / s; NaN where no foot is seen standing.

    A foot is the mean of its ankle, heel and toe. It stands where it is about as low as it gets within half a second
    and moves neither up nor down. Assumes a camera at rest.
    """
    if len(sequence) < 3:
        return float("nan")
    speeds = [_standing_speeds(sequence, side) for side in ("left", "right")]
    standing = np.concatenate(speeds)
    return float(standing.mean()) if len(standing) else float("nan")


def _median_of_medians(values_TK: np.ndarray) -> float:
    seen_T = np.isfinite(values_TK).any(axis=1)
    return float(np.median(np.nanmedian(values_TK[seen_T], axis=1))) if seen_T.any() else float("nan")


def _on_grid(sequence: PoseSequence, grid_s: np.ndarray) -> np.ndarray:
    """Positions [G, K, 2] by linear interpolation, NaN next to unseen frames."""
    after = np.searchsorted(sequence.times_s_T, grid_s).clip(1, len(sequence) - 1)
    start_s, end_s = sequence.times_s_T[after - 1], sequence.times_s_T[after]
    share = ((grid_s - start_s) / (end_s - start_s))[:, None, None]
    start, end = (sequence.keypoints_TK2[place].astype(np.float64) for place in (after - 1, after))
    return start + share * (end - start)


def _correlation(first_TK2: np.ndarray, second_TK2: np.ndarray, shift: int) -> float:
    """Pearson's correlation of `first` with `second` taken `shift` samples later, each joint about its mean."""
    count = len(first_TK2) - abs(shift)
    first = first_TK2[max(0, -shift) :][:count]
    second = second_TK2[max(0, shift) :][:count]
    both = np.isfinite(first) & np.isfinite(second)
    num_both = np.maximum(both.sum(axis=0), 1)
    first, second = (
        np.where(both, path - np.where(both, path, 0).sum(axis=0) / num_both, 0) for path in (first, second)
    )
    power = float(np.sqrt((first**2).sum() * (second**2).sum()))
    # Less than a thousandth of a pixel is rounding, not motion.
    return float((first * second).sum()) / power if power > 1e-6 * both.sum() else float("nan")


def _vertex(values: np.ndarray, peak: int) -> float:
    """Offset from `peak` of the vertex of the parabola through it and its neighbours."""
    if peak in (0, len(values) - 1):
        return 0.0
    before, here, after = values[peak - 1 : peak + 2]
    bend = before - 2 * here + after
    return 0.0 if bend == 0 else float((before - after) / (2 * bend))


def _standing_speeds(sequence: PoseSequence, side: str) -> np.ndarray:
    """Horizontal speeds, torso lengths / s, over the frame steps during which the foot of one side stands."""
    joints = [sequence.skeleton.index(f"{side}_{j}") for j in _FOOT_JOINTS if f"{side}_{j}" in sequence.skeleton]
    if not joints:
        return np.empty(0)
    foot_T2 = sequence.keypoints_TK2[:, joints].astype(np.float64).mean(axis=1) / torso_length_px(sequence)
    seen = np.isfinite(foot_T2[:, 0])
    foot_T2, times_s_T = foot_T2[seen], sequence.times_s_T[seen]
    if len(times_s_T) < 2:
        return np.empty(0)
    first = np.searchsorted(times_s_T, times_s_T - FLOOR_WINDOW_S)
    end = np.searchsorted(times_s_T, times_s_T + FLOOR_WINDOW_S, side="right")
    floor_T = np.array([foot_T2[a:b, 1].max() for a, b in zip(first, end, strict=True)])
    low_T = foot_T2[:, 1] > floor_T - FLOOR_TORSO
    step_s = np.diff(times_s_T)
    across, along = np.abs(np.diff(foot_T2, axis=0) / step_s[:, None]).T
    return across[low_T[1:] & low_T[:-1] & (along < STANDING_TORSO_PER_S) & (step_s <= FLOOR_WINDOW_S)]
