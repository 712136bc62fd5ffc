"""Arms as layers: those that the photo shows, those that are lent, and what hands hold.

Legend: V vertices, H W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from animator.conditioning.warp.anatomy import chain_distance, segment, smoothstep
from animator.conditioning.warp.arms import arm_and_hair, beyond_shoulder, hidden_stretch
from animator.conditioning.warp.binding import arm_binding
from animator.conditioning.warp.bones import LEFT_ARM, RIGHT_ARM, BonePose
from animator.conditioning.warp.borrowed import (
    is_unseen,
    left_over,
    lends,
    light_ratio,
    mirror_image,
    on_other_side,
    with_lent_bones,
)
from animator.conditioning.warp.cutout import SLIVER, widened, without_islands, without_slivers
from animator.conditioning.warp.figure import Figure
from animator.conditioning.warp.held_things import held_thing, stiff_part
from animator.conditioning.warp.joints import limb_joint
from animator.conditioning.warp.layer import Layer, continued, limb_layer
from animator.conditioning.warp.mesh import grid_mesh
from animator.device import side_by_side

ARMS = {"left_arm": LEFT_ARM, "right_arm": RIGHT_ARM}
# How far an arm goes on under the edge of what it holds, px.
RIM_PX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Arms:
    """Arms, what they hold, how far [H, W] they cover what is behind them, and which pose of the photo they hang on.

    `lent_HW` is the part of it where an arm was seen that is drawn from the other's picture, or a thing in its hand;
    `hair_HW`, bool, is what falls over the arms and is no part of them.
    """

    layers: tuple[Layer, ...]
    held: tuple[Layer, ...]
    covers_HW: torch.Tensor
    lent_HW: torch.Tensor
    hair_HW: torch.Tensor
    pose: BonePose


def arms_of(figure: Figure, cell_px: int) -> Arms:
    """Cut out the arms that the photo shows; the one that it shows badly or not at all is lent by the other."""
    pose, covers = figure.pose, torch.zeros_like(figure.matte_HW)
    shown = [each for each in ARMS.items() if float(pose.trust_BJ[0, each[1][0]]) > 0.2]
    made = side_by_side(lambda arm: _arm_layer(arm, figure, cell_px), shown, figure.points.device)
    arms = {layer.name: (layer, covered) for layer, covered, _, _ in made}
    held = {layer.name: thing for layer, _, thing, _ in made if thing is not None}
    hair = torch.zeros_like(covers, dtype=torch.bool)
    for _, _, _, over_arm in made:
        hair |= over_arm
    lent = torch.zeros_like(covers)
    for lender, name in (tuple(ARMS), tuple(ARMS)[::-1]):
        bones, others = ARMS[name], ARMS[lender]
        if lender in arms and is_unseen(pose, bones, others) and not is_unseen(pose, others, bones):
            layer, _ = arms[lender]
            lent_HW = torch.maximum(layer.alpha_HW, held[lender].alpha_HW) if lender in held else layer.alpha_HW
            if lends(figure, others, lent_HW, for_none=name not in arms):
                lent = left_over(figure, bones) * beyond_shoulder(figure.points, figure.pose, bones[0])
                pose = with_lent_bones(figure.pose, bones, others)
                arms[name] = _lent_arm(name, layer, figure, pose), lent
    for _, covered in arms.values():
        covers = torch.maximum(covers, covered)
    for thing in held.values():
        # At its rim it is mixed with the body's colours, and would be taken for those.
        lent = torch.maximum(lent, widened(thing.alpha_HW, RIM_PX).ceil())
    layers = tuple(layer for layer, _ in arms.values())
    return Arms(layers=layers, held=tuple(held.values()), covers_HW=covers, lent_HW=lent, hair_HW=hair, pose=pose)


def _lent_arm(name: str, lender: Layer, figure: Figure, pose: BonePose) -> Layer:
    """The mirror image of the other arm, on the bones that `pose` has for this one."""
    bones, others = ARMS[name], ARMS[lender.name]
    places_V2 = mirror_image(lender.mesh.vertices_V2, figure.pose, bones, others)
    parent, bone, weight = lender.bindings[0]
    pair = on_other_side(parent, bones, others), on_other_side(bone, bones, others), weight
    elbow = limb_joint(places_V2, pose, bones, pair)
    colors = (lender.colors_3HW * light_ratio(figure, bones, others)).clamp(0, 1)
    return replace(lender, name=name, colors_3HW=colors, places_V2=places_V2, bindings=(pair,), elbow=elbow)


def _arm_layer(
    arm: tuple[str, tuple[int, ...]], figure: Figure, cell_px: int
) -> tuple[Layer, torch.Tensor, Layer | None, torch.Tensor]:
    """One arm, how far [H, W] it covers what is behind it, what it holds, and bool [H, W] the hair before it."""
    name, bones = arm
    points, matte_HW, pose = figure.points, figure.matte_HW, figure.pose
    place, _ = segment(points, pose.start_BJ2[0, bones[0]], pose.end_BJ2[0, bones[0]])
    held = held_thing(figure, bones)
    member, hair = arm_and_hair(figure, bones, held)
    alpha = matte_HW * member * smoothstep(-0.25, 0.15, place)
    # Fingers are narrow, rims of the trunk left on a sleeve are, too.
    slim = without_slivers(alpha, matte_HW * (1 - member), width_px=SLIVER * figure.size)
    alpha = torch.where(chain_distance(points, pose, bones[2:]) < 2, alpha, slim)
    alpha = without_islands(alpha, (chain_distance(points, pose, bones) < 0.8) | held)
    thing, own, stiff = None, alpha, stiff_part(figure, bones, held)
    if bool(stiff.any()):
        thing = _held_layer(name.replace("arm", "held"), bones[2], figure, alpha * stiff, cell_px)
        # Under its rim the arm goes on, in colours of its own, so that no crack opens between them.
        rim = (chain_distance(points, pose, bones[:2]) < 1) | (chain_distance(points, pose, bones[2:]) < 1.6)
        own, alpha = alpha * (1 - stiff), alpha * (1 - torch.where(rim, _worn(stiff, RIM_PX), stiff))
    whole = torch.maximum(alpha, matte_HW * smoothstep(0.0, 0.35, place) * hidden_stretch(figure, bones))
    layer = limb_layer(name, bones, figure.colors_3HW, whole, pose, cell_px, bind=arm_binding, shown=own)
    elbow = limb_joint(layer.mesh.vertices_V2, pose, bones, layer.bindings[0])
    layer = replace(layer, invented_HW=(whole - own).clamp_min(0), elbow=elbow)
    # Colours mix at the rim of what is held: none of it stays behind.
    taken = torch.maximum(member, widened(stiff, RIM_PX))
    return layer, taken * beyond_shoulder(points, pose, bones[0]), thing, hair


def _held_layer(name: str, hand: int, figure: Figure, alpha: torch.Tensor, cell_px: int) -> Layer:
    """What a hand holds, as a layer of its own: it neither bends nor shortens with the arm."""
    alpha = torch.where(alpha < 0.02, torch.zeros_like(alpha), alpha)
    mesh = grid_mesh(alpha, cell_px)
    return Layer(
        name=name,
        colors_3HW=continued(figure.colors_3HW, alpha),
        alpha_HW=alpha,
        invented_HW=torch.zeros_like(alpha),
        mesh=mesh,
        bindings=(),
        shares=(),
        depth_V=torch.zeros_like(mesh.vertices_V2[:, 0]),
        stiff_on=hand,
    )


def _worn(mask_HW: torch.Tensor, px: int) -> torch.Tensor:
    """The mask as 0 and 1 without its outermost px."""
    return -widened(-mask_HW, px)
