"""The photo taken apart for moving: the body and each arm as a picture of its own, bound to the bones.

An arm that touches the torso in the photo must not drag it: it is matted out along shape and colour, and what
it covered is filled from the cloth around it.

Legend: V vertices, H W pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch.nn import functional as F  # noqa: N812

from animator.conditioning.warp.anatomy import (
    body_hull,
    chain_distance,
    leg_place,
    pixel_centers,
    segment,
    skirt_hem,
    skirt_hull,
    smoothstep,
    unit,
)
from animator.conditioning.warp.bones import (
    HEAD,
    LEFT_ARM,
    LEFT_LEG,
    RADIUS,
    RIGHT_ARM,
    RIGHT_LEG,
    TORSO,
    BonePose,
)
from animator.conditioning.warp.cutout import arm_mask, leg_masks, without_hidden_hands, without_islands
from animator.conditioning.warp.mesh import GridMesh, grid_mesh
from animator.conditioning.warp.skinning import BoneMotion
from animator.inpainting import push_pull
from animator.matting import foreground_colors

# How far the cloth of a skirt goes with the thigh it hangs over.
SKIRT_LEAN = 0.6
# Torso lengths that a hand can hide of an outline.
_HAND_REACH = 0.35

Pair = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One cut-out picture and the bones it hangs on.

    Attributes:
        name: `body`, `left_arm`, `right_arm`; below a skirt or in trousers `left_leg` and `right_leg`.
        colors_3HW: [0, 1], continued beyond the edge.
        alpha_HW: opacity.
        invented_HW: 1 where the photo did not show this surface (filled under an arm).
        mesh: the triangles it is carried on.
        bindings: pairs (parent, bone, weight) per vertex, one or several, blended by `shares`.
        shares: weight [V] of each binding.
        depth_V: order inside the layer, larger is nearer.
        under_body: legs below a skirt lie behind it.
    """

    name: str
    colors_3HW: torch.Tensor
    alpha_HW: torch.Tensor
    invented_HW: torch.Tensor
    mesh: GridMesh
    bindings: tuple[Pair, ...]
    shares: tuple[torch.Tensor, ...]
    depth_V: torch.Tensor
    under_body: bool = False

    @property
    def picture_5HW(self) -> torch.Tensor:
        """Colours, opacity and what is invented, together."""
        return torch.cat([self.colors_3HW, self.alpha_HW[None], self.invented_HW[None]])

    def carry(self, motion: BoneMotion) -> torch.Tensor:
        """Vertices [B, V, 2] where `motion` takes them."""
        moved = [
            motion.carry(self.mesh.vertices_V2, *pair) * share[None, :, None]
            for pair, share in zip(self.bindings, self.shares, strict=True)
        ]
        return torch.stack(moved).sum(0)


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
        The body first, then arms and legs as the photo shows them; and the pose with hidden hands distrusted.
    """
    points = pixel_centers(matte_HW)
    hull = body_hull(points, pose)
    hem = skirt_hem(pose, matte_HW)
    if hem is not None:
        hull = torch.maximum(hull, skirt_hull(points, matte_HW, pose, hem))
    colors_3HW = foreground_colors(colors_3HW, matte_HW)
    pose = without_hidden_hands(points, colors_3HW, matte_HW, pose)
    arms, covered = _arm_layers(points, colors_3HW, matte_HW, hull, pose, cell_px)
    behind = _behind_arms(colors_3HW, matte_HW, covered, hull, pose, hem)
    legs, moved_away = _leg_layers(points, behind, pose, cell_px, hem)
    body = _body_layer(behind, moved_away, hull, hem is not None, pose, cell_px)
    return (body, *arms, *legs), pose


@dataclass(frozen=True, slots=True, kw_only=True)
class _BehindArms:
    """Trunk and legs as if the arms were not before them: colours, opacity, and what of it the photo hid."""

    colors_3HW: torch.Tensor
    alpha_HW: torch.Tensor
    invented_HW: torch.Tensor


def _behind_arms(
    colors_3HW: torch.Tensor,
    matte_HW: torch.Tensor,
    arms_HW: torch.Tensor,
    hull: torch.Tensor,
    pose: BonePose,
    hem: float | None,
) -> _BehindArms:
    """Fill what the arms cover, as far as a body must go on there, from the cloth and skin around."""
    covered, own = arms_HW * matte_HW, matte_HW * (1 - arms_HW)
    reach = 2 * round(float(pose.torso_length_B[0]) * 0.025) + 1
    near_arm = F.max_pool2d(covered[None, None], reach, stride=1, padding=reach // 2)[0, 0]
    filled = push_pull(colors_3HW, (near_arm < 0.05).float() * (own > 0.9) * (hull > 0.5))
    goes_on = hull
    if hem is not None:
        cloth = smoothstep(-0.2, 0.0, leg_place(pixel_centers(matte_HW), pose))
        goes_on = torch.maximum(hull, cloth * between(own > 0.5, reach=_HAND_REACH * float(pose.torso_length_B[0])))
    alpha = torch.maximum(own, torch.minimum(matte_HW, goes_on))
    return _BehindArms(
        colors_3HW=torch.lerp(colors_3HW, filled, smoothstep(0.02, 0.3, covered)),
        alpha_HW=alpha,
        invented_HW=covered * alpha,
    )


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


def _arm_layers(
    points: torch.Tensor,
    colors_3HW: torch.Tensor,
    matte_HW: torch.Tensor,
    hull: torch.Tensor,
    pose: BonePose,
    cell_px: int,
) -> tuple[list[Layer], torch.Tensor]:
    """The arms the photo shows, and how far [H, W] they cover what is behind them."""
    arms, covered = [], torch.zeros_like(matte_HW)
    for name, bones in (("left_arm", LEFT_ARM), ("right_arm", RIGHT_ARM)):
        if float(pose.trust_BJ[0, bones[0]]) <= 0.2:
            continue
        place, _ = segment(points, pose.start_BJ2[0, bones[0]], pose.end_BJ2[0, bones[0]])
        member = arm_mask(points, colors_3HW, matte_HW, hull, pose, bones)
        covered = torch.maximum(covered, member * smoothstep(0.0, 0.35, place))
        alpha = matte_HW * member * smoothstep(-0.25, 0.15, place)
        alpha = without_islands(alpha, chain_distance(points, pose, bones) < 0.8)
        arms.append(_limb_layer(name, bones, colors_3HW, alpha, pose, cell_px, root=(-0.15, 0.4)))
    return arms, covered


def _leg_layers(
    points: torch.Tensor,
    behind: _BehindArms,
    pose: BonePose,
    cell_px: int,
    hem: float | None,
) -> tuple[list[Layer], torch.Tensor]:
    """The legs, below the hem of a skirt if there is one, and how far [H, W] the body's own layer leaves them out."""
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
        alpha = behind.alpha_HW * member * bare
        leg = _limb_layer(name, bones, behind.colors_3HW, alpha, pose, cell_px, root=(-0.1, 0.45))
        invented = torch.minimum(behind.invented_HW, leg.alpha_HW)
        legs.append(replace(leg, under_body=hem is not None, invented_HW=invented))
    return legs, moved_away


