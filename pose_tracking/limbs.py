"""The limbs that are measured, what is typical of them, and how large a body is in the picture.

Lengths are in units of the body scale, a number of px per frame that is 1 torso for a person of typical build and
grows as the person comes closer.

Legend: T frames, K keypoints, B measured limbs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pose_tracking.sequence import PoseSequence

# A joint counts as seen from here on. Measured with MediaPipe: legs inside the picture >= 0.7, cut off < 0.3.
SEEN_CONFIDENCE = 0.5
# A limb or joint counts as shown by a clip when it is seen in this share of the frames.
MIN_SHOWN = 0.2
_SCALE_WINDOW_S = 0.5
# Standard deviation of log lengths among limbs that agree on a size; how many times more must agree on another.
# Measured over 13 photos on 13 clips: 1.0 to 1.12, and 1.2 to 1.75 for those standing by a clip filmed from above.
_ALIKE, _CLEARLY, _ROUNDS = 0.12, 1.15, 5


class Limb(NamedTuple):
    """One measured limb: the two ends are means of joints; left and right share a `kind`."""

    kind: str
    start: tuple[str, ...]
    end: tuple[str, ...]


class Build(NamedTuple):
    """Typical length in torsos, and how much one measurement of it says about the size of the whole body."""

    length: float
    trust: float


_SHOULDERS = ("left_shoulder", "right_shoulder")
_HIPS = ("left_hip", "right_hip")
_EARS = ("left_ear", "right_ear")

# Lengths: 90th percentile over frames of MediaPipe's key points, over that of the torso, median of nine real full-body
# clips. (Drillis & Contini 1966: thigh 0.85, shank 0.85, upper arm 0.65, forearm 0.51 of the trunk; trackers put hips
# and shoulders elsewhere.) Trust: long, steady limbs most, widths least because they shrink as the person turns.
TYPICAL_BUILD: Mapping[str, Build] = {
    "torso": Build(1.00, 2.00),
    "shoulders": Build(0.64, 0.50),
    "hips": Build(0.37, 0.25),
    "neck": Build(0.44, 0.50),
    "head": Build(0.24, 0.75),
    "upper_arm": Build(0.57, 0.50),
    "forearm": Build(0.53, 0.50),
    "thigh": Build(0.75, 0.75),
    "shin": Build(0.73, 0.75),
}
LIMBS: tuple[Limb, ...] = (
    Limb("torso", _HIPS, _SHOULDERS),
    Limb("shoulders", _SHOULDERS[:1], _SHOULDERS[1:]),
    Limb("hips", _HIPS[:1], _HIPS[1:]),
    Limb("neck", _SHOULDERS, _EARS),
    *(
        Limb(kind, (f"{side}_{start}",), (f"{side}_{end}",))
        for kind, start, end in (
            ("upper_arm", "shoulder", "elbow"),
            ("forearm", "elbow", "wrist"),
            ("thigh", "hip", "knee"),
            ("shin", "knee", "ankle"),
        )
        for side in ("left", "right")
    ),
    Limb("head", _EARS, ("nose",)),
)
KINDS: tuple[str, ...] = tuple(limb.kind for limb in LIMBS)
_TRUST_B = np.array([TYPICAL_BUILD[kind].trust for kind in KINDS])
# Ear to ear over nose to the middle of the ears: 0.32 to 0.27 torsos in MediaPipe's world landmarks.
_HEAD_WIDTH_OVER_DEPTH = 1.15


def measure_limbs(pose: PoseSequence) -> tuple[np.ndarray, np.ndarray]:
    """Lengths [T, B] px of `LIMBS` in a BlazePose-33 sequence, and weights [T, B]: confidence, 0 where unseen."""
    confident_TK = np.where(pose.confidence_TK >= SEEN_CONFIDENCE, pose.confidence_TK, 0.0).astype(float)
    points_TK2 = pose.keypoints_TK2.astype(float)

    def mean_of(joints: tuple[str, ...]) -> np.ndarray:
        return points_TK2[:, [pose.skeleton.index(joint) for joint in joints]].mean(axis=1)

    length_TB = np.stack([np.linalg.norm(mean_of(limb.end) - mean_of(limb.start), axis=-1) for limb in LIMBS], axis=1)
    ears_T = np.linalg.norm(mean_of(_EARS[:1]) - mean_of(_EARS[1:]), axis=-1)
    # Width and depth of a turning head trade off as cosine and sine; together they keep its size.
    length_TB[:, -1] = np.hypot(ears_T, _HEAD_WIDTH_OVER_DEPTH * length_TB[:, -1])
    weight_TB = np.stack(
        [
            confident_TK[:, [pose.skeleton.index(joint) for joint in limb.start + limb.end]].min(axis=1)
            for limb in LIMBS
        ],
        axis=1,
    )
    return length_TB, np.where(length_TB > 0, weight_TB, 0.0)


def body_scale(length_TB: np.ndarray, weight_TB: np.ndarray, expected_B: np.ndarray) -> np.ndarray:
    """Px per body scale in each frame [T]; NaN where no limb is seen.

    Foreshortening only ever shortens, so the upper quartile of measured over expected length says which limbs lie
    in the picture plane; the median of those within about 20 % of it is the scale. The border is soft, so that a limb
    on it does not flip in and out.
    """
    ratio_TB = length_TB / expected_B
    weight_TB = weight_TB * _TRUST_B
    scale_T = np.full(len(ratio_TB), np.nan)
    for frame, (ratio_B, weight_B) in enumerate(zip(ratio_TB, weight_TB, strict=True)):
        if weight_B.any():
            upper = weighted_quantile(ratio_B, weight_B, 0.75)
            share_B = ratio_B / upper
            flat_B = np.clip((share_B - 0.75) / 0.1, 0, 1) * np.clip((1.3 - share_B) / 0.1, 0, 1)
            middle = weighted_quantile(ratio_B, weight_B * flat_B, 0.5)
            scale_T[frame] = upper if np.isnan(middle) else middle
    return scale_T


def shared_scale(length_B: np.ndarray, weight_B: np.ndarray, expected_B: np.ndarray) -> float:
    """Px per body scale of somebody who is measured by another's lengths; NaN where no limb is seen.

    As `body_scale`, unless clearly more limbs agree on another: legs that a camera looks down on are short in every
    frame of a clip, and by them anybody is a giant with narrow shoulders and a small head.

    Args:
        length_B: px in one picture.
        weight_B: confidence, 0 where unseen.
        expected_B: the other's lengths, body scales.
    """
    usual = float(body_scale(length_B[None], weight_B[None], expected_B)[0])
    used_B = weight_B > 0
    if not used_B.any():
        return usual
    log_B, trust_B = np.log(length_B[used_B] / expected_B[used_B]), (weight_B * _TRUST_B)[used_B]

    def alike(log_scale: float) -> np.ndarray:
        return trust_B * np.exp(-0.5 * ((log_B - log_scale) / _ALIKE) ** 2)

    agreed = max(log_B.tolist(), key=lambda log_scale: float(alike(log_scale).sum()))
    for _ in range(_ROUNDS):  # of mean shift, to the top of the hill
        agreed = float(np.average(log_B, weights=alike(agreed)))
    agree = float(alike(agreed).sum())
    is_clear = agree > _CLEARLY * float(alike(np.log(usual)).sum()) and agree > trust_B.sum() / 2
    return float(np.exp(agreed)) if is_clear else usual


def smooth_scale(scale_T: np.ndarray, times_s_T: np.ndarray) -> np.ndarray:
    """Fill frames without a scale from their neighbours and take a running median over half a second."""
    known_T = ~np.isnan(scale_T)
    filled_T = np.interp(times_s_T, times_s_T[known_T], scale_T[known_T])
    windows = window_frames(filled_T, times_s_T, _SCALE_WINDOW_S)
    return np.median(windows, axis=-1)


def window_frames(values_T: np.ndarray, times_s_T: np.ndarray, width_s: float) -> np.ndarray:
    """Centred windows [T, W] of about `width_s`, the ends repeated; W is odd."""
    step_s = float(np.median(np.diff(times_s_T))) if len(times_s_T) > 1 else width_s
    half = int(min(round(width_s / 2 / step_s), len(values_T)))
    return sliding_window_view(np.pad(values_T, half, mode="edge"), 2 * half + 1)


def weighted_quantile(values: np.ndarray, weights: np.ndarray, quantile: float) -> float:
    """Mean of the values whose share of the weight lies within 0.05 of `quantile` when sorted.

    Unlike interpolated quantiles it changes smoothly with values and weights, also where values tie, and it is
    mirror-symmetric: the q-quantile of -x is minus the (1-q)-quantile of x. NaN where no weight is positive.
    """
    used = (weights > 0) & ~np.isnan(values)
    if not used.any():
        return float("nan")
    order = np.argsort(values[used], kind="stable")
    edges = np.cumsum(np.concatenate([[0.0], weights[used][order]]))
    inside = np.diff(np.clip(edges / edges[-1], quantile - 0.05, quantile + 0.05))
    return float(np.average(values[used][order], weights=inside))
