"""The photo taken apart for moving: the body and each arm as a picture of its own, bound to the bones.

An arm that touches the torso in the photo must not drag it: it is matted out along shape and colour, and what
it covered is filled from the cloth around it.

Legend: V vertices, H W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch.nn import functional as F  # noqa: N812

from animator.conditioning.warp.anatomy import (
    chain_distance,
    leg_place,
    pixel_centers,
    segment,
    smoothstep,
)
from animator.conditioning.warp.arms import arm_mask, beyond_shoulder, hidden_stretch
from animator.conditioning.warp.binding import Pair, body_binding, limb_binding
from animator.conditioning.warp.bones import (
    LEFT_ARM,
    LEFT_LEG,
    RADIUS,
    RIGHT_ARM,
    RIGHT_LEG,
    BonePose,
)
from animator.conditioning.warp.borrowed import (
    is_unseen,
    left_over,
    lends,
    light_ratio,
    mirror_image,
    on_other_side,
    with_lent_bones,
)
from animator.conditioning.warp.cutout import (
    SLIVER,
    leg_masks,
    widened,
    without_hidden_hands,
    without_islands,
    without_slivers,
)
from animator.conditioning.warp.drape import Drape, skirt_drape
from animator.conditioning.warp.figure import Figure, figure_of
from animator.conditioning.warp.held_things import held_thing, stiff_part
from animator.conditioning.warp.hidden import BehindArms, behind_arms
from animator.conditioning.warp.joints import Joint, limb_joint
from animator.conditioning.warp.mesh import GridMesh, grid_mesh
from animator.conditioning.warp.shoulders import Shoulder, shoulder_of
from animator.conditioning.warp.skinning import BoneMotion
from animator.device import side_by_side
from animator.inpainting import push_pull
from animator.matting import foreground_colors

_ARMS = {"left_arm": LEFT_ARM, "right_arm": RIGHT_ARM}
# Cells of a limb's mesh as a share of its radius: coarser, and elbows come out as boxes.
LIMB_CELL = 0.33
# How far an arm goes on under the edge of what it holds, px.
RIM_PX = 3
# Added to a limb's depth where it is opaque: more than there are bones.
SOLID = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One cut-out picture and the bones it hangs on.

    Attributes:
        name: `body`, `left_arm`, `right_arm`; below a skirt or in trousers `left_leg` and `right_leg`; `left_held` and
            `right_held` for what hands hold.
        colors_3HW: [0, 1], continued beyond the edge.
        alpha_HW: opacity.
        invented_HW: 1 where the photo did not show this surface (filled under an arm).
        mesh: the triangles it is carried on.
        bindings: pairs (parent, bone, weight) per vertex, one or several, blended by `shares`.
        shares: weight [V] of each binding.
        places_V2: where its vertices lie in the photo; None: where they are in its picture, which is not mirrored.
        elbow: of an arm; None for other layers.
        head_V: of the body, how far each vertex hangs on the head; None for limbs.
        shoulders: of the body, one per arm that is cut out of it.
        drapes: of a skirt over its legs, one per binding, None for the head's; empty without a skirt.
        depth_V: order inside the layer, larger is nearer.
        under_body: legs below a skirt lie behind it.
        stiff_on: the bone that it goes with in one piece; None: it bends.
    """

    name: str
    colors_3HW: torch.Tensor
    alpha_HW: torch.Tensor
    invented_HW: torch.Tensor
    mesh: GridMesh
    bindings: tuple[Pair, ...]
    shares: tuple[torch.Tensor, ...]
    depth_V: torch.Tensor
    places_V2: torch.Tensor | None = None
    elbow: Joint | None = None
    head_V: torch.Tensor | None = None
    shoulders: tuple[Shoulder, ...] = ()
    drapes: tuple[Drape | None, ...] = ()
    under_body: bool = False
    stiff_on: int | None = None

    @property
    def picture_5HW(self) -> torch.Tensor:
        """Colours, opacity and what is invented, together."""
        return torch.cat([self.colors_3HW, self.alpha_HW[None], self.invented_HW[None]])

    def carry(self, motion: BoneMotion) -> torch.Tensor:
        """Vertices [B, V, 2] where `motion` takes them."""
        places_V2 = self.mesh.vertices_V2 if self.places_V2 is None else self.places_V2
        if self.stiff_on is not None:
            return motion.carry_stiff(places_V2, self.stiff_on)
        moved = [motion.carry(places_V2, *pair) for pair in self.bindings]
        if self.drapes:
            moved = [
                each if drape is None else drape.over_leg(each, motion)
                for each, drape in zip(moved, self.drapes, strict=True)
            ]
        carried = torch.stack([each * share[:, None] for each, share in zip(moved, self.shares, strict=True)]).sum(0)
        if self.head_V is not None:
            carried = motion.slide_face(carried, self.head_V)
        for shoulder in self.shoulders:
            carried = shoulder.keep_below_arm(self.mesh.vertices_V2, carried, motion)
        return carried if self.elbow is None else self.elbow.keep_thickness(carried, motion)


