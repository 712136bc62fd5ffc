"""Soft edges: a coarse matte sharpened along the photo's own edges, and colours free of background.

Legend: H W pixels.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F  # noqa: N812

from animator.inpainting import push_pull


def box_mean(values_BCHW: torch.Tensor, radius: int) -> torch.Tensor:
    """Mean over a (2 radius + 1)-px square, shrinking at the border."""
    return F.avg_pool2d(values_BCHW, 2 * radius + 1, stride=1, padding=radius, count_include_pad=False)


def guided_filter(guide_3HW: torch.Tensor, mask_HW: torch.Tensor, *, radius: int, epsilon: float) -> torch.Tensor:
    """Make `mask` follow the colour edges of `guide` (He, Sun and Tang 2013, eq. 19-21, colour guide).

    Args:
        guide_3HW: picture in [0, 1].
        mask_HW: mask in [0, 1].
        radius: px, half the side of the windows.
        epsilon: colour variance below which a window counts as flat.

    Returns:
        [H, W] in [0, 1].
    """
    guide, mask = guide_3HW[None].double(), mask_HW[None, None].double()
    mean_guide, mean_mask = box_mean(guide, radius), box_mean(mask, radius)
    covariance_mask = box_mean(guide * mask, radius) - mean_guide * mean_mask
    products = torch.einsum("bihw,bjhw->bijhw", guide, guide).flatten(1, 2)
    means = torch.einsum("bihw,bjhw->bijhw", mean_guide, mean_guide).flatten(1, 2)
    covariance = (box_mean(products, radius) - means).unflatten(1, (3, 3))[0].permute(2, 3, 0, 1)
    covariance = covariance + epsilon * torch.eye(3, dtype=torch.double, device=guide.device)
    slope = torch.linalg.solve(covariance, covariance_mask[0].permute(1, 2, 0)[..., None])[..., 0]
    slope = slope.permute(2, 0, 1)[None]
    offset = mean_mask - (slope * mean_guide).sum(1, keepdim=True)
    refined = (box_mean(slope, radius) * guide).sum(1, keepdim=True) + box_mean(offset, radius)
    return refined[0, 0].clamp(0, 1).to(mask_HW.dtype)


def refine_matte(photo_3HW: torch.Tensor, matte_HW: torch.Tensor) -> torch.Tensor:
    """Sharpen a tracker's blurry matte along the photo's edges; clean away haze and pinholes."""
    radius = max(2, round(min(matte_HW.shape) / 96))
    guided = guided_filter(photo_3HW, matte_HW, radius=radius, epsilon=1e-4)
    # The tracker is right about the sure inside and outside; only its border is worth moving.
    sure = (matte_HW - 0.5).abs() * 2
    mixed = torch.lerp(guided, matte_HW, (sure - 0.8).clamp_min(0) * 5)
    return ((mixed - 0.15) / 0.7).clamp(0, 1)


def foreground_colors(photo_3HW: torch.Tensor, matte_HW: torch.Tensor) -> torch.Tensor:
    """Colours of the person alone: near the edge, where photo and background mix, continued from inside."""
    sure = ((matte_HW - 0.85) / 0.1).clamp(0, 1)
    # One pixel further in: the camera's blur leaves background in the first sure pixel as well.
    sure = 1 - F.max_pool2d(1 - sure[None, None], 3, stride=1, padding=1)[0, 0]
    if float(sure.sum()) < 1:
        return photo_3HW
    return push_pull(photo_3HW, sure)
