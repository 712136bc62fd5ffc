"""A person seen in a picture and in its mirror image: what a detector mistakes in one, it seldom mistakes in both.

MediaPipe's joints lie up to .014 torso lengths to the right of where the mirror image has them, and a leg below a long
skirt may be missed in one and found in the other. Of 36 rendered people the joints lay .0320 torso lengths off,
those of both sides together .0297 (wrists .023 and .019); six further looks brought that to .0290.

Where both sides contradict each other (of 60 photos of people in the middle of a dance, three had left and right
exchanged in one of both, or a trunk as from the side), their mean would be a person without shoulders: then four more
looks are taken, and each part of the body is as most of them have it.

Legend: H W pixels, K keypoints.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pose_tracking.crowd import FindOne, paint_out
from pose_tracking.person import CONFIDENT, Detection
from pose_tracking.region import Region, cut, region_within
from pose_tracking.skeleton import Skeleton

# Person sizes between two detections up to which they are one person, whatever the pose: in sixteen photos they lay up
# to .03 apart, another person's .45 or more.
_ONE_PERSON = 0.1
# Mean distance of a part's joints, in person sizes, up to which two looks agree about it, if it is not by more than the
# second less with left and right exchanged. Usual is .01; a trunk that one look has narrow as from the side and the
# other one broad, or legs with left and right exchanged, lie .07 and more apart.
_AGREE, _EXCHANGED = 0.05, 0.01
_ARM = ("shoulder", "elbow", "wrist", "pinky", "index", "thumb")
_LEG = ("hip", "knee", "ankle", "heel", "foot")
# What hangs on what, and the person sizes by which limbs are longer from which on they lie crossed.
_HANGS = (("shoulder", "elbow"), ("shoulder", "hip"), ("hip", "ankle"))
_CROSSED = 0.02
# Person sizes around the box that close looks show.
_LOOK_MARGIN, _WIDER_MARGIN = 0.2, 0.5
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
        `person` itself where somebody else is close, or the mirror image shows nobody or somebody else. Where both
        contradict each other, further looks are taken, and each part of the body is as most of them have it.
    """
    if any(person.is_beside(other, margin=BESIDE) for other in others):
        return person
    pixels_HWC = paint_out(pixels_HWC, others, skeleton) if others else pixels_HWC
    size = (pixels_HWC.shape[1], pixels_HWC.shape[0])
    whole, close, wider = (
        (0, 0, *size),
        *(region_within(person.box(margin=margin), size) for margin in (_LOOK_MARGIN, _WIDER_MARGIN)),
    )

    def look(region: Region | None, *, in_mirror: bool = True) -> list[Detection]:
        """What is seen of the person in a part of the picture or of its mirror image: one detection or none."""
        found = None if region is None else _look(pixels_HWC, region, find_one, skeleton, in_mirror=in_mirror)
        sure = found is not None and bool((found.confidence_K >= CONFIDENT).any())
        return [found] if found is not None and sure and person.distance(found) < _ONE_PERSON else []

    # Close up for those who are too small in the whole picture.
    seen = look(whole) or look(close)
    parts = _parts(skeleton)
    if all(_agree(person, other, part, skeleton) for other in seen for part in parts):
        return _mean([person, *seen]) if seen else person
    seen += look(close, in_mirror=False) + look(close) + look(wider, in_mirror=False) + look(wider)
    return _as_most_have_it([person, *seen], parts, skeleton)


def _look(
    pixels_HWC: np.ndarray, region: Region, find_one: FindOne, skeleton: Skeleton, *, in_mirror: bool
) -> Detection | None:
    """Who is found in a part of a picture or in the mirror image of that, px of the picture."""
    left, top, right, _ = region
    view_HWC = cut(pixels_HWC, region)
    found = find_one(np.ascontiguousarray(view_HWC[:, ::-1]) if in_mirror else view_HWC)
    if found is not None and in_mirror:
        found = mirrored(found, skeleton, width=right - left)
    return None if found is None else found.moved((left, top))


def mirrored(person: Detection, skeleton: Skeleton, *, width: int) -> Detection:
    """The person as the mirror image of a picture so wide shows them; left and right change their names."""
    return _exchanged(person.scaled((-1, 1)).moved((width, 0)), skeleton)