def split_layers(
    colors_3HW: torch.Tensor, matte_HW: torch.Tensor, pose: BonePose, *, cell_px: int
) -> tuple[tuple[Layer, ...], BonePose]:
    """Cut the photo into body and limbs; a skirt keeps its legs.

    Args:
        colors_3HW: the person's colours in [0, 1].
        matte_HW: the person's opacity.
        pose: the photo's pose (one).
        cell_px: side of the mesh cells.

    Returns:
        The body first, then arms, what they hold, and legs as the photo shows them; and the pose with hidden hands
        distrusted, and with an arm that the other one lent its picture where that one's mirror image lies.
    """
    colors_3HW = foreground_colors(colors_3HW, matte_HW)
    pose = without_hidden_hands(pixel_centers(matte_HW), colors_3HW, matte_HW, pose)
    figure = figure_of(colors_3HW, matte_HW, pose)
    arms = _arms_of(figure, cell_px)
    behind = behind_arms(figure, arms.covers_HW, arms.lent_HW)
    legs, moved_away = _leg_layers(figure, behind, cell_px)
    body = _body_layer(figure, behind, moved_away, arms, cell_px)
    return (body, *arms.layers, *arms.held, *legs), arms.pose


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arms:
    """Arms, what they hold, how far [H, W] they cover what is behind them, and which pose of the photo they hang on.

    `lent_HW` is the part of it where an arm was seen that is drawn from the other's picture, or a thing in its hand.
    """

    layers: tuple[Layer, ...]
    held: tuple[Layer, ...]
    covers_HW: torch.Tensor
    lent_HW: torch.Tensor
    pose: BonePose


def _arms_of(figure: Figure, cell_px: int) -> _Arms:
    """Cut out the arms that the photo shows; the one that it shows badly or not at all is lent by the other."""
    pose, covers = figure.pose, torch.zeros_like(figure.matte_HW)
    shown = [each for each in _ARMS.items() if float(pose.trust_BJ[0, each[1][0]]) > 0.2]
    made = side_by_side(lambda arm: _arm_layer(arm, figure, cell_px), shown, figure.points.device)
    arms = {layer.name: (layer, covered) for layer, covered, _ in made}
    held = {layer.name: thing for layer, _, thing in made if thing is not None}
    lent = torch.zeros_like(covers)
    for lender, name in (tuple(_ARMS), tuple(_ARMS)[::-1]):
        bones, others = _ARMS[name], _ARMS[lender]
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
    return _Arms(layers=layers, held=tuple(held.values()), covers_HW=covers, lent_HW=lent, pose=pose)


