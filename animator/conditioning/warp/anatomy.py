"""Where the parts of a body lie around its bones: distances, outlines, widths.

Legend: H W pixels.
"""

from __future__ import annotations

import torch

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
from animator.conditioning.warp.plane import perpendicular
from animator.conditioning.warp.torso import breadth, outward, upwards

# Torso lengths: seen from the side, where shoulders and hips lie behind each other, a trunk is as wide as it is deep.
LEAST_TRUNK = 0.45
# Radii that legs are apart: up to the first one hides the other, from the second on both are seen. In photos from the
# side 0.1 to 0.9 were found; of people who face the camera 1.1 at the hips, 1.6 and more below.
BESIDE = 0.9, 1.2
# A limb as thick as usual on both of its sides; and how thick one is at most on a side that lies nowhere before the
# background. Nothing follows from the other side: bones lie off the middle of their limbs as much as sleeves differ.
# In 185 arms of ten people that were free on both sides these were 0.9 and 0.9 radii, each by 0.35 more or less, and
# all but unrelated (correlation 0.1): an arm takes one such deviation more than the mean, and no bodice for a sleeve.
USUAL, COVERED_SIDE = (1.0, 1.0), 1.2
# Usual radii to either side of a bone over which the thickness of one side becomes that of the other; torso lengths:
# half the width of a neck.
_MIDDLE, NECK = 0.25, 0.12


def smoothstep(low: float, high: float, value: torch.Tensor) -> torch.Tensor:
    """0 below `low`, 1 above `high`, smooth between."""
    share = ((value - low) / (high - low)).clamp(0, 1)
    return share * share * (3 - 2 * share)


def pixel_centers(like_HW: torch.Tensor) -> torch.Tensor:
    """[H, W, 2] positions of the pixels' centres in px, for a picture like `like`."""
    height, width = like_HW.shape[-2:]
    y = torch.arange(height, dtype=like_HW.dtype, device=like_HW.device) + 0.5
    x = torch.arange(width, dtype=like_HW.dtype, device=like_HW.device) + 0.5
    return torch.stack(torch.broadcast_tensors(x[None, :], y[:, None]), -1)


