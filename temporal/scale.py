"""How large the person is: the unit in which thresholds, noise and speeds are stated.

Pixels depend on the camera; a torso length is about half a metre on every adult, so "0.1 torso" means the same in
every clip. All the package's thresholds and measures are in torso lengths and seconds.

Legend: T frames, K keypoints.
"""

from __future__ import annotations

import numpy as np

from pose_tracking.sequence import PoseSequence

# Upright, a person's bounding box has a diagonal of about 3.5 torso lengths.
TORSO_PER_SPREAD = 0.3
# A "torso" much smaller than the spread of the joints is not one (shoulders and hips tracked onto each other).
MIN_TORSO_PER_SPREAD = 0.1
TORSO_PER_FRAME_SIDE = 0.25


def torso_length_px(sequence: PoseSequence) -> float:
    """Median distance from mid-shoulder to mid-hip over the sequence, in px; always positive.

    The distance does not shrink when the person turns, which is why it is the unit and not the shoulder width. Where
    no frame shows both shoulders and both hips it is estimated from the spread of the seen joints, and where nothing
    was seen (or all joints coincide) from the frame size.
    """
    spread = _spread_px(sequence)
    torso = _median_seen(_torso_px_T(sequence))
    if torso <= 0:
        torso = TORSO_PER_SPREAD * spread
    torso = max(torso, MIN_TORSO_PER_SPREAD * spread)
    return torso if torso > 0 else TORSO_PER_FRAME_SIDE * max(sequence.frame_size)


def _torso_px_T(sequence: PoseSequence) -> np.ndarray:
    needed = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
    if not all(joint in sequence.skeleton for joint in needed):
        return np.full(len(sequence), np.nan)
    left_top, right_top, left_low, right_low = (sequence.joint(joint).astype(np.float64) for joint in needed)
    return np.linalg.norm((left_top + right_top - left_low - right_low) / 2, axis=-1)


def _spread_px(sequence: PoseSequence) -> float:
    """Median diagonal of the box around the seen joints, 0 where nothing was seen."""
    keypoints = sequence.keypoints_TK2[sequence.seen_TK.any(axis=1)].astype(np.float64)
    if len(keypoints) == 0:
        return 0.0
    return float(np.median(np.linalg.norm(np.nanmax(keypoints, axis=1) - np.nanmin(keypoints, axis=1), axis=-1)))


def _median_seen(values_T: np.ndarray) -> float:
    seen = values_T[np.isfinite(values_T)]
    return float(np.median(seen)) if len(seen) else 0.0
