"""Arms as layers: those that the photo shows, those that are lent, and what hands hold.

Legend: V vertices, H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

import torch

from animator.conditioning.warp.anatomy import chain_distance, segment, smoothstep
from animator.conditioning.warp.arms import arm_and_hair, beyond_shoulder, hidden_stretch
from animator.conditioning.warp.binding import Bind, arm_binding, lower_limb_binding, upper_arm_binding
from animator.conditioning.warp.bones import LEFT_ARM, RIGHT_ARM, BonePose
from animator.conditioning.warp.borrowed import (
    is_unseen,
    left_over,
    lends,
    light_ratio,
    mirror_image,
    on_other_side,
    onto_bone,
    with_lent_bones,
)
from animator.conditioning.warp.cutout import SLIVER, widened, without_islands, without_slivers
from animator.conditioning.warp.figure import Figure
from animator.conditioning.warp.folded import FoldedArm, folded_arm, is_folded, off_face, upper_part
from animator.conditioning.warp.held_things import held_thing, stiff_part
from animator.conditioning.warp.joints import limb_joint
from animator.conditioning.warp.layer import Layer, continued, limb_layer, without_haze
from animator.conditioning.warp.mesh import grid_mesh
from animator.device import side_by_side

ARMS = {"left_arm": LEFT_ARM, "right_arm": RIGHT_ARM}
# How far an arm goes on under the edge of what it holds, px.
RIM_PX = 3
# Share of a folded arm's upper arm of which less is no picture of it. 0 to 0.17 of bare forearms before short sleeves,
# 0.25 and more of sleeves.
_SEEN = 0.2
# An arm that is seen less than this times as wide as the other one is half hidden behind the trunk.
_NARROW = 0.65


@dataclass(frozen=True, slots=True, kw_only=True)
class Arms:
    """The arms of a photo, taken off the body.

    Attributes:
        layers: the arms, of a folded one forearm and hand.
        upper: the upper arms of folded ones.
        held: what hands hold.
        covers_HW: [0, 1], how far both cover what is behind them.
        lent_HW: [0, 1], the part of it where an arm was seen that is drawn from the other's picture, or a thing in its
            hand.
        hair_HW: bool, what falls over the arms and is no part of them.
        pose: of the photo (one), as the arms hang on it.
    """

    layers: tuple[Layer, ...]
    upper: tuple[Layer, ...]
    held: tuple[Layer, ...]
    covers_HW: torch.Tensor
    lent_HW: torch.Tensor
    hair_HW: torch.Tensor
    pose: BonePose


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arm:
    """An arm that the photo shows; as `Arms`, and how much of a folded one's upper arm is seen, 0 to 1."""

    layer: Layer
    upper: Layer | None
    upper_seen: float
    held: Layer | None
    covers_HW: torch.Tensor
    hair_HW: torch.Tensor

    @property
    def alpha_HW(self) -> torch.Tensor:
        """Opacity of the arm and of what it holds."""
        parts = (self.layer, self.upper, self.held)
        return reduce(torch.maximum, (part.alpha_HW for part in parts if part is not None))


@dataclass(frozen=True, slots=True, kw_only=True)
class _LentArm:
    """An arm that is drawn from the other's picture, the pose it hangs on, and what the photo shows of it."""

    layer: Layer
    upper: Layer | None
    pose: BonePose
    covers_HW: torch.Tensor


def arms_of(figure: Figure, cell_px: int) -> Arms:
    """Cut out the arms that the photo shows; the one that it shows badly or not at all is lent by the other."""
    shown = [name for name, bones in ARMS.items() if figure.pose.shows(bones[0])]
    cut = side_by_side(lambda name: _cut_arm(name, figure, cell_px), shown, figure.points.device)
    cut = [_with_lent_upper_arm(arm, figure, cut, cell_px) for arm in cut]
    arms: dict[str, _Arm | _LentArm] = {arm.layer.name: arm for arm in cut}
    held = tuple(arm.held for arm in cut if arm.held is not None)
    # At its rim a thing is mixed with the body's colours, and would be taken for those.
    lent_HW = [widened(thing.alpha_HW, RIM_PX).ceil() for thing in held]
    pose, lent = figure.pose, _lent_arm(figure, cut)
    if lent is not None:
        arms[lent.layer.name], pose = lent, lent.pose
        lent_HW.append(lent.covers_HW)
    nothing = torch.zeros_like(figure.matte_HW)
    return Arms(
        layers=tuple(arm.layer for arm in arms.values()),
        upper=tuple(arm.upper for arm in arms.values() if arm.upper is not None),
        held=held,
        covers_HW=reduce(torch.maximum, (arm.covers_HW for arm in arms.values()), nothing),
        lent_HW=reduce(torch.maximum, lent_HW, nothing),
        hair_HW=reduce(torch.maximum, (arm.hair_HW for arm in cut), nothing > 0),
        pose=pose,
    )


