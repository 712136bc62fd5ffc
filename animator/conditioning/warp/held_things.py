"""Balls, bags and bottles: what a hand holds goes with the hand, all of it, and neither bends nor stretches.

Legend: H W pixels.
"""

from __future__ import annotations

import numpy as np
import torch

from animator.conditioning.warp.anatomy import chain_distance, leg_place, other_arm_distance, segment, smoothstep
from animator.conditioning.warp.bones import HEAD, LEFT_LEG, RADIUS, RIGHT_LEG
from animator.conditioning.warp.color_evidence import ALIKE, color_evidence, share_alike, tint
from animator.conditioning.warp.cutout import widened
from animator.conditioning.warp.figure import Figure
from animator.matting import shortest_boundary

# Torso lengths from the wrist within which a thing must lie whole.
_REACH = 0.65
# Least side of a thing, and what a px of its border costs in log-odds, in torso lengths.
_SMALLEST, _BORDER = 0.1, 0.02
# Share of the body's pixels around below which a colour is not one of the body's.
_FOREIGN = 0.005
# How far a tint lies from gray: from the first on it tells something, from the second on all.
_COLORED = 2 * ALIKE, 4 * ALIKE
# So that half as much light again is about the most in which colours are alike.
_LIGHT = 0.2
# Share of a thing outside the body's outline; less may be a print or a buckle.
_STICKS_OUT = 0.25
# Share of its rim that lies before the background; a panel of a jacket has cloth all around, though the outline of
# somebody seen from the side is narrower than the jacket.
_FREE_RIM = 0.05
# Radii of face and forearm within which colours are surely theirs, and of the arm beyond which they are the thing's.
_FACE, _CORE, _BESIDE = 0.5, 0.6, 1.2
# How far a thing may go on beyond what was found, torso lengths, and the log-odds against that.
_GROW, _UNHELD = 0.15, 0.5
_RIM_PX = 3
# Half the width of strips that are not the thing's, torso lengths.
_NARROW = 0.04
# Radii about a leg's bones that its own cloth lies in, and the share of these, as far as the photo shows them, or of a
# face, that a thing may cover. What covers more is the trousers, of which a photo that ends at the hands shows nothing
# else, or the face that a hand touches.
_LEG, _COVERED = 0.6, 0.6
# Radii of a head about the middle of the face that hair covers, and the share of a piece there that makes it hair.
_HAIR, _ON_HEAD = 1.3, 0.5


def held_thing(figure: Figure, bones: tuple[int, ...]) -> torch.Tensor:
    """Bool [H, W]: what this arm's hand holds: in colours that the body shows nowhere else, and beyond its outline.

    Args:
        figure: the person.
        bones: upper arm, forearm and hand of one arm.
    """
    points, colors_3HW, matte_HW, pose = figure.points, figure.colors_3HW, figure.matte_HW, figure.pose
    nothing = torch.zeros_like(matte_HW, dtype=torch.bool)
    if not pose.shows(bones[1]):
        return nothing
    size = figure.size
    fewest = (_SMALLEST * size) ** 2
    wrist, elbow = pose.end_BJ2[0, bones[1]], pose.start_BJ2[0, bones[1]]
    from_wrist = (points - wrist).norm(dim=-1)
    past_elbow, _ = segment(points, elbow, wrist)
    near = (matte_HW > 0.5) & (from_wrist < _REACH * size) & (past_elbow > 0.4)
    # The other hand is no thing, nor is what it wears.
    rival = other_arm_distance(points, pose, bones)
    near &= (rival > 1) | (rival > chain_distance(points, pose, bones))
    # Skin counts as foreign unless legs show it: fingers go with what they hold. Shoes are too far to tell anything.
    head = (points - pose.start_BJ2[0, HEAD]).norm(dim=-1) < 1.6 * RADIUS[HEAD] * size
    # What lies beside the forearm within reach may be the thing's upper part.
    beyond = (from_wrist > _REACH * size) & (from_wrist < 2 * _REACH * size)
    body = (matte_HW > 0.9) & beyond & ~head & (figure.hull > 0.5)
    if int(near.sum()) < fewest or int(body.sum()) < fewest:
        return nothing
    odds = torch.full_like(matte_HW, -2.0)
    odds[near] = (_FOREIGN / (_share_of_body(colors_3HW[:, near].T, colors_3HW[:, body].T) + 1e-4)).log().clamp(-2, 2)
    foreign = shortest_boundary(odds, colors_3HW, length=_BORDER * size) > 0.5
    within = from_wrist < 0.9 * _REACH * size
    below_hips = (matte_HW > 0.5) & (leg_place(points, pose) > 0)
    own = [below_hips & (chain_distance(points, pose, leg) < _LEG) for leg in (LEFT_LEG, RIGHT_LEG)]
    own.append((points - pose.start_BJ2[0, HEAD]).norm(dim=-1) < _FACE * RADIUS[HEAD] * size)
    # Hair is like nothing else of the body, and a raised hand is near it.
    on_head = (points - pose.start_BJ2[0, HEAD]).norm(dim=-1) < _HAIR * RADIUS[HEAD] * size
    return _whole_pieces(foreign & near, within, figure.hull < 0.5, matte_HW < 0.5, own, on_head, fewest=fewest)