def _limb_layer(
    name: str,
    bones: tuple[int, ...],
    colors_3HW: torch.Tensor,
    alpha: torch.Tensor,
    pose: BonePose,
    cell_px: int,
    *,
    root: tuple[float, float],
) -> Layer:
    alpha = torch.where(alpha < 0.02, torch.zeros_like(alpha), alpha)
    mesh = grid_mesh(alpha, cell_px)
    # Beyond its edge a limb goes on in its own colours, not in those of what it touched.
    own = push_pull(colors_3HW, smoothstep(0.6, 0.95, alpha)) if float(alpha.max()) > 0.95 else colors_3HW
    pair = _limb_binding(mesh.vertices_V2, pose, bones, root=root)
    depth = pair[1].to(alpha.dtype)
    return Layer(
        name=name,
        colors_3HW=own,
        alpha_HW=alpha,
        invented_HW=torch.zeros_like(alpha),
        mesh=mesh,
        bindings=(pair,),
        shares=(torch.ones_like(depth),),
        depth_V=depth,
    )


def _limb_binding(points: torch.Tensor, pose: BonePose, bones: tuple[int, ...], *, root: tuple[float, float]) -> Pair:
    """Bind points to a limb: each hangs between two neighbouring bones, weights change smoothly at joints."""
    size = float(pose.torso_length_B[0])
    starts = [pose.start_BJ2[0, bone] for bone in bones]
    ends = [pose.end_BJ2[0, bone] for bone in bones]
    upper_place, _ = segment(points, starts[0], ends[0])
    parent = torch.full(points.shape[:1], TORSO, dtype=torch.long, device=points.device)
    bone = torch.full_like(parent, bones[0])
    weight = smoothstep(*root, upper_place)
    for near, far, begin, middle, end in ((0, 1, starts[0], starts[1], ends[1]), (1, 2, starts[1], starts[2], ends[2])):
        if float(pose.trust_BJ[0, bones[far]]) <= 0:
            break
        # Signed distance along the limb, measured on both sides of the joint at once.
        axis = unit(middle - begin) + unit(end - middle)
        beyond = ((points - middle) @ unit(axis)) / (RADIUS[bones[far]] * size)
        over = beyond > -1.0
        parent = torch.where(over, torch.full_like(parent, bones[near]), parent)
        bone = torch.where(over, torch.full_like(bone, bones[far]), bone)
        weight = torch.where(over, smoothstep(-1.0, 1.0, beyond), weight)
    return parent, bone, weight


