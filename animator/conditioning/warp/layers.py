"""The photo taken apart for moving: the body and each arm as a picture of its own, bound to the bones.

An arm that touches the torso in the photo must not drag it: it is matted out along shape and colour, and what
it covered is filled from the cloth around it.

Legend: V vertices, H W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch.nn import functional as F  # noqa: N812

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
from animator.conditioning.warp.mesh import GridMesh, grid_mesh
from animator.conditioning.warp.skinning import BoneMotion
from animator.inpainting import push_pull
from animator.matting import foreground_colors, guided_filter

Pair = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One cut-out picture and the bones it hangs on.

    Attributes:
        name: `body`, `left_arm` or `right_arm`.
        colors_3HW: [0, 1], continued beyond the edge.
        alpha_HW: opacity.
        invented_HW: 1 where the photo did not show this surface (filled under an arm).
        mesh: the triangles it is carried on.
        bindings: pairs (parent, bone, weight) per vertex, one or several, blended by `shares`.
        shares: weight [V] of each binding.
        depth_V: order inside the layer, larger is nearer.
        tear_ratio: triangles stretched beyond this are left out; cloth of a skirt stretches, trousers part.
    """

    name: str
    colors_3HW: torch.Tensor
    alpha_HW: torch.Tensor
    invented_HW: torch.Tensor
    mesh: GridMesh
    bindings: tuple[Pair, ...]
    shares: tuple[torch.Tensor, ...]
    depth_V: torch.Tensor
    tear_ratio: float

    def carry(self, motion: BoneMotion) -> torch.Tensor:
        """Vertices [B, V, 2] where `motion` takes them."""
        moved = [
            motion.carry(self.mesh.vertices_V2, *pair) * share[None, :, None]
            for pair, share in zip(self.bindings, self.shares, strict=True)
        ]
        return torch.stack(moved).sum(0)


def smoothstep(low: float, high: float, value: torch.Tensor) -> torch.Tensor:
    """0 below `low`, 1 above `high`, smooth between."""
    share = ((value - low) / (high - low)).clamp(0, 1)
    return share * share * (3 - 2 * share)


def pixel_centers(height: int, width: int, like: torch.Tensor) -> torch.Tensor:
    """[H, W, 2] positions of the pixels' centres in px."""
    y = torch.arange(height, dtype=like.dtype, device=like.device) + 0.5
    x = torch.arange(width, dtype=like.dtype, device=like.device) + 0.5
    return torch.stack(torch.broadcast_tensors(x[None, :], y[:, None]), -1)


