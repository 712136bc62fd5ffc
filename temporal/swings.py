"""Limbs that point at the camera for a moment swing round; they do not flip.

A forearm that comes up between body and camera is short in the picture while it passes the line of sight, and its
direction turns by half a circle within a frame. Whoever draws it at any length has to flip it. But a direction is only
as sure as its limb is long: around such a moment it may be read from the frames before and after.

Legend: T frames, K keypoints, S steps from frame to frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import Skeleton
from temporal.runs import seen_runs
from temporal.scale import torso_length_px

# Time over which the direction of a limb of full length is smoothed: next to nothing beside a frame.
STEADY_S = 0.0016
# How fast a direction's weight falls with the limb's length, and the share of it below which it falls no more: then it
# is smoothed over about a tenth of a second.
SHORTNESS_POWER = 6
LEAST_SHARE = 0.25
# Of turns beyond this, radians, nobody sees which way they went: knees and elbows then go by way of the straight limb.
AMBIGUOUS_TURN = 2.0


@dataclass(frozen=True, slots=True)
class _Limb:
    """From which joint to the middle of which, how long it is in torso lengths, and what turns and what moves with it.

    Names lack their side; `upper` is the limb before, whose end it hangs on.
    """

    start: str
    end: tuple[str, ...]
    length: float
    turned: tuple[str, ...]
    moved: tuple[str, ...]
    upper: tuple[str, str] | None = None


_FINGERS = ("pinky", "index", "thumb", *(f"hand_{number}" for number in range(21)))
_FOOT = ("heel", "foot_index", "big_toe", "small_toe")
# From the trunk outwards. Feet are left out: they turn about the upright, which no turn in the picture shows.
_LIMBS = (
    _Limb("shoulder", ("elbow",), 0.57, ("elbow",), ("wrist", *_FINGERS)),
    _Limb("elbow", ("wrist",), 0.53, ("wrist",), _FINGERS, upper=("shoulder", "elbow")),
    _Limb("wrist", ("pinky", "index"), 0.18, _FINGERS, (), upper=("elbow", "wrist")),
    _Limb("hip", ("knee",), 0.75, ("knee",), ("ankle", *_FOOT)),
    _Limb("knee", ("ankle",), 0.73, ("ankle",), _FOOT, upper=("hip", "knee")),
)


def swing_through(sequence: PoseSequence) -> PoseSequence:
    """Turn arms and legs that are short in the picture as their directions before and after say; lengths are kept.

    Minimises, for every limb and every run of frames in which it was seen, the integral of r⁶ (angle - tracked)² and
    of `STEADY_S`² (change of angle)², where r is the share of the limb's length that shows. A limb of full length is
    left as it is, one that points at the camera takes the direction that lies between those of the frames around. What
    hangs on a limb moves with it.

    Args:
        sequence: a motion, smoothed, at even or uneven times.
    """
    torso_px = torso_length_px(sequence)
    names = sequence.skeleton.joints
    before_TK2 = sequence.keypoints_TK2.astype(np.float64)
    after_TK2 = before_TK2.copy()
    for side in ("left", "right"):
        for limb in _LIMBS:
            start, *ends = (f"{side}_{joint}" for joint in (limb.start, *limb.end))
            if not {start, *ends} <= set(names):
                continue
            root_T2 = before_TK2[:, names.index(start)]
            limb_T2 = before_TK2[:, [names.index(end) for end in ends]].mean(axis=1) - root_T2
            turn_T = _turns(
                limb_T2, _upper(before_TK2, sequence.skeleton, side, limb), sequence, limb.length * torso_px
            )
            for joint in _indices(sequence.skeleton, side, limb.turned):
                offset_T2 = before_TK2[:, joint] - root_T2
                after_TK2[:, joint] += np.nan_to_num(_turned(offset_T2, turn_T) - offset_T2)
            shift_T2 = np.nan_to_num(_turned(limb_T2, turn_T) - limb_T2)
            for joint in _indices(sequence.skeleton, side, limb.moved):
                after_TK2[:, joint] += shift_T2
    return sequence.replace(keypoints_TK2=after_TK2.astype(np.float32))


def _turns(limb_T2: np.ndarray, upper_T2: np.ndarray, sequence: PoseSequence, length_px: float) -> np.ndarray:
    """By how much [T] to turn a limb; 0 where it was not seen."""
    turn_T = np.zeros(len(limb_T2))
    for frames, _ in seen_runs(np.isfinite(limb_T2).all(axis=1)[:, None]):
        angle_T = _unwrapped(limb_T2[frames], upper_T2[frames])
        share_T = (np.linalg.norm(limb_T2[frames], axis=-1) / length_px).clip(LEAST_SHARE, 1.0)
        turn_T[frames] = _steadied(angle_T, share_T**SHORTNESS_POWER, sequence.times_s_T[frames]) - angle_T
    return turn_T


def _unwrapped(limb_T2: np.ndarray, upper_T2: np.ndarray) -> np.ndarray:
    """Angles [T] that go on from frame to frame: the short way round, or where nobody sees it, by the straight limb."""
    angle_T, upper_T = (np.arctan2(vector_T2[:, 1], vector_T2[:, 0]) for vector_T2 in (limb_T2, upper_T2))
    step_S = _wrapped(np.diff(angle_T))
    bend_T = _wrapped(angle_T - upper_T)
    # A bend of -170 degrees that becomes one of +170 goes on by way of 0, not by way of 180.
    opened_S = np.diff(bend_T) + _wrapped(np.diff(upper_T))
    unsure_S = (np.abs(step_S) > AMBIGUOUS_TURN) & (np.abs(opened_S) < 2 * np.pi - AMBIGUOUS_TURN)
    return angle_T[0] + np.concatenate([[0.0], np.cumsum(np.where(unsure_S, opened_S, step_S))])


def _steadied(angle_T: np.ndarray, weight_T: np.ndarray, times_s_T: np.ndarray) -> np.ndarray:
    """The least squares' normal equations, which are tridiagonal, solved for what changes."""
    if len(angle_T) < 2:
        return angle_T
    from scipy.linalg import solveh_banded

    gap_s_S = np.diff(times_s_T)
    lasting_s_T = (np.pad(gap_s_S, (1, 0), mode="edge") + np.pad(gap_s_S, (0, 1), mode="edge")) / 2
    link_S = STEADY_S**2 / gap_s_S
    bands_2T = np.zeros((2, len(angle_T)))
    bands_2T[1] = weight_T * lasting_s_T + np.pad(link_S, (0, 1)) + np.pad(link_S, (1, 0))
    bands_2T[0, 1:] = -link_S
    pull_S = link_S * np.diff(angle_T)
    return angle_T + np.asarray(solveh_banded(bands_2T, np.pad(pull_S, (0, 1)) - np.pad(pull_S, (1, 0))))


def _upper(keypoints_TK2: np.ndarray, skeleton: Skeleton, side: str, limb: _Limb) -> np.ndarray:
    """Direction [T, 2] of the limb that this one hangs on; NaN where there is none."""
    if limb.upper is None or not {f"{side}_{joint}" for joint in limb.upper} <= set(skeleton.joints):
        return np.full((len(keypoints_TK2), 2), np.nan)
    start, end = (skeleton.index(f"{side}_{joint}") for joint in limb.upper)
    return keypoints_TK2[:, end] - keypoints_TK2[:, start]


def _indices(skeleton: Skeleton, side: str, joints: tuple[str, ...]) -> list[int]:
    return [skeleton.index(f"{side}_{joint}") for joint in joints if f"{side}_{joint}" in skeleton]


def _turned(vector_T2: np.ndarray, angle_T: np.ndarray) -> np.ndarray:
    cosine_T, sine_T = np.cos(angle_T), np.sin(angle_T)
    x_T, y_T = vector_T2.T
    return np.stack([cosine_T * x_T - sine_T * y_T, sine_T * x_T + cosine_T * y_T], axis=1)


def _wrapped(angle: np.ndarray) -> np.ndarray:
    return np.arctan2(np.sin(angle), np.cos(angle))
