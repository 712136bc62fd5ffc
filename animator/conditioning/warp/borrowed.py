"""Limbs that the photo shows badly or not at all, lent by those of the other side.

An arm that points at the camera, or lies behind the trunk, holds no picture of an arm stretched out. Bodies are
symmetric: where the other arm is seen well, its mirror image is a better one than what was cut out of the jacket.

Legend: H W pixels, V vertices of a mesh.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch.nn import functional as F  # noqa: N812

from animator.conditioning.warp.anatomy import chain_distance, limb_thickness, segment, smoothstep
from animator.conditioning.warp.bones import LEFT_ARM, RIGHT_ARM, TORSO, BonePose
from animator.conditioning.warp.color_evidence import share_alike
from animator.conditioning.warp.figure import Figure
from animator.conditioning.warp.plane import perpendicular
from animator.conditioning.warp.torso import upwards

# A bone seen in less than this share of the other side's length points at the camera, or away from it. The forearm of a
# skier who leans on her stick had 0.24, forearms drawn well from their own pictures 0.47 and more.
_SHORT = 0.45
# A bone is sure enough to lend from so much trust on.
_SURE = 0.5
# Share of a lender's outline that lies before the background; what lies before the trunk was parted from it by guess,
# which is good enough only where there is no other arm at all. The near arm of somebody seen from the side had 0.28.
_FREE, _FREE_FOR_NONE = 0.4, 0.2
# Share of a lender's bones on which it lies in full view.
_WHOLE = 0.85
# Radii about the bones beyond which an arm has a ball or a bag in hand, and how much of it makes one.
_BEYOND, _THING = 1.5, 0.1
# Radii about the bones, and torso lengths about the wrist, within which sleeve and hand stick out of the trunk.
_SLEEVE, _HAND = 2.0, 0.4
# Radii of an arm before the trunk.
_BEFORE = (1.0, 1.3)
# Colours that differ by less (RGB in [0, 1]) are the same cloth, and so much of the trunk makes it the trunk's: the
# skier's jacket had 0.29, a bare arm before a white top 0.14.
_ALIKE, _CLOTH_SHARE = 0.13, 0.2
# One arm is not darker or lighter than the other by more.
_LIGHT = (0.6, 1.5)


def is_unseen(pose: BonePose, bones: tuple[int, ...], others: tuple[int, ...]) -> bool:
    """Whether the photo shows an upper or a lower limb not at all, or so foreshortened that it tells nothing.

    Args:
        pose: the photo's pose (one).
        bones: of the limb, from the trunk outwards.
        others: those of the other side.
    """
    upper_two = list(zip(bones, others, strict=True))[:2]
    return any(_length(pose, own) < _SHORT * _length(pose, other) for own, other in upper_two)


def lends(figure: Figure, bones: tuple[int, ...], alpha_HW: torch.Tensor, *, for_none: bool) -> bool:
    """Whether an arm, cut out as `alpha`, is seen so well, and so alone, that its mirror image may stand for the other.

    Args:
        figure: the person.
        bones: of the arm that would lend, from the trunk outwards.
        alpha_HW: its opacity.
        for_none: the other arm has no picture of its own, however bad.
    """
    beyond = chain_distance(figure.points, figure.pose, bones) > _BEYOND
    holds_a_thing = float((alpha_HW * beyond).sum()) > _THING * float(alpha_HW.sum())
    return not holds_a_thing and is_well_seen(figure, bones, alpha_HW, least=_FREE_FOR_NONE if for_none else _FREE)


def is_well_seen(figure: Figure, bones: tuple[int, ...], alpha_HW: torch.Tensor, *, least: float = _FREE) -> bool:
    """Whether two bones of a limb, cut out as `alpha`, are sure and in full view, its outline so far in the open.

    Args:
        figure: the person.
        bones: of the limb; what follows the second one does not count.
        alpha_HW: its opacity.
        least: share of its outline that must lie before the background.
    """
    if min(float(figure.pose.trust_BJ[0, bone]) for bone in bones[:2]) < _SURE:
        return False
    return shown_share(figure.pose, bones, alpha_HW) >= _WHOLE and free_share(alpha_HW, figure.matte_HW) >= least


def free_share(alpha_HW: torch.Tensor, matte_HW: torch.Tensor) -> float:
    """Share of the outline of what was cut out of a person that lies before the background."""
    limb = (alpha_HW > 0.5).float()
    rim = (F.max_pool2d(limb[None, None], 5, stride=1, padding=2)[0, 0] - limb) > 0.5
    return float((matte_HW[rim] < 0.5).float().mean()) if bool(rim.any()) else 0.0


def shown_share(pose: BonePose, bones: tuple[int, ...], alpha_HW: torch.Tensor) -> float:
    """Share of an upper and a lower limb along which it is opaque: nobody stands before it, nor does the photo end."""
    height, width = alpha_HW.shape
    steps = torch.linspace(0.1, 1.0, 19, dtype=alpha_HW.dtype, device=alpha_HW.device)[:, None]
    upper_two = list(bones[:2])
    start, end = pose.start_BJ2[0, upper_two], pose.end_BJ2[0, upper_two]
    x, y = torch.lerp(start, end, steps[..., None]).flatten(0, 1).floor().long().unbind(-1)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    opaque = alpha_HW[y.clamp(0, height - 1), x.clamp(0, width - 1)] > 0.5
    return float((inside & opaque).float().mean())


def left_over(figure: Figure, bones: tuple[int, ...]) -> torch.Tensor:
    """[H, W]: what the photo shows of an arm that is drawn from the other's picture: nobody has three arms.

    Args:
        figure: the person.
        bones: of the arm that is not drawn from its own picture.
    """
    points, pose = figure.points, figure.pose
    placed = tuple(bone for bone in bones if float(pose.trust_BJ[0, bone]) > 0)
    seen = tuple(bone for bone in bones if pose.shows(bone))
    if not placed:
        return torch.zeros_like(figure.matte_HW)
    distance = chain_distance(points, pose, placed, limb_thickness(figure.matte_HW, pose, placed))
    # Of a hand that points at the camera nobody knows where it lies, but that it is near the wrist.
    wrist = pose.end_BJ2[0, placed[min(1, len(placed) - 1)]]
    hand = (points - wrist).norm(dim=-1) / (_HAND * figure.size)
    near = 1 - smoothstep(0.9, 1.1, torch.minimum(distance / _SLEEVE, hand))
    outside = near * (1 - smoothstep(0.0, 0.1, figure.hull))
    # A sleeve of the jacket's cloth is as good a picture of the jacket as there is; what is not seen hides nothing.
    unlike = seen[1:] if bones[0] in seen and _is_cloth_of_trunk(figure, bones) else seen
    return torch.maximum(outside, 1 - smoothstep(*_BEFORE, chain_distance(points, pose, unlike)))


def _is_cloth_of_trunk(figure: Figure, bones: tuple[int, ...]) -> bool:
    """Whether the sleeve of an upper arm looks like much of the trunk."""
    points, pose, opaque = figure.points, figure.pose, figure.matte_HW > 0.8
    arms = torch.minimum(chain_distance(points, pose, LEFT_ARM), chain_distance(points, pose, RIGHT_ARM))
    above_hips, _ = segment(points, pose.start_BJ2[0, TORSO], pose.end_BJ2[0, TORSO])
    sleeve = opaque & (chain_distance(points, pose, bones[:1]) < 0.6)
    trunk = opaque & (figure.hull > 0.5) & (arms > _BEFORE[1]) & (above_hips > 0) & (above_hips < 1)
    if not bool(sleeve.any()) or not bool(trunk.any()):
        return False
    share = share_alike(figure.colors_3HW[:, sleeve].T, figure.colors_3HW[:, trunk].T, alike=_ALIKE)
    return float(share.median()) > _CLOTH_SHARE


def light_ratio(figure: Figure, bones: tuple[int, ...], others: tuple[int, ...]) -> float:
    """How much lighter an upper arm is than that of the other side; 1 where it is not seen.

    Lamps have a side, and the shaded arm stays the shaded one.
    """
    pose, opaque = figure.pose, figure.matte_HW > 0.8
    if float(pose.trust_BJ[0, bones[0]]) < _SURE:
        return 1.0
    sleeves = [opaque & (chain_distance(figure.points, pose, (limb[0],)) < 0.5) for limb in (bones, others)]
    if not all(bool(sleeve.any()) for sleeve in sleeves):
        return 1.0
    here, there = (float(figure.colors_3HW[:, sleeve].mean()) for sleeve in sleeves)
    return min(max(here / max(there, 1e-3), _LIGHT[0]), _LIGHT[1])


def with_lent_bones(pose: BonePose, bones: tuple[int, ...], others: tuple[int, ...]) -> BonePose:
    """The photo's pose (one) with a limb's bones where the mirror image of the other's lies."""
    start, end = pose.start_BJ2.clone(), pose.end_BJ2.clone()
    trust, seen = pose.trust_BJ.clone(), pose.seen_BJ.clone()
    own, lent = list(bones), list(others)
    start[0, own] = mirror_image(pose.start_BJ2[0, lent], pose, bones, others)
    end[0, own] = mirror_image(pose.end_BJ2[0, lent], pose, bones, others)
    trust[0, own], seen[0, own] = trust[0, lent], seen[0, lent]
    return replace(pose, start_BJ2=start, end_BJ2=end, trust_BJ=trust, seen_BJ=seen)


