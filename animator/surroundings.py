"""What lies beyond a photo's border: its edge goes on and blurs, as what lies far out of focus does.

A mirror would show trees, windows and shadows a second time, and the eye finds the axis at once. Of the mirrored
photo only the fine texture is kept beside the border, where its sudden end would show.

Legend: H W pixels.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812

from animator.matting import box_mean

# Blur grows with the way to the photo; both as shares of the picture's side, blur at twice the one before.
_BLURS = tuple(1 / each for each in (160, 80, 40, 20, 10))
_BLUR_PER_WAY = 0.35
# What varies within this share of the side is grass or grain, not a shape; it fades within the other share.
_GRAIN, _GRAIN_FADES = 1 / 80, 0.07


def continue_beyond(picture_3HW: torch.Tensor, known_HW: torch.Tensor, *, grained: bool = True) -> torch.Tensor:
    """The picture, and beyond the known rectangle its edge, ever more blurred.

    Args:
        picture_3HW: [0, 1]; values outside the rectangle are ignored.
        known_HW: bool, a rectangle.
        grained: with fine texture beside the border.

    Returns:
        [3, H, W] in [0, 1]; the picture itself inside the rectangle.
    """
    from scipy.ndimage import distance_transform_edt

    if bool(known_HW.all()):
        return picture_3HW
    side = max(known_HW.shape)
    rows, columns = known_HW.any(1).nonzero()[:, 0], known_HW.any(0).nonzero()[:, 0]
    y = torch.arange(known_HW.shape[0]).clamp(int(rows[0]), int(rows[-1]))
    x = torch.arange(known_HW.shape[1]).clamp(int(columns[0]), int(columns[-1]))
    held = picture_3HW[:, y[:, None], x]
    way_HW = torch.from_numpy(distance_transform_edt(~known_HW.numpy())).float()
    blur_px_HW = _BLUR_PER_WAY * way_HW
    if grained:
        # As blurred from the border on as what the texture is apart from: there, both together are the edge again.
        radius, fading = max(2, round(_GRAIN * side)), (1 - way_HW / (_GRAIN_FADES * side)).clamp_min(0)
        beyond = _blurred(held, blur_px_HW.clamp_min(radius))
        beyond = beyond + fading * _mirrored(held - box_mean(held[None], radius)[0], ~known_HW)
    else:
        beyond = _blurred(held, blur_px_HW)
    return torch.where(known_HW, picture_3HW, beyond.clamp(0, 1))


def _mirrored(picture_3HW: torch.Tensor, hole_HW: torch.Tensor) -> torch.Tensor:
    """The same, in the hole as across its nearest edge."""
    from scipy.ndimage import distance_transform_edt

    hole = hole_HW.numpy()
    nearest = distance_transform_edt(hole, return_distances=False, return_indices=True)
    limit = np.array(hole.shape)[:, None, None] - 1
    row, column = torch.from_numpy(np.clip(2 * nearest - np.indices(hole.shape), 0, limit))
    return picture_3HW[:, row, column]


def _blurred(picture_3HW: torch.Tensor, blur_px_HW: torch.Tensor) -> torch.Tensor:
    """Every pixel as blurred as asked for there: between pictures that are blurred more and more."""
    side = max(blur_px_HW.shape)
    mixed, picture, last_px = picture_3HW, picture_3HW, 0.0
    for blur_px in (share * side for share in _BLURS):
        picture = _smoothed(picture, max(1, round(blur_px)))
        mixed = torch.lerp(mixed, picture, ((blur_px_HW - last_px) / (blur_px - last_px)).clamp(0, 1))
        last_px = blur_px
    return mixed


def _smoothed(picture_3HW: torch.Tensor, radius: int) -> torch.Tensor:
    """The mean over squares about a pixel, taken on a picture so small that a square still has some pixels."""
    size, factor = (picture_3HW.shape[1], picture_3HW.shape[2]), max(1, radius // 3)
    small = F.interpolate(picture_3HW[None], [max(1, side // factor) for side in size], mode="area")
    mean = box_mean(small, max(1, round(radius / factor)))
    return F.interpolate(mean, size, mode="bilinear", align_corners=False)[0]
