"""Which bones each vertex of a layer hangs on, and how weights change at the joints.

Legend: V vertices.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch

from animator.conditioning.warp.anatomy import below_arm, chain_distance, segment, smoothstep, trunk_place, unit
from animator.conditioning.warp.bones import HEAD, LEFT_LEG, RADIUS, RIGHT_LEG, TORSO, BonePose

# How far the cloth of a skirt goes with the thigh it hangs over.
SKIRT_LEAN = 0.6
# Radii before a joint from which on points that lean go more and more with the bone.
LEANS = 4.0

# Where on a thigh the trunk lets go, 0 at the hip and 1 at the knee, and where the leg takes over.
LEG_ROOT = (-0.1, 0.45)
# Where on an upper arm the trunk lets go and where the arm takes over: as far before the joint as behind it. Were it
# all behind, a raised arm would hang down from its joint first and turn up only then.
ARM_ROOT = (-0.2, 0.2)
# So much farther down an arm, per px towards the armpit: it begins along a slanting line, from the top of the shoulder
# to the armpit, as sleeves do.
ARMHOLE_SLANT = 0.5
# Along the trunk, 0 at the hips: below the first is what hangs from them, above the second trunk alone but for raised
# legs. Within so many radii of its bones a leg is one, beside the trunk (half widths) a wide one, too.
_AT_HIPS, _SLIM, _BESIDE_TRUNK, _WIDE = (0.0, 0.15), (1.0, 1.2), (1.05, 1.25), (1.6, 2.0)

# (parent, bone, weight), each [V].
Pair = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
# Points [V, 2] of a limb in photo px, the photo's pose (one), the limb's bones.
Bind = Callable[[torch.Tensor, BonePose, tuple[int, ...]], Pair]


def arm_binding(points: torch.Tensor, pose: BonePose, bones: tuple[int, ...]) -> Pair:
    """Bind points to an arm, see `limb_binding`; the trunk lets go of it along a slanting line."""
    length = (pose.end_BJ2[0, bones[0]] - pose.start_BJ2[0, bones[0]]).norm().clamp_min(1)
    later = ARMHOLE_SLANT * below_arm(points, pose, bones[0]).clamp_min(0) / length
    return limb_binding(points, pose, bones, root=ARM_ROOT, later=later)


def upper_arm_binding(points: torch.Tensor, pose: BonePose, bones: tuple[int, ...]) -> Pair:
    """Bind points to the upper arm alone: they end at its elbow, whatever lies before it."""
    return arm_binding(points, pose, bones[:1])


def lower_limb_binding(points: torch.Tensor, pose: BonePose, bones: tuple[int, ...]) -> Pair:
    """Bind points to forearm and hand, or shin and foot, alone: all turn about the joint, those before it, too."""
    return limb_binding(points, pose, bones[1:], root=None, parent=bones[0])


def leg_binding(points: torch.Tensor, pose: BonePose, bones: tuple[int, ...]) -> Pair:
    """Bind points to a leg, see `limb_binding`."""
    return limb_binding(points, pose, bones, root=LEG_ROOT)


def thigh_binding(points: torch.Tensor, pose: BonePose, bones: tuple[int, ...]) -> Pair:
    """Bind points to the thigh alone: they end at its knee, whatever lies before it."""
    return leg_binding(points, pose, bones[:1])


def may_be_leg(points: torch.Tensor, pose: BonePose, bones: tuple[int, ...]) -> torch.Tensor:
    """How far, 0 to 1, points may be a leg's: all below the hips, and above them what no trunk reaches, and legs.

    Of one who squats or sits the trunk lies beside the thigh, as far along it as its knee.
    """
    above_hips, across = trunk_place(points, pose)
    from_leg = chain_distance(points, pose, bones)
    beside = smoothstep(*_BESIDE_TRUNK, across.abs()) * (1 - smoothstep(*_WIDE, from_leg))
    return torch.stack([1 - smoothstep(*_AT_HIPS, above_hips), 1 - smoothstep(*_SLIM, from_leg), beside]).amax(0)


def limb_binding(
    points: torch.Tensor,
    pose: BonePose,
    bones: tuple[int, ...],
    *,
    root: tuple[float, float] | None,
    parent: int = TORSO,
    lean: float = 1.0,
    later: torch.Tensor | float = 0.0,
    member: torch.Tensor | float = 1.0,
) -> Pair:
    """Bind points to a limb: each hangs between two neighbouring bones, weights change smoothly at joints.

    Args:
        points: photo px.
        pose: the photo's pose (one).
        bones: of the limb, from the trunk outwards.
        root: where on the first bone, 0 at its start and 1 at its end, its parent lets go and where the bone takes
            over; None: the parent has no part in it.
        parent: of the first bone.
        lean: how far points go with the first bone where they lie away from the joint at its end; there, in full.
        later: by how much farther down the first bone it takes over each of the points.
        member: how far, 0 to 1, each of the points may be the limb's at all.
    """
    size = float(pose.torso_length_B[0])
    starts = [pose.start_BJ2[0, bone] for bone in bones]
    ends = [pose.end_BJ2[0, bone] for bone in bones]
    upper_place, _ = segment(points, starts[0], ends[0])
    parent_V = torch.full(points.shape[:1], parent, dtype=torch.long, device=points.device)
    bone_V = torch.full_like(parent_V, bones[0])
    member_V = member + torch.zeros_like(upper_place)
    weight = torch.ones_like(upper_place) if root is None else smoothstep(*root, upper_place - later) * lean * member_V
    for near, far in pairwise(range(len(bones))):
        if float(pose.trust_BJ[0, bones[far]]) <= 0:
            break
        begin, middle, end = starts[near], starts[far], ends[far]
        # Signed distance along the limb, measured on both sides of the joint at once.
        axis = unit(middle - begin) + unit(end - middle)
        beyond = ((points - middle) @ unit(axis)) / (RADIUS[bones[far]] * size)
        over = (beyond > -1.0) & (member_V > 0.5)
        if near == 0:
            weight = weight * torch.lerp(
                torch.ones_like(weight), torch.full_like(weight, 1 / lean), smoothstep(-LEANS, -1.0, beyond)
            )
        parent_V, bone_V = torch.where(over, bones[near], parent_V), torch.where(over, bones[far], bone_V)
        weight = torch.where(over, smoothstep(-1.0, 1.0, beyond), weight)
    return parent_V, bone_V, weight


def body_binding(
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
    for bones in (LEFT_LEG, RIGHT_LEG):
        # A skirt hangs from the hips and only leans towards the thighs, until it lies over the knees.
        lean, member = SKIRT_LEAN if skirt else 1.0, may_be_leg(points, pose, bones)
        bindings.append(limb_binding(points, pose, bones, root=LEG_ROOT, lean=lean, member=member))
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