def _segment(points: torch.Tensor, start_2: torch.Tensor, end_2: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(place along, distance from) a segment: 0 at its start, 1 at its end, px."""
    axis = end_2 - start_2
    place = ((points - start_2) @ axis) / axis.square().sum().clamp_min(1e-6)
    nearest = start_2 + place.clamp(0, 1)[..., None] * axis
    return place, (points - nearest).norm(dim=-1)


def _chain_distance(
    points: torch.Tensor, pose: BonePose, bones: tuple[int, ...], thickness: float = 1.0
) -> torch.Tensor:
    """Distance to the nearest bone of a limb, in units of `thickness` times that bone's usual radius."""
    size = pose.torso_length_B[0] * thickness
    distances = [
        _segment(points, pose.start_BJ2[0, bone], pose.end_BJ2[0, bone])[1] / (RADIUS[bone] * size)
        for bone in bones
        if float(pose.trust_BJ[0, bone]) > 0
    ]
    far = torch.full(points.shape[:-1], 1e3, dtype=points.dtype, device=points.device)
    return torch.stack([*distances, far]).amin(0)


def split_layers(
    colors_3HW: torch.Tensor, matte_HW: torch.Tensor, pose: BonePose, *, cell_px: int
) -> tuple[tuple[Layer, ...], BonePose]:
    """Cut the photo into body and arms.

    Args:
        colors_3HW: the person's colours in [0, 1].
        matte_HW: the person's opacity.
        pose: the photo's pose (one).
        cell_px: side of the mesh cells.

    Returns:
        The body first, then the arms that the photo shows; and the pose with hidden hands distrusted.
    """
    points = pixel_centers(*matte_HW.shape, matte_HW)
    hull = _body_hull(points, pose)
    skirt = _skirt_width(pose, matte_HW)
    if skirt > 0.5:
        hull = torch.maximum(hull, _skirt_hull(points, matte_HW, pose))
    matte_HW = _recut_matte(points, colors_3HW, matte_HW, pose)
    colors_3HW = foreground_colors(colors_3HW, matte_HW)
    pose = _without_hidden_hands(points, colors_3HW, matte_HW, pose)
    arms, layers = torch.zeros_like(matte_HW), []
    for name, bones in (("left_arm", LEFT_ARM), ("right_arm", RIGHT_ARM)):
        if float(pose.trust_BJ[0, bones[0]]) <= 0.2:
            continue
        member = _arm_mask(points, colors_3HW, matte_HW, hull, pose, bones)
        shoulder = smoothstep(0.0, 0.35, _segment(points, pose.start_BJ2[0, bones[0]], pose.end_BJ2[0, bones[0]])[0])
        arms = torch.maximum(arms, member * shoulder)
        reach = smoothstep(-0.25, 0.15, _segment(points, pose.start_BJ2[0, bones[0]], pose.end_BJ2[0, bones[0]])[0])
        layers.append(_arm_layer(name, bones, colors_3HW, matte_HW * member * reach, pose, cell_px))
    return (_body_layer(colors_3HW, matte_HW, arms, hull, skirt, pose, cell_px), *layers), pose


def _without_hidden_hands(
    points: torch.Tensor, colors_3HW: torch.Tensor, matte_HW: torch.Tensor, pose: BonePose
) -> BonePose:
    """Distrust hands that look like the cloth around them and not like the face: they are in pockets."""
    limbs = torch.stack([_chain_distance(points, pose, bones) for bones in (LEFT_ARM, RIGHT_ARM)]).amin(0)
    cloth = push_pull(colors_3HW, ((limbs > 1.5) & (matte_HW > 0.9)).float())
    face = _mean_color(points, colors_3HW, pose.start_BJ2[0, HEAD], float(pose.torso_length_B[0]) * 0.08)
    trust = pose.trust_BJ.clone()
    for hand in (LEFT_ARM[2], RIGHT_ARM[2]):
        middle = (pose.start_BJ2[0, hand] + pose.end_BJ2[0, hand]) / 2
        reach = float(pose.torso_length_B[0]) * 0.04
        look = _mean_color(points, colors_3HW, middle, reach)
        around = _mean_color(points, cloth, middle, reach)
        if float((look - around).norm()) < 0.5 * float((look - face).norm()):
            trust[0, hand] = 0.0
    return replace(pose, trust_BJ=trust)


def _mean_color(points: torch.Tensor, colors_3HW: torch.Tensor, center_2: torch.Tensor, radius: float) -> torch.Tensor:
    weight = ((points - center_2).norm(dim=-1) < max(radius, 1.0)).to(colors_3HW.dtype)
    return (colors_3HW * weight).sum((1, 2)) / weight.sum().clamp_min(1)


def _skirt_hull(points: torch.Tensor, matte_HW: torch.Tensor, pose: BonePose) -> torch.Tensor:
    """Where the cloth of a skirt hangs: from the hips' sides straight to its sides at the knees."""
    (left_shoulder, right_shoulder), hips = pose.shoulders_B22[0], pose.hips_B22[0].mean(0)
    knees = pose.end_BJ2[0, (LEFT_LEG[0], RIGHT_LEG[0])].mean(0)
    place, _ = _segment(points, hips, knees)
    axis = _unit(knees - hips)
    across = (points - hips) @ torch.stack([-axis[1], axis[0]])
    hem = (place > 0.75) & (place < 1.0) & (matte_HW > 0.5) & (across.abs() < pose.torso_length_B[0])
    if int(hem.sum()) < 10:
        return torch.zeros_like(matte_HW)
    top = (left_shoulder - right_shoulder).norm() * 0.42
    sides = across[hem].quantile(torch.tensor([0.03, 0.97], dtype=across.dtype, device=across.device))
    down = place.clamp(0, 1)
    low, high = torch.lerp(-top, sides[0], down), torch.lerp(top, sides[1], down)
    inside = smoothstep(-1.5, 1.5, across - low) * smoothstep(-1.5, 1.5, high - across)
    return inside * smoothstep(-0.1, 0.05, place) * (1 - smoothstep(1.2, 1.3, place))


def _recut_matte(points: torch.Tensor, photo_3HW: torch.Tensor, matte_HW: torch.Tensor, pose: BonePose) -> torch.Tensor:
    """Cut out background that a coarse matte took in beside the limbs, and put back cloth it left out."""
    limbs = torch.stack([_chain_distance(points, pose, bones) for bones in (LEFT_ARM, RIGHT_ARM, LEFT_LEG, RIGHT_LEG)])
    distance = limbs.amin(0)
    background = (matte_HW < 0.05).float()
    core = torch.maximum(1 - smoothstep(0.6, 0.9, distance), _body_hull(points, pose, width=0.55))
    person = (core > 0.5).float() * (matte_HW > 0.9)
    if float(background.sum()) < 50 or float(person.sum()) < 50:
        return matte_HW
    behind, inside = push_pull(photo_3HW, background), push_pull(photo_3HW, person)
    to_behind, to_inside = ((photo_3HW - colors).square().sum(0) for colors in (behind, inside))
    # Only what looks just like the one and unlike the other moves: a bright blouse before a bright wall must stay.
    like_behind = torch.sigmoid(12 * (0.5 - to_behind.sqrt() / (to_inside.sqrt() + 0.02)) - 1)
    like_inside = torch.sigmoid(12 * (0.5 - to_inside.sqrt() / (to_behind.sqrt() + 0.02)) - 1)
    size = pose.torso_length_B[0]
    head = (points - pose.start_BJ2[0, HEAD]).norm(dim=-1) / (RADIUS[HEAD] * size)
    zone = (1 - core) * (1 - smoothstep(2.5, 3.5, distance)) * smoothstep(1.5, 2.0, head)
    opened = matte_HW * (1 - like_behind * zone)
    reach = 2 * round(float(size) * 0.04) + 1
    border = F.max_pool2d((opened > 0.5).float()[None, None], reach, stride=1, padding=reach // 2)[0, 0]
    return torch.maximum(opened, like_inside * zone * border * (matte_HW > 0.02))


def _body_hull(points: torch.Tensor, pose: BonePose, *, width: float = 1.0) -> torch.Tensor:
    """Soft mask of where the trunk, head and legs must lie, even where an arm covers them.

    `width` below 1 keeps to the middle of the trunk, where nothing but the person can be.
    """
    size = pose.torso_length_B[0]
    (left_shoulder, right_shoulder), (left_hip, right_hip) = pose.shoulders_B22[0], pose.hips_B22[0]
    neck, pelvis = (left_shoulder + right_shoulder) / 2, (left_hip + right_hip) / 2
    # The trunk's side runs from just inside the shoulder joint to the side of the hip, about as wide.
    half_top, half_bottom = (left_shoulder - neck) * 0.92, (left_shoulder - neck) * 0.45 + (left_hip - pelvis) * 0.75
    place, _ = _segment(points, pelvis, neck)
    half = torch.lerp(half_bottom, half_top, place.clamp(0, 1)[..., None])
    center = pelvis + place[..., None].clamp(-0.25, 1.0) * (neck - pelvis)
    across = ((points - center) * half).sum(-1) / half.square().sum(-1).clamp_min(1e-6)
    trunk = 1 - smoothstep(0.96 * width, 1.08 * width, across.abs())
    trunk = trunk * (1 - smoothstep(1.0, 1.12, place)) * smoothstep(-0.25, -0.1, place)
    legs = torch.minimum(_chain_distance(points, pose, LEFT_LEG[:2]), _chain_distance(points, pose, RIGHT_LEG[:2]))
    head = (points - pose.start_BJ2[0, HEAD]).norm(dim=-1) / (RADIUS[HEAD] * size)
    others = torch.minimum(legs, head)
    return torch.maximum(trunk, 1 - smoothstep(0.9 * width, 1.1 * width, others))


def _arm_mask(
    points: torch.Tensor,
    colors_3HW: torch.Tensor,
    matte_HW: torch.Tensor,
    hull: torch.Tensor,
    pose: BonePose,
    bones: tuple[int, ...],
) -> torch.Tensor:
    """[H, W]: which pixels are this arm, by distance from its bones and by colour at the border to the body."""
    shown = tuple(bone for bone in bones if float(pose.trust_BJ[0, bone]) > 0.2)
    distance = _chain_distance(points, pose, shown, _limb_thickness(matte_HW, pose, shown))
    body = torch.minimum(_chain_distance(points, pose, LEFT_LEG), _chain_distance(points, pose, RIGHT_LEG))
    head = (points - pose.start_BJ2[0, HEAD]).norm(dim=-1) / (RADIUS[HEAD] * pose.torso_length_B[0])
    # Wide sleeves and bags outside the trunk go with the arm, as far as nothing else is nearer.
    loose = (1 - hull) * (1 - smoothstep(1.8, 2.4, distance)) * (distance < torch.minimum(body, head))
    prior = torch.maximum(1 - smoothstep(0.9, 1.25, distance), loose)
    likely = _color_vote(colors_3HW, matte_HW, distance, hull, prior)
    unsure = smoothstep(0.55, 0.8, distance) * (1 - smoothstep(1.3, 1.7, distance)) * hull
    voted = torch.lerp(prior, likely, unsure * 0.8)
    radius = max(2, round(float(pose.torso_length_B[0]) / 30))
    smooth = guided_filter(colors_3HW, voted, radius=radius, epsilon=1e-3)
    return smoothstep(0.25, 0.75, smooth)


def _limb_thickness(matte_HW: torch.Tensor, pose: BonePose, bones: tuple[int, ...]) -> float:
    """How thick this limb is against the usual, seen on its free side: loose sleeves, slim or strong arms."""
    size = float(pose.torso_length_B[0])
    height, width = matte_HW.shape
    ratios = []
    for bone in bones[:2]:
        start, end = pose.start_BJ2[0, bone], pose.end_BJ2[0, bone]
        across = _unit(torch.stack([-(end - start)[1], (end - start)[0]]))
        reach = torch.arange(0, 3 * RADIUS[bone] * size, 0.5, dtype=matte_HW.dtype, device=matte_HW.device)
        for share in (0.35, 0.5, 0.65, 0.8):
            sides = []
            for sign in (-1.0, 1.0):
                ray = torch.lerp(start, end, share) + sign * across * reach[:, None]
                x, y = ray[:, 0].long().clamp(0, width - 1), ray[:, 1].long().clamp(0, height - 1)
                outside = (matte_HW[y, x] < 0.5).nonzero()
                sides.append(float(reach[outside[0, 0]]) if len(outside) else float("inf"))
            if min(sides) < float("inf"):
                ratios.append(min(sides) / (RADIUS[bone] * size))
    if not ratios:
        return 1.0
    return min(max(1.1 * sorted(ratios)[len(ratios) // 2], 0.65), 1.7)


def _color_vote(
    colors_3HW: torch.Tensor, matte_HW: torch.Tensor, distance: torch.Tensor, hull: torch.Tensor, prior: torch.Tensor
) -> torch.Tensor:
    """Probability of being arm, from what arm and body look like near each pixel."""
    arm = ((distance < 0.6) & (matte_HW > 0.8)).float()
    body = ((distance > 1.6) & (hull > 0.5) & (matte_HW > 0.8)).float()
    if float(arm.sum()) < 20 or float(body.sum()) < 20:
        return prior
    arm_color, body_color = push_pull(colors_3HW, arm), push_pull(colors_3HW, body)
    to_arm = (colors_3HW - arm_color).square().sum(0)
    to_body = (colors_3HW - body_color).square().sum(0)
    contrast = (arm_color - body_color).square().sum(0)
    # Alike colours say nothing: then the shape decides.
    telling = contrast / (contrast + 0.01)
    return torch.lerp(prior, torch.sigmoid(8 * (to_body - to_arm) / (contrast + 0.01)), telling)


def _arm_layer(
    name: str, bones: tuple[int, ...], colors_3HW: torch.Tensor, alpha: torch.Tensor, pose: BonePose, cell_px: int
) -> Layer:
    alpha = torch.where(alpha < 0.02, torch.zeros_like(alpha), alpha)
    mesh = grid_mesh(alpha, cell_px)
    own = push_pull(colors_3HW, smoothstep(0.6, 0.95, alpha)) if float(alpha.max()) > 0.95 else colors_3HW
    pair = _limb_binding(mesh.vertices_V2, pose, bones, root=(-0.15, 0.4))
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
        tear_ratio=4.0,
    )


def _limb_binding(points: torch.Tensor, pose: BonePose, bones: tuple[int, ...], *, root: tuple[float, float]) -> Pair:
    """Bind points to a limb: each hangs between two neighbouring bones, weights change smoothly at joints."""
    size = float(pose.torso_length_B[0])
    starts = [pose.start_BJ2[0, bone] for bone in bones]
    ends = [pose.end_BJ2[0, bone] for bone in bones]
    upper_place, _ = _segment(points, starts[0], ends[0])
    parent = torch.full(points.shape[:1], TORSO, dtype=torch.long, device=points.device)
    bone = torch.full_like(parent, bones[0])
    weight = smoothstep(*root, upper_place)
    for near, far, begin, middle, end in ((0, 1, starts[0], starts[1], ends[1]), (1, 2, starts[1], starts[2], ends[2])):
        if float(pose.trust_BJ[0, bones[far]]) <= 0:
            break
        # Signed distance along the limb, measured on both sides of the joint at once.
        axis = _unit(middle - begin) + _unit(end - middle)
        beyond = ((points - middle) @ _unit(axis)) / (RADIUS[bones[far]] * size)
        over = beyond > -1.0
        parent = torch.where(over, torch.full_like(parent, bones[near]), parent)
        bone = torch.where(over, torch.full_like(bone, bones[far]), bone)
        weight = torch.where(over, smoothstep(-1.0, 1.0, beyond), weight)
    return parent, bone, weight


def _unit(vector: torch.Tensor) -> torch.Tensor:
    return vector / vector.norm().clamp_min(1e-6)


def _body_layer(
    colors_3HW: torch.Tensor,
    matte_HW: torch.Tensor,
    arms: torch.Tensor,
    hull: torch.Tensor,
    skirt: float,
    pose: BonePose,
    cell_px: int,
) -> Layer:
    covered = arms * matte_HW
    own = matte_HW * (1 - arms)
    alpha = torch.maximum(own, torch.minimum(matte_HW, hull))
    alpha = torch.where(alpha < 0.02, torch.zeros_like(alpha), alpha)
    reach = 2 * round(float(pose.torso_length_B[0]) * 0.025) + 1
    near_arm = F.max_pool2d(covered[None, None], reach, stride=1, padding=reach // 2)[0, 0]
    colors = push_pull(colors_3HW, (near_arm < 0.05).float() * (own > 0.9) * (hull > 0.5))
    colors = torch.lerp(colors_3HW, colors, smoothstep(0.02, 0.3, covered))
    mesh = grid_mesh(alpha, cell_px)
    bindings, shares, depth = _body_binding(mesh.vertices_V2, pose, skirt)
    return Layer(
        name="body",
        colors_3HW=colors,
        alpha_HW=alpha,
        invented_HW=covered * alpha,
        mesh=mesh,
        bindings=bindings,
        shares=shares,
        depth_V=depth,
        tear_ratio=2.5 if skirt < 0.5 else 8.0,
    )


def _skirt_width(pose: BonePose, matte_HW: torch.Tensor) -> float:
    """0 for trousers, 1 for a skirt: how far cloth fills the space between and beside the legs at the knees."""
    if float(torch.minimum(pose.trust_BJ[0, LEFT_LEG[0]], pose.trust_BJ[0, RIGHT_LEG[0]])) <= 0.5:
        return 1.0
    size = float(pose.torso_length_B[0])
    filled, wide = [], []
    for share in (0.55, 0.7, 0.85):
        left = torch.lerp(pose.start_BJ2[0, LEFT_LEG[0]], pose.end_BJ2[0, LEFT_LEG[0]], share)
        right = torch.lerp(pose.start_BJ2[0, RIGHT_LEG[0]], pose.end_BJ2[0, RIGHT_LEG[0]], share)
        row = int(((left[1] + right[1]) / 2).clamp(0, matte_HW.shape[0] - 1))
        first, last = sorted((float(left[0]), float(right[0])))
        between = matte_HW[row, max(int(first), 0) : max(int(last), 0) + 1]
        filled.append(float(between.min()) if len(between) else 0.0)
        outer = matte_HW[row, max(int(first - size), 0) : max(int(last + size), 0) + 1].sum()
        wide.append((float(outer) - (last - first)) / (2 * RADIUS[LEFT_LEG[0]] * size))
    return float(min(filled) > 0.5 and sorted(wide)[1] > 0.95)


def _body_binding(
    points: torch.Tensor, pose: BonePose, skirt: float
) -> tuple[tuple[Pair, ...], tuple[torch.Tensor, ...], torch.Tensor]:
    """Bindings to head, left and right leg, their shares, and the order in depth."""
    head, head_weight = _head_binding(points, pose)
    is_head = (head_weight > 0).to(points.dtype)
    left, right = (_chain_distance(points, pose, bones[:2]) for bones in (LEFT_LEG, RIGHT_LEG))
    nearer = (right - left) / (right + left).clamp_min(1e-6)
    softness = 0.25 + 0.75 * skirt
    left_share = smoothstep(-softness, softness, nearer) * (1 - is_head)
    bindings = [head]
    root = (-0.1, 0.45)
    for bones in (LEFT_LEG, RIGHT_LEG):
        bindings.append(_limb_binding(points, pose, bones, root=root))
    shares = (is_head, left_share, (1 - left_share) * (1 - is_head))
    lower = [float(pose.end_BJ2[0, bones[1], 1]) for bones in (LEFT_LEG, RIGHT_LEG)]
    on_leg = [pair[2] * (pair[1] != TORSO) for pair in bindings[1:]]
    near_left = 0.3 if lower[0] > lower[1] else 0.2
    leg_depth = torch.where(left_share > 0.5, on_leg[0] * near_left, on_leg[1] * (0.5 - near_left))
    return tuple(bindings), shares, torch.where(is_head > 0, 1 + head_weight, leg_depth)


def _head_binding(points: torch.Tensor, pose: BonePose) -> tuple[Pair, torch.Tensor]:
    """The neck bends between the shoulders and the chin; everything above the chin moves as one."""
    neck, face = pose.end_BJ2[0, TORSO], pose.start_BJ2[0, HEAD]
    place, _ = _segment(points, neck, face)
    chin = float(_segment(pose.chin_B2(), neck, face)[0][0].clamp(0.35, 0.8))
    weight = smoothstep(0.4 * chin, 1.05 * chin, place) * float(pose.trust_BJ[0, HEAD] > 0)
    parent = torch.full(points.shape[:1], TORSO, dtype=torch.long, device=points.device)
    return (parent, torch.full_like(parent, HEAD), weight), weight