def _lent_arm(figure: Figure, cut: Sequence[_Arm]) -> _LentArm | None:
    """The arm that is to be drawn from the other's picture; None where both have one of their own, or neither has."""
    shown = {arm.layer.name: arm for arm in cut}
    for lender in cut:
        (name,) = ARMS.keys() - {lender.layer.name}
        bones, others = ARMS[name], ARMS[lender.layer.name]
        half_hidden = name in shown and _is_half_hidden(shown[name], lender, figure)
        if not (is_unseen(figure.pose, bones, others) or half_hidden) or is_unseen(figure.pose, others, bones):
            continue
        if lends(figure, others, lender.alpha_HW, for_none=name not in shown):
            pose = with_lent_bones(figure.pose, bones, others)
            covers_HW = left_over(figure, bones) * beyond_shoulder(figure.points, figure.pose, bones[0])
            light = light_ratio(figure, bones, others)
            layer, upper = (
                _mirrored(part, figure, pose, bones, others, light) for part in (lender.layer, lender.upper)
            )
            assert layer is not None
            return _LentArm(layer=layer, upper=upper, pose=pose, covers_HW=covers_HW)
    return None


def _is_half_hidden(arm: _Arm, other: _Arm, figure: Figure) -> bool:
    """Whether much less of an arm's width is seen than of the other's: the far arm of somebody turned aside."""
    if arm.upper is not None or other.upper is not None:
        return False
    start, end = figure.pose.start_BJ2[0], figure.pose.end_BJ2[0]
    widths = []
    for each in (arm, other):
        upper_two = list(ARMS[each.layer.name][:2])
        length = (end[upper_two] - start[upper_two]).norm(dim=-1).sum().clamp_min(1)
        shown = (each.layer.alpha_HW - each.layer.invented_HW).clamp_min(0)
        widths.append(float(shown.sum() / length))
    return widths[0] < _NARROW * widths[1]


def _with_lent_upper_arm(arm: _Arm, figure: Figure, cut: Sequence[_Arm], cell_px: int) -> _Arm:
    """The arm; one whose forearm hides its upper arm has that of the other side, if that arm hangs in full view."""
    lender = next((other for other in cut if other is not arm), None)
    if arm.upper is None or arm.upper_seen > _SEEN or lender is None or lender.upper is not None:
        return arm
    bones, others = ARMS[arm.layer.name], ARMS[lender.layer.name]
    if not lends(figure, others, lender.alpha_HW, for_none=False):
        return arm
    alpha_HW, name = upper_part(figure, others, lender.layer.alpha_HW), lender.layer.name.replace("arm", "upper_arm")
    theirs = limb_layer(name, others, figure.drawn_3HW, alpha_HW, figure.pose, cell_px, bind=upper_arm_binding)
    theirs = replace(theirs, invented_HW=torch.minimum(lender.layer.invented_HW, theirs.alpha_HW))
    upper = _mirrored(theirs, figure, figure.pose, bones, others, 1.0)
    assert upper is not None
    assert upper.places_V2 is not None
    return replace(arm, upper=replace(upper, places_V2=onto_bone(upper.places_V2, figure.pose, bones[0], others[0])))


def _mirrored(
    lender: Layer | None, figure: Figure, pose: BonePose, bones: tuple[int, ...], others: tuple[int, ...], light: float
) -> Layer | None:
    """The mirror image of the other arm, or of a part, on this one's bones in `pose`, `light` times as light."""
    if lender is None:
        return None
    side, part = lender.name.split("_", 1)
    places_V2 = mirror_image(lender.mesh.vertices_V2, figure.pose, bones, others)
    parent, bone, weight = lender.bindings[0]
    pair = on_other_side(parent, bones, others), on_other_side(bone, bones, others), weight
    return replace(
        lender,
        name=f"{'right' if side == 'left' else 'left'}_{part}",
        colors_3HW=(lender.colors_3HW * light).clamp(0, 1),
        places_V2=places_V2,
        bindings=(pair,),
        elbow=None if lender.elbow is None else limb_joint(places_V2, pose, bones, pair),
    )


