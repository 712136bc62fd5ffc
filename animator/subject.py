"""The person to animate: photo, pose, matte and background, all on the canvas.

Legend: H W canvas pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image, ImageOps

from animator.background import fill_background, opacity_before
from animator.canvas import Box, CanvasConfig, Placement, place_photo
from animator.company import others_matte, part_people
from animator.conditioning.warp.bones import bone_pose
from animator.conditioning.warp.cutout import clear_of_plain_ground, recut_matte
from animator.errors import PhotoError
from animator.matting import colors_to_draw, refine_matte
from animator.people import find_people
from animator.photo import Photo
from animator.photo_frame import frame_px
from pose_tracking.person import Detection, choose_person
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33, HOLISTIC_543, Skeleton
from pose_tracking.stage import shows_cut_head
from pose_tracking.trackers.silhouette import segment_photo
from pose_tracking.tracking import TrackerConfig

# Below this a joint is a guess (BlazePose visibility).
CONFIDENT = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Portrait:
    """The person in a photo, before the photo has a place on the canvas.

    Attributes:
        image: the photo.
        person: the pose, photo px.
        skeleton: names of its joints.
        matte_HW: float32 [0, 1], the person's opacity.
        warnings: what the person at the keyboard should know about this photo.
        others_HW: float32 [0, 1], the opacity of everybody else in the photo; none where there is nobody.
        cover_HW: float32 [0, 1], the opacity of people who stand before the person; none where nobody does.
    """

    image: Image.Image
    person: Detection
    skeleton: Skeleton
    matte_HW: np.ndarray
    warnings: tuple[str, ...]
    others_HW: np.ndarray | None = None
    cover_HW: np.ndarray | None = None

    @classmethod
    def from_photo(cls, photo: Photo, tracker: TrackerConfig) -> Portrait:
        """Find the person in a photo and cut the person out.

        Raises:
            PhotoError: nobody found, or not the person asked for.
        """
        person, others, warnings = _find_person(photo, tracker)
        matte = segment_photo(photo.pixels_HWC, person, others=others)
        matte, cover = part_people(photo.pixels_HWC, person, matte, others)
        if photo.opacity_HW is not None:
            matte, cover = matte * photo.opacity_HW, None if cover is None else cover * photo.opacity_HW
        skeleton = HOLISTIC_543 if len(person.keypoints_K2) == len(HOLISTIC_543) else BLAZEPOSE_33
        portrait = cls(
            image=photo.image,
            person=person,
            skeleton=skeleton,
            matte_HW=matte,
            warnings=warnings,
            others_HW=others_matte(photo.pixels_HWC, person, others),
            cover_HW=cover,
        )
        return replace(portrait, warnings=(*warnings, *_cut_notes(photo, portrait.pose)))

    def notes_before(self, background: Photo) -> tuple[str, ...]:
        """What the person at the keyboard should know about this person in front of another picture."""
        if self.others_HW is None:
            return background.notes
        alone = f"{background.name}: only the person stands before it, without the others in the photo; "
        return (*background.notes, alone + "leave out --background to keep them")

    @property
    def pose(self) -> PoseSequence:
        """One frame of BlazePose-33, photo px."""
        return _one_pose(self.person.keypoints_K2, self.person.confidence_K, self.skeleton, frame_size=self.image.size)

    @property
    def extent(self) -> Box:
        """(left, top, right, bottom) px of matte and confident joints together, within the photo."""
        return _extent(self.person, self.matte_HW)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subject:
    """One person, ready to be animated.

    Attributes:
        photo_HWC: uint8 RGB, the photo on the canvas, continued beyond its border.
        pose: one frame, canvas px.
        matte_HW: float32 [0, 1], the person's opacity.
        background_HWC: uint8 RGB, what stands behind the person: the photo without the person, or another picture.
        placement: where the photo lies on the canvas.
        warnings: what the person at the keyboard should know about this photo.
        cover_HW: float32 [0, 1], the opacity of people in the background who stand before the person.
    """

    photo_HWC: np.ndarray
    pose: PoseSequence
    matte_HW: np.ndarray
    background_HWC: np.ndarray
    placement: Placement
    warnings: tuple[str, ...] = ()
    cover_HW: np.ndarray | None = None

    @classmethod
    def from_photo(cls, photo: Photo, canvas: CanvasConfig, tracker: TrackerConfig) -> Subject:
        """Find the person in a photo, cut the person out and fill the background.

        Raises:
            PhotoError: nobody found, or not the person asked for.
        """
        return cls.from_portrait(Portrait.from_photo(photo, tracker), canvas)

    @classmethod
    def from_portrait(cls, portrait: Portrait, canvas: CanvasConfig, *, reach: Box | None = None) -> Subject:
        """Put a person who was found before on the canvas; with room for `reach`, see `place_photo`."""
        placement = place_photo(portrait.image.size, canvas, person=portrait.extent, reach=reach)
        return cls.from_parts(
            portrait.image,
            portrait.person,
            portrait.matte_HW,
            placement,
            skeleton=portrait.skeleton,
            warnings=portrait.warnings,
            others_HW=portrait.others_HW,
            cover_HW=portrait.cover_HW,
        )

    @classmethod
    def from_parts(
        cls,
        image: Image.Image,
        person: Detection,
        matte_HW: np.ndarray,
        placement: Placement,
        *,
        skeleton: Skeleton = BLAZEPOSE_33,
        warnings: tuple[str, ...] = (),
        others_HW: np.ndarray | None = None,
        cover_HW: np.ndarray | None = None,
    ) -> Subject:
        """Put a photo, its pose and its coarse mattes (all in photo px) on the canvas."""
        points_K2 = placement.to_canvas(person.keypoints_K2)
        pose = _one_pose(points_K2, person.confidence_K, skeleton, frame_size=placement.canvas_size)
        placed = _as_tensor(placement.place(image))
        inside = torch.from_numpy(placement.inside_HW(without=frame_px(image)))
        matte = _refined(placed, matte_HW, placement) * inside
        bones = bone_pose(torch.from_numpy(pose.keypoints_TK2).float(), torch.from_numpy(pose.confidence_TK))
        matte = recut_matte(placed, matte, bones) * inside
        matte = clear_of_plain_ground(placed, matte, bones, inside)
        cover = torch.zeros_like(matte) if cover_HW is None else _refined(placed, cover_HW, placement) * inside
        # No piece of those before is to come up behind the person.
        others = None if others_HW is None else _placed(others_HW, placement)
        background = fill_background(placed, torch.maximum(matte, cover), inside, others_HW=others)
        if cover_HW is not None:
            background = torch.lerp(background, colors_to_draw(placed, cover), cover)
        continued = torch.where(inside, placed, background)
        return cls(
            photo_HWC=_as_pixels(continued),
            pose=pose,
            matte_HW=matte.numpy(),
            background_HWC=_as_pixels(background),
            placement=placement,
            warnings=warnings,
            cover_HW=None if cover_HW is None else cover.numpy(),
        )

    def before(self, picture: Image.Image) -> Subject:
        """The person in front of another picture (RGB), which fills the canvas and is cropped around its middle.

        What the matte still shows of the photo's own background at its edge is taken away: no halo.
        """
        photo, background = (_as_tensor(Image.fromarray(each)) for each in (self.photo_HWC, self.background_HWC))
        matte = opacity_before(photo, torch.from_numpy(self.matte_HW), background)
        behind = ImageOps.fit(picture, self.placement.canvas_size, Image.Resampling.LANCZOS)
        return replace(self, matte_HW=matte.numpy(), background_HWC=np.array(behind), cover_HW=None)


def _refined(placed_3HW: torch.Tensor, matte_HW: np.ndarray, placement: Placement) -> torch.Tensor:
    """A matte of the photo, on the canvas, along the photo's edges."""
    return refine_matte(placed_3HW, _placed(matte_HW, placement))


