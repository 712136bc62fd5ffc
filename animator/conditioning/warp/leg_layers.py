"""The legs of a photo as pictures of their own, and what of them the other leg lends.

Legend: H W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from animator.conditioning.warp.anatomy import chain_distance, segment, smoothstep
from animator.conditioning.warp.binding import leg_binding, lower_limb_binding, may_be_leg, thigh_binding
from animator.conditioning.warp.bones import LEFT_LEG, RIGHT_LEG, BonePose
from animator.conditioning.warp.borrowed import (
    is_unseen,
    is_well_seen,
    light_ratio,
    mirror_image,
    on_other_side,
    with_lent_bones,
)
from animator.conditioning.warp.cutout import leg_masks, without_islands
from animator.conditioning.warp.figure import Figure
from animator.conditioning.warp.folded import lower_part, upper_part
from animator.conditioning.warp.hem import bare_below_hem, colors_under_hem, leg_from_hem, straight_below_hem
from animator.conditioning.warp.hidden import BehindArms
from animator.conditioning.warp.layer import Layer, limb_layer

# Share of the thigh from which on the body's own picture leaves it out, and from which on wholly.
_CROTCH = 0.28, 0.35
LEGS = {"left_leg": LEFT_LEG, "right_leg": RIGHT_LEG}


@dataclass(frozen=True, slots=True, kw_only=True)
class Legs:
    """The legs of a photo, taken off the body.

    Attributes:
        layers: below the hem of a skirt, if there is one; a shin that the other leg lends, after its thigh.
        moved_away_HW: [0, 1], how far the body's own layer leaves them out.
        pose: of the photo (one), as the legs hang on it.
    """

    layers: tuple[Layer, ...]
    moved_away_HW: torch.Tensor
    pose: BonePose


def legs_of(figure: Figure, behind: BehindArms, pose: BonePose, cell_px: int) -> Legs:
    """Cut out the legs, below the hem of a skirt if there is one.

    Args:
        figure: the person.
        behind: the person without arms.
        pose: of the photo (one), as the other limbs hang on it.
        cell_px: side of the mesh cells.
    """
    layers: dict[str, tuple[Layer, ...]] = {}
    moved_away = torch.zeros_like(behind.alpha_HW)
    colors, invented = behind.colors_3HW, behind.invented_HW
    bare = None if figure.hem is None else bare_below_hem(figure, figure.hem)
    if bare is not None:
        colors, invented = colors_under_hem(figure, colors, bare), torch.maximum(invented, 1 - bare)
    for name, bones, member in leg_masks(figure.points, figure.pose):
        cut, away = _below_hem(figure, bones, member, bare)
        moved_away = moved_away + away
        near = chain_distance(figure.points, figure.pose, bones) < 0.8
        alpha = without_islands(behind.alpha_HW * cut, near)
        leg = limb_layer(name, bones, colors, alpha, figure.pose, cell_px, bind=leg_binding)
        invented_HW = torch.minimum(invented, leg.alpha_HW)
        layers[name] = (replace(leg, under_body=figure.hem is not None, invented_HW=invented_HW),)
    borrower = _borrower({name: parts[0] for name, parts in layers.items()}, figure)
    if borrower is not None:
        (lender,) = LEGS.keys() - {borrower}
        bones, others = LEGS[borrower], LEGS[lender]
        layers[borrower] = _with_lent_shin(layers[borrower][0], layers[lender][0], figure, cell_px)
        pose = with_lent_bones(pose, bones[1:], others[1:])
    each = tuple(layer for parts in layers.values() for layer in parts)
    return Legs(layers=each, moved_away_HW=moved_away.clamp_max(1), pose=pose)


def _below_hem(
    figure: Figure, bones: tuple[int, ...], member: torch.Tensor, bare_HW: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """How far [H, W] pixels are of the leg's picture, and how far the body's own leaves them out.

    Args:
        figure: the person.
        bones: of the leg.
        member: which pixels are nearer to it than to the other leg, from `leg_masks`.
        bare_HW: [0, 1], what is below the hem of a skirt, where there is one and colours tell.
    """
    points, pose, hem = figure.points, figure.pose, figure.hem
    if hem is None:
        place, _ = segment(points, pose.start_BJ2[0, bones[0]], pose.end_BJ2[0, bones[0]])
        member = member * may_be_leg(points, pose, bones)
        # Between legs astride the body's end is seen: it is the trousers' crotch, and no haze.
        return member * smoothstep(-0.1, 0.2, place), member * smoothstep(*_CROTCH, place)
    if bare_HW is None:
        leg, below = straight_below_hem(figure, hem, bones)
        return member * leg, member * below
    return leg_from_hem(figure, hem, bones, member, bare_HW), member * bare_HW


def _borrower(legs: dict[str, Layer], figure: Figure) -> str | None:
    """The leg whose shin points at the camera or away from it, where that of the other is seen well."""
    for name, other in (("left_leg", "right_leg"), ("right_leg", "left_leg")):
        if name not in legs or other not in legs:
            continue
        bones, others = LEGS[name], LEGS[other]
        shin_HW = lower_part(figure, others, legs[other].alpha_HW)
        if is_unseen(figure.pose, bones[1:2], others[1:2]) and is_well_seen(figure, others[1:], shin_HW):
            return name
    return None


def _with_lent_shin(leg: Layer, other: Layer, figure: Figure, cell_px: int) -> tuple[Layer, Layer]:
    """The thigh of a leg as the photo shows it, and the mirror image of the other's shin and foot below its knee.

    A shin that is seen for a fifth of its length is a foot: drawn as long as it is, it is shreds of a shoe.
    """
    pose, bones, others = figure.pose, LEGS[leg.name], LEGS[other.name]

    def part(layer: Layer, alpha_HW: torch.Tensor, on: tuple[int, ...], lower: bool) -> Layer:
        bind = lower_limb_binding if lower else thigh_binding
        cut = limb_layer(leg.name, on, layer.colors_3HW, alpha_HW, pose, cell_px, bind=bind)
        invented = torch.minimum(layer.invented_HW, cut.alpha_HW)
        return replace(cut, under_body=layer.under_body, invented_HW=invented)

    thigh = part(leg, upper_part(figure, bones, leg.alpha_HW), bones, lower=False)
    shin = part(other, lower_part(figure, others, other.alpha_HW), others, lower=True)
    parent, bone, weight = shin.bindings[0]
    return thigh, replace(
        shin,
        name=leg.name.replace("leg", "lower_leg"),
        colors_3HW=(shin.colors_3HW * light_ratio(figure, bones, others)).clamp(0, 1),
        places_V2=mirror_image(shin.mesh.vertices_V2, pose, bones[1:], others[1:]),
        bindings=((on_other_side(parent, bones, others), on_other_side(bone, bones, others), weight),),
    )