def _lent_arm(name: str, lender: Layer, figure: Figure, pose: BonePose) -> Layer:
    """The mirror image of the other arm, on the bones that `pose` has for this one."""
    bones, others = _ARMS[name], _ARMS[lender.name]
    places_V2 = mirror_image(lender.mesh.vertices_V2, figure.pose, bones, others)
    parent, bone, weight = lender.bindings[0]
    pair = on_other_side(parent, bones, others), on_other_side(bone, bones, others), weight
    elbow = limb_joint(places_V2, pose, bones, pair)
    colors = (lender.colors_3HW * light_ratio(figure, bones, others)).clamp(0, 1)
    return replace(lender, name=name, colors_3HW=colors, places_V2=places_V2, bindings=(pair,), elbow=elbow)


def _arm_layer(
    arm: tuple[str, tuple[int, ...]], figure: Figure, cell_px: int
) -> tuple[Layer, torch.Tensor, Layer | None]:
    """One arm, how far [H, W] it covers what is behind it, and what it holds."""
    name, bones = arm
    points, matte_HW, pose = figure.points, figure.matte_HW, figure.pose
    place, _ = segment(points, pose.start_BJ2[0, bones[0]], pose.end_BJ2[0, bones[0]])
    held = held_thing(figure, bones)
    member = arm_mask(figure, bones, held)
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
    layer = _limb_layer(name, bones, figure.colors_3HW, whole, pose, cell_px, root=(-0.15, 0.4), shown=own)
    elbow = limb_joint(layer.mesh.vertices_V2, pose, bones, layer.bindings[0])
    layer = replace(layer, invented_HW=(whole - own).clamp_min(0), elbow=elbow)
    # Colours mix at the rim of what is held: none of it stays behind.
    taken = torch.maximum(member, widened(stiff, RIM_PX))
    return layer, taken * beyond_shoulder(points, pose, bones[0]), thing


def _held_layer(name: str, hand: int, figure: Figure, alpha: torch.Tensor, cell_px: int) -> Layer:
    """What a hand holds, as a layer of its own: it neither bends nor shortens with the arm."""
    alpha = torch.where(alpha < 0.02, torch.zeros_like(alpha), alpha)
    mesh = grid_mesh(alpha, cell_px)
    return Layer(
        name=name,
        colors_3HW=_continued(figure.colors_3HW, alpha),
        alpha_HW=alpha,
        invented_HW=torch.zeros_like(alpha),
        mesh=mesh,
        bindings=(),
        shares=(),
        depth_V=torch.zeros_like(mesh.vertices_V2[:, 0]),
        stiff_on=hand,
    )


def _continued(colors_3HW: torch.Tensor, shown_HW: torch.Tensor) -> torch.Tensor:
    """Colours that go on as they are beyond the edge of what is shown, not as those of what it touched."""
    if float(shown_HW.max()) <= 0.95:
        return colors_3HW
    return push_pull(colors_3HW, smoothstep(0.6, 0.95, shown_HW))


def _worn(mask_HW: torch.Tensor, px: int) -> torch.Tensor:
    """The mask as 0 and 1 without its outermost px."""
    return -widened(-mask_HW, px)


def _leg_layers(figure: Figure, behind: BehindArms, cell_px: int) -> tuple[list[Layer], torch.Tensor]:
    """The legs, below the hem of a skirt if there is one, and how far [H, W] the body's own layer leaves them out."""
    points, pose, hem = figure.points, figure.pose, figure.hem
    legs, moved_away = [], torch.zeros_like(behind.alpha_HW)
    for name, bones, member in leg_masks(points, pose):
        place, _ = segment(points, pose.start_BJ2[0, bones[0]], pose.end_BJ2[0, bones[0]])
        bare = smoothstep(-0.1, 0.2, place)
        if hem is None:
            moved_away = moved_away + member * smoothstep(0.2, 0.5, place)
        else:
            # A little of each leg goes on under the hem; the cloth beside it does not.
            below, slim = leg_place(points, pose), 1 - smoothstep(0.9, 1.2, chain_distance(points, pose, bones))
            bare = smoothstep(hem - 0.05, hem - 0.02, below) * torch.maximum(
                slim, smoothstep(hem + 0.08, hem + 0.15, below)
            )
            moved_away = moved_away + member * smoothstep(hem - 0.02, hem + 0.02, below)
        alpha = without_islands(behind.alpha_HW * member * bare, chain_distance(points, pose, bones) < 0.8)
        leg = _limb_layer(name, bones, behind.colors_3HW, alpha, pose, cell_px, root=(-0.1, 0.45))
        invented = torch.minimum(behind.invented_HW, leg.alpha_HW)
        legs.append(replace(leg, under_body=hem is not None, invented_HW=invented))
    return legs, moved_away.clamp_max(1)


