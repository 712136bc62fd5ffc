"""What lies beyond a photo's border: pieces of the photo at first, and ever more blurred, as what is far out of focus.

A mirror would show trees, windows and shadows a second time, and the eye finds the axis at once; pieces repeat
themselves without sense where a border is wide. So they fade into the blur.

Legend: H W pixels, h w those near the photo.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F  # noqa: N812

from animator.matting import box_mean
from animator.shift_map import fill_from_shifts

# Blur grows with the way to the photo; both as shares of the picture's side, blur at twice the one before.
_BLURS = tuple(1 / each for each in (160, 80, 40, 20, 10))
_BLUR_PER_WAY = 0.35
# Within this share of the side, pieces of the photo fade into the blur.
_PIECES_FADE = 0.12


def continue_beyond(picture_3HW: torch.Tensor, known_HW: torch.Tensor, *, grained: bool = True) -> torch.Tensor:
    """The picture, and beyond the known rectangle its edge, ever more blurred.

    Args:
        picture_3HW: [0, 1]; values outside the rectangle are ignored.
        known_HW: bool, a rectangle.
        grained: with pieces of the picture beside the border.

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
    beyond = torch.where(known_HW, picture_3HW, _blurred(held, _BLUR_PER_WAY * way_HW))
    if not grained:
        return beyond.clamp(0, 1)
    reach = max(2, round(_PIECES_FADE * side))
    top, left = max(0, int(rows[0]) - reach), max(0, int(columns[0]) - reach)
    near = (..., slice(top, int(rows[-1]) + reach + 1), slice(left, int(columns[-1]) + reach + 1))
    pieces_3hw = fill_from_shifts(beyond[near], ~known_HW[near])
    beyond[near] = torch.lerp(beyond[near], pieces_3hw, (1 - way_HW[near] / reach).clamp_min(0))
    return torch.where(known_HW, picture_3HW, beyond.clamp(0, 1))


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
