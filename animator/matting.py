"""Soft edges: a coarse matte sharpened along the photo's own edges, and colours free of background.

Legend: H W pixels.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F  # noqa: N812

from animator.inpainting import push_pull

# Opacity up to which a pixel is the background's alone.
_OUTSIDE = 0.02
# Share of the person's colour from which on a pixel of the rim is no mixture, and from which on surely none.
_OWN_SHARE = 0.8, 0.95
# Distance from every mixture, as a share of how far both colours are apart, from which on a pixel of the rim is none.
_FOREIGN = 0.3, 0.6
# Opacity from which on a pixel of the rim may be the person's own, and from which on it is taken as it is.
_OPAQUE = 0.5, 0.8


def box_mean(values_BCHW: torch.Tensor, radius: int) -> torch.Tensor:
    """Mean over a (2 radius + 1)-px square, shrinking at the border."""
    # Rows, then columns: the mean over a square at the cost of its side.
    rows = F.avg_pool2d(values_BCHW, (1, 2 * radius + 1), stride=1, padding=(0, radius), count_include_pad=False)
    return F.avg_pool2d(rows, (2 * radius + 1, 1), stride=1, padding=(radius, 0), count_include_pad=False)


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
    refined = matte_HW.clone()
    # What is 0 or 1 stays, and what is not looks two windows far.
    rows, columns = _box((matte_HW > 0) & (matte_HW < 1), margin=2 * radius)
    part_HW = matte_HW[rows, columns]
    if part_HW.numel() == 0:
        return refined
    guided = guided_filter(photo_3HW[:, rows, columns], part_HW, radius=radius, epsilon=1e-4)
    # The tracker is right about the sure inside and outside; only its border is worth moving.
    sure = (part_HW - 0.5).abs() * 2
    mixed = torch.lerp(guided, part_HW, (sure - 0.8).clamp_min(0) * 5)
    refined[rows, columns] = ((mixed - 0.15) / 0.7).clamp(0, 1)
    return refined


def shortest_boundary(
    odds_HW: torch.Tensor, guide_3HW: torch.Tensor, *, length: float, steps: int = 100
) -> torch.Tensor:
    """Part a picture in two where the evidence says so and the border is short, or runs along edges of `guide`.

    The continuous minimal cut, min over 0 <= u <= 1 of Σ length · g |∇u| − Σ odds · u (Chan, Esedoglu and Nikolova
    2006), by the primal-dual steps of Chambolle and Pock (2011, algorithm 1), and a guided filter for a soft edge.

    Args:
        odds_HW: log-odds of belonging to the part wanted; 0 says nothing.
        guide_3HW: picture in [0, 1].
        length: what a px of border costs, in log-odds of one px; pieces narrower than that over their odds vanish.
        steps: iterations.

    Returns:
        [H, W] in [0, 1], 1 in the part wanted; between only at its edge.
    """
    whole = torch.zeros_like(odds_HW)
    rows, columns = _box(odds_HW >= 0, margin=4)
    # Beyond the box around all that does not speak against the part there is none of it.
    limit_HW = length * _flatness(guide_3HW, odds_HW.abs() > 0.1)[rows, columns]
    guide_3HW, odds_HW = guide_3HW[:, rows, columns], odds_HW[rows, columns]
    if odds_HW.numel() == 0:
        return whole
    part, flow = torch.sigmoid(odds_HW), odds_HW.new_zeros(2, *odds_HW.shape)
    ahead, step = part.clone(), 8**-0.5
    for _ in range(steps):
        flow[0, :, :-1] += step * (ahead[:, 1:] - ahead[:, :-1])
        flow[1, :-1] += step * (ahead[1:] - ahead[:-1])
        flow *= (limit_HW / flow.square().sum(0).sqrt().clamp_min(1e-6)).clamp_max(1)
        inflow = flow.sum(0)
        inflow[:, 1:] -= flow[0, :, :-1]
        inflow[1:] -= flow[1, :-1]
        moved = (part + step * (inflow + odds_HW)).clamp(0, 1)
        ahead, part = 2 * moved - part, moved
    whole[rows, columns] = guided_filter(guide_3HW, (part > 0.5).to(odds_HW.dtype), radius=2, epsilon=1e-3)
    return whole


def _box(mask_HW: torch.Tensor, *, margin: int) -> tuple[slice, slice]:
    """Rows and columns of the smallest box around a mask (bool), and a margin of so many px; empty for an empty one."""
    found = mask_HW.nonzero()
    if len(found) == 0:
        return slice(0, 0), slice(0, 0)
    low, high = (found.amin(0) - margin).clamp_min(0).tolist(), (found.amax(0) + 1 + margin).tolist()
    return slice(low[0], high[0]), slice(low[1], high[1])


def _flatness(guide_3HW: torch.Tensor, asked_HW: torch.Tensor) -> torch.Tensor:
    """1 [H, W] where the guide is flat, near 0 at edges; by what is usual where something is asked."""
    across, down = guide_3HW.diff(dim=2).square().sum(0), guide_3HW.diff(dim=1).square().sum(0)
    steepness = (F.pad(across, (0, 1)) + F.pad(down, (0, 0, 0, 1))).sqrt()
    usual = steepness[asked_HW].mean().nan_to_num(0.0).clamp_min(1e-3)
    return 1 / (1 + (steepness / (2 * usual)).square())


def unmixed(
    photo_3HW: torch.Tensor, person_3HW: torch.Tensor, behind_3HW: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Each pixel as a mixture: the compositing equation I = a F + (1 - a) B (Porter and Duff 1984) solved for a.

    Args:
        photo_3HW: [0, 1], I.
        person_3HW: the person's colours alone, F.
        behind_3HW: those of what lies behind, B.

    Returns:
        [H, W] each: a in [0, 1]; how far the pixel is from every such mixture, as a share of how far both colours are
        from each other; and that, RGB.
    """
    across = person_3HW - behind_3HW
    apart = across.norm(dim=0).clamp_min(0.01)
    share = (((photo_3HW - behind_3HW) * across).sum(0) / apart.square()).clamp(0, 1)
    return share, (photo_3HW - behind_3HW - share * across).norm(dim=0) / apart, apart


