"""Detections no human motion explains: single joints that spike, whole bodies that teleport.

Both tests judge a deviation against what a body can do in the time between two frames, so the same settings hold from
5 to 120 frames/s and for variable rates. Lengths are in torso lengths (`temporal.scale`), times in seconds.

Legend: T frames, K keypoints.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pose_tracking.sequence import PoseSequence
from temporal.runs import joint_groups
from temporal.scale import torso_length_px

# A deviation below this is noise for the smoother, not a spike.
MIN_SPIKE_TORSO = 0.1
# Hampel's threshold in robust standard deviations.
NUM_SIGMAS = 4.0
# Accelerations in torso lengths / s^2: nothing below the first is ever taken for a spike; everything above the second
# always is. Mocap of dance, jumps and dabs stays below 120 in 95 % and below 330 in 99.9 % of its samples at 30 fps.
PLAIN_ACCELERATION = 80.0
INHUMAN_ACCELERATION = 300.0
# A body (the median of its joints) moves this far unannounced, plus this fast.
TELEPORT_TORSO = 0.3
TELEPORT_TORSO_PER_S = 6.0
# Differences of decimal time stamps do not come out exact.
TIME_TOLERANCE_S = 1e-6
# float64 values in one window array; joints are worked through in blocks of this size.
BLOCK_VALUES = 2_000_000


def reject_outliers(sequence: PoseSequence, *, max_spike_s: float = 0.1, max_excursion_s: float = 0.5) -> PoseSequence:
    """Set impossible detections to NaN (confidence 0); nothing else is moved.

    Args:
        sequence: the tracked motion.
        max_spike_s: a joint that leaves its path for up to this long is tested (two frames at least); at the ends of
            what was seen of it, one that has left it and is not seen to come back.
        max_excursion_s: a body that jumps elsewhere and back within this time is rejected for that while; one that
            stays longer has really moved (a cut in the clip) and is kept.

    Constant and linear motion is returned unchanged, whatever its speed.
    """
    torso_px = torso_length_px(sequence)
    positions_TK2 = sequence.keypoints_TK2.astype(np.float64) / torso_px
    rejected_TK = np.zeros(sequence.seen_TK.shape, dtype=bool)
    rejected_TK[_teleported(positions_TK2, sequence.times_s_T, max_excursion_s=max_excursion_s)] = True
    for frames, joints in joint_groups(sequence.seen_TK & ~rejected_TK):
        seen_TK2, times_s_T = positions_TK2[np.ix_(frames, joints)], sequence.times_s_T[frames]
        spikes = _spikes(seen_TK2, times_s_T, max_spike_s=max_spike_s)
        spikes |= _slipped_off(seen_TK2, times_s_T, max_spike_s=max_spike_s)
        # The first frame is the last one of the motion backwards.
        spikes |= _slipped_off(seen_TK2[::-1], -times_s_T[::-1], max_spike_s=max_spike_s)[::-1]
        rejected_TK[np.ix_(frames, joints)] = spikes
    return sequence.replace(
        keypoints_TK2=np.where(rejected_TK[..., None], np.float32(np.nan), sequence.keypoints_TK2),
        confidence_TK=np.where(rejected_TK, np.float32(0), sequence.confidence_TK),
    )


def _spikes(positions_TK2: np.ndarray, times_s_T: np.ndarray, *, max_spike_s: float) -> np.ndarray:
    """Boolean [T, K]: samples off their own running median, for joints seen in all T frames.

    The Hampel identifier (Hampel 1974; Pearson 2002) with windows that double until they outlast `max_spike_s`: a
    window of 2 m + 1 samples sees through spikes of up to m.
    """
    found_TK = np.zeros(positions_TK2.shape[:2], dtype=bool)
    num_frames, num_joints = found_TK.shape
    if num_frames < 5:
        return found_TK
    step_s = float(np.median(np.diff(times_s_T)))
    half = 2
    while num_frames > 2 * half:
        block = max(1, BLOCK_VALUES // (num_frames * 2 * (2 * half + 1)))
        for first in range(0, num_joints, block):
            joints = slice(first, first + block)
            found_TK[:, joints] |= _off_median(positions_TK2[:, joints], times_s_T, half=half)
        if half * step_s >= max_spike_s - TIME_TOLERANCE_S:
            break
        half *= 2
    return found_TK


def _off_median(positions_TK2: np.ndarray, times_s_T: np.ndarray, *, half: int) -> np.ndarray:
    """Boolean [T, K]: Hampel test with 2 * half + 1 samples.

    The robust deviation of the window is trusted between two physical limits: around a turning point of acceleration
    a, the running median differs from the middle sample by at most a/2 times the squared time to the samples half a
    window away.
    """
    windows_TK2N = sliding_window_view(_point_reflected(positions_TK2, half), 2 * half + 1, axis=0)
    median_TK2 = np.median(windows_TK2N, axis=-1)
    deviation_TK = np.linalg.norm(positions_TK2 - median_TK2, axis=-1)
    sigma_TK = 1.4826 * np.median(np.linalg.norm(windows_TK2N - median_TK2[..., None], axis=2), axis=-1)

    reach = (half + 1) // 2
    times = _point_reflected(times_s_T, reach)
    reach_s_T = np.maximum(times[2 * reach :] - times_s_T, times_s_T - times[: -2 * reach])
    lowest_T1, highest_T1 = (
        (MIN_SPIKE_TORSO + 0.5 * limit * reach_s_T**2)[:, None] for limit in (PLAIN_ACCELERATION, INHUMAN_ACCELERATION)
    )
    return deviation_TK > np.clip(NUM_SIGMAS * sigma_TK, lowest_T1, highest_T1)


def _slipped_off(positions_TK2: np.ndarray, times_s_T: np.ndarray, *, max_spike_s: float) -> np.ndarray:
    """Boolean [T, K]: samples at the end that lie behind a step no body makes, for joints seen in all T frames.

    A running median sees nothing of them: it takes a slip in the last frame for the way on. Steps are judged as those
    of bodies are (`_jumps`); a body of acceleration a misses what is expected by a times the squared frame time.
    """
    found_TK = np.zeros(positions_TK2.shape[:2], dtype=bool)
    if len(times_s_T) < 5:
        return found_TK
    gap_s_S = np.diff(times_s_T)
    steps_SK2 = np.diff(positions_TK2, axis=0)
    missed_SK = np.linalg.norm(steps_SK2, axis=-1)
    ratio_S11 = (gap_s_S[1:] / gap_s_S[:-1])[:, None, None]
    missed_SK[1:] = np.fmin(missed_SK[1:], np.linalg.norm(steps_SK2[1:] - ratio_S11 * steps_SK2[:-1], axis=-1))
    missed_SK[:-1] = np.fmin(missed_SK[:-1], np.linalg.norm(steps_SK2[:-1] - steps_SK2[1:] / ratio_S11, axis=-1))
    # With one side alone to judge by, a fast move looks like a slip up to what no body can do.
    slipped_SK = missed_SK > (MIN_SPIKE_TORSO + INHUMAN_ACCELERATION * gap_s_S**2)[:, None]
    is_short_S = times_s_T[-1] - times_s_T[1:] + np.median(gap_s_S) <= max_spike_s + TIME_TOLERANCE_S
    is_short_S[-2:] = True  # two frames at least, as in the middle
    found_TK[1:] = np.logical_or.accumulate(slipped_SK & is_short_S[:, None], axis=0)
    return found_TK


def _point_reflected(values: np.ndarray, width: int) -> np.ndarray:
    """Continue `values` beyond both ends turned about the end samples, so that straight lines stay straight."""
    return np.concatenate([2 * values[:1] - values[width:0:-1], values, 2 * values[-1:] - values[-2 : -width - 2 : -1]])


def _teleported(positions_TK2: np.ndarray, times_s_T: np.ndarray, *, max_excursion_s: float) -> np.ndarray:
    """Indices of frames in which the body was somewhere else for a short while.

    The motion is cut where the body jumps; of the stretches between the cuts the cheapest chain is kept, where
    leaving out a stretch costs its duration and passing a jump costs `max_excursion_s / 2`. So a short excursion
    (two jumps) goes, and both sides of a real cut (one jump) stay. An absence of more than `max_excursion_s` divides
    them, too, at no cost: who comes in and is found upside down at first has made one jump alone.
    """
    frames = np.flatnonzero(np.isfinite(positions_TK2).any(axis=(1, 2)))
    if len(frames) < 3:
        return frames[:0]
    positions, times = positions_TK2[frames], times_s_T[frames]
    here = np.arange(len(frames) - 1)
    jumps = _jumps(positions, times, here, here + 1)
    absences = np.diff(times) > max_excursion_s
    stretches = np.split(np.arange(len(frames)), np.flatnonzero(jumps | absences) + 1)
    kept = set(_cheapest_chain(stretches, positions, times, jump_cost_s=max_excursion_s / 2))
    left_out = [stretch for number, stretch in enumerate(stretches) if number not in kept]
    return frames[np.concatenate(left_out)] if left_out else frames[:0]


def _cheapest_chain(
    stretches: list[np.ndarray], positions_TK2: np.ndarray, times_s_T: np.ndarray, *, jump_cost_s: float
) -> Iterator[int]:
    """Numbers of the stretches to keep, last first: shortest path by dynamic programming."""
    step_s = float(np.median(np.diff(times_s_T)))
    # One lone frame elsewhere is always an excursion, however slow the clip.
    jump_cost_s = max(jump_cost_s, 0.75 * step_s)
    durations = [len(stretch) * step_s for stretch in stretches]
    skipped_before = np.concatenate([[0.0], np.cumsum(durations)])
    cost = np.zeros(len(stretches))
    came_from = np.full(len(stretches), -1)
    for number, stretch in enumerate(stretches):
        cost[number] = skipped_before[number]
        for earlier in range(number - 1, -1, -1):
            skipped_s = skipped_before[number] - skipped_before[earlier + 1]
            if skipped_s > 2 * jump_cost_s:
                break
            ends = stretches[earlier][-1:], stretch[:1]
            lone = (np.array([len(stretches[earlier]) == 1]), np.array([len(stretch) == 1]))
            jumped = bool(_jumps(positions_TK2, times_s_T, *ends, lone=lone)[0])
            total = cost[earlier] + skipped_s + jump_cost_s * jumped
            if total < cost[number]:
                cost[number], came_from[number] = total, earlier
    skipped_after = skipped_before[-1] - skipped_before[1:]
    number = int(np.argmin(cost + skipped_after))
    while number >= 0:
        yield number
        number = int(came_from[number])


def _jumps(
    positions_TK2: np.ndarray,
    times_s_T: np.ndarray,
    before_P: np.ndarray,
    after_P: np.ndarray,
    *,
    lone: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """Boolean [P]: from frame `before` to frame `after` the median joint moved farther than a body can.

    What counts is the least of three distances: the plain one, and those to where the motion before or the motion
    after points at constant velocity, so that no steady motion is a jump. Joints without a known velocity are left
    out, and pairs that share no other are no jumps. Between stretches that are known to be cut, `lone` marks the ends
    that have no motion of their own; there the plain distance counts.
    """
    last = len(times_s_T) - 1
    gap_s_P = times_s_T[after_P] - times_s_T[before_P]
    raw_PK2 = positions_TK2[after_P] - positions_TK2[before_P]
    steady_PK = np.full(raw_PK2.shape[:2], np.nan)
    for end_P, other_P, is_lone in (
        (before_P, before_P - 1, lone[0] if lone else False),
        (after_P, after_P + 1, lone[1] if lone else False),
    ):
        known_P = (other_P >= 0) & (other_P <= last) & ~np.asarray(is_lone)
        other_P = np.where(known_P, other_P, end_P)
        span_s_P = np.where(known_P, times_s_T[end_P] - times_s_T[other_P], np.nan)
        velocity_PK2 = (positions_TK2[end_P] - positions_TK2[other_P]) / span_s_P[:, None, None]
        missed_PK = np.linalg.norm(raw_PK2 - velocity_PK2 * gap_s_P[:, None, None], axis=-1)
        steady_PK = np.fmin(steady_PK, missed_PK)
    moved_PK = np.fmin(steady_PK, np.linalg.norm(raw_PK2, axis=-1))
    if lone is None:
        moved_PK[np.isnan(steady_PK)] = np.nan
    moved_P = np.full(len(before_P), -np.inf)
    judged_P = np.isfinite(moved_PK).any(axis=1)
    moved_P[judged_P] = np.nanmedian(moved_PK[judged_P], axis=1)
    return moved_P > TELEPORT_TORSO + TELEPORT_TORSO_PER_S * gap_s_P