def _share_of_body(colors_N3: torch.Tensor, body_M3: torch.Tensor) -> torch.Tensor:
    """Share [N] of the body's pixels that look like each colour, or like it in somewhat more or less light.

    An orange sweater is orange in light and shade; what is nearly gray tells nothing by its tint.
    """

    def lit(colors: torch.Tensor) -> torch.Tensor:
        light = colors.mean(1, keepdim=True)
        return torch.cat([tint(colors), _LIGHT * (light + 0.02).log()], 1)

    gray = tint(colors_N3.mean(1, keepdim=True).expand(-1, 3))
    is_colored = smoothstep(*_COLORED, (tint(colors_N3) - gray).norm(dim=1))
    return torch.maximum(share_alike(colors_N3, body_M3), is_colored * share_alike(lit(colors_N3), lit(body_M3)))


def stiff_part(figure: Figure, bones: tuple[int, ...], held_HW: torch.Tensor) -> torch.Tensor:
    """[H, W], 0 or 1: the thing itself, without the fingers and the sleeve or forearm that `held_HW` goes across.

    Args:
        figure: the person.
        bones: upper arm, forearm and hand of one arm.
        held_HW: from `held_thing`.
    """
    from scipy.ndimage import binary_fill_holes, binary_opening

    points, pose, matte_HW, size = figure.points, figure.pose, figure.matte_HW, figure.size
    nothing = torch.zeros_like(matte_HW)
    if not bool(held_HW.any()):
        return nothing
    wrist, elbow = pose.end_BJ2[0, bones[1]], pose.start_BJ2[0, bones[1]]
    past_elbow, from_forearm = segment(points, elbow, wrist)
    from_wrist = (points - wrist).norm(dim=-1)
    # Hands are as the arm above the thing is, where that is bare, and as the face is.
    face = (points - pose.start_BJ2[0, HEAD]).norm(dim=-1) < _FACE * RADIUS[HEAD] * size
    bare = ~held_HW & (from_forearm < _CORE * RADIUS[bones[1]] * size) & (past_elbow > 0.1) & (past_elbow < 1)
    near = widened(held_HW.to(matte_HW.dtype), _GROW * size) > 0.5
    body = ~near & (figure.hull > 0.5) & (from_wrist < 2 * _REACH * size)
    others = (matte_HW > 0.9) & (face | bare | body)
    # Colours mix at the rim, which the thing was widened by.
    inner = widened((~held_HW).to(matte_HW.dtype), _RIM_PX) < 0.5
    beside = inner & (chain_distance(points, pose, bones) > _BESIDE)
    if int(beside.sum()) < (_SMALLEST * size) ** 2:
        return nothing  # skin alone
    asked = (matte_HW > 0.02) & (from_wrist < _REACH * size) & near
    odds = color_evidence(figure.colors_3HW, beside, others, asked, reach_px=None)
    odds = torch.where(asked, torch.where(held_HW, odds, odds - _UNHELD), -2.0)
    thing = shortest_boundary(odds, figure.colors_3HW, length=_BORDER * size) > 0.5
    # Light on fingers may have the thing's colours, but in narrow strips.
    whole = binary_opening(binary_fill_holes(thing.cpu().numpy()), iterations=max(1, round(_NARROW * size)))
    return widened(torch.from_numpy(whole).to(matte_HW), _RIM_PX - 1) * (matte_HW > 0.02)


def _whole_pieces(
    foreign_HW: torch.Tensor,
    within_HW: torch.Tensor,
    outside_HW: torch.Tensor,
    background_HW: torch.Tensor,
    own: list[torch.Tensor],
    on_head_HW: torch.Tensor,
    *,
    fewest: float,
) -> torch.Tensor:
    """The pieces that are large enough, do not go on beyond reach, stick out into the open, and are no `own` part."""
    from scipy.ndimage import binary_dilation, binary_fill_holes, grey_dilation, label

    pieces, count = label(foreign_HW.cpu().numpy())
    area, outside, beyond, on_head, *of_own = (
        np.bincount(pieces.ravel(), weights=mask.cpu().numpy().ravel(), minlength=count + 1)
        for mask in (
            foreign_HW,
            foreign_HW & outside_HW,
            foreign_HW & ~within_HW,
            foreign_HW & on_head_HW,
            *(foreign_HW & part for part in own),
        )
    )
    kept = (area > fewest) & (outside > _STICKS_OUT * area) & (beyond < 0.01 * area) & (on_head < _ON_HEAD * area)
    for part, covered in zip(own, of_own, strict=True):
        kept &= covered <= _COVERED * max(int(part.sum()), 1)
    kept[0] = False
    if not kept.any():
        return torch.zeros_like(foreign_HW)
    # A px of mixed colours lies between a thing and what is beside it.
    around = np.where(pieces == 0, grey_dilation(pieces, size=5), 0)
    rim, free = (
        np.bincount(around.ravel(), weights=mask.ravel(), minlength=count + 1)
        for mask in (np.ones_like(around), background_HW.cpu().numpy())
    )
    kept &= free > _FREE_RIM * rim
    # The rim, where colours mix, goes along.
    whole = binary_dilation(binary_fill_holes(kept[pieces]), iterations=2)
    return torch.from_numpy(whole).to(foreign_HW.device)