def _placed(matte_HW: np.ndarray, placement: Placement) -> torch.Tensor:
    """A matte of the photo, on the canvas."""
    coarse = Image.fromarray(np.round(matte_HW * 255).astype(np.uint8))
    return torch.from_numpy(np.asarray(placement.place(coarse), np.float32) / 255)


def _one_pose(
    points_K2: np.ndarray, confidence_K: np.ndarray, skeleton: Skeleton, *, frame_size: tuple[int, int]
) -> PoseSequence:
    return PoseSequence(
        keypoints_TK2=points_K2[None],
        confidence_TK=confidence_K[None],
        times_s_T=np.zeros(1),
        skeleton=skeleton,
        frame_size=frame_size,
    ).to_skeleton(BLAZEPOSE_33)


def _find_person(photo: Photo, tracker: TrackerConfig) -> tuple[Detection, list[Detection], tuple[str, ...]]:
    """Who is animated, who else is in the photo, and what to say about it."""
    people, notes = find_people(photo, tracker)
    also = "".join(f" It {note.removeprefix(f'{photo.name}: ')}." for note in photo.notes)  # may be the reason
    if not people:
        raise PhotoError(
            f"{photo.name}: nobody was found in the photo, nor in a closer look at its parts. Use a photo that shows a "
            "person from head to at least the waist, and crop it if they are small in it; drawings are often not "
            f"recognised.{also}"
        )
    person = choose_person(people, tracker.person, frame_size=photo.image.size)
    if person is None:
        raise PhotoError(
            f"{photo.name}: {len(people)} person(s) found, none at {tracker.person!r}. Choose another "
            f"--photo-person.{also}"
        )
    warnings = [*photo.notes, *notes]
    if len(people) > 1 and tracker.person == "largest":
        warnings.append(
            f"{photo.name}: {len(people)} people in the photo; the largest is animated, choose with --photo-person"
        )
    return person, [other for other in people if other is not person], tuple(warnings)


def _cut_notes(photo: Photo, pose: PoseSequence) -> list[str]:
    """What to say about a head that the photo cuts off, where a motion may show that."""
    if not shows_cut_head(pose):
        return []
    return [
        f"{photo.name}: the photo's upper edge cuts off the head of somebody who stands in it; where the motion lowers "
        "the head (crouching, leaning), it shows flat on top. Take a photo with room above the head."
    ]


def _extent(person: Detection, matte_HW: np.ndarray) -> Box:
    """(left, top, right, bottom) px of matte and confident joints together, within the photo."""
    height, width = matte_HW.shape
    rows, columns = np.flatnonzero((matte_HW > 0.5).any(1)), np.flatnonzero((matte_HW > 0.5).any(0))
    sure = person.keypoints_K2[person.confidence_K > CONFIDENT]
    xs = [*sure[:, 0], *(columns[[0, -1]] if len(columns) else ())]
    ys = [*sure[:, 1], *(rows[[0, -1]] if len(rows) else ())]
    if not xs:
        return 0.0, 0.0, float(width), float(height)
    left, right = np.clip([min(xs), max(xs)], 0, width)
    top, bottom = np.clip([min(ys), max(ys)], 0, height)
    return float(left), float(top), float(max(right, left + 1)), float(max(bottom, top + 1))


def _as_tensor(image: Image.Image) -> torch.Tensor:
    """[3, H, W] in [0, 1]."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255


def _as_pixels(picture_3HW: torch.Tensor) -> np.ndarray:
    """uint8 [H, W, 3]."""
    return (picture_3HW.clamp(0, 1) * 255 + 0.5).to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
