"""Poses against poses: does the result move as it was asked to, and does the body keep its proportions.

All comparisons are made on COCO-17, so that trackers with many points on the face or the hands do not
outweigh the body, and in torso lengths of the wanted pose, so that a clip's resolution does not matter.

Legend: T frames, K joints of COCO-17.
"""

from __future__ import annotations

import math

import numpy as np

from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import COCO_17

MIN_CONFIDENCE = 0.5
# Torso length over shoulder width of people seen from the front: medians of 1.5 to 1.7 in five tracked clips. The
# lower end, so that shoulders only take over where the torso is foreshortened.
TORSO_PER_SHOULDER_WIDTH = 1.5
# Limbs pointing at the camera have no length to compare: shorter ones than this share of the torso are left out.
MIN_LIMB_TORSOS = 0.15
MIN_LIMB_FRAMES = 5

_BODY_LIMBS = tuple(limb for limb in COCO_17.limbs if min(limb) >= COCO_17.index("left_shoulder"))


def torso_lengths(target: PoseSequence) -> np.ndarray:
    """Torso length per frame in px, shape [T]: the yardstick of the pose metrics.

    The larger of the distance from mid-shoulder to mid-hip and `TORSO_PER_SHOULDER_WIDTH` x the shoulder width, over
    joints with confidence above 0.5: the first shrinks when the person bends towards the camera, the second when
    the person turns sideways, and a half body without hips has only the second. Frames with neither take the
    clip's median; NaN throughout where no frame has either.
    """
    joints = _confident(target)
    left_shoulder, right_shoulder, left_hip, right_hip = (
        joints[:, COCO_17.index(name)] for name in ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
    )
    torso = np.linalg.norm((left_shoulder + right_shoulder - left_hip - right_hip) / 2, axis=-1)
    shoulders = np.linalg.norm(left_shoulder - right_shoulder, axis=-1)
    lengths = np.fmax(torso, TORSO_PER_SHOULDER_WIDTH * shoulders)
    lengths = np.where(lengths > 0, lengths, np.nan)
    if np.isnan(lengths).all():
        return lengths
    return np.where(np.isnan(lengths), np.nanmedian(lengths), lengths)


def pck(predicted: PoseSequence, target: PoseSequence, *, threshold: float = 0.2) -> float:
    """Share of the target's confident joints that `predicted` holds within `threshold` torso lengths, in [0, 1].

    Percentage of correct keypoints (Yang & Ramanan 2013) with the torso as yardstick. A joint that `predicted`
    has not seen counts as a miss. NaN where the target has no confident joint.

    Raises:
        ValueError: sequences of different lengths or frame sizes.
    """
    distance_TK, counted_TK = _joint_distances(predicted, target)
    if not counted_TK.any():
        return math.nan
    return float((distance_TK[counted_TK] <= threshold).mean())


def pose_error(predicted: PoseSequence, target: PoseSequence) -> float:
    """Mean distance in torso lengths over the target's confident joints that `predicted` has seen.

    NaN where there is no such joint. Missing joints do not enter: read it beside `pck`, where they do.

    Raises:
        ValueError: sequences of different lengths or frame sizes.
    """
    distance_TK, counted_TK = _joint_distances(predicted, target)
    found = distance_TK[counted_TK & ~np.isnan(distance_TK)]
    return float(found.mean()) if found.size else math.nan


def limb_drift(predicted: PoseSequence, target: PoseSequence) -> float:
    """How unsteady the limbs' lengths are over time, relative to the target's limbs.

    Per limb the log ratio of predicted to wanted length is taken in every frame, which removes the foreshortening
    that both share; its spread over time is half the range from the 16th to the 84th percentile (one standard
    deviation if normal, and not moved by single frames a tracker got wrong). The median over limbs is
    returned: 0 for a body that keeps its proportions, whatever they are. NaN below 5 frames for every limb.

    Raises:
        ValueError: sequences of different lengths or frame sizes.
    """
    _check_pair(predicted, target)
    wanted_TK2 = _confident(target)
    got_TK2 = predicted.to_skeleton(COCO_17).keypoints_TK2.astype(np.float64)
    shortest_T = MIN_LIMB_TORSOS * torso_lengths(target)
    spreads = []
    for start, end in _BODY_LIMBS:
        wanted_T = np.linalg.norm(wanted_TK2[:, start] - wanted_TK2[:, end], axis=-1)
        got_T = np.linalg.norm(got_TK2[:, start] - got_TK2[:, end], axis=-1)
        usable = (wanted_T > shortest_T) & (got_T > 0)
        if usable.sum() >= MIN_LIMB_FRAMES:
            low, high = np.percentile(np.log(got_T[usable] / wanted_T[usable]), (16, 84))
            spreads.append((high - low) / 2)
    return float(np.median(spreads)) if spreads else math.nan


def _joint_distances(predicted: PoseSequence, target: PoseSequence) -> tuple[np.ndarray, np.ndarray]:
    """Distances [T, K] in torso lengths, NaN where `predicted` has no joint, and which joints count [T, K]."""
    _check_pair(predicted, target)
    wanted_TK2 = _confident(target)
    distance_TK = np.linalg.norm(predicted.to_skeleton(COCO_17).keypoints_TK2 - wanted_TK2, axis=-1)
    torso_T = torso_lengths(target)
    counted_TK = ~np.isnan(wanted_TK2[..., 0]) & ~np.isnan(torso_T)[:, None]
    return distance_TK / torso_T[:, None], counted_TK


def _confident(sequence: PoseSequence) -> np.ndarray:
    """Keypoints [T, K, 2] in float64, NaN below the confidence that counts."""
    moved = sequence.to_skeleton(COCO_17)
    sure = moved.confidence_TK > MIN_CONFIDENCE
    return np.where(sure[..., None], moved.keypoints_TK2.astype(np.float64), np.nan)


def _check_pair(predicted: PoseSequence, target: PoseSequence) -> None:
    if len(predicted) != len(target) or predicted.frame_size != target.frame_size:
        raise ValueError(
            f"poses do not pair up: {len(predicted)} frames of {predicted.frame_size} px "
            f"against {len(target)} of {target.frame_size} px"
        )