def _body_layer(
    behind: _BehindArms,
    legs: torch.Tensor,
    hull: torch.Tensor,
    skirt: bool,
    pose: BonePose,
    cell_px: int,
) -> Layer:
    alpha = without_islands(behind.alpha_HW * (1 - legs), hull > 0.9)
    alpha = torch.where(alpha < 0.02, torch.zeros_like(alpha), alpha)
    mesh = grid_mesh(alpha, cell_px)
    bindings, shares, depth = _body_binding(mesh.vertices_V2, pose, skirt)
    return Layer(
        name="body",
        colors_3HW=behind.colors_3HW,
        alpha_HW=alpha,
        invented_HW=torch.minimum(behind.invented_HW, alpha),
        mesh=mesh,
        bindings=bindings,
        shares=shares,
        depth_V=depth,
    )


def _body_binding(
    points: torch.Tensor, pose: BonePose, skirt: bool
) -> tuple[tuple[Pair, ...], tuple[torch.Tensor, ...], torch.Tensor]:
    """Bindings to head, left and right leg, their shares, and the order in depth."""
    head, head_weight = _head_binding(points, pose)
    is_head = (head_weight > 0).to(points.dtype)
    left, right = (chain_distance(points, pose, bones[:2]) for bones in (LEFT_LEG, RIGHT_LEG))
    nearer = (right - left) / (right + left).clamp_min(1e-6)
    # Cloth between the legs stretches evenly from one to the other.
    left_share = smoothstep(-1.0, 1.0, nearer) * (1 - is_head)
    bindings = [head]
    root = (-0.1, 0.45)
    for bones in (LEFT_LEG, RIGHT_LEG):
        parent, bone, weight = _limb_binding(points, pose, bones, root=root)
        # A skirt hangs from the hips and only leans towards the thighs.
        bindings.append((parent, bone, weight * SKIRT_LEAN if skirt else weight))
    shares = (is_head, left_share, (1 - left_share) * (1 - is_head))
    lower = [float(pose.end_BJ2[0, bones[1], 1]) for bones in (LEFT_LEG, RIGHT_LEG)]
    on_leg = [pair[2] * (pair[1] != TORSO) for pair in bindings[1:]]
    near_left = 0.3 if lower[0] > lower[1] else 0.2
    leg_depth = torch.where(left_share > 0.5, on_leg[0] * near_left, on_leg[1] * (0.5 - near_left))
    return tuple(bindings), shares, torch.where(is_head > 0, 1 + head_weight, leg_depth)


def _head_binding(points: torch.Tensor, pose: BonePose) -> tuple[Pair, torch.Tensor]:
    """The neck bends between the shoulders and the chin; everything above the chin moves as one."""
    neck, face = pose.end_BJ2[0, TORSO], pose.start_BJ2[0, HEAD]
    place, _ = segment(points, neck, face)
    chin = float(segment(pose.chin_B2(), neck, face)[0][0].clamp(0.35, 0.8))
    weight = smoothstep(0.4 * chin, 1.05 * chin, place) * float(pose.trust_BJ[0, HEAD] > 0)
    parent = torch.full(points.shape[:1], TORSO, dtype=torch.long, device=points.device)
    return (parent, torch.full_like(parent, HEAD), weight), weight
