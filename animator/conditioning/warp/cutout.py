"""Which pixels are which limb, and where the person ends: by distance from the bones and by colour.

Legend: H W pixels.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812

from animator.conditioning.warp.anatomy import (
    body_hull,
    chain_distance,
    hidden_leg,
    leg_place,
    pixel_centers,
    smoothstep,
)
from animator.conditioning.warp.bones import (
    HEAD,
    LEFT_ARM,
    LEFT_LEG,
    RADIUS,
    RIGHT_ARM,
    RIGHT_LEG,
    SHOWN,
    BonePose,
)
from animator.conditioning.warp.color_evidence import color_evidence
from animator.matting import shortest_boundary
from animator.plain_ground import PlainGround, clear_of_ground

# Torso lengths: how far around the tracker's outline the matte may be wrong, how far around a pixel colours are
# compared, and what a px of border costs in log-odds.
_MATTE_REACH, _COLOR_REACH, _BORDER = 0.06, 0.3, 0.012
# Torso lengths about a pixel within which a ground has to be plain.
_GROUND_REACH = 0.12
# Width of the rims that cutting leaves, in torso lengths.
SLIVER = 0.04
# A hand that differs from a part of the cloth around it by less than this share of its difference from the face is no
# hand. Pockets were found at 0.01 to 0.15, painted hands in the shade at 0.23, others from 0.5 on.
_POCKET = 0.19
# Torso lengths around a hand in which the cloth of its pocket lies, and how much of what is seen of the body there that
# is at least: a pocket is at the edge of a coat or below a shirt's hem, and the mean of two cloths is neither.
_POCKET_REACH, _POCKET_SHARE = 0.35, 0.1


def recut_matte(photo_3HW: torch.Tensor, matte_HW: torch.Tensor, pose: BonePose) -> torch.Tensor:
    """Cut out background that a coarse matte took in beside the limbs, and put back cloth it left out.

    Args:
        photo_3HW: [0, 1].
        matte_HW: the person's opacity.
        pose: the photo's pose (one).

    Returns:
        [H, W] opacity.
    """
    points = pixel_centers(matte_HW)
    limbs = torch.stack([chain_distance(points, pose, bones) for bones in (LEFT_ARM, RIGHT_ARM, LEFT_LEG, RIGHT_LEG)])
    distance = limbs.amin(0)
    core = torch.maximum(1 - smoothstep(0.35, 0.6, distance), body_hull(points, pose, width=0.55))
    size = pose.torso_length_B[0]
    head = (points - pose.start_BJ2[0, HEAD]).norm(dim=-1) / (RADIUS[HEAD] * size)
    border = widened((matte_HW > 0.5).float(), _MATTE_REACH * size)
    zone = (1 - core) * (1 - smoothstep(2.5, 3.5, distance)) * smoothstep(1.5, 2.0, head)
    evidence = color_evidence(
        photo_3HW,
        (core > 0.5) & (matte_HW > 0.9),
        (matte_HW < 0.05) & (distance < 5),
        (zone > 0.01) & (matte_HW > 0.02),
        reach_px=float(size) * _COLOR_REACH,
    )
    # Colours that say nothing leave the matte as it is: a bright blouse before a bright wall must stay.
    odds = torch.logit(matte_HW.clamp(0.1, 0.9)) + evidence * zone
    cut = shortest_boundary(odds, photo_3HW, length=_BORDER * float(size))
    gaps = _reaching_out((1 - cut) * zone, matte_HW, body_hull(points, pose, width=0.8))
    return torch.maximum(matte_HW * (1 - gaps), cut * zone * border * (matte_HW > 0.02))


def clear_of_plain_ground(
    photo_3HW: torch.Tensor, matte_HW: torch.Tensor, pose: BonePose, inside_HW: torch.Tensor
) -> torch.Tensor:
    """Take plain ground out of a matte: between arm and trunk, among fingers, under hair, at every edge.

    Args:
        photo_3HW: [0, 1].
        matte_HW: the person's opacity.
        pose: the photo's pose (one).
        inside_HW: bool, where the canvas shows the photo.

    Returns:
        [H, W] opacity.
    """
    points, size = pixel_centers(matte_HW), float(pose.torso_length_B[0])
    beside = widened((matte_HW > 0.02).float(), _MATTE_REACH * size) > 0.5
    seen = ~beside & inside_HW
    if not bool(seen.any()):
        return matte_HW
    ground = PlainGround.beside(photo_3HW, seen, reach_px=_GROUND_REACH * size)
    limbs = torch.stack([chain_distance(points, pose, bones) for bones in (LEFT_ARM, RIGHT_ARM, LEFT_LEG, RIGHT_LEG)])
    # Below a chin and in hair no gap is found that no outline leads to.
    head = (points - pose.start_BJ2[0, HEAD]).norm(dim=-1) / (RADIUS[HEAD] * size)
    core = (limbs.amin(0) < 0.25) | (body_hull(points, pose, width=0.45) > 0.5)
    return clear_of_ground(
        photo_3HW,
        matte_HW,
        ground,
        core_HW=core & (matte_HW > 0.5),
        open_HW=(body_hull(points, pose, width=0.8) < 0.5) & (head > 2) & (limbs.amin(0) < 3),
        reach_px=_COLOR_REACH * size,
        depth_px=_MATTE_REACH * size,
    )


def _reaching_out(gaps_HW: torch.Tensor, matte_HW: torch.Tensor, hull_HW: torch.Tensor) -> torch.Tensor:
    """Keep the gaps that lie to a good part outside the trunk; a bright print on the chest is no gap."""
    from scipy.ndimage import label

    pieces, count = label(((gaps_HW > 0.3) & (matte_HW > 0.02)).cpu().numpy())
    outside = (hull_HW < 0.5).cpu().numpy()
    size = np.bincount(pieces.ravel(), minlength=count + 1)
    free = np.bincount(pieces[outside], minlength=count + 1)
    kept = free > 0.3 * size
    kept[0] = False
    # A px or two around each piece its edge is soft.
    return gaps_HW * widened(torch.from_numpy(kept[pieces]).to(gaps_HW), 2.0)


def without_hidden_hands(
    points: torch.Tensor, colors_3HW: torch.Tensor, matte_HW: torch.Tensor, pose: BonePose
) -> BonePose:
    """Distrust hands that look like cloth of the body around them and not like the face: they are in pockets."""
    limbs = torch.stack([chain_distance(points, pose, bones) for bones in (LEFT_ARM, RIGHT_ARM)]).amin(0)
    size = float(pose.torso_length_B[0])
    # A raised hand has nothing but its own fingers around it, and those are no pocket.
    body = (limbs > 1.5) & (matte_HW > 0.9) & (body_hull(points, pose) > 0.5)
    face = _mean_color(points, colors_3HW, pose.start_BJ2[0, HEAD], size * 0.08)
    trust = pose.trust_BJ.clone()
    for hand in (LEFT_ARM[2], RIGHT_ARM[2]):
        middle = (pose.start_BJ2[0, hand] + pose.end_BJ2[0, hand]) / 2
        look = _mean_color(points, colors_3HW, middle, size * 0.04)
        cloth = colors_3HW[:, body & ((points - middle).norm(dim=-1) < _POCKET_REACH * size)]
        if not cloth.shape[1]:
            continue
        nearest = (cloth.T - look).norm(dim=-1).quantile(_POCKET_SHARE)
        if float(nearest) < _POCKET * float((look - face).norm()):
            trust[0, hand] = 0.0
    return replace(pose, trust_BJ=trust)


def _mean_color(points: torch.Tensor, colors_3HW: torch.Tensor, center_2: torch.Tensor, radius: float) -> torch.Tensor:
    weight = ((points - center_2).norm(dim=-1) < max(radius, 1.0)).to(colors_3HW.dtype)
    return (colors_3HW * weight).sum((1, 2)) / weight.sum().clamp_min(1)


def widened(values: torch.Tensor, reach_px: float | torch.Tensor) -> torch.Tensor:
    """The largest of the values [..., H, W] up to `reach_px` away along either axis: a mask becomes wider by as much.

    A square's maximum is that of its columns' maxima; windows that overlap give one as long as both: log2 of the
    side maxima a pixel, where a pooling layer makes the whole side.
    """
    radius = max(1, round(float(reach_px)))
    for axis, around in ((-1, (radius, radius)), (-2, (0, 0, radius, radius))):
        values, reached, side = F.pad(values, around, value=float("-inf")), 1, 2 * radius + 1
        while reached < side:
            step = min(reached, side - reached)
            kept = values.shape[axis] - step
            values = torch.maximum(values.narrow(axis, 0, kept), values.narrow(axis, step, kept))
            reached += step
    return values


def leg_masks(points: torch.Tensor, pose: BonePose) -> list[tuple[str, tuple[int, int, int], torch.Tensor]]:
    """Which pixels go with which leg: trousers part between the legs, wherever they touch in the photo.

    Where one leg hides the other, as in a photo from the side, what is seen is the picture of both.
    """
    if float(torch.minimum(pose.trust_BJ[0, LEFT_LEG[0]], pose.trust_BJ[0, RIGHT_LEG[0]])) <= SHOWN:
        return []
    left, right = (chain_distance(points, pose, bones) for bones in (LEFT_LEG, RIGHT_LEG))
    share = smoothstep(-0.06, 0.06, (right - left) / (right + left).clamp_min(1e-6))
    both = hidden_leg(leg_place(points, pose), pose)
    return [
        ("left_leg", LEFT_LEG, torch.maximum(share, both)),
        ("right_leg", RIGHT_LEG, torch.maximum(1 - share, both)),
    ]


def without_slivers(alpha_HW: torch.Tensor, beside_HW: torch.Tensor, *, width_px: float) -> torch.Tensor:
    """Opacity without what is narrower than about `width_px` beside something cut out: rims of a hand or a sleeve.

    Args:
        alpha_HW: opacity of what was left.
        beside_HW: in [0, 1], what was cut out of it.
        width_px: px.
    """
    side = 2 * max(1, round(width_px / 2)) + 1
    core = 1 - widened((alpha_HW < 0.5).to(alpha_HW), side // 2)
    # One px more than was taken away: the edges of what stays are soft.
    return alpha_HW * torch.maximum(widened(core, side // 2 + 1), 1 - widened(beside_HW, 2 * side).ceil())


def without_islands(alpha_HW: torch.Tensor, home_HW: torch.Tensor) -> torch.Tensor:
    """Opacity without the pieces that have no connection to `home` (bool): crumbs left over from cutting."""
    from scipy.ndimage import label

    pieces, _ = label((alpha_HW > 0.05).cpu().numpy(), structure=np.ones((3, 3)))
    kept = np.unique(pieces[(home_HW & (alpha_HW > 0.5)).cpu().numpy()])
    inside = np.isin(pieces, kept[kept > 0])
    return alpha_HW * torch.from_numpy(inside).to(alpha_HW.device)
