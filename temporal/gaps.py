"""Joints that were lost for a moment, interpolated; joints lost for long stay lost.

Legend: T frames, K keypoints, G frames of one gap.
"""

from __future__ import annotations

import numpy as np

from pose_tracking.sequence import PoseSequence
from temporal.errors import MotionError
from temporal.runs import joint_groups

# What is left of the confidence at `max_gap_s` from the nearest seen frame.
FARTHEST_CONFIDENCE = 0.25
# How much of the motion on either side of a gap tells its velocity there, and the gap for which that velocity counts
# half against the average one across the gap. Chosen on mocap with gaps of 0.1 to 0.5 s and noise of 1 and 3 % of a
# torso: a fifth less error than PCHIP over gaps of 0.2 s, and no more over the others.
VELOCITY_WINDOW_S = 0.07
VELOCITY_MEMORY_S = 0.5
# Differences of decimal time stamps do not come out exact.
TIME_TOLERANCE_S = 1e-6


def fill_gaps(sequence: PoseSequence, *, max_gap_s: float = 0.5) -> PoseSequence:
    """Fill in unseen joints where the gap is short.

    A gap inside the sequence is crossed on a cubic Hermite curve whose end velocities are those of the motion before
    and after, drawn towards the average velocity the longer the gap is: exact for linear motion. At the ends of the
    sequence the first and last position are held. The confidence of a filled joint is interpolated linearly and falls
    with the time from the nearest seen frame, to `FARTHEST_CONFIDENCE` of its value at `max_gap_s`.

    Args:
        sequence: the motion with NaN where a joint was not seen.
        max_gap_s: the longest time from the last frame before a gap to the first after it; longer gaps stay NaN. At
            the ends, the longest time a position is held; frames beyond stay NaN.

    Raises:
        MotionError: negative `max_gap_s`.
    """
    if not max_gap_s >= 0:
        raise MotionError(f"max_gap_s is {max_gap_s}; expected 0 (fill nothing) or more seconds")
    keypoints_TK2 = sequence.keypoints_TK2.copy()
    confidence_TK = sequence.confidence_TK.copy()
    times_s_T = sequence.times_s_T
    for frames, joints in joint_groups(sequence.seen_TK):
        positions = sequence.keypoints_TK2[np.ix_(frames, joints)].astype(np.float64)
        confidence = sequence.confidence_TK[np.ix_(frames, joints)].astype(np.float64)
        for after in np.flatnonzero(np.diff(frames) > 1) + 1:
            if times_s_T[frames[after]] - times_s_T[frames[after - 1]] > max_gap_s + TIME_TOLERANCE_S:
                continue
            gap = np.arange(frames[after - 1] + 1, frames[after])
            there = np.ix_(gap, joints)
            keypoints_TK2[there] = _crossing(positions, times_s_T[frames], after, times_s_T[gap])
            distance_s = np.minimum(
                times_s_T[gap] - times_s_T[frames[after - 1]], times_s_T[frames[after]] - times_s_T[gap]
            )
            share_G1 = _share(times_s_T[frames[after - 1]], times_s_T[frames[after]], times_s_T[gap])[:, None]
            certain = confidence[after - 1] + share_G1 * (confidence[after] - confidence[after - 1])
            confidence_TK[there] = certain * _fading(distance_s, max_gap_s)[:, None]
        for edge, outside in ((0, np.arange(frames[0])), (-1, np.arange(frames[-1] + 1, len(sequence)))):
            distance_s = np.abs(times_s_T[outside] - times_s_T[frames[edge]])
            near = distance_s <= max_gap_s + TIME_TOLERANCE_S
            there = np.ix_(outside[near], joints)
            keypoints_TK2[there] = positions[edge]
            confidence_TK[there] = confidence[edge] * _fading(distance_s[near], max_gap_s)[:, None]
    return sequence.replace(keypoints_TK2=keypoints_TK2, confidence_TK=confidence_TK)


def _crossing(positions_TK2: np.ndarray, times_s_T: np.ndarray, after: int, at_s_G: np.ndarray) -> np.ndarray:
    """Positions [G, K, 2] on the way from sample `after - 1` to sample `after`."""
    gap_s = times_s_T[after] - times_s_T[after - 1]
    start, change = positions_TK2[after - 1], positions_TK2[after] - positions_TK2[after - 1]
    remembered = 1 / (1 + (gap_s / VELOCITY_MEMORY_S) ** 2)
    # The curve is the chord plus what the end velocities differ from the chord's. A lone sample beside the gap has no
    # velocity of its own and takes the chord's.
    before_K2 = after_K2 = np.zeros_like(change)
    if after > 1:
        before_K2 = remembered * (_velocity(positions_TK2[:after][::-1], times_s_T[:after][::-1]) * gap_s - change)
    if after < len(times_s_T) - 1:
        after_K2 = remembered * (_velocity(positions_TK2[after:], times_s_T[after:]) * gap_s - change)
    share = _share(times_s_T[after - 1], times_s_T[after], at_s_G)[:, None, None]
    bow = share * (1 - share) * ((1 - share) * before_K2 - share * after_K2)
    return start + share * change + bow


def _velocity(positions_TK2: np.ndarray, times_s_T: np.ndarray) -> np.ndarray:
    """Slope [K, 2] of the line through the first `VELOCITY_WINDOW_S`, two samples at least."""
    near = np.abs(times_s_T - times_s_T[0]) <= VELOCITY_WINDOW_S + TIME_TOLERANCE_S
    count = max(2, int(near.sum()))
    offset_s = times_s_T[:count] - times_s_T[:count].mean()
    relative = positions_TK2[:count] - positions_TK2[0]
    return np.tensordot(offset_s, relative, axes=(0, 0)) / (offset_s**2).sum()


def _share(start_s: float, end_s: float, at_s_G: np.ndarray) -> np.ndarray:
    return (at_s_G - start_s) / (end_s - start_s)


def _fading(distance_s_G: np.ndarray, max_gap_s: float) -> np.ndarray:
    """What is left of the confidence so far from the nearest seen frame."""
    if max_gap_s == 0:
        return np.ones_like(distance_s_G)
    return 1 - (1 - FARTHEST_CONFIDENCE) * np.minimum(distance_s_G / max_gap_s, 1)
