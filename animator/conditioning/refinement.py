"""The warped photo, corrected by what a network learned of true pictures (`models/warp_refiner.py`).

Legend: B poses, K keypoints, H W pixels, h w cells of a field of displacements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F  # noqa: N812

from animator.conditioning.warp import PhotoWarp, WarpedPhoto
from animator.conditioning.warp.anatomy import pixel_centers, smoothstep
from animator.conditioning.warp.bones import bone_pose
from animator.models.box import Box
from animator.models.warp_refiner import WORK_TORSO_PX, WarpRefiner
from pose_tracking.skeleton import BLAZEPOSE_33

if TYPE_CHECKING:
    from animator.subject import Subject

# (height, width) px that the network sees at least, at the size it works at: as many as in its training, where
# normalising over the whole picture learned how much of it a person fills.
VIEW_SIZE = (320, 160)
# Px about the person that are seen with it, where the view has to grow for the person.
_MARGIN = 4
# Who is smaller is not enlarged further: there is nothing to see.
_SMALLEST_TORSO_PX = 20.0
# Opacity below which nobody is there.
FAINT = 0.1
# Torso lengths beyond which no field goes: some five times of what warps err by on average.
_FARTHEST = 0.12
_FACE = slice(0, 11)
# Joints in px of a picture [B, K, 2], NaN where unseen, and confidence [B, K].
Pose = tuple[torch.Tensor, torch.Tensor]
# A head reaches so many times as far as its outermost landmark; and from there to where it is the body that moves.
_HEAD, _NECK = 1.4, 2.2


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the network is shown of a canvas: the person, always about as large.

    Attributes:
        canvas: (height, width) px.
        scaled: (height, width) px of the canvas as the network sees it.
        box: the part that is seen, px of the scaled canvas; may reach beyond it.
    """

    canvas: tuple[int, int]
    scaled: tuple[int, int]
    box: Box

    @classmethod
    def about(
        cls,
        coverage_HW: torch.Tensor,
        scale: float,
        *,
        aside: tuple[int, int] = (0, 0),
        multiple: int | None = None,
    ) -> View | None:
        """The view about a warped person; none where nobody is.

        Args:
            coverage_HW: opacity.
            scale: px of the view per px of the canvas.
            aside: (x, y) px of the view that the person stands aside of its middle.
            multiple: of both sides; the view grows until it holds the whole person. None: `VIEW_SIZE`.
        """
        person = Box.around(coverage_HW[None] > FAINT)
        if person is None:
            return None
        canvas = (coverage_HW.shape[0], coverage_HW.shape[1])
        scaled = (max(1, round(canvas[0] * scale)), max(1, round(canvas[1] * scale)))
        edges = ((person.top, person.bottom), (person.left, person.right))
        sides, corner = [], []
        for axis, (first, last) in enumerate(edges):
            factor = scaled[axis] / canvas[axis]
            side, needed = VIEW_SIZE[axis], (last - first) * factor + 2 * _MARGIN
            if multiple is not None and needed > side:
                side = -(-int(needed + 1) // multiple) * multiple
            sides.append(side)
            corner.append(round((first + last) / 2 * factor - side / 2) - aside[1 - axis])
        box = Box(top=corner[0], left=corner[1], bottom=corner[0] + sides[0], right=corner[1] + sides[1])
        return cls(canvas=canvas, scaled=scaled, box=box)

    def of(self, planes_CHW: torch.Tensor) -> torch.Tensor:
        """Planes of the canvas, as they are seen; beyond it they go on as they end."""
        picture = _resized(planes_CHW, self.scaled)
        (height, width), box = self.scaled, self.box
        rows, columns = (
            torch.arange(first, last, device=planes_CHW.device).clamp(0, side - 1)
            for first, last, side in ((box.top, box.bottom, height), (box.left, box.right, width))
        )
        return picture[:, rows][:, :, columns]

    def points(self, points_K2: torch.Tensor) -> torch.Tensor:
        """Points of the canvas, px, in px of the view."""
        factor, corner = self._factor, (self.box.left, self.box.top)
        return points_K2 * points_K2.new_tensor(factor) - points_K2.new_tensor(corner)

    def displacements(self, field_2hw: torch.Tensor) -> torch.Tensor:
        """A field told of the view, px of it, as one of the canvas [2, H, W] in px of that; zero beyond the view."""
        box, (height, width) = self.box, self.scaled
        seen = _resized(field_2hw, (box.bottom - box.top, box.right - box.left))
        # Negative where the view reaches beyond the canvas: that part is cut off.
        whole = F.pad(seen, (box.left, width - box.right, box.top, height - box.bottom))
        return _resized(whole, self.canvas) / field_2hw.new_tensor(self._factor)[:, None, None]

    @property
    def _factor(self) -> tuple[float, float]:
        """(x, y) px of the view per px of the canvas."""
        return self.scaled[1] / self.canvas[1], self.scaled[0] / self.canvas[0]


def view_scale(keypoints_BK2: torch.Tensor, confidence_BK: torch.Tensor) -> torch.Tensor:
    """[B] px of the view per px of the canvas for photos of people in such poses."""
    return WORK_TORSO_PX / bone_pose(keypoints_BK2, confidence_BK).torso_length_B.clamp_min(_SMALLEST_TORSO_PX)


class WarpRefinement:
    """Corrections for the warped photo of one subject.

    Args:
        refiner: on the device and in the precision to compute in.
        subject: whose photo is warped.
        warp: of that photo, perhaps on another device.
        background_3HW: what is behind the person, [0, 1], on the refiner's device.
        strength: share of the displacement that is carried out.
    """

    def __init__(
        self,
        refiner: WarpRefiner,
        subject: Subject,
        warp: PhotoWarp,
        background_3HW: torch.Tensor,
        *,
        strength: float = 1.0,
    ) -> None:
        self._refiner, self._warp, self._strength = refiner, warp, strength
        self._background_13HW = background_3HW[None]
        pose = subject.pose.to_skeleton(BLAZEPOSE_33)
        self._keypoints_1K2 = torch.from_numpy(pose.keypoints_TK2[:1]).to(background_3HW)
        self._confidence_1K = torch.from_numpy(pose.confidence_TK[:1]).to(background_3HW)
        self._scale = float(view_scale(self._keypoints_1K2, self._confidence_1K)[0])

    def __call__(self, warped: WarpedPhoto, keypoints_BK2: torch.Tensor, confidence_BK: torch.Tensor) -> WarpedPhoto:
        """The same poses with every pixel nearer to where it belongs.

        Args:
            warped: what the warp made of them, on the refiner's device.
            keypoints_BK2: BlazePose-33 in canvas px, NaN where unseen.
            confidence_BK: [0, 1].
        """
        # One by one: a frame's bits must not depend on who is in the same batch.
        fields = [self.field(*each) for each in zip(_layers(warped), keypoints_BK2, confidence_BK, strict=True)]
        device, field = self._background_13HW.device, torch.stack(fields) * self._strength
        carried = self._warp.device
        return self._warp(keypoints_BK2.to(carried), confidence_BK.to(carried), field_B2HW=field.to(carried)).to(device)

    def field(self, layers_5HW: torch.Tensor, keypoints_K2: torch.Tensor, confidence_K: torch.Tensor) -> torch.Tensor:
        """Displacements [2, H, W] in px of one frame; zero away from the person.

        Args:
            layers_5HW: colours, opacity and need of repair of the warped photo.
        """
        view = View.about(layers_5HW[3], self._scale, multiple=self._refiner.multiple)
        if view is None:
            return layers_5HW.new_zeros(2, *layers_5HW.shape[-2:])
        colors = torch.lerp(self._background_13HW[0], layers_5HW[:3], layers_5HW[3:4])
        seen = view.of(torch.cat([colors, layers_5HW[3:]]))[None]
        target = view.points(keypoints_K2)[None], confidence_K[None]
        photo = view.points(self._keypoints_1K2[0])[None], self._confidence_1K
        told = told_from_both_sides(self._refiner, seen, target, photo)[0]
        return with_stiff_head(
            held_back(view.displacements(told), WORK_TORSO_PX / self._scale), keypoints_K2, confidence_K
        )


def told_from_both_sides(refiner: WarpRefiner, picture_B5HW: torch.Tensor, *poses: Pose) -> torch.Tensor:
    """The field [B, 2, h, w] as the mean of what is told of a picture and of its mirror image.

    So a mirrored photo moves as the photo's mirror image does, and errs less: left and right are learned from one half
    of the pictures each.

    Args:
        picture_B5HW: as `WarpRefiner` takes it.
        poses: the target's and the photo's.
    """
    width, order = picture_B5HW.shape[-1], list(BLAZEPOSE_33.mirror)
    told = refiner(picture_B5HW, *poses)
    swapped = [(mirrored_points(points, width), confidence[:, order]) for points, confidence in poses]
    x, y = refiner(picture_B5HW.flip(-1), *swapped).flip(-1).unbind(1)
    return (told + torch.stack([-x, y], 1)) / 2


def mirrored_points(points_BK2: torch.Tensor, width: int) -> torch.Tensor:
    """BlazePose-33 joints in the mirror image of a picture so wide; left and right change their names."""
    x, y = points_BK2.unbind(-1)
    return torch.stack([width - x, y], -1)[:, list(BLAZEPOSE_33.mirror)]


def held_back(field_2HW: torch.Tensor, torso_px: float) -> torch.Tensor:
    """The field, the shorter the farther it goes: an arm that the network has never seen so is else torn apart."""
    farthest = _FARTHEST * torso_px
    return field_2HW * (farthest / (farthest**2 + field_2HW.square().sum(0)).sqrt())


def with_stiff_head(field_2HW: torch.Tensor, keypoints_K2: torch.Tensor, confidence_K: torch.Tensor) -> torch.Tensor:
    """The field with all of the head moved alike: a face that is drawn out or squeezed is another person's."""
    face = keypoints_K2[_FACE][(confidence_K[_FACE] > 0) & ~keypoints_K2[_FACE].isnan().any(-1)]
    if len(face) < 2:
        return field_2HW
    middle = face.mean(0)
    reach = (face - middle).norm(dim=-1).amax().clamp_min(1.0)
    distance = (pixel_centers(field_2HW) - middle).norm(dim=-1) / reach
    weight = 1 - smoothstep(_HEAD, _NECK, distance)
    mean = (field_2HW * weight).sum((1, 2)) / weight.sum().clamp_min(1e-3)
    return torch.lerp(field_2HW, mean[:, None, None].expand_as(field_2HW), weight)


def _layers(warped: WarpedPhoto) -> torch.Tensor:
    """[B, 5, H, W]: colours, opacity, need of repair."""
    return torch.cat([warped.colors_B3HW, warped.coverage_BHW[:, None], warped.repair_BHW[:, None]], 1)


def _resized(picture_CHW: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    if tuple(picture_CHW.shape[-2:]) == size:
        return picture_CHW
    return F.interpolate(picture_CHW[None], size, mode="bilinear", antialias=size[0] < picture_CHW.shape[-2])[0]