def segment(points: torch.Tensor, start_2: torch.Tensor, end_2: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(place along, distance from) a segment: 0 at its start, 1 at its end, px."""
    axis = end_2 - start_2
    place = ((points - start_2) @ axis) / axis.square().sum().clamp_min(1e-6)
    nearest = start_2 + place.clamp(0, 1)[..., None] * axis
    return place, (points - nearest).norm(dim=-1)


def chain_distance(
    points: torch.Tensor, pose: BonePose, bones: tuple[int, ...], thickness: tuple[float, float] = USUAL
) -> torch.Tensor:
    """Distance to the nearest bone of a limb, in units of `thickness` times the limb's usual radius there.

    At a joint the radius is the mean of both bones': a limb tapers, it has no step at the elbow. `thickness` is that
    of the two sides, as `limb_thickness` has them.
    """
    size = pose.torso_length_B[0]
    distances = []
    for place, bone in enumerate(bones):
        if float(pose.trust_BJ[0, bone]) <= 0:
            continue
        first, last = (RADIUS[bones[min(max(place + side, 0), len(bones) - 1)]] for side in (-1, 1))
        along, distance = segment(points, pose.start_BJ2[0, bone], pose.end_BJ2[0, bone])
        at_start, at_end = (first + RADIUS[bone]) / 2, (last + RADIUS[bone]) / 2
        radius = (at_start + (at_end - at_start) * along.clamp(0, 1)) * size
        distances.append(distance / (radius * _thickness_beside(points, pose, bone, thickness)))
    far = torch.full(points.shape[:-1], 1e3, dtype=points.dtype, device=points.device)
    return torch.stack([*distances, far]).amin(0)


def _thickness_beside(
    points: torch.Tensor, pose: BonePose, bone: int, thickness: tuple[float, float]
) -> torch.Tensor | float:
    """The thickness of the side of a bone that points lie on, [...] or one for all; it changes over the middle."""
    first, second = thickness
    if first == second:
        return first
    start, end = pose.start_BJ2[0, bone], pose.end_BJ2[0, bone]
    aside = (points - start) @ _across(start, end) / (RADIUS[bone] * pose.torso_length_B[0])
    return second + (first - second) * smoothstep(-_MIDDLE, _MIDDLE, aside)


def unit(vector: torch.Tensor) -> torch.Tensor:
    """Vectors [..., 2] at length 1; a zero vector stays zero."""
    return vector / vector.norm(dim=-1, keepdim=True).clamp_min(1e-6)


def trunk_place(points: torch.Tensor, pose: BonePose) -> tuple[torch.Tensor, torch.Tensor]:
    """Where points lie on the trunk: (0 at the hips and 1 at the shoulders, -1 at its right and 1 at its left side)."""
    (left_shoulder, right_shoulder), (left_hip, right_hip) = pose.shoulders_B22[0], pose.hips_B22[0]
    neck, pelvis = (left_shoulder + right_shoulder) / 2, (left_hip + right_hip) / 2
    # The trunk's side runs from just inside the shoulder joint to the side of the hip, about as wide.
    missing = _missing_width(pose)
    shoulder, hip = left_shoulder - neck + missing, left_hip - pelvis + missing
    half_top, half_bottom = shoulder * 0.92, shoulder * 0.45 + hip * 0.75
    place, _ = segment(points, pelvis, neck)
    half = torch.lerp(half_bottom, half_top, place.clamp(0, 1)[..., None])
    center = pelvis + place[..., None].clamp(-0.25, 1.0) * (neck - pelvis)
    return place, ((points - center) * half).sum(-1) / half.square().sum(-1).clamp_min(1e-6)


def below_arm(points: torch.Tensor, pose: BonePose, upper_arm: int) -> torch.Tensor:
    """px from an upper arm's axis towards the armpit, negative beyond the axis: where the arm is raised, above it."""
    along = unit(pose.end_BJ2[0, upper_arm] - pose.start_BJ2[0, upper_arm])
    to_armpit = -outward(pose, upper_arm)[0] * perpendicular(along)
    return (points - pose.start_BJ2[0, upper_arm]) @ to_armpit


def _missing_width(pose: BonePose) -> torch.Tensor:
    """From the spine outwards to the left [2] px: by how much a trunk is wider than its joints when seen aslant."""
    up, wide = upwards(pose)[0], breadth(pose)[0]
    aside = perpendicular(up) * torch.where(wide < 0, -1.0, 1.0)
    return aside * (LEAST_TRUNK * pose.torso_length_B[0] - wide.abs()).clamp_min(0) / 2


def body_hull(points: torch.Tensor, pose: BonePose, *, width: float = 1.0) -> torch.Tensor:
    """Soft mask of where the trunk, neck, head and legs must lie, even where an arm covers them.

    `width` below 1 keeps to the middle of the trunk, where nothing but the person can be.
    """
    size = pose.torso_length_B[0]
    place, across = trunk_place(points, pose)
    trunk = 1 - smoothstep(0.96 * width, 1.08 * width, across.abs())
    trunk = trunk * (1 - smoothstep(1.0, 1.12, place)) * smoothstep(-0.25, -0.1, place)
    legs = torch.minimum(chain_distance(points, pose, LEFT_LEG[:2]), chain_distance(points, pose, RIGHT_LEG[:2]))
    head = (points - pose.start_BJ2[0, HEAD]).norm(dim=-1) / (RADIUS[HEAD] * size)
    neck = segment(points, pose.end_BJ2[0, TORSO], pose.start_BJ2[0, HEAD])[1] / (NECK * size)
    others = torch.stack([legs, head, neck]).amin(0)
    return torch.maximum(trunk, 1 - smoothstep(0.9 * width, 1.1 * width, others))


def leg_place(points: torch.Tensor, pose: BonePose) -> torch.Tensor:
    """How far down the legs: 0 at the hips, 1 at the knees, 2 at the ankles."""
    hips = pose.hips_B22[0].mean(0)
    knees = pose.end_BJ2[0, (LEFT_LEG[0], RIGHT_LEG[0])].mean(0)
    ankles = pose.end_BJ2[0, (LEFT_LEG[1], RIGHT_LEG[1])].mean(0)
    upper, _ = segment(points, hips, knees)
    lower, _ = segment(points, knees, ankles)
    return torch.where(upper < 1, upper, 1 + lower.clamp_min(0))


def other_arm_distance(points: torch.Tensor, pose: BonePose, bones: tuple[int, ...]) -> torch.Tensor:
    """[H, W] distance from the bones of the other arm than this one in radii; infinite where the photo shows none."""
    others = tuple(bone for bone in (RIGHT_ARM if bones == LEFT_ARM else LEFT_ARM) if pose.shows(bone))
    if not others:
        return torch.full(points.shape[:-1], float("inf"), dtype=points.dtype, device=points.device)
    return chain_distance(points, pose, others)


def hidden_leg(place: torch.Tensor, pose: BonePose) -> torch.Tensor:
    """How far, 0 to 1, one leg hides the other at a place down the legs (see `leg_place`), by what joints are apart."""
    apart = []
    for bone, other, at, radius in (
        (LEFT_LEG[0], RIGHT_LEG[0], pose.start_BJ2[0], RADIUS[LEFT_LEG[0]]),
        (LEFT_LEG[0], RIGHT_LEG[0], pose.end_BJ2[0], RADIUS[LEFT_LEG[1]]),
        (LEFT_LEG[1], RIGHT_LEG[1], pose.end_BJ2[0], RADIUS[LEFT_LEG[1]]),
    ):
        apart.append((at[bone] - at[other]).norm() / (radius * pose.torso_length_B[0]))
    hips, knees, ankles = apart
    here = torch.lerp(torch.lerp(hips, knees, place.clamp(0, 1)), ankles, (place - 1).clamp(0, 1))
    return 1 - smoothstep(*BESIDE, here)


def limb_thickness(matte_HW: torch.Tensor, pose: BonePose, bones: tuple[int, ...]) -> tuple[float, float]:
    """How thick this limb is against the usual, on each of its sides: loose sleeves, slim or strong arms.

    Seen on the side that is free. A side that is nowhere free is no thicker than `COVERED_SIDE`.

    Returns:
        On the side of larger x of a limb that hangs straight down, and on the other one.
    """
    free: tuple[list[float], list[float]] = ([], [])
    for bone in bones[:2]:
        for share in (0.35, 0.5, 0.65, 0.8):
            sides = _free_sides(matte_HW, pose, bone, share)
            if min(sides) < float("inf"):
                free[sides.index(min(sides))].append(min(sides))
    ratios = sorted([*free[0], *free[1]])
    if not ratios:
        return USUAL
    seen = min(max(1.1 * ratios[len(ratios) // 2], 0.65), 1.7)
    first, second = (seen if side else min(seen, COVERED_SIDE) for side in free)
    return first, second


def _free_sides(matte_HW: torch.Tensor, pose: BonePose, bone: int, share: float) -> tuple[float, float]:
    """How far it is from a place on a bone to the background on both sides, usual radii; inf: there is none."""
    start, end = pose.start_BJ2[0, bone], pose.end_BJ2[0, bone]
    radius = RADIUS[bone] * float(pose.torso_length_B[0])
    reach = torch.arange(0, 3 * radius, 0.5, dtype=matte_HW.dtype, device=matte_HW.device)
    height, width = matte_HW.shape
    sides = []
    for way in (1.0, -1.0):
        ray = torch.lerp(start, end, share) + way * _across(start, end) * reach[:, None]
        x, y = ray[:, 0].long().clamp(0, width - 1), ray[:, 1].long().clamp(0, height - 1)
        outside = (matte_HW[y, x] < 0.5).nonzero()
        sides.append(float(reach[outside[0, 0]]) / radius if len(outside) else float("inf"))
    return sides[0], sides[1]


def _across(start_2: torch.Tensor, end_2: torch.Tensor) -> torch.Tensor:
    """The unit vector [2] across a bone: towards larger x where it hangs straight down."""
    return -perpendicular(unit(end_2 - start_2))
