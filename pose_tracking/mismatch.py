"""How badly a driving clip and a photo go together, told before time is spent on a render.

Legend: T frames, K keypoints.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pose_tracking.errors import TrackingError
from pose_tracking.limbs import KINDS, SEEN_CONFIDENCE, TYPICAL_BUILD, body_scale, measure_limbs
from pose_tracking.proportions import fit_proportions
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33

# Scores from here on deserve a warning: a part of the body has to be invented, or is seen from the other side. Below
# lie a hidden hand, a photo with more of the body than the clip moves, and builds that differ as adults do.
WARN_FROM = 0.3

_PARTS: Mapping[str, tuple[str, ...]] = {
    "head": ("nose", "left_eye", "right_eye"),
    "torso": ("left_shoulder", "right_shoulder", "left_hip", "right_hip"),
    "arms": ("left_elbow", "right_elbow", "left_wrist", "right_wrist"),
    "legs": ("left_knee", "right_knee", "left_ankle", "right_ankle"),
}
# How much of the picture goes wrong when a part that moves in the clip is not in the photo.
_INVENTED_WEIGHT = {"head": 0.9, "torso": 0.9, "arms": 0.5, "legs": 0.7}
# ... and when a part of the photo gets no motion.
_STILL_WEIGHT = {"head": 0.3, "torso": 0.2, "arms": 0.25, "legs": 0.2}
_BACK_WEIGHT = 0.6
_BUILD_WEIGHT = 0.5
# Narrower shoulders, in body scales, are a side view. Measured: front and back views 0.5 to 0.8.
_SIDE_VIEW_WIDTH = 0.25
# From this on a limb is remarked on; the severity is full at its square.
_STRANGE_BUILD = 1.25
_KIND_NAMES = {
    "torso": "length of torso",
    "shoulders": "width of shoulders",
    "hips": "width of hips",
    "neck": "length of neck",
    "head": "size of head",
    "upper_arm": "length of upper arm",
    "forearm": "length of forearm",
    "thigh": "length of thigh",
    "shin": "length of shin",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """What speaks against driving a photo by a clip.

    Attributes:
        score: 0 (made for each other) to 1 (nothing in common); warn from `WARN_FROM` on.
        reasons: full sentences, the gravest first, each saying what would help.
        clip_coverage: share of frames and joints seen, for head, torso, arms and legs.
        photo_coverage: share of joints seen, likewise.
    """

    score: float
    reasons: tuple[str, ...]
    clip_coverage: Mapping[str, float]
    photo_coverage: Mapping[str, float]


def mismatch(motion: PoseSequence, onto: PoseSequence) -> Mismatch:
    """Compare what a clip moves with what a photo shows.

    Args:
        motion: driving poses in px of the clip.
        onto: the subject's own pose, one frame.
    """
    drive, still = motion.to_skeleton(BLAZEPOSE_33), onto.to_skeleton(BLAZEPOSE_33)
    clip_seen, photo_seen = _seen_shares(drive), _seen_shares(still)
    findings = sorted(
        (
            *_coverage_findings(clip_seen, photo_seen),
            *_view_findings(drive, still),
            *_build_findings(motion, onto),
        ),
        reverse=True,
    )
    return Mismatch(
        score=float(1 - np.prod([1 - severity for severity, _ in findings])),
        reasons=tuple(reason for _, reason in findings),
        clip_coverage=_coverage(clip_seen),
        photo_coverage=_coverage(photo_seen),
    )


def _seen_shares(poses: PoseSequence) -> dict[str, float]:
    """Share of frames in which each joint is seen inside the picture."""
    inside_TK = ((poses.keypoints_TK2 >= 0) & (poses.keypoints_TK2 <= poses.frame_size)).all(axis=-1)
    share_K = ((poses.confidence_TK >= SEEN_CONFIDENCE) & inside_TK).mean(axis=0)
    return {joint: float(share_K[poses.skeleton.index(joint)]) for joints in _PARTS.values() for joint in joints}


def _coverage(seen: Mapping[str, float]) -> dict[str, float]:
    return {part: float(np.mean([seen[joint] for joint in joints])) for part, joints in _PARTS.items()}


def _coverage_findings(clip: Mapping[str, float], photo: Mapping[str, float]) -> Iterator[tuple[float, str]]:
    """Parts that one of the two shows and the other does not."""
    for part, joints in _PARTS.items():
        missing = [joint for joint in joints if clip[joint] >= 0.5 and photo[joint] < 0.5]
        if missing:
            share = np.mean([clip[joint] - photo[joint] for joint in missing]) * len(missing) / len(joints)
            yield (
                _INVENTED_WEIGHT[part] * float(share),
                f"The clip moves the {_listed(missing)}, which the photo hides or cuts off: that part has to be "
                f"invented. Take a photo that shows the {part}, or a clip without them.",
            )
        still = [joint for joint in joints if photo[joint] >= 0.5 and clip[joint] < 0.5]
        if still:
            share = np.mean([photo[joint] - clip[joint] for joint in still]) * len(still) / len(joints)
            yield (
                _STILL_WEIGHT[part] * float(share),
                f"The photo shows the {_listed(still)}, which the clip hardly does: nothing there will move. "
                f"Take a clip that shows the {part}.",
            )


def _view_findings(drive: PoseSequence, still: PoseSequence) -> Iterator[tuple[float, str]]:
    """Frames that show the side of the person which the photo does not."""
    photo = _facing(still)[0]
    clip_T = _facing(drive)
    if np.isnan(photo) or np.isnan(clip_T).all() or photo == 0:
        return
    share = float((clip_T == -photo).sum() / (~np.isnan(clip_T)).sum())
    if share >= 0.05:
        shown, unseen = ("front", "back") if photo > 0 else ("back", "front")
        yield (
            _BACK_WEIGHT * share,
            f"The clip shows the person's {unseen} in {share:.0%} of its frames, the photo only the {shown}: the "
            f"{unseen} has to be invented. Take a photo or a clip from the same side.",
        )


def _facing(poses: PoseSequence) -> np.ndarray:
    """Per frame 1 for a front view, -1 for a back view, 0 between, NaN unseen.

    Left and right are the person's own: seen from the front the left shoulder is on the right of the upright torso, in
    whatever direction the torso lies in the picture.
    """
    length_TB, weight_TB = measure_limbs(poses)
    typical_B = np.array([TYPICAL_BUILD[kind].length for kind in KINDS])
    seen_T = weight_TB[:, KINDS.index("shoulders")] > 0
    scale_T = body_scale(length_TB, weight_TB, typical_B)
    left_T2, right_T2 = poses.joint("left_shoulder"), poses.joint("right_shoulder")
    hips_T2 = (poses.joint("left_hip") + poses.joint("right_hip")) / 2
    up_T2 = (left_T2 + right_T2) / 2 - hips_T2
    length_T = np.linalg.norm(up_T2, axis=-1)
    # A torso that points at the camera, or has no hips, tells no direction; the picture's own is the likelier one.
    torso = KINDS.index("torso")
    told_T = (weight_TB[:, torso] > 0) & (length_T > 0.5 * typical_B[torso] * scale_T)
    up_T2 = np.where(told_T[:, None], up_T2 / np.where(told_T, length_T, 1.0)[:, None], (0.0, -1.0))
    across_T2 = left_T2 - right_T2
    width_T = across_T2[:, 1] * up_T2[:, 0] - across_T2[:, 0] * up_T2[:, 1]
    width_T = np.where(seen_T, width_T / scale_T, np.nan)
    return np.where(np.abs(width_T) < _SIDE_VIEW_WIDTH, width_T * 0.0, np.sign(width_T))


def _build_findings(motion: PoseSequence, onto: PoseSequence) -> Iterator[tuple[float, str]]:
    """Limbs whose length differs far more than the size of the two people does."""
    try:
        fit = fit_proportions(motion, onto)
    except TrackingError as error:
        yield 1.0, f"{str(error)[0].upper()}{str(error)[1:]}."
        return
    for kind in TYPICAL_BUILD:
        times = fit.ratio[kind] / fit.size_ratio
        severity = _BUILD_WEIGHT * float(np.clip(abs(np.log(times)) / np.log(_STRANGE_BUILD) - 1, 0, 1))
        if severity > 0:
            yield (
                severity,
                f"For a body of its size, the person in the photo has {times:.1f} times the {_KIND_NAMES[kind]} of the "
                "person in the clip: poses may look stretched. Take a clip of somebody built more alike, or a photo in "
                "which no limb points at the camera.",
            )


def _listed(joints: list[str]) -> str:
    """Names for a sentence, partners together: `left knee and ankles`."""
    names: list[str] = []
    for joint in joints:
        side, _, name = joint.partition("_")
        both = {f"left_{name}", f"right_{name}"} <= set(joints)
        spoken = f"{name}s" if both else f"{side} {name}".strip()
        if spoken not in names:
            names.append(spoken)
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