def mirror_image(
    points_V2: torch.Tensor, pose: BonePose, bones: tuple[int, ...], others: tuple[int, ...]
) -> torch.Tensor:
    """Points [V, 2] about the other limb, mirrored at the spine and hung where this limb begins."""
    up = upwards(pose)[0]
    aside = perpendicular(up)
    offset = points_V2 - pose.start_BJ2[0, others[0]]
    return pose.start_BJ2[0, bones[0]] + offset - 2 * (offset @ aside)[:, None] * aside


def onto_bone(places_V2: torch.Tensor, pose: BonePose, bone: int, other: int) -> torch.Tensor:
    """Places [V, 2] of a mirrored upper limb, turned about its joint onto this side's bone, and as long."""
    start = pose.start_BJ2[0, bone]
    lent, own = (
        mirror_image(pose.end_BJ2[0, [other]], pose, (bone,), (other,))[0] - start,
        pose.end_BJ2[0, bone] - start,
    )
    along, onto = lent / lent.norm().clamp_min(1), own / own.norm().clamp_min(1)
    offset = places_V2 - start
    down = (offset @ along) * own.norm() / lent.norm().clamp_min(1)
    aside = offset @ perpendicular(along)
    return start + down[:, None] * onto + aside[:, None] * perpendicular(onto)


def on_other_side(bone_V: torch.Tensor, bones: tuple[int, ...], others: tuple[int, ...]) -> torch.Tensor:
    """Bones [V] that vertices of the other limb hang on, as those of this limb."""
    here = torch.full_like(bone_V, TORSO)
    for own, other in zip(bones, others, strict=True):
        here = torch.where(bone_V == other, own, here)
    return here


def _length(pose: BonePose, bone: int) -> float:
    """Of a bone in px as far as it is seen."""
    return float((pose.end_BJ2[0, bone] - pose.start_BJ2[0, bone]).norm()) if pose.shows(bone) else 0.0