def _limb_layer(
    name: str,
    bones: tuple[int, ...],
    colors_3HW: torch.Tensor,
    alpha: torch.Tensor,
    pose: BonePose,
    cell_px: int,
    *,
    root: tuple[float, float],
    shown: torch.Tensor | None = None,
) -> Layer:
    """One limb; `shown` is where the photo has its colours, where that is less than `alpha`."""
    alpha = torch.where(alpha < 0.02, torch.zeros_like(alpha), alpha)
    cell_px = max(3, min(cell_px, round(LIMB_CELL * RADIUS[bones[1]] * float(pose.torso_length_B[0]))))
    mesh = grid_mesh(alpha, cell_px)
    pair = limb_binding(mesh.vertices_V2, pose, bones, root=root)
    # Strictly farther down the limb is nearer: where a bent joint folds, what lies between is hidden. And the
    # transparent rim of the part before must not hide the part behind.
    depth = pair[1] - 1 + pair[2] + SOLID * _solid(alpha, mesh.vertices_V2, reach_px=max(1, cell_px // 2))
    return Layer(
        name=name,
        colors_3HW=_continued(colors_3HW, alpha if shown is None else shown),
        alpha_HW=alpha,
        invented_HW=torch.zeros_like(alpha),
        mesh=mesh,
        bindings=(pair,),
        shares=(torch.ones_like(depth),),
        depth_V=depth,
    )


def _solid(alpha_HW: torch.Tensor, vertices_V2: torch.Tensor, *, reach_px: int) -> torch.Tensor:
    """1 [V] where all within `reach_px` of a vertex is opaque, else 0."""
    height, width = alpha_HW.shape
    least = -F.max_pool2d(-alpha_HW[None, None], 2 * reach_px + 1, stride=1, padding=reach_px)[0, 0]
    x = vertices_V2[:, 0].long().clamp(0, width - 1)
    y = vertices_V2[:, 1].long().clamp(0, height - 1)
    return (least[y, x] > 0.5).to(alpha_HW.dtype)


def _body_layer(figure: Figure, behind: BehindArms, legs: torch.Tensor, arms: _Arms, cell_px: int) -> Layer:
    pose = figure.pose
    alpha = without_islands(behind.alpha_HW * (1 - legs), figure.hull > 0.9)
    alpha = torch.where(alpha < 0.02, torch.zeros_like(alpha), alpha)
    mesh = grid_mesh(alpha, cell_px)
    bindings, shares, depth = body_binding(mesh.vertices_V2, pose, figure.hem is not None)
    head_V = bindings[0][2] * shares[0]
    drapes: tuple[Drape | None, ...] = ()
    if figure.hem is not None:
        drapes = (None, *(skirt_drape(mesh.vertices_V2, pose, bones) for bones in (LEFT_LEG, RIGHT_LEG)))
    return Layer(
        name="body",
        colors_3HW=behind.colors_3HW,
        alpha_HW=alpha,
        invented_HW=torch.minimum(behind.invented_HW, alpha),
        mesh=mesh,
        bindings=bindings,
        shares=shares,
        depth_V=depth,
        head_V=head_V,
        shoulders=tuple(shoulder_of(mesh.vertices_V2, arms.pose, _ARMS[arm.name][0], head_V) for arm in arms.layers),
        drapes=drapes,
    )
