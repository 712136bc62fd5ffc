"""What the arms hide in the photo: trunk and legs as if no arm were before them.

Legend: H W pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional as F  # noqa: N812

from animator.conditioning.warp.anatomy import (
    NECK,
    chain_distance,
    leg_place,
    pixel_centers,
    segment,
    smoothstep,
    trunk_place,
    unit,
)
from animator.conditioning.warp.arm_hair import hanging
from animator.conditioning.warp.arm_shade import shade_of_arms
from animator.conditioning.warp.bones import HEAD, LEFT_ARM, RADIUS, RIGHT_ARM, TORSO, BonePose
from animator.conditioning.warp.cloth_pieces import with_pieces
from animator.conditioning.warp.color_evidence import color_evidence, share_alike
from animator.conditioning.warp.cutout import widened, without_islands, without_slivers
from animator.conditioning.warp.figure import Figure
from animator.conditioning.warp.outline import inside_outline
from animator.inpainting import nearest_fill

# Torso lengths: what is narrower beside an arm is its sleeve's rim.
_RIM = 0.075
# Where along the trunk it ends and legs begin.
_TRUNK_ENDS = -0.25
# Down the legs, 0 at the hips: from here on there may be cloth between them.
_LEGS_BEGIN = -0.2
# Torso lengths that a hand can hide of an outline, and that legs below one cloth may be apart.
_HAND_REACH = 0.35
# Along the trunk a px counts as so many across it.
_BANDS = 2.5
# Difference of colours (RGB in [0, 1]) below which a sleeve and the cloth beside it are the same.
_SAME_CLOTH = 0.12
# Share of the trunk in a colour from which on that is the colour of its cloth, surely so from the second.
_CLOTH_SHARE = (0.1, 0.25)
# Torso lengths: half the width of lines that are no cloth.
_LINE = 0.012
# Log-odds from which on a colour is a hand's, not the cloth's; up to where along the trunk there is no neckline.
_LOOKS_HAND, _NECKLINE = 1.0, 0.7
# Along the trunk, 1 at the shoulders: from below a collar to above it. Radii of a head about the middle of the face
# within which its lower half is skin.
_ABOVE_COLLAR, _JAW = (1.02, 1.1), 0.8
# A colour that the trunk shows less than this part as often as its pixels' usual one is no cloth to be carried on.
_USUAL = 0.25
# Cloth that is less surely in an arm's shade may be carried on.
_LIT = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class BehindArms:
    """Trunk and legs as if the arms were not before them: colours, opacity, and what of it the photo hid."""

    colors_3HW: torch.Tensor
    alpha_HW: torch.Tensor
    invented_HW: torch.Tensor


def behind_arms(
    figure: Figure,
    arms_HW: torch.Tensor,
    lent_HW: torch.Tensor | None = None,
    hair_HW: torch.Tensor | None = None,
) -> BehindArms:
    """Fill what the arms cover, as far as a body must go on there, from the cloth and skin around.

    Args:
        figure: the person.
        arms_HW: [0, 1], what the arms cover.
        lent_HW: the part of it that is filled whatever it looks like; none of it if None.
        hair_HW: bool, what lies before arms and stays as it is, however narrow; nothing if None.
    """
    colors_3HW, matte_HW, hull, size = figure.colors_3HW, figure.matte_HW, figure.hull, figure.size
    covered, own = arms_HW * matte_HW, matte_HW * (1 - arms_HW)
    reach = 2 * round(size * 0.025) + 1
    near_arm = F.max_pool2d(covered[None, None], reach, stride=1, padding=reach // 2)[0, 0]
    sides = inside_outline(figure, own, near_arm)
    kept = hull if hair_HW is None else torch.maximum(hull, hair_HW.to(hull.dtype))
    own = torch.maximum(without_slivers(own, covered, width_px=_RIM * size), own * kept)
    shown = (near_arm < 0.05) & (own > 0.9) & _body(figure)
    left = _left_of_hands(figure, arms_HW, shown)
    near_hidden = torch.maximum(near_arm, F.max_pool2d(left[None, None], reach, stride=1, padding=reach // 2)[0, 0])
    shown &= near_hidden < 0.05
    cloth = shown & ~_rare_on_trunk(colors_3HW, shown, figure.pose)
    across = _across(figure.pose)
    shade = shade_of_arms(figure, arms_HW, cloth, blur_px=reach, farness=across)
    filled = nearest_fill(colors_3HW, cloth & (shade < _LIT), blur_px=reach, farness=across)
    filled = with_pieces(figure, filled, (near_hidden > 0.02) | (shade > 0.02), cloth & (shade < _LIT))
    filled = _with_neck(figure, filled, near_hidden > 0.02, shown, blur_px=reach)
    alpha = torch.maximum(own, torch.minimum(matte_HW, _goes_on(figure, own, *sides)))
    # Behind a hand with background all around it there is no body, however near the body is.
    alpha = without_islands(alpha, (near_arm < 0.05) & (hull > 0.9))
    unlike = _unlike_the_trunk(colors_3HW, filled, near_hidden > 0.02, shown, figure.pose)
    unlike = unlike if lent_HW is None else torch.maximum(unlike, lent_HW)
    if hair_HW is not None:
        unlike, shade = (torch.where(hair_HW, 0.0, each) for each in (unlike, shade))
    return BehindArms(
        colors_3HW=torch.lerp(
            figure.drawn_3HW, filled, torch.maximum(smoothstep(0.02, 0.3, near_hidden) * unlike, shade)
        ),
        alpha_HW=alpha,
        invented_HW=torch.maximum(covered, left) * alpha,
    )


def _body(figure: Figure) -> torch.Tensor:
    """Bool [H, W]: where the photo may show trunk, head and legs, and what cloth hangs between the legs."""
    body = figure.hull > 0.5
    legs = body & (leg_place(figure.points, figure.pose) > _LEGS_BEGIN)
    return body | (between(legs, reach=_HAND_REACH * figure.size) > 0.5)


def _with_neck(
    figure: Figure, filled_3HW: torch.Tensor, covered_HW: torch.Tensor, shown_HW: torch.Tensor, *, blur_px: int
) -> torch.Tensor:
    """The filled colours; a neck that a hand covers has those of the jaw, not those of the shirt.

    Args:
        figure: the person.
        filled_3HW: colours carried on from beside what covers them.
        covered_HW, shown_HW: bool, where the body is hidden and where it is seen.
        blur_px: over which carried colours are smooth.
    """
    pose, size = figure.pose, figure.size
    face = pose.start_BJ2[0, HEAD]
    _, from_neck = segment(figure.points, pose.end_BJ2[0, TORSO], face)
    above_hips, _ = trunk_place(figure.points, pose)
    neck = smoothstep(*_ABOVE_COLLAR, above_hips) * (1 - smoothstep(1.0, 1.3, from_neck / (NECK * size)))
    from_face = figure.points - face
    down = unit(pose.start_BJ2[0, TORSO] - pose.end_BJ2[0, TORSO])
    jaw = shown_HW & (from_face.norm(dim=-1) < _JAW * RADIUS[HEAD] * size) & (from_face @ down > 0)
    if not pose.shows(HEAD) or not bool(jaw.any()) or not bool((covered_HW & (neck > 0)).any()):
        return filled_3HW
    return torch.lerp(filled_3HW, nearest_fill(figure.colors_3HW, jaw, blur_px=blur_px), neck)


def _goes_on(figure: Figure, own_HW: torch.Tensor, inside_HW: torch.Tensor, told_HW: torch.Tensor) -> torch.Tensor:
    """[H, W] in [0, 1]: how far the body must go on behind arms.

    Args:
        figure: the person.
        own_HW: opacity of what is seen of the body.
        inside_HW, told_HW: what its sides tell and where they do, from `inside_outline`; elsewhere the joints tell, and
            the cloth of a skirt on both sides.
    """
    goes_on = figure.hull
    if figure.hem is not None:
        cloth = smoothstep(-0.2, 0.0, leg_place(figure.points, figure.pose)) * (1 - figure.beside_HW)
        goes_on = torch.maximum(goes_on, cloth * between(own_HW > 0.5, reach=_HAND_REACH * figure.size))
    place, _ = trunk_place(figure.points, figure.pose)
    if figure.hem is not None:
        # A skirt may bulge from one place where it is seen to the next: straight from there to there it is at least.
        below, trunk = torch.maximum(inside_HW, goes_on), place > 0
    else:
        # Below the trunk there may be ground between the legs, of which the sides tell nothing.
        below, trunk = torch.minimum(inside_HW, goes_on), place > _TRUNK_ENDS
    return torch.where(told_HW, torch.where(trunk, inside_HW, below), goes_on)


def _across(pose: BonePose) -> tuple[float, float]:
    """How much farther (down, right) a px counts: clothes are bands about the trunk, and go on across it."""
    right, down = unit(pose.end_BJ2[0, TORSO] - pose.start_BJ2[0, TORSO]).abs().tolist()
    return 1 + (_BANDS - 1) * down, 1 + (_BANDS - 1) * right


def _unlike_the_trunk(
    colors_3HW: torch.Tensor, filled_3HW: torch.Tensor, covered_HW: torch.Tensor, shown_HW: torch.Tensor, pose: BonePose
) -> torch.Tensor:
    """1 [H, W] where what covers the body is no picture of it; a sleeve of the jacket's cloth is the best one there is.

    Args:
        colors_3HW: the photo's.
        filled_3HW: continued from beside what covers it.
        covered_HW, shown_HW: bool, where the body is hidden and where it is seen.
        pose: the photo's.
    """
    unlike = smoothstep(0.5 * _SAME_CLOTH, 1.5 * _SAME_CLOTH, (colors_3HW - filled_3HW).norm(dim=0))
    trunk = _trunk(shown_HW, pose)
    if bool(trunk.any()) and bool(covered_HW.any()):
        share = share_alike(colors_3HW[:, covered_HW].T, colors_3HW[:, trunk].T)
        unlike[covered_HW] = torch.minimum(unlike[covered_HW], 1 - smoothstep(*_CLOTH_SHARE, share))
        # Cloth goes on; a line in its colour is the rim of a hand or a sleeve.
        width_px = _LINE * float(pose.torso_length_B[0])
        wide = 1 - widened(torch.where(covered_HW, unlike, 0.0), width_px)
        unlike = torch.where(covered_HW, torch.maximum(unlike, 1 - widened(wide, width_px)), unlike)
    return unlike


def _left_of_hands(figure: Figure, arms_HW: torch.Tensor, shown_HW: torch.Tensor) -> torch.Tensor:
    """1 [H, W] where the trunk shows what is left of a hand: fingers smeared by haste, or bent away from its bone.

    Args:
        figure: the person.
        arms_HW: [0, 1], what the arms cover.
        shown_HW: bool, where the body is thought to be seen.
    """
    points, pose = figure.points, figure.pose
    hands = tuple(bone for bone in (LEFT_ARM[2], RIGHT_ARM[2]) if pose.shows(bone))
    above_hips, _ = segment(points, pose.start_BJ2[0, TORSO], pose.end_BJ2[0, TORSO])
    # Above the chest skin may be a neckline's.
    chest = figure.hull.gt(0.5) & (above_hips > 0) & (above_hips < _NECKLINE) & (figure.matte_HW > 0.8)
    left = torch.zeros_like(arms_HW)
    if not hands:
        return left
    distance, starts, ends = torch.full_like(left, float("inf")), pose.start_BJ2[0], pose.end_BJ2[0]
    for hand in hands:
        along, _ = segment(points, starts[hand], ends[hand])
        nearest = torch.lerp(starts[hand], ends[hand], along.clamp(0, 1)[..., None])
        distance = torch.minimum(distance, (points - nearest).norm(dim=-1))
    skin = (arms_HW > 0.5) & (figure.matte_HW > 0.8) & (chain_distance(points, pose, hands) < 1)
    asked = chest & (arms_HW < 0.5) & (distance < _HAND_REACH * figure.size)
    cloth = _trunk(shown_HW, pose) & ~_rare_on_trunk(figure.colors_3HW, shown_HW, pose)
    odds = color_evidence(figure.colors_3HW, skin, cloth, asked, reach_px=None)
    # Fingers hang together with the hand; a badge of their colour does not.
    return (hanging(odds > _LOOKS_HAND, widened(arms_HW, 1) > 0.5) & asked).to(left.dtype)


def _rare_on_trunk(colors_3HW: torch.Tensor, shown_HW: torch.Tensor, pose: BonePose) -> torch.Tensor:
    """Bool [H, W]: what is seen on the trunk in a colour that little else there has: fingertips, badges, buttons.

    Such things end where they are seen to end; cloth goes on. Between two hands their tips would be all that is near,
    and be carried on over the whole trunk. Collars and hems at the neck are narrow, too, but belong there.
    """
    trunk = _trunk(shown_HW, pose)
    above_hips, _ = segment(pixel_centers(colors_3HW[0]), pose.start_BJ2[0, TORSO], pose.end_BJ2[0, TORSO])
    rare = torch.zeros_like(trunk)
    if bool(trunk.any()):
        colors = colors_3HW[:, trunk].T
        share = share_alike(colors, colors)
        rare[trunk] = share < _USUAL * share.median()
    return rare & (above_hips < _NECKLINE)


def _trunk(shown_HW: torch.Tensor, pose: BonePose) -> torch.Tensor:
    """Bool [H, W]: what is seen of the body between hips and neck."""
    above_hips, _ = segment(pixel_centers(shown_HW.float()), pose.start_BJ2[0, TORSO], pose.end_BJ2[0, TORSO])
    return shown_HW & (above_hips > 0) & (above_hips < 1)


def between(body_HW: torch.Tensor, *, reach: float) -> torch.Tensor:
    """1 [H, W] where the body lies on both sides, along a line of any of eight slopes, within `reach` px.

    The outline of cloth goes on behind a hand from where it stands above the hand to where it stands below.
    """
    found = torch.zeros_like(body_HW)
    for rise, run in ((0, 1), (1, 0), (1, 1), (1, -1), (2, 1), (2, -1), (1, 2), (1, -2)):
        steps = round(reach / math.hypot(rise, run))
        found |= _near(body_HW, rise, run, steps) & _near(body_HW, -rise, -run, steps)
    return found.float()


def _near(body_HW: torch.Tensor, rise: int, run: int, steps: int) -> torch.Tensor:
    """Where the body is met within so many steps of (rise, run) px."""
    height, width = body_HW.shape
    met = body_HW.clone()
    for step in range(1, steps + 1):
        down, right = step * rise, step * run
        rows = slice(max(0, -down), min(height, height - down))
        columns = slice(max(0, -right), min(width, width - right))
        met[rows, columns] |= body_HW[
            rows.start + down : rows.stop + down, columns.start + right : columns.stop + right
        ]
    return met