def foreground_colors(photo_3HW: torch.Tensor, matte_HW: torch.Tensor) -> torch.Tensor:
    """Colours of the person alone: near the edge, where photo and background mix, continued from inside."""
    sure = ((matte_HW - 0.85) / 0.1).clamp(0, 1)
    # One pixel further in: the camera's blur leaves background in the first sure pixel as well.
    sure = 1 - _widened(1 - sure)
    if float(sure.sum()) < 1:
        return photo_3HW
    return push_pull(photo_3HW, sure)


def colors_to_draw(photo_3HW: torch.Tensor, matte_HW: torch.Tensor) -> torch.Tensor:
    """`foreground_colors` with the rim as the photo shows it: round limbs and soles are darker there.

    A pixel of the rim is the person's own if no mixture with the background beside it explains it. Continued from
    inside it would be as light as the middle of the limb, and the outline soft.
    """
    person_3HW = foreground_colors(photo_3HW, matte_HW)
    outside = 1 - _widened((matte_HW > _OUTSIDE).to(photo_3HW.dtype))
    if float(outside.sum()) < 1:
        return person_3HW
    share, foreign, _ = unmixed(photo_3HW, person_3HW, push_pull(photo_3HW, outside))
    own = torch.maximum(ramp(_OWN_SHARE, share), ramp(_FOREIGN, foreign)) * ramp(_OPAQUE, matte_HW)
    return torch.lerp(person_3HW, photo_3HW, own)


def _widened(mask_HW: torch.Tensor) -> torch.Tensor:
    """Larger by a pixel: the camera's blur reaches beyond an outline on both sides."""
    return F.max_pool2d(mask_HW[None, None], 3, stride=1, padding=1)[0, 0]


def ramp(ends: tuple[float, float], value_HW: torch.Tensor) -> torch.Tensor:
    """0 up to the first end, 1 from the second on, straight between."""
    low, high = ends
    return ((value_HW - low) / (high - low)).clamp(0, 1)
