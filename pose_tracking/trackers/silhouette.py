"""Who is in a picture, px for px: MediaPipe's masks of one person.

The pose model's own mask comes first: it knows whom it looks at, and keeps the feet and hands that selfie segmentation
drops. Selfie segmentation steps in where the pose model does not see the person.

Legend: H W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from pose_tracking.both_sides import BESIDE, mirrored
from pose_tracking.crowd import paint_out
from pose_tracking.person import CONFIDENT, SAME_PERSON, Detection
from pose_tracking.region import Region, cut, place, region_within
from pose_tracking.skeleton import BLAZEPOSE_33
from pose_tracking.trackers.graphs import Graph, lend_still, lend_still_pose
from pose_tracking.trackers.landmarks import body_of, read_person

_LOOK_CONFIDENCE = 0.5
_LOOK_MARGIN, _WIDE_MARGIN = 0.2, 0.6
# Px of a picture's longer side beyond which a mask of 256 px gains nothing.
_MOST_SIDE_PX = 1280
# Where several people stand close, a mask of one of them holds this share of that one's confident joints at least, and
# of anybody else's at most. In photos of two and three people and their mirror images, masks of one held 0.9 and 0.1,
# masks of two about 0.5 of both. Whoever stands before somebody covers few of their joints: hidden ones are guesses.
_OWN_JOINTS, _OTHERS_JOINTS = 0.7, 0.3
# Share of a view's side that is person from which on it cuts the person.
_CUT = 0.02


def segment_person(
    pixels_HWC: np.ndarray, person: Detection | None = None, *, others: Sequence[Detection] = ()
) -> np.ndarray:
    """How much of each pixel belongs to the person, at one look.

    Args:
        pixels_HWC: uint8 RGB [H, W, 3].
        person: whose matte, as found in this picture on BlazePose-33 or Holistic-543; by default whomever the
            model sees first.
        others: further people in the picture; they are painted out if they draw the model's eye, or into the mask.

    Returns:
        float32 [H, W] in [0, 1], as coarse as the model's 256 x 256 px.
    """
    looks = _LOOKS_BESIDE_OTHERS if person is not None and others else _LOOKS
    found = next(_masks_of_one(pixels_HWC, person, others, looks), None)
    return _silhouette(pixels_HWC, person, others) if found is None else np.nan_to_num(found)


def segment_photo(pixels_HWC: np.ndarray, person: Detection, *, others: Sequence[Detection] = ()) -> np.ndarray:
    """As `segment_person`, the median of up to eight looks: of a photo all depends on this matte.

    What one look takes for the ground behind a patterned skirt, or a shoe, the others do not; edges err by less. Of 70
    rendered photos one look's mattes overlapped the true ones by .967 on average and .782 at worst, the medians by .973
    and .948. Where somebody else is close, one look has to do: each takes in another part of them.
    """
    if any(person.is_beside(other, margin=BESIDE) for other in others):
        return segment_person(pixels_HWC, person, others=others)
    small, scale = _reduced(pixels_HWC)
    one, *rest = (each.scaled((scale, scale)) for each in (person, *others))
    masks = list(_masks_of_one(small, one, rest, _ALL_LOOKS))
    matte_hw = _median(masks) if masks else _silhouette(small, one, rest)
    if scale == 1:
        return matte_hw
    size = (pixels_HWC.shape[1], pixels_HWC.shape[0])
    return np.asarray(Image.fromarray(matte_hw).resize(size, Image.Resampling.BILINEAR)).clip(0, 1)


def _reduced(pixels_HWC: np.ndarray) -> tuple[np.ndarray, float]:
    """A picture without more px than a mask can tell, and how much smaller it is."""
    scale = min(1.0, _MOST_SIDE_PX / max(pixels_HWC.shape[:2]))
    if scale == 1:
        return pixels_HWC, 1.0
    size = (max(1, round(pixels_HWC.shape[1] * scale)), max(1, round(pixels_HWC.shape[0] * scale)))
    return np.asarray(Image.fromarray(pixels_HWC).resize(size, Image.Resampling.BOX)), scale


def _median(masks: Sequence[np.ndarray]) -> np.ndarray:
    """Px by px the median of what was seen there; 0 where nothing was. `np.nanmedian` takes a second for it."""
    ranked_NHW = np.sort(masks, axis=0)  # NaN last
    last_1HW = np.isfinite(ranked_NHW).sum(axis=0, keepdims=True) - 1
    middle = [np.take_along_axis(ranked_NHW, half.clip(0), axis=0)[0] for half in (last_1HW // 2, (last_1HW + 1) // 2)]
    return np.nan_to_num((middle[0] + middle[1]) / 2)


def _masks_of_one(
    pixels_HWC: np.ndarray, person: Detection | None, others: Sequence[Detection], looks: Sequence[_Look]
) -> Iterator[np.ndarray]:
    """The pose model's masks [H, W] of the person alone, look by look; NaN beyond what a look shows.

    None where it does not see the person.

    Where every look takes in somebody else, or nobody, those others are painted out. Not sooner: paint takes with it
    what others hide, and what they stand before.
    """
    is_found = False
    with lend_still_pose(_LOOK_CONFIDENCE, enable_segmentation=True) as still:
        for look in looks:
            mask = look.mask(still, pixels_HWC, person)
            if mask is not None and (person is None or _is_of_one(np.nan_to_num(mask), person, others)):
                is_found = True
                yield mask
        if is_found or person is None or not others:
            return
        alone = paint_out(pixels_HWC, [body_of(other) for other in others], BLAZEPOSE_33)
        masks = (look.mask(still, alone, person) for look in _LOOKS)
        yield from (mask for mask in masks if mask is not None)


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at a picture: at all of it or close up, with so much about the person's box; perhaps in a mirror."""

    margin: float | None = None
    is_mirrored: bool = False

    def mask(self, still: Graph, pixels_HWC: np.ndarray, person: Detection | None) -> np.ndarray | None:
        """The mask [H, W] of the person, NaN beyond the view; None where the model sees nobody, or somebody else."""
        size = (pixels_HWC.shape[1], pixels_HWC.shape[0])
        region: Region = (0, 0, *size)
        if person is not None and self.margin is not None:
            region = region_within(person.box(margin=self.margin), size) or region
        view = cut(pixels_HWC, region)
        result = still.process(np.ascontiguousarray(view[:, ::-1]) if self.is_mirrored else view)
        width, height = view.shape[1], view.shape[0]
        found = read_person(result, BLAZEPOSE_33, size=(width, height), min_visibility=0.0)
        if found is None:
            return None
        found = mirrored(found, BLAZEPOSE_33, width=width) if self.is_mirrored else found
        if person is not None and body_of(person).distance(found.moved(region[:2])) >= SAME_PERSON:
            return None
        mask_hw = result.segmentation_mask.clip(0, 1)
        return place(mask_hw[:, ::-1] if self.is_mirrored else mask_hw, region, size=size, beyond=np.nan)