def _parts(skeleton: Skeleton) -> list[np.ndarray]:
    """Bool [K] each: head and all else, arms with shoulders, legs with hips; trackers mistake them apart."""
    arms, legs = (np.array([any(word in name for word in words) for name in skeleton.joints]) for words in (_ARM, _LEG))
    return [~(arms | legs), arms, legs]


def _agree(one: Detection, other: Detection, part_K: np.ndarray, skeleton: Skeleton) -> bool:
    """Whether two looks have a part of the body alike, left and right included."""
    apart = _apart(one, other, part_K)
    return apart <= _AGREE and apart <= _apart(one, _exchanged(other, skeleton), part_K) + _EXCHANGED


def _apart(one: Detection, other: Detection, part_K: np.ndarray) -> float:
    """Mean distance of a part's joints, as far as two looks are sure of them, in person sizes; 0 for none."""
    sure_K = part_K & (np.minimum(one.confidence_K, other.confidence_K) >= CONFIDENT)
    apart = np.linalg.norm(one.keypoints_K2 - other.keypoints_K2, axis=-1)[sure_K]
    return float(apart.mean()) / max(one.size_px, other.size_px, 1.0) if len(apart) else 0.0


def _as_most_have_it(looks: Sequence[Detection], parts: Sequence[np.ndarray], skeleton: Skeleton) -> Detection:
    """Each part of the body as the largest and surest group of looks has it that agree about it.

    Looks of which a limb lies crossed come last: that is what legs look like whose names are exchanged below the hips.
    """
    keypoints, confidence = looks[0].keypoints_K2.copy(), looks[0].confidence_K.copy()
    for part_K in parts:
        groups = [[other for other in looks if _agree(one, other, part_K, skeleton)] for one in looks]
        votes = [sum(float(each.confidence_K[part_K].mean()) ** 2 for each in group) for group in groups]
        crossed = [_crossed_length(one, part_K, skeleton) > _CROSSED for one in looks]
        best = max(range(len(looks)), key=lambda place: (not crossed[place], votes[place]))
        agreed = _mean(groups[best])
        keypoints[part_K], confidence[part_K] = agreed.keypoints_K2[part_K], agreed.confidence_K[part_K]
    return Detection(keypoints_K2=keypoints, confidence_K=confidence)


def _crossed_length(person: Detection, part_K: np.ndarray, skeleton: Skeleton) -> float:
    """Person sizes by which limbs of this part are longer than if they hung on the other side."""
    exchanged, longer = _exchanged(person, skeleton), 0.0
    for holder, held in _HANGS:
        roots, ends = ([skeleton.index(f"{side}_{name}") for side in ("left", "right")] for name in (holder, held))
        if part_K[ends].all():
            lengths = (person.keypoints_K2[roots] - each.keypoints_K2[ends] for each in (person, exchanged))
            own, other = (float(np.linalg.norm(length, axis=-1).sum()) for length in lengths)
            longer = max(longer, own - other) if own > other else longer
    return longer / max(person.size_px, 1.0)


def _exchanged(person: Detection, skeleton: Skeleton) -> Detection:
    """The same with left and right by each other's names."""
    order = list(skeleton.mirror)
    return Detection(keypoints_K2=person.keypoints_K2[order], confidence_K=person.confidence_K[order])


def _mean(looks: Sequence[Detection]) -> Detection:
    """Means weighed by the square of confidence: where one look is a guess, the others count."""
    keypoints_NK2 = np.stack([each.keypoints_K2 for each in looks])
    confidence_NK = np.stack([each.confidence_K for each in looks])
    weight_NK = np.where(np.isnan(keypoints_NK2[..., 0]), 0.0, confidence_NK**2)
    total_K = weight_NK.sum(0)
    share_NK = np.divide(weight_NK, total_K, out=np.zeros_like(weight_NK), where=total_K > 0)
    # An unseen joint is NaN, and none of it may count.
    points_K2 = (share_NK[..., None] * np.where(share_NK[..., None] > 0, keypoints_NK2, 0)).sum(0)
    return Detection(
        keypoints_K2=np.where(total_K[:, None] > 0, points_K2, keypoints_NK2[0]).astype(np.float32),
        confidence_K=np.where(total_K > 0, (share_NK * confidence_NK).sum(0), confidence_NK[0]).astype(np.float32),
    )
