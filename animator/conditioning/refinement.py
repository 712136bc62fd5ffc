"""The warped photo, corrected by what a network learned of true surfaces (`models/warp_refiner.py`).

Legend: B poses, K keypoints, H W pixels, h w cells of a field of displacements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F  # noqa: N812

from animator.conditioning.warp import WarpedPhoto
from animator.models.box import Box
from animator.models.warp_refiner import CELL_PX, WORK_HEIGHT, WarpRefiner
from pose_tracking.skeleton import BLAZEPOSE_33

if TYPE_CHECKING:
    from animator.subject import Subject

# Columns that the network sees about the person, at the size it works at: as many as in its training, where normalising
# over the whole picture learned how much of it a person fills.
WINDOW_WIDTH = 160
# Opacity below which nobody is there.
FAINT = 0.1


class WarpRefinement:
    """Corrections for the warped photo of one subject.

    Args:
        refiner: on the device and in the precision to compute in.
        subject: whose photo is warped.
        background_3HW: what is behind the person, [0, 1], on the refiner's device.
        strength: share of the displacement that is carried out.
    """

    def __init__(
        self, refiner: WarpRefiner, subject: Subject, background_3HW: torch.Tensor, *, strength: float = 1.0
    ) -> None:
        self._refiner, self._strength = refiner, strength
        self._background_13HW = background_3HW[None]
        pose = subject.pose.to_skeleton(BLAZEPOSE_33)
        self._keypoints_1K2 = torch.from_numpy(pose.keypoints_TK2[:1]).to(background_3HW)
        self._confidence_1K = torch.from_numpy(pose.confidence_TK[:1]).to(background_3HW)

    def __call__(self, warped: WarpedPhoto, keypoints_BK2: torch.Tensor, confidence_BK: torch.Tensor) -> WarpedPhoto:
        """The same poses with every pixel nearer to where it belongs.

        Args:
            warped: on the refiner's device.
            keypoints_BK2: BlazePose-33 in canvas px, NaN where unseen.
            confidence_BK: [0, 1].
        """
        # One by one: a frame's bits must not depend on who is in the same batch.
        fields = [self._field(*each) for each in zip(_layers(warped), keypoints_BK2, confidence_BK, strict=True)]
        return displaced(warped, torch.stack(fields) * self._strength)

    def _field(self, layers_5HW: torch.Tensor, keypoints_K2: torch.Tensor, confidence_K: torch.Tensor) -> torch.Tensor:
        """Displacements [2, H, W] in px of one frame; zero away from the person."""
        height, width = layers_5HW.shape[-2:]
        field = layers_5HW.new_zeros(2, height, width)
        if not bool((layers_5HW[3] > FAINT).any()):
            return field
        scale = WORK_HEIGHT / height
        colors = torch.lerp(self._background_13HW[0], layers_5HW[:3], layers_5HW[3:4])
        picture = _resized(torch.cat([colors, layers_5HW[3:]]), (WORK_HEIGHT, max(1, round(width * scale))))
        window = _window(picture[3], self._refiner.multiple)
        # Beyond a canvas that is no multiple of the network's cells it goes on as it ends.
        beyond = max(0, window.right - picture.shape[-1])
        seen = window.of(F.pad(picture[None], (0, beyond, 0, 0), mode="replicate"))
        corner = keypoints_K2.new_tensor([window.left, window.top])
        target = (keypoints_K2 * scale - corner)[None], confidence_K[None]
        photo = self._keypoints_1K2 * scale, self._confidence_1K
        cells = self._refiner(seen, target, photo)[0]
        right = min(window.right, picture.shape[-1])
        part = _resized(cells, (seen.shape[-2], seen.shape[-1]))[:, :, : right - window.left]
        whole = F.pad(part, (window.left, picture.shape[-1] - right, 0, 0))
        return _resized(whole, (height, width)) / scale


def displaced(warped: WarpedPhoto, field_B2HW: torch.Tensor) -> WarpedPhoto:
    """Every pixel taken from where the field says: output(p) = warped(p + field(p)).

    Colours are weighted by their opacity, so that no background comes along.

    Args:
        warped: B poses.
        field_B2HW: (x, y) in px.
    """
    height, width = field_B2HW.shape[-2:]
    y, x = ((torch.arange(side, device=field_B2HW.device, dtype=field_B2HW.dtype) + 0.5) for side in (height, width))
    there_x, there_y = x + field_B2HW[:, 0], y[:, None] + field_B2HW[:, 1]
    # What grid_sample counts in: -1 to 1 from edge to edge.
    places = torch.stack([there_x * (2 / width) - 1, there_y * (2 / height) - 1], -1)
    layers = _layers(warped)
    layers[:, :3] *= layers[:, 3:4]
    # Bicubic: a second bilinear resampling would cost sharpness.
    moved = F.grid_sample(layers, places, mode="bicubic", padding_mode="border", align_corners=False)
    coverage = moved[:, 3].clamp(0, 1)
    return WarpedPhoto(
        colors_B3HW=(moved[:, :3] / moved[:, 3:4].clamp_min(1e-3)).clamp(0, 1) * (coverage[:, None] > 0),
        coverage_BHW=coverage,
        repair_BHW=moved[:, 4].clamp(0, 1),
    )


def _layers(warped: WarpedPhoto) -> torch.Tensor:
    """[B, 5, H, W]: colours, opacity, need of repair."""
    return torch.cat([warped.colors_B3HW, warped.coverage_BHW[:, None], warped.repair_BHW[:, None]], 1)


def _resized(picture_CHW: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    if tuple(picture_CHW.shape[-2:]) == size:
        return picture_CHW
    return F.interpolate(picture_CHW[None], size, mode="bilinear", antialias=size[0] < picture_CHW.shape[-2])[0]


def _window(coverage_HW: torch.Tensor, multiple: int) -> Box:
    """All rows, and the columns about the person: as many as in training where they suffice.

    May reach beyond the right side, if the width is no multiple.
    """
    width = coverage_HW.shape[-1]
    whole = -(-width // multiple) * multiple
    person = Box.around(coverage_HW[None] > FAINT)
    if person is None or person.right - person.left > WINDOW_WIDTH or whole <= WINDOW_WIDTH:
        return Box(top=0, left=0, bottom=coverage_HW.shape[-2], right=whole)
    middle = (person.left + person.right) // 2
    left = min(max(middle - WINDOW_WIDTH // 2, 0), width - WINDOW_WIDTH) // CELL_PX * CELL_PX
    return Box(top=0, left=max(left, 0), bottom=coverage_HW.shape[-2], right=max(left, 0) + WINDOW_WIDTH)
