"""How a skirt's hem runs over the legs, seldom straight across, and how they go on under it.

Legend: H W pixels.
"""

from __future__ import annotations

import torch

from animator.conditioning.warp.anatomy import chain_distance, leg_place, smoothstep, unit
from animator.conditioning.warp.bones import LEFT_LEG, RIGHT_LEG
from animator.conditioning.warp.color_evidence import color_evidence
from animator.conditioning.warp.cutout import widened
from animator.conditioning.warp.figure import Figure
from animator.conditioning.warp.plane import perpendicular
from animator.conditioning.warp.skirt import shares_alike
from animator.inpainting import nearest_fill
from animator.matting import shortest_boundary

# How often cloth may have the colours of legs, and legs those of cloth, for colours to tell where the one ends.
_TOLD = 0.1
# In lengths of a thigh: how far above and below its usual height a hem may run, how far from it colours are learned,
# and over what its edge is soft where no colour tells.
_REACH, _LEARNED, _SOFT = 0.2, 0.4, 0.02
# Log-odds a thigh's length off the usual height, where colours say nothing; what a torso length of hem costs.
_USUAL, _LENGTH = 2.0, 3.0
# Torso lengths around a pixel in which colours are compared; radii about its bones within which a leg is surely seen.
_NEARBY, _ON_LEG = 0.5, 0.7
# Torso lengths that a leg goes on under a hem, where cloth that swings shows it; up to which the hem's shade falls on
# it; and over which the hem itself is half transparent.
_UNDER, _SHADE, _RIM = 0.08, 0.08, 0.04
# Lengths of a thigh below the hem, and radii about its bones, in which a leg's width is measured; the share of it left
# out on each side; and the fewest px that tell it.
_WIDTH, _BESIDE, _SIDE, _FEWEST = 0.12, 1.5, 0.03, 10


def bare_below_hem(figure: Figure, hem: float) -> torch.Tensor | None:
    """How far [H, W], 0 to 1, pixels are below a skirt's hem by the colours around it; None where those do not tell.

    Args:
        figure: the person.
        hem: where it ends, from `hem_of`.
    """
    shares = shares_alike(hem, figure.colors_3HW, figure.matte_HW, figure.pose)
    if shares is None or max(shares) > _TOLD:
        return None
    place = leg_place(figure.points, figure.pose)
    near = (place - hem).abs() < _REACH
    learned = (place - hem).abs() < _LEARNED
    seen = figure.matte_HW > 0.9
    legs = torch.minimum(*(chain_distance(figure.points, figure.pose, bones) for bones in (LEFT_LEG, RIGHT_LEG)))
    evidence = color_evidence(
        figure.colors_3HW,
        seen & learned & (place > hem + 0.5 * _REACH) & (legs < _ON_LEG),
        seen & learned & (place < hem - 0.5 * _REACH) & (legs < 2),
        near & (figure.matte_HW > 0.05),
        reach_px=_NEARBY * figure.size,
    )
    bare = (place > hem).to(place)
    rows = near.any(dim=1).nonzero()
    first, last = max(int(rows[0]) - 4, 0), int(rows[-1]) + 5
    odds = torch.where(near, evidence + _USUAL * (place - hem), 8 * (place - hem).sign())[first:last]
    bare[first:last] = shortest_boundary(odds, figure.colors_3HW[:, first:last], length=_LENGTH / figure.size)
    return bare


def straight_below_hem(figure: Figure, hem: float, bones: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """How far [H, W] pixels are of a leg below a hem straight across, and how far they are below that hem.

    Args:
        figure: the person.
        hem: where it ends, from `hem_of`.
        bones: of the leg.
    """
    # A little of each leg goes on under the hem; the cloth beside it does not.
    below = leg_place(figure.points, figure.pose)
    slim = 1 - smoothstep(0.9, 1.2, chain_distance(figure.points, figure.pose, bones))
    bare = torch.maximum(slim, smoothstep(hem + 0.08, hem + 0.15, below))
    return smoothstep(hem - 0.05, hem - 0.02, below) * bare, smoothstep(hem - _SOFT, hem + _SOFT, below)


def leg_from_hem(
    figure: Figure, hem: float, bones: tuple[int, ...], member: torch.Tensor, bare_HW: torch.Tensor
) -> torch.Tensor:
    """How far [H, W] pixels are of a leg below a hem, which goes on above it: there as wide as it comes out below.

    Args:
        figure: the person.
        hem: where it ends, from `hem_of`.
        bones: of the leg.
        member: which pixels are nearer to it than to the other leg.
        bare_HW: from `bare_below_hem`.
    """
    bone, points = bones[min(int(hem), 1)], figure.points
    start, end = figure.pose.start_BJ2[0, bone], figure.pose.end_BJ2[0, bone]
    across = (points - start) @ perpendicular(unit(end - start))
    place, beside = leg_place(points, figure.pose), chain_distance(points, figure.pose, bones)
    seen = (member > 0.5) & (bare_HW > 0.9) & (figure.matte_HW > 0.5) & (place < hem + _WIDTH) & (beside < _BESIDE)
    if int(seen.sum()) < _FEWEST:
        return member * bare_HW
    low, high = across[seen].quantile(across.new_tensor([_SIDE, 1 - _SIDE])).tolist()
    inside = smoothstep(-1.0, 1.0, across - low) * smoothstep(-1.0, 1.0, high - across)
    goes_on = inside * widened((bare_HW > 0.5).to(bare_HW), _UNDER * figure.size)
    # Beside the leg the last of the cloth, half transparent, is none of it.
    cloth = widened((bare_HW < 0.5).to(bare_HW), _RIM * figure.size)
    return member * torch.maximum(goes_on, bare_HW * torch.maximum(inside, 1 - cloth))


def colors_under_hem(figure: Figure, colors_3HW: torch.Tensor, bare_HW: torch.Tensor) -> torch.Tensor:
    """The colours [3, H, W] of legs; above the hem those from below it, without the last of the cloth and its shade.

    Args:
        figure: the person.
        colors_3HW: of the person without arms.
        bare_HW: from `bare_below_hem`.
    """
    from scipy.ndimage import distance_transform_edt

    cloth_px = torch.from_numpy(distance_transform_edt((bare_HW > 0.95).cpu().numpy())).to(bare_HW)
    known = (cloth_px > _SHADE * figure.size) & (figure.matte_HW > 0.9)
    filled = nearest_fill(colors_3HW, known, blur_px=max(1, round(_SHADE * figure.size)))
    return torch.lerp(filled, colors_3HW, smoothstep(0.0, _SHADE * figure.size, cloth_px))
