"""How long the limbs of a filmed and of a photographed person really are, and how the two compare.

A picture shows limbs foreshortened, so a single pose only bounds their lengths. Here the lengths of the driving
person are taken from many frames, and the subject, seen once, is taken to be built like the driver except where the
photo shows otherwise.

Legend: T frames, K keypoints, B measured limbs, whose lengths are in body scales (see `pose_tracking.limbs`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pose_tracking.errors import TrackingError
from pose_tracking.limbs import (
    KINDS,
    LIMBS,
    MIN_SHOWN,
    SEEN_CONFIDENCE,
    TYPICAL_BUILD,
    body_scale,
    measure_limbs,
    shared_scale,
    smooth_scale,
    weighted_quantile,
)
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33

# The true length of a driving limb: high enough to pass over foreshortening, low enough to pass over glitches.
_TRUE_LENGTH_QUANTILE = 0.9
# RMS distance of joints in torsos between two people who stand alike, measured on photos and clips (0.06 to 0.13); a
# photo out of the clip, tracked again, is 0.01 to 0.03 from its own frame.
_SAME_POSE = 0.1


# How far points of hand, foot and head lie from wrist, ankle and the middle of the ears, in torsos: the longest in the
# same clips, with room for finger tips and chins, which MediaPipe's 33 points do not hold.
_REACH = {"hand": 0.40, "foot": 0.45, "head": 0.40}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """How a subject's body compares with a driving person's.

    Attributes:
        ratio: subject's over driver's true px length for each kind of limb, the driver at its reference size. Hands
            follow the forearms and feet the shins: they are too short to be measured in one photo.
        reach: how long a driving limb can be, seen from the point it hangs on, in body scales.
        scale_T: the driver's body scale per frame, px, without dips where limbs are foreshortened.
        size_ratio: subject's over driver's overall size.
        likeness_T: [0, 1], how closely each driving pose is the pose of the photo.
        length_B: the driver's true lengths, body scales.
    """

    ratio: Mapping[str, float]
    reach: Mapping[str, float]
    scale_T: np.ndarray
    size_ratio: float
    likeness_T: np.ndarray
    length_B: np.ndarray

    def without_deviations(self) -> Fit:
        """The same difference in size, but with the driver's proportions."""
        return dataclasses.replace(self, ratio=dict.fromkeys(self.ratio, self.size_ratio))


def fit_shots(motion: PoseSequence, onto: PoseSequence) -> list[Fit]:
    """One fit for each shot, see `fit_proportions`.

    How somebody is built is told by all shots together: a short one shows limbs foreshortened as chance has it. How
    large they look, and when they stand as in the photo, is told by each shot, whose camera is its own.

    Raises:
        TrackingError: no limb is seen with confidence in one of the shots, or in the photo.
    """
    whole, shots = fit_proportions(motion, onto), motion.shots()
    if len(shots) == 1:
        return [whole]
    each = [fit_proportions(motion[shot], onto, length_B=whole.length_B) for shot in shots]
    return [
        dataclasses.replace(
            fit, ratio={kind: ratio / whole.size_ratio * fit.size_ratio for kind, ratio in whole.ratio.items()}
        )
        for fit in each
    ]


def shows_limbs(motion: PoseSequence) -> bool:
    """Whether any limb is seen with confidence."""
    return bool(measure_limbs(motion.to_skeleton(BLAZEPOSE_33))[1].any())