_LOOKS = (_Look(), _Look(_LOOK_MARGIN))
_LOOKS_BESIDE_OTHERS = (_Look(), _Look(_WIDE_MARGIN))
_ALL_LOOKS = tuple(_Look(margin, is_mirrored) for margin in (None, 0.1, 0.2, 0.4) for is_mirrored in (False, True))


def _silhouette(pixels_HWC: np.ndarray, person: Detection | None, others: Sequence[Detection]) -> np.ndarray:
    """What selfie segmentation finds around the person without the others, [H, W] in [0, 1].

    Joints say little of hair, hats and skirts: what the view cuts is looked at again in a wider one.
    """
    if person is not None and others:
        pixels_HWC = paint_out(pixels_HWC, [body_of(other) for other in others], BLAZEPOSE_33)
    size = (pixels_HWC.shape[1], pixels_HWC.shape[0])
    whole: Region = (0, 0, *size)
    close_ups = [] if person is None else [person.box(margin=margin) for margin in (_LOOK_MARGIN, _WIDE_MARGIN)]
    for region in (*(region_within(box, size) or whole for box in close_ups), whole):
        matte_hw = segment_anybody(cut(pixels_HWC, region))
        if not _is_cut(matte_hw, region, size):
            break
    return place(matte_hw, region, size=size)


def _is_cut(matte_hw: np.ndarray, region: Region, size: tuple[int, int]) -> bool:
    """Whether somebody goes on beyond a side of their region that is not the picture's."""
    left, top, right, bottom = region
    inner = (left > 0, top > 0, right < size[0], bottom < size[1])
    sides = (matte_hw[:, 0], matte_hw[0], matte_hw[:, -1], matte_hw[-1])
    return any(is_inner and float((side > 0.5).mean()) > _CUT for is_inner, side in zip(inner, sides, strict=True))


def _is_of_one(matte_HW: np.ndarray, person: Detection, others: Sequence[Detection]) -> bool:
    """Whether a matte holds the person's joints and not the others'; where there are none, it does."""
    if not others:
        return True
    own, *theirs = (_held_joints(matte_HW, each) for each in (person, *others))
    return own >= _OWN_JOINTS and max(theirs) <= _OTHERS_JOINTS


def _held_joints(matte_HW: np.ndarray, person: Detection) -> float:
    """How opaque a matte is at somebody's confident joints, on average."""
    points = person.keypoints_K2[person.confidence_K >= CONFIDENT]
    x, y = np.floor(points[np.isfinite(points[:, 0])]).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < matte_HW.shape[1]) & (y < matte_HW.shape[0])
    return float(matte_HW[y[inside], x[inside]].mean()) if inside.any() else 0.0


def segment_anybody(pixels_HWC: np.ndarray) -> np.ndarray:
    """How much of each pixel belongs to people, whoever they are: float32 [H, W] in [0, 1]."""
    with lend_still("selfie_segmentation") as selfie:
        return np.asarray(selfie.process(np.ascontiguousarray(pixels_HWC)).segmentation_mask).clip(0, 1)
