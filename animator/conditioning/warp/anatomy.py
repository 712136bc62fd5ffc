"""Where the parts of a body lie around its bones: distances, outlines, widths.

Legend: H W pixels.
"""

from __future__ import annotations

import torch

from animator.conditioning.warp.bones import (
    HEAD,
    LEFT_LEG,
    RADIUS,
    RIGHT_LEG,
    BonePose,
)


def smoothstep(low: float, high: float, value: torch.Tensor) -> torch.Tensor:
    """0 below `low`, 1 above `high`, smooth between."""
    share = ((value - low) / (high - low)).clamp(0, 1)
    return share * share * (3 - 2 * share)


def pixel_centers(like_HW: torch.Tensor) -> torch.Tensor:
    """[H, W, 2] positions of the pixels' centres in px, for a picture like `like`."""
    height, width = like_HW.shape[-2:]
    y = torch.arange(height, dtype=like_HW.dtype, device=like_HW.device) + 0.5
    x = torch.arange(width, dtype=like_HW.dtype, device=like_HW.device) + 0.5
    return torch.stack(torch.broadcast_tensors(x[None, :], y[:, None]), -1)


def segment(points: torch.Tensor, start_2: torch.Tensor, end_2: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(place along, distance from) a segment: 0 at its start, 1 at its end, px."""
    axis = end_2 - start_2
    place = ((points - start_2) @ axis) / axis.square().sum().clamp_min(1e-6)
    nearest = start_2 + place.clamp(0, 1)[..., None] * axis
    return place, (points - nearest).norm(dim=-1)


def chain_distance(
    points: torch.Tensor, pose: BonePose, bones: tuple[int, ...], thickness: float = 1.0
) -> torch.Tensor:
    """Distance to the nearest bone of a limb, in units of `thickness` times that bone's usual radius."""
    size = pose.torso_length_B[0] * thickness
    distances = [
        segment(points, pose.start_BJ2[0, bone], pose.end_BJ2[0, bone])[1] / (RADIUS[bone] * size)
        for bone in bones
        if float(pose.trust_BJ[0, bone]) > 0
    ]
    far = torch.full(points.shape[:-1], 1e3, dtype=points.dtype, device=points.device)
    return torch.stack([*distances, far]).amin(0)


def unit(vector: torch.Tensor) -> torch.Tensor:
    return vector / vector.norm().clamp_min(1e-6)


def body_hull(points: torch.Tensor, pose: BonePose, *, width: float = 1.0) -> torch.Tensor:
    """Soft mask of where the trunk, head and legs must lie, even where an arm covers them.

    `width` below 1 keeps to the middle of the trunk, where nothing but the person can be.
    """
    size = pose.torso_length_B[0]
    (left_shoulder, right_shoulder), (left_hip, right_hip) = pose.shoulders_B22[0], pose.hips_B22[0]
    neck, pelvis = (left_shoulder + right_shoulder) / 2, (left_hip + right_hip) / 2
    # The trunk's side runs from just inside the shoulder joint to the side of the hip, about as wide.
    half_top, half_bottom = (left_shoulder - neck) * 0.92, (left_shoulder - neck) * 0.45 + (left_hip - pelvis) * 0.75
    place, _ = segment(points, pelvis, neck)
    half = torch.lerp(half_bottom, half_top, place.clamp(0, 1)[..., None])
    center = pelvis + place[..., None].clamp(-0.25, 1.0) * (neck - pelvis)
    across = ((points - center) * half).sum(-1) / half.square().sum(-1).clamp_min(1e-6)
    trunk = 1 - smoothstep(0.96 * width, 1.08 * width, across.abs())
    trunk = trunk * (1 - smoothstep(1.0, 1.12, place)) * smoothstep(-0.25, -0.1, place)
    legs = torch.minimum(chain_distance(points, pose, LEFT_LEG[:2]), chain_distance(points, pose, RIGHT_LEG[:2]))
    head = (points - pose.start_BJ2[0, HEAD]).norm(dim=-1) / (RADIUS[HEAD] * size)
    others = torch.minimum(legs, head)
    return torch.maximum(trunk, 1 - smoothstep(0.9 * width, 1.1 * width, others))


def skirt_hull(points: torch.Tensor, matte_HW: torch.Tensor, pose: BonePose) -> torch.Tensor:
    """Where the cloth of a skirt hangs: from the hips' sides straight to its sides at the knees."""
    (left_shoulder, right_shoulder), hips = pose.shoulders_B22[0], pose.hips_B22[0].mean(0)
    knees = pose.end_BJ2[0, (LEFT_LEG[0], RIGHT_LEG[0])].mean(0)
    place, _ = segment(points, hips, knees)
    axis = unit(knees - hips)
    across = (points - hips) @ torch.stack([-axis[1], axis[0]])
    hem = (place > 0.75) & (place < 1.0) & (matte_HW > 0.5) & (across.abs() < pose.torso_length_B[0])
    if int(hem.sum()) < 10:
        return torch.zeros_like(matte_HW)
    top = (left_shoulder - right_shoulder).norm() * 0.42
    sides = across[hem].quantile(torch.tensor([0.03, 0.97], dtype=across.dtype, device=across.device))
    down = place.clamp(0, 1)
    low, high = torch.lerp(-top, sides[0], down), torch.lerp(top, sides[1], down)
    inside = smoothstep(-1.5, 1.5, across - low) * smoothstep(-1.5, 1.5, high - across)
    return inside * smoothstep(-0.1, 0.05, place) * (1 - smoothstep(1.2, 1.3, place))


def skirt_width(pose: BonePose, matte_HW: torch.Tensor) -> float:
    """0 for trousers, 1 for a skirt: how far cloth fills the space between and beside the legs at the knees."""
    if float(torch.minimum(pose.trust_BJ[0, LEFT_LEG[0]], pose.trust_BJ[0, RIGHT_LEG[0]])) <= 0.5:
        return 1.0
    size = float(pose.torso_length_B[0])
    filled, wide = [], []
    for share in (0.55, 0.7, 0.85):
        left = torch.lerp(pose.start_BJ2[0, LEFT_LEG[0]], pose.end_BJ2[0, LEFT_LEG[0]], share)
        right = torch.lerp(pose.start_BJ2[0, RIGHT_LEG[0]], pose.end_BJ2[0, RIGHT_LEG[0]], share)
        row = int(((left[1] + right[1]) / 2).clamp(0, matte_HW.shape[0] - 1))
        first, last = sorted((float(left[0]), float(right[0])))
        between = matte_HW[row, max(int(first), 0) : max(int(last), 0) + 1]
        filled.append(float(between.min()) if len(between) else 0.0)
        outer = matte_HW[row, max(int(first - size), 0) : max(int(last + size), 0) + 1].sum()
        wide.append((float(outer) - (last - first)) / (2 * RADIUS[LEFT_LEG[0]] * size))
    return float(min(filled) > 0.5 and sorted(wide)[1] > 0.95)


def limb_thickness(matte_HW: torch.Tensor, pose: BonePose, bones: tuple[int, ...]) -> float:
    """How thick this limb is against the usual, seen on its free side: loose sleeves, slim or strong arms."""
    size = float(pose.torso_length_B[0])
    height, width = matte_HW.shape
    ratios = []
    for bone in bones[:2]:
        start, end = pose.start_BJ2[0, bone], pose.end_BJ2[0, bone]
        across = unit(torch.stack([-(end - start)[1], (end - start)[0]]))
        reach = torch.arange(0, 3 * RADIUS[bone] * size, 0.5, dtype=matte_HW.dtype, device=matte_HW.device)
        for share in (0.35, 0.5, 0.65, 0.8):
            sides = []
            for sign in (-1.0, 1.0):
                ray = torch.lerp(start, end, share) + sign * across * reach[:, None]
                x, y = ray[:, 0].long().clamp(0, width - 1), ray[:, 1].long().clamp(0, height - 1)
                outside = (matte_HW[y, x] < 0.5).nonzero()
                sides.append(float(reach[outside[0, 0]]) if len(outside) else float("inf"))
            if min(sides) < float("inf"):
                ratios.append(min(sides) / (RADIUS[bone] * size))
    if not ratios:
        return 1.0
    return min(max(1.1 * sorted(ratios)[len(ratios) // 2], 0.65), 1.7)