def fit_proportions(motion: PoseSequence, onto: PoseSequence, *, length_B: np.ndarray | None = None) -> Fit:
    """Compare the build of the person in `motion` with the subject, seen once in `onto`.

    Args:
        motion: driving poses.
        onto: the subject's own pose, one frame.
        length_B: the driver's true lengths in body scales, where they are known.

    Raises:
        TrackingError: no limb is seen with confidence in one of the two.
    """
    drive, still = motion.to_skeleton(BLAZEPOSE_33), onto.to_skeleton(BLAZEPOSE_33)
    driven_TB, driven_weight_TB = measure_limbs(drive)
    still_1B, still_weight_1B = measure_limbs(still)
    _require_limbs(driven_weight_TB, "the clip")
    _require_limbs(still_weight_1B, "the photo")
    common_B = ((driven_weight_TB > 0).mean(axis=0) >= MIN_SHOWN) & (still_weight_1B[0] > 0)
    # Bodies are compared by what both show; a bust and a pair of legs only by what is typical.
    shared_B = common_B if common_B.sum() >= 2 else np.ones_like(common_B)

    if length_B is None:
        length_B, scale_T = _true_lengths(driven_TB, driven_weight_TB)
    else:
        scale_T = _known_scales(driven_TB, driven_weight_TB, length_B)
    compared_T = body_scale(driven_TB, driven_weight_TB * shared_B, length_B)
    compared_T = np.where(np.isnan(compared_T), scale_T, compared_T)
    subject_scale = shared_scale(still_1B[0], still_weight_1B[0] * shared_B, length_B)
    likeness_T = _likeness(drive, still, compared_T, subject_scale)
    size_ratio = subject_scale / weighted_quantile(compared_T, reference_weights(likeness_T), 0.5)

    shown_TB = driven_TB / (length_B * compared_T[:, None])
    deviation = _deviations(
        still_1B[0] / (length_B * subject_scale), still_weight_1B[0] * common_B, shown_TB, driven_weight_TB, likeness_T
    )
    ratio = {kind: size_ratio * float(np.exp(_shrink(deviation.get(kind, 0.0)))) for kind in TYPICAL_BUILD}
    return Fit(
        ratio={**ratio, "hand": ratio["forearm"], "foot": ratio["shin"]},
        reach=_reach(length_B),
        scale_T=smooth_scale(scale_T, motion.times_s_T),
        size_ratio=size_ratio,
        likeness_T=likeness_T,
        length_B=length_B,
    )


def reference_weights(likeness_T: np.ndarray, prior_T: np.ndarray | float = 1.0) -> np.ndarray:
    """Weight of each frame in telling where and how large the driver typically is.

    Frames in the photo's own pose lead, so that a photo taken from the clip maps the clip onto itself; where no frame
    is like the photo, frames count by `prior_T`.
    """
    return likeness_T + 0.05 * prior_T / len(likeness_T)


def _require_limbs(weight_TB: np.ndarray, where: str) -> None:
    if not weight_TB.any():
        raise TrackingError(
            f"no limb of a person is seen in {where} with confidence {SEEN_CONFIDENCE} or more, expected at least "
            "head and shoulders; look at the tracking preview and choose other material or another tracker"
        )


