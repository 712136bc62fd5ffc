"""Filling holes in pictures: smooth push-pull filling, and a background grown behind the person.

Source of push-pull: Gortler et al. 1996, "The Lumigraph", section 3.4.

Legend: H W pixels, C channels.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F  # noqa: N812

SMALLEST_LEVEL = 2
# Half the side of what is averaged, as a share of how far away the next known colour is.
_SPREAD = 0.5
# And at most so many times the side that everything is averaged over.
_WIDEST = 4


def push_pull(colors_CHW: torch.Tensor, weight_HW: torch.Tensor) -> torch.Tensor:
    """Fill the places of low weight from their known surroundings.

    Args:
        colors_CHW: float picture; values where the weight is 0 are ignored.
        weight_HW: float in [0, 1]; 1 keeps the colour, 0 replaces it.

    Returns:
        [C, H, W]: smooth everywhere, equal to the input where the weight is 1.
    """
    weight = weight_HW[None, None].clamp(0, 1)
    filled = _fill_level(colors_CHW[None] * weight, weight)
    return filled[0]


def nearest_fill(
    colors_CHW: torch.Tensor, known_HW: torch.Tensor, *, blur_px: int, farness: tuple[float, float] = (1.0, 1.0)
) -> torch.Tensor:
    """Fill what is not known with the nearest colour that is, so that a narrow border of one cloth is carried on alone.

    Args:
        colors_CHW: float picture.
        known_HW: bool.
        blur_px: what is filled in is averaged over squares of about this side, against streaks; over larger ones far
            from what is known.
        farness: how far a px down and a px to the right count.

    Returns:
        [C, H, W]: equal to the input where known; the input itself where nothing is known at all.
    """
    from scipy.ndimage import distance_transform_edt

    if not bool(known_HW.any()):
        return colors_CHW
    unknown = ~known_HW.cpu().numpy()
    far, nearest = distance_transform_edt(unknown, sampling=farness, return_indices=True)
    row, column = (torch.from_numpy(index).to(colors_CHW.device).long() for index in nearest)
    filled = colors_CHW[:, row, column]
    smooth = _averaged(filled, max(1, blur_px // 2), farness)
    # The farther from what is known, the less is told of where one colour ends and the next begins.
    radius, far_HW = 2 * max(1, blur_px // 2), torch.from_numpy(far).to(colors_CHW)
    while radius < min(_SPREAD * float(far.max()), _WIDEST * blur_px):
        wider = _averaged(smooth, radius, farness)
        smooth = torch.lerp(smooth, wider, (_SPREAD * far_HW / radius - 0.5).clamp(0, 1))
        radius *= 2
    return torch.where(known_HW, colors_CHW, smooth)


def _averaged(colors_CHW: torch.Tensor, radius: int, farness: tuple[float, float]) -> torch.Tensor:
    """Means over rectangles of half the side `radius`, less of it where a px counts more."""
    down, right = (max(1, round(radius * min(farness) / each)) for each in farness)
    rows = F.avg_pool2d(colors_CHW, (1, 2 * right + 1), stride=1, padding=(0, right), count_include_pad=False)
    return F.avg_pool2d(rows, (2 * down + 1, 1), stride=1, padding=(down, 0), count_include_pad=False)


def _fill_level(premultiplied: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """One pyramid level: average what is known, fill the coarser level, take from it what is missing here."""
    height, width = weight.shape[-2:]
    known = premultiplied / weight.clamp_min(1e-6)
    if max(height, width) <= SMALLEST_LEVEL:
        mean = premultiplied.sum((-2, -1), keepdim=True) / weight.sum((-2, -1), keepdim=True).clamp_min(1e-6)
        return weight * known + (1 - weight) * mean
    pad = (0, width % 2, 0, height % 2)
    small_weight = F.avg_pool2d(F.pad(weight, pad), 2) * 4
    small_colors = F.avg_pool2d(F.pad(premultiplied, pad), 2) * 4
    # A coarse cell is known as soon as one of its four pixels is.
    share = small_weight.clamp(max=1) / small_weight.clamp_min(1e-6)
    coarse = _fill_level(small_colors * share, small_weight.clamp(max=1))
    smooth = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)[..., :height, :width]
    return weight * known + (1 - weight) * smooth
