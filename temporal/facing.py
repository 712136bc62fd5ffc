"""Which side of the body faces the camera, decided for good: in profile a tracker's noise decides it anew each frame.

Seen from its side a body has no breadth to speak of, and whether the left shoulder lies left of the right one is
chance. Whoever draws a person who has turned round as a mirrored picture would mirror it to and fro.

Legend: T frames, K keypoints.
"""

from __future__ import annotations

import numpy as np

from pose_tracking.sequence import PoseSequence
from temporal.scale import torso_length_px

# What a change of side costs, in torso lengths of breadth times seconds on the wrong side. On real clips a moment that
# noise in profile spends on the other side comes to 0.04 at most, the back of a person who spins within a second to
# 0.16; each begins and ends with a change.
CHANGE_COST_TORSO_S = 0.03
# How broad, in torso lengths, a body stays in frames that are put back on the other side.
LEAST_BREADTH_TORSO = 0.02
_CORNERS = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")


def hold_facing(sequence: PoseSequence) -> PoseSequence:
    """Keep left and right of the trunk from changing sides for a moment only, as in profile.

    The side of every frame is the one that costs least over the whole motion: breadth on the wrong side times its
    duration, and a price on every change (Viterbi 1967). Shoulders and hips of frames on the wrong side are moved
    across the trunk until they lie, narrowly, on the right one. All others stay as they are.

    Args:
        sequence: a motion, smoothed; frames that lack a shoulder or a hip are left as they are.
    """
    names = sequence.skeleton.joints
    if not set(_CORNERS) <= set(names):
        return sequence
    corners = [names.index(joint) for joint in _CORNERS]
    known_T = np.isfinite(sequence.keypoints_TK2[:, corners]).all(axis=(1, 2))
    if not known_T.any():
        return sequence
    torso_px = torso_length_px(sequence)
    corners_T42 = sequence.keypoints_TK2[np.ix_(known_T, corners)].astype(np.float64)
    spine_T2 = (corners_T42[:, :2] - corners_T42[:, 2:]).mean(axis=1)
    up_T2 = spine_T2 / np.linalg.norm(spine_T2, axis=-1, keepdims=True).clip(1e-6)
    aside_T12 = np.stack([-up_T2[:, 1], up_T2[:, 0]], axis=-1)[:, None]
    # Left minus right, of shoulders and hips.
    across_TP = ((corners_T42[:, ::2] - corners_T42[:, 1::2]) * aside_T12).sum(axis=-1)
    breadth_T = across_TP.mean(axis=1) / torso_px
    side_T = _sides(breadth_T, sequence.times_s_T[known_T])
    is_wrong_T1 = (breadth_T * side_T < 0)[:, None]
    side_T1 = side_T[:, None]
    right_TP = side_T1 * np.fmax(side_T1 * across_TP, LEAST_BREADTH_TORSO * torso_px)
    half_TP1 = np.where(is_wrong_T1, right_TP - across_TP, 0.0)[..., None] / 2
    corners_T42[:, ::2] += half_TP1 * aside_T12
    corners_T42[:, 1::2] -= half_TP1 * aside_T12
    keypoints_TK2 = sequence.keypoints_TK2.copy()
    wrong = np.flatnonzero(known_T)[is_wrong_T1[:, 0]]
    keypoints_TK2[np.ix_(wrong, corners)] = corners_T42[is_wrong_T1[:, 0]]
    return sequence.replace(keypoints_TK2=keypoints_TK2)


def _sides(breadth_T: np.ndarray, times_s_T: np.ndarray) -> np.ndarray:
    """+1 or -1 [T]."""
    step_s = float(np.median(np.diff(times_s_T))) if len(times_s_T) > 1 else 1.0
    # The last frame before a gap does not last as long as the gap.
    lasting_s_T = np.fmin(np.append(np.diff(times_s_T), step_s), step_s)
    sides = np.array([1.0, -1.0])
    wrong_TS = np.fmax(-breadth_T[:, None] * sides, 0.0) * lasting_s_T[:, None]
    cost_S, came_TS = wrong_TS[0], np.zeros((len(breadth_T), 2), dtype=int)
    for frame in range(1, len(breadth_T)):
        came_TS[frame] = np.where(cost_S <= cost_S[::-1] + CHANGE_COST_TORSO_S, (0, 1), (1, 0))
        cost_S = np.fmin(cost_S, cost_S[::-1] + CHANGE_COST_TORSO_S) + wrong_TS[frame]
    chosen = [int(cost_S.argmin())]
    for frame in range(len(breadth_T) - 1, 0, -1):
        chosen.append(int(came_TS[frame, chosen[-1]]))
    return sides[chosen[::-1]]