def _true_lengths(length_TB: np.ndarray, weight_TB: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The driver's lengths [B] in body scales and the scale per frame [T], each found from the other in two rounds."""
    typical_B = np.array([TYPICAL_BUILD[kind].length for kind in KINDS])
    expected_B = typical_B
    for _ in range(2):
        scale_T = _known_scales(length_TB, weight_TB, expected_B)
        relative_TB = length_TB / scale_T[:, None]
        expected_B = np.array([_pooled_length(kind, relative_TB, weight_TB) for kind in KINDS])
    return expected_B, scale_T


def _known_scales(length_TB: np.ndarray, weight_TB: np.ndarray, expected_B: np.ndarray) -> np.ndarray:
    """`body_scale` per frame [T]; the usual one where a frame does not tell."""
    scale_T = body_scale(length_TB, weight_TB, expected_B)
    return np.where(np.isnan(scale_T), np.nanmedian(scale_T), scale_T)


def _pooled_length(kind: str, relative_TB: np.ndarray, weight_TB: np.ndarray) -> float:
    """True length of a kind over frames and both sides; never below what is humanly plausible.

    A limb that points at the camera all through the clip would otherwise be taken for a short one, and grow when
    it is carried onto a subject whose limb is seen.
    """
    columns = [place for place, other in enumerate(KINDS) if other == kind]
    typical = TYPICAL_BUILD[kind].length
    shown = (weight_TB[:, columns] > 0).mean()
    if shown < MIN_SHOWN / 2:
        return typical
    found = weighted_quantile(relative_TB[:, columns].ravel(), weight_TB[:, columns].ravel(), _TRUE_LENGTH_QUANTILE)
    return max(found, 0.75 * typical)


def _reach(length_B: np.ndarray) -> dict[str, float]:
    """Longest offsets of points from what they hang on; shoulders and hips hang on their middle."""
    reach = {
        kind: max(length, TYPICAL_BUILD[kind].length) for kind, length in zip(KINDS, length_B.tolist(), strict=True)
    }
    return {**reach, "shoulders": reach["shoulders"] / 2, "hips": reach["hips"] / 2, **_REACH}


def _likeness(drive: PoseSequence, still: PoseSequence, scale_T: np.ndarray, subject_scale: float) -> np.ndarray:
    """Weights [T] in [0, 1] of the driving frames in the photo's pose; all small where none is.

    d is the RMS distance, in body scales, of the main joints after centring. The kernel is as narrow as the best
    frame allows: a photo out of the clip picks its own frame, another photo all frames about as near as the nearest.
    """
    joints = sorted({BLAZEPOSE_33.index(joint) for limb in LIMBS for joint in limb.start + limb.end})
    pose_TK2 = drive.keypoints_TK2[:, joints] / scale_T[:, None, None]
    photo_1K2 = still.keypoints_TK2[:, joints].astype(float) / subject_scale
    both_TK = np.minimum(drive.confidence_TK[:, joints], still.confidence_TK[:, joints]) >= SEEN_CONFIDENCE
    number_T = np.maximum(both_TK.sum(axis=1), 1)
    apart_TK2 = np.where(both_TK[..., None], pose_TK2 - photo_1K2, 0.0)
    apart_TK2 -= (apart_TK2.sum(axis=1) / number_T[:, None])[:, None]
    square_T = np.where(both_TK, (apart_TK2**2).sum(axis=-1), 0.0).sum(axis=1) / number_T
    square_T = np.where(both_TK.sum(axis=1) >= 6, square_T, 100.0)
    nearest = square_T.min()
    width = np.clip(1.5 * np.sqrt(nearest), 0.01, _SAME_POSE)
    return np.exp(-nearest / _SAME_POSE**2 - (square_T - nearest) / width**2)


def _deviations(
    relative_B: np.ndarray,
    weight_B: np.ndarray,
    shown_TB: np.ndarray,
    shown_weight_TB: np.ndarray,
    likeness_T: np.ndarray,
) -> dict[str, float]:
    """log(subject's length / driver's) per kind of limb, sizes taken out; the larger of the two sides.

    The photo's limb either lies in the picture plane, or is foreshortened as in driving frames in the photo's pose;
    of the two readings the one nearer to the driver's build is believed, and no deviation where they disagree on its
    sign.
    """
    weight_TB = likeness_T[:, None] * (shown_weight_TB > 0)
    seen_B = np.nansum(np.where(weight_TB > 0, shown_TB * weight_TB, 0.0), axis=0)
    foreshortening_B = (seen_B + 0.1) / (weight_TB.sum(axis=0) + 0.1)
    deviation: dict[str, float] = {}
    for kind, relative, weight, foreshortening in zip(KINDS, relative_B, weight_B, foreshortening_B, strict=True):
        if weight > 0:
            shorter, longer = sorted((float(np.log(relative)), float(np.log(relative / foreshortening))))
            found = max(shorter, 0.0) if longer > 0 else longer
            deviation[kind] = max(found, deviation.get(kind, found))
    return deviation


def _shrink(deviation: float) -> float:
    """What is believed of a measured log deviation: small ones are noise, long shortfalls are foreshortening.

    A soft threshold, then redescending on the short side (Hampel's three-part influence function).
    """
    noise, longest = 0.03, 0.45
    believed = max(abs(deviation) - noise, 0.0)
    if deviation >= 0:
        return min(believed, longest)
    fade = np.clip((deviation + 0.4) / 0.2, 0.0, 1.0)
    return -believed * float(fade)
