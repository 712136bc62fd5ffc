"""Other people in the photo: where they are, what belongs to whom where they touch, and who stands before the person.

The pose model's matte of one of several people is vague where another one is close: it takes in a piece of the
neighbour, and where the neighbour was painted out for it, it ends at the paint. A segmentation of everybody, less the
neighbours' own mattes, says what was lost.

Legend: H W photo pixels, h w the same, reduced.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from pose_tracking.crowd import body_shape
from pose_tracking.person import CONFIDENT, Detection
from pose_tracking.skeleton import BLAZEPOSE_33
from pose_tracking.trackers.landmarks import body_of
from pose_tracking.trackers.silhouette import segment_anybody, segment_person

# Mattes are hardly finer than this; px of the longer side.
_LOOK_PX = 384
# Shares of the person's size: half the width of limbs, how far cloth reaches beyond the body as it is painted out,
# and half the width of an outline, which is no lost part.
_FLESH, _CLOTH, _OUTLINE = 0.055, 0.06, 0.012
# From here on a matte is sure.
_SURE = 0.9
# Somebody hides at least this share of the trunk and limbs of whoever stands behind.
_HIDDEN = 0.03
# Smaller shares of somebody's matte that lie apart are none of theirs.
_CRUMB = 0.05
_TRUNK = ("left_shoulder", "right_shoulder", "right_hip", "left_hip")
_LIMBS = tuple(
    (f"{side}_{start}", f"{side}_{end}")
    for side in ("left", "right")
    for start, end in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
)


def part_people(
    pixels_HWC: np.ndarray, person: Detection, matte_HW: np.ndarray, others: Sequence[Detection]
) -> tuple[np.ndarray, np.ndarray | None]:
    """The person's matte without those who touch the person, and the matte of those who stand before.

    Whoever hides more of the other's body, as its joints tell where that is, stands before.

    Args:
        pixels_HWC: uint8 RGB [H, W, 3].
        person: whom the matte is of.
        matte_HW: float32 in [0, 1], from `segment_person`.
        others: everybody else in the photo.

    Returns:
        Both float32 [H, W] in [0, 1]; the second is none where nobody stands before the person.
    """
    close = [other for other in others if person.is_beside(other, margin=_CLOTH)]
    if not close:
        return matte_HW, None
    return divide(matte_HW, _mattes(pixels_HWC, close, (person, *others)), segment_anybody(pixels_HWC), person, close)


def others_matte(pixels_HWC: np.ndarray, person: Detection, others: Sequence[Detection]) -> np.ndarray | None:
    """Opacity of everybody but the person: float32 [H, W] in [0, 1]; none where there is nobody else."""
    if not others:
        return None
    return np.asarray(np.maximum.reduce(_mattes(pixels_HWC, others, (person, *others))))


def _mattes(pixels_HWC: np.ndarray, whose: Sequence[Detection], everybody: Sequence[Detection]) -> list[np.ndarray]:
    """One [H, W] each."""
    return [segment_person(pixels_HWC, each, others=[one for one in everybody if one is not each]) for each in whose]


def divide(
    matte_HW: np.ndarray,
    mattes: Sequence[np.ndarray],
    anybody_HW: np.ndarray,
    person: Detection,
    others: Sequence[Detection],
) -> tuple[np.ndarray, np.ndarray | None]:
    """`part_people`, from the mattes alone.

    Args:
        matte_HW: the person's.
        mattes: those of the others, who may have been painted out for the person's.
        anybody_HW: that of all of them together.
        person: whose matte it is.
        others: everybody close, as many as `mattes`.
    """
    scale = min(1.0, _LOOK_PX / max(matte_HW.shape))
    small, *bodies = (_scaled(each, scale) for each in (person, *others))
    # Where a matte is vague, and the joints put a limb of the person there, the joints are right.
    matte_hw = _resized(matte_HW, scale)
    limbs_HW = _like(matte_HW, _drawn(small, matte_hw.shape, trunk=False)) > 0.5
    mattes = [_whole(np.where(limbs_HW & (mask < _SURE), 0, mask), scale) for mask in mattes]
    theirs_HW = np.maximum.reduce(mattes)
    rest_HW = anybody_HW * (1 - theirs_HW)
    lost_HW = _like(matte_HW, _lost(small, matte_hw, _resized(rest_HW, scale), bodies))
    own_HW = np.where(theirs_HW > matte_HW, matte_HW * (1 - theirs_HW), matte_HW)
    own_HW = np.maximum(own_HW, rest_HW * lost_HW).astype(np.float32)
    own_hw = _resized(own_HW, scale)
    before = [
        mask
        for body, mask in zip(bodies, mattes, strict=True)
        if _is_before(body, _resized(mask, scale), small, own_hw)
    ]
    if not before:
        return own_HW, None
    # Each was looked for apart from the other, and both may claim the same cloth: it is theirs who stand before.
    front_HW = np.maximum.reduce(before)
    own_HW = np.where((front_HW > _SURE) & ~limbs_HW, own_HW * (1 - front_HW), own_HW).astype(np.float32)
    # What is vague in a matte of somebody before is as likely what lies behind them all.
    cover_HW = ((front_HW - 0.5) / (_SURE - 0.5)).clip(0, 1)
    return own_HW, np.where(cover_HW > own_HW, cover_HW, 0).astype(np.float32)


def _lost(person: Detection, matte_hw: np.ndarray, rest_hw: np.ndarray, others: Sequence[Detection]) -> np.ndarray:
    """Bool [h, w]: parts of the person that the matte lacks where others may have been painted out."""
    from scipy.ndimage import distance_transform_edt, label

    size = (matte_hw.shape[1], matte_hw.shape[0])
    own_hw, *shapes = (body_shape(size, each, BLAZEPOSE_33) for each in (person, *others))
    near_hw = distance_transform_edt(~own_hw) < _CLOTH * person.size_px
    asked_hw = (rest_hw > 0.5) & near_hw & np.logical_or.reduce(shapes)
    outline_px = _OUTLINE * person.size_px
    core_hw = distance_transform_edt(asked_hw) > outline_px
    if not core_hw.any():
        return core_hw
    # As far beyond as the core lies inside, and across the paint's rim, which is vague in all mattes.
    lost_hw = distance_transform_edt(~core_hw) < 2 * outline_px + 1
    pieces, _ = label(lost_hw | (matte_hw > 0.5))
    whole = np.unique(pieces[matte_hw > _SURE])
    return lost_hw & np.isin(pieces, whole[whole > 0])


def _is_before(other: Detection, their_hw: np.ndarray, person: Detection, own_hw: np.ndarray) -> bool:
    """Whether the other one hides more of the person's body than the person of theirs."""
    body_hw, their_body_hw = (_drawn(each, own_hw.shape, trunk=True) for each in (person, other))
    hidden = int((body_hw & (their_hw > 0.5) & (their_hw > own_hw)).sum())
    hiding = int((their_body_hw & (own_hw > 0.5) & (own_hw > their_hw)).sum())
    return hidden > max(hiding, _HIDDEN * int(body_hw.sum()))