def _cut_arm(name: str, figure: Figure, cell_px: int) -> _Arm:
    """One arm as the photo shows it, and what it holds, each with what is hidden of it."""
    bones, points, matte_HW, pose = ARMS[name], figure.points, figure.matte_HW, figure.pose
    place, _ = segment(points, pose.start_BJ2[0, bones[0]], pose.end_BJ2[0, bones[0]])
    held_HW = held_thing(figure, bones)
    member, hair_HW = arm_and_hair(figure, bones, held_HW)
    folded = folded_arm(figure, bones, matte_HW * member) if is_folded(pose, bones) else None
    begins = smoothstep(-0.25, 0.15, place)
    if folded is not None:
        member, begins = member * folded.arm_HW, torch.maximum(begins, folded.lower_HW)
    alpha = matte_HW * member * begins
    alpha = _without_remains(alpha, matte_HW * (1 - member), figure, bones, held_HW)
    held, own, stiff = None, alpha, stiff_part(figure, bones, held_HW)
    if bool(stiff.any()):
        held = _held_layer(name.replace("arm", "held"), bones[2], figure, alpha * stiff, cell_px)
        # Under its rim the arm goes on, in colours of its own, so that no crack opens between them.
        rim = (chain_distance(points, pose, bones[:2]) < 1) | (chain_distance(points, pose, bones[2:]) < 1.6)
        own, alpha = alpha * (1 - stiff), alpha * (1 - torch.where(rim, _worn(stiff, RIM_PX), stiff))
    whole = torch.maximum(alpha, matte_HW * smoothstep(0.0, 0.35, place) * hidden_stretch(figure, bones))
    layer, upper = _parts(name, figure, whole, own, folded, cell_px)
    upper_seen = 0.0 if folded is None else folded.upper_seen(whole, own)
    # Colours mix at the rim of what is held: none of it stays behind.
    taken = torch.maximum(member, widened(stiff, RIM_PX))
    covers_HW = taken * beyond_shoulder(points, pose, bones[0])
    if folded is not None:
        # A raised hand covers what is above the shoulder, too; of a face nobody knows what it covers.
        covers_HW = torch.maximum(covers_HW, member * folded.lower_HW * off_face(figure))
    return _Arm(layer=layer, upper=upper, upper_seen=upper_seen, held=held, covers_HW=covers_HW, hair_HW=hair_HW)


def _parts(
    name: str, figure: Figure, whole_HW: torch.Tensor, own_HW: torch.Tensor, folded: FoldedArm | None, cell_px: int
) -> tuple[Layer, Layer | None]:
    """The layer of an arm; of a folded one that of forearm and hand, and that of the upper arm.

    Args:
        name: of the arm.
        figure: the person.
        whole_HW, own_HW: opacity of the arm with what is hidden of it, and of what the photo shows.
        folded: its parts, if it is.
        cell_px: side of the mesh cells.
    """
    bones, colors_3HW, pose = ARMS[name], figure.drawn_3HW, figure.pose

    def part(layer_name: str, bind: Bind, whole_HW: torch.Tensor, own_HW: torch.Tensor) -> Layer:
        layer = limb_layer(layer_name, bones, colors_3HW, whole_HW, pose, cell_px, bind=bind, shown=own_HW)
        return replace(layer, invented_HW=(whole_HW - own_HW).clamp_min(0))

    if folded is None:
        layer = part(name, arm_binding, whole_HW, own_HW)
        return replace(layer, elbow=limb_joint(layer.mesh.vertices_V2, pose, bones, layer.bindings[0])), None
    upper_name = name.replace("arm", "upper_arm")
    upper = part(upper_name, upper_arm_binding, whole_HW * folded.upper_HW, own_HW * folded.upper_shown_HW)
    return part(name, lower_limb_binding, whole_HW * folded.lower_HW, own_HW * folded.lower_HW), upper


def _without_remains(
    alpha_HW: torch.Tensor, rest_HW: torch.Tensor, figure: Figure, bones: tuple[int, ...], held_HW: torch.Tensor
) -> torch.Tensor:
    """Opacity of an arm without what cutting leaves of the person's `rest`: rims on its sleeve, and islands."""
    slim = without_slivers(alpha_HW, rest_HW, width_px=SLIVER * figure.size)
    # Fingers are narrow, too.
    trimmed = torch.where(chain_distance(figure.points, figure.pose, bones[2:]) < 2, alpha_HW, slim)
    return without_islands(trimmed, (chain_distance(figure.points, figure.pose, bones) < 0.8) | held_HW)


def _held_layer(name: str, hand: int, figure: Figure, alpha: torch.Tensor, cell_px: int) -> Layer:
    """What a hand holds, as a layer of its own: it neither bends nor shortens with the arm."""
    alpha = without_haze(alpha)
    mesh = grid_mesh(alpha, cell_px)
    return Layer(
        name=name,
        colors_3HW=continued(figure.drawn_3HW, alpha),
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
