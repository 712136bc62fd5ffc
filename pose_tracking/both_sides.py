"""A person seen in a picture and in its mirror image: what a detector mistakes in one, it seldom mistakes in both.

MediaPipe's joints lie up to .014 torso lengths to the right of where the mirror image has them, and a leg below a long
skirt may be missed in one and found in the other. Of 36 rendered people the joints lay .0320 torso lengths off,
those of both sides together .0297 (wrists .023 and .019); six further looks brought that to .0290.

Legend: H W pixels, K keypoints.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pose_tracking.crowd import FindOne, paint_out
from pose_tracking.person import CONFIDENT, Detection
from pose_tracking.region import cut, region_within
from pose_tracking.skeleton import Skeleton

# Median distance of the joints, in person sizes, up to which both are one pose: in sixteen photos they lay up to .03
# apart, another person's .45 or more. Left and right exchanged are farther apart than this, too.
_ONE_POSE = 0.06
_LOOK_MARGIN = 0.2
# Person sizes between two people up to which one look has to do: further ones see another part of both, and paint takes
# with it what one of them hides.
BESIDE = 0.1


def from_both_sides(
    person: Detection,
    pixels_HWC: np.ndarray,
    find_one: FindOne,
    skeleton: Skeleton,
    *,
    others: Sequence[Detection] = (),
) -> Detection:
    """The same person with the joints of the picture's mirror image weighed in, each as far as it was sure.

    Args:
        person: found in this picture.
        pixels_HWC: uint8 RGB [H, W, 3].
        find_one: the detector, without memory from picture to picture.
        skeleton: of its detections.
        others: further people in the picture; they are painted out.

    Returns:
        `person` itself where somebody else is close, or the mirror image shows nobody, somebody else or another pose.
    """
    if any(person.is_beside(other, margin=BESIDE) for other in others):
        return person
    pixels_HWC = paint_out(pixels_HWC, others, skeleton) if others else pixels_HWC
    size = (pixels_HWC.shape[1], pixels_HWC.shape[0])
    # Close up for those who are too small in the whole picture.
    for region in ((0, 0, *size), region_within(person.box(margin=_LOOK_MARGIN), size)):
        if region is None:
            continue
        left, top, right, _ = region
        found = find_one(np.ascontiguousarray(cut(pixels_HWC, region)[:, ::-1]))
        if found is None:
            continue
        other = mirrored(found, skeleton, width=right - left).moved((left, top))
        if _is_one_pose(person, other):
            return _blended(person, other)
    return person


def mirrored(person: Detection, skeleton: Skeleton, *, width: int) -> Detection:
    """The person as the mirror image of a picture so wide shows them; left and right change their names."""
    order = list(skeleton.mirror)
    turned = person.scaled((-1, 1)).moved((width, 0))
    return Detection(keypoints_K2=turned.keypoints_K2[order], confidence_K=turned.confidence_K[order])


def _is_one_pose(one: Detection, other: Detection) -> bool:
    sure = np.minimum(one.confidence_K, other.confidence_K) >= CONFIDENT
    apart = np.linalg.norm(one.keypoints_K2 - other.keypoints_K2, axis=-1)[sure]
    return len(apart) > 0 and float(np.nanmedian(apart)) < _ONE_POSE * max(one.size_px, other.size_px, 1.0)


def _blended(one: Detection, other: Detection) -> Detection:
    """Means weighed by the square of confidence: where one of both is a guess, the other one counts."""
    weights = [np.where(np.isnan(each.keypoints_K2[:, 0]), 0.0, each.confidence_K**2) for each in (one, other)]
    total = weights[0] + weights[1]
    share_K = np.divide(weights[1], total, out=np.zeros_like(total), where=total > 0).astype(np.float32)
    # An unseen joint is NaN, and none of it may count.
    here, there = (
        np.where(share[:, None] > 0, each.keypoints_K2, 0) for share, each in ((1 - share_K, one), (share_K, other))
    )
    points = (1 - share_K[:, None]) * here + share_K[:, None] * there
    return Detection(
        keypoints_K2=np.where((total > 0)[:, None], points, one.keypoints_K2).astype(np.float32),
        confidence_K=(1 - share_K) * one.confidence_K + share_K * other.confidence_K,
    )