def _whole(matte_HW: np.ndarray, scale: float) -> np.ndarray:
    """The matte without crumbs."""
    from scipy.ndimage import label

    pieces, _ = label(_resized(matte_HW, scale) > 0.1)
    area = np.bincount(pieces.ravel())
    area[0] = 0
    return matte_HW * _like(matte_HW, (area >= _CRUMB * area.sum())[pieces] & (pieces > 0))


def _drawn(person: Detection, shape: tuple[int, ...], *, trunk: bool) -> np.ndarray:
    """Bool [h, w]: the arms and legs as far as they were found, and the trunk."""
    picture = Image.new("L", (shape[1], shape[0]))
    canvas, places, radius = ImageDraw.Draw(picture), person.keypoints_K2, _FLESH * person.size_px
    for ends in ([BLAZEPOSE_33.index(name) for name in limb] for limb in _LIMBS):
        if (person.confidence_K[ends] >= CONFIDENT).all() and not np.isnan(places[ends]).any():
            points = [(x, y) for x, y in places[ends].tolist()]
            canvas.line(points, 255, round(2 * radius))
            for x, y in points:
                canvas.ellipse((x - radius, y - radius, x + radius, y + radius), 255)
    corners = [BLAZEPOSE_33.index(name) for name in _TRUNK]
    if trunk and not np.isnan(places[corners]).any():
        canvas.polygon([(x, y) for x, y in places[corners].tolist()], 255)
    return np.asarray(picture) > 0


def _scaled(person: Detection, scale: float) -> Detection:
    body = body_of(person)
    return Detection(keypoints_K2=(body.keypoints_K2 * scale).astype(np.float32), confidence_K=body.confidence_K)


def _resized(mask_HW: np.ndarray, scale: float) -> np.ndarray:
    height, width = mask_HW.shape
    return _like(np.empty((max(1, round(height * scale)), max(1, round(width * scale)))), mask_HW)


def _like(other_HW: np.ndarray, mask_hw: np.ndarray) -> np.ndarray:
    """Float32, as large as the other one."""
    size = (other_HW.shape[1], other_HW.shape[0])
    return np.asarray(Image.fromarray(mask_hw.astype(np.float32)).resize(size, Image.Resampling.BILINEAR))
