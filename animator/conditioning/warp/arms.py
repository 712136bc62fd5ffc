"""Which pixels are an arm: by distance from its bones, and by colour where it touches the body.

Legend: H W pixels.
"""

from __future__ import annotations

import torch

from animator.conditioning.warp.anatomy import (
    chain_distance,
    limb_thickness,
    segment,
    smoothstep,
    unit,
)
from animator.conditioning.warp.arm_hair import hair_odds
from animator.conditioning.warp.arm_place import ArmPlace, arm_place
from animator.conditioning.warp.bones import LEFT_LEG, RADIUS, RIGHT_LEG, TORSO, BonePose
from animator.conditioning.warp.color_evidence import color_evidence
from animator.conditioning.warp.cuff import cuff_over_pocket
from animator.conditioning.warp.cutout import widened
from animator.conditioning.warp.figure import Figure
from animator.conditioning.warp.gaps import on_bones
from animator.matting import shortest_boundary

# Torso lengths: how far around a pixel colours are compared, and what a px of border costs in log-odds.
_ARM_REACH, _BORDER = 0.3, 0.012
# Torso lengths that cloth stands off the trunk's usual outline.
_CLOTH_REACH = 0.12
# Radii of a hand that fingers reach aside.
_FINGERS = 1.0
# Share of an arm's middle that must lie outside the trunk for its colours to be taken from there alone.
_FREE_SIDE = 0.25
# Torso lengths from the trunk within which cloth may be the trunk's.
_BESIDE = 0.2
# What colours say counts this much more than where a pixel lies: cloth hangs before arms.
_COLOR_ODDS = 2.0
# Log-odds per radius of distance from an arm's edge.
_SHAPE_ODDS = 4.0
# Log-odds that what lies between the trunk's side and an arm is sleeve.
_SLEEVE_ODDS = 1.8
# Radii about the bones that are surely arm, and at a wrist: one thickness is measured for the whole arm, and wrists are
# slimmer than a sleeve or a strong upper arm makes them. Between which places down the forearm that changes.
_CORE, _WRIST_CORE, _TOWARDS_WRIST = 0.6, 0.45, (0.3, 0.6)
# Radii about the other arm's bones within which a pixel may be of that arm.
_RIVAL = 1.2
# Radii of an upper arm about its joint within which the trunk goes on below it, and from which on it does not.
_SHOULDER = (0.75, 1.1)


def arm_and_hair(figure: Figure, bones: tuple[int, ...], held_HW: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Which pixels are this arm, by distance from its bones and by colour at the border to the body.

    Args:
        figure: the person.
        bones: upper arm, forearm and hand of one arm.
        held_HW: bool, what the hand holds, from `held_thing`: it goes along.

    Returns:
        [H, W] in [0, 1]; and bool [H, W], hair that lies before the arm.
    """
    place = arm_place(figure, bones)
    beyond, core = torch.zeros_like(figure.hull), torch.full_like(figure.hull, _CORE)
    if place.down is not None:
        core = core + (_WRIST_CORE - _CORE) * smoothstep(*_TOWARDS_WRIST, place.down) * (place.down < 1)
    if place.down is not None and place.hand_hidden:
        # Where the hand is hidden, so is the wrist, and the arm ends there.
        beyond = smoothstep(0.9, 1.05, place.down)
    arm = _surely_arm(place, (figure.matte_HW > 0.8) & (place.distance < core) & (beyond < 0.5))
    hair, before_arm = hair_odds(place, arm)
    odds = _shape_odds(place) + _color_odds(place, arm, hair, held_HW)
    odds = torch.lerp(odds, torch.full_like(odds, -2.5), beyond)
    odds = torch.where(cuff_over_pocket(place, arm), 2.5, odds) if place.hand_hidden else odds
    # Wherever hair lies, also right before the bones: it falls from the head, and the arm goes on below it.
    odds = torch.minimum(odds, torch.where(before_arm, _COLOR_ODDS * hair, float("inf")))
    odds = torch.where(held_HW, 2.5, odds)
    # Beyond the person there is nothing to part: the border may lie anywhere there.
    odds = torch.where(figure.matte_HW > 0.02, odds, -0.01)
    arm_HW = shortest_boundary(odds, figure.colors_3HW, length=_BORDER * figure.size)
    return arm_HW * ~(place.apart & ~held_HW), before_arm


def _shape_odds(place: ArmPlace) -> torch.Tensor:
    """Log-odds [H, W] of belonging to the arm by distance alone."""
    points, pose, hull, distance = place.figure.points, place.figure.pose, place.figure.hull, place.distance
    body = torch.minimum(chain_distance(points, pose, LEFT_LEG), chain_distance(points, pose, RIGHT_LEG))
    # Wide sleeves and bags outside the trunk go with the arm, as far as nothing else is nearer.
    above_hips, _ = segment(points, pose.start_BJ2[0, TORSO], pose.end_BJ2[0, TORSO])
    loose = (1 - hull) * (1 - smoothstep(1.8, 2.4, distance)) * (distance < torch.minimum(body, place.head))
    # Cloth stands off the trunk, too: an open jacket's hem must not hang on the elbow.
    loose = loose * smoothstep(0.0, 0.15, above_hips) * (1 - widened(hull, _CLOTH_REACH * place.figure.size))
    # Where the trunk has ended, only colours may say that something is not sleeve.
    sleeve = place.figure.beside_HW * (1 - smoothstep(1.8, 2.4, distance))
    loose_odds = torch.maximum(5 * loose - 2.5, (2.5 + _SLEEVE_ODDS) * sleeve - 2.5)
    odds = torch.maximum(_SHAPE_ODDS * (1.05 - distance), loose_odds)
    # Where arms cross or hands touch, each pixel is of the arm whose bones are nearer: both would carry both along.
    nearer = _SHAPE_ODDS * (place.rival - distance)
    odds = torch.where(place.rival < _RIVAL, torch.minimum(odds, nearer), odds).clamp(-2.5, 2.5)
    return torch.where(place.apart, -2.5, odds)


def _color_odds(place: ArmPlace, arm: torch.Tensor, hair: torch.Tensor, held_HW: torch.Tensor) -> torch.Tensor:
    """Log-odds [H, W] that colours add: against cloth of the body and hair before the arm."""
    figure, distance, size = place.figure, place.distance, place.figure.size
    # Only here is there anything of the body to tell from the arm: before it, and in cloth that stands off it.
    trunk = figure.hull * (place.head > 1.3)
    beside_trunk = widened(trunk, _BESIDE * size)
    # Fingers bend away from where a hand's bone points, as far as they are long.
    hand = () if place.hand_hidden else place.bones[2:]
    near = torch.minimum(distance, chain_distance(figure.points, figure.pose, hand) - _FINGERS)
    before_bones = (1 - smoothstep(1.3, 1.7, near)) * beside_trunk
    doubted, core = before_bones, smoothstep(0.1, 0.35, distance)
    if place.down is not None:
        # Beside a hand on the hip or in a pocket lies cloth of the body, and the outline of that bulges there.
        doubted = torch.maximum(doubted, beside_trunk * smoothstep(*_TOWARDS_WRIST, place.down))
        if place.hand_hidden:
            # Sleeve and cloth part by colour alone.
            core = torch.maximum(core, smoothstep(0.5, 0.75, place.down))
    opaque, asked = figure.matte_HW > 0.8, (figure.matte_HW > 0.02) & (core * doubted > 0.01)
    cloth = opaque & (distance > 1.15) & (trunk > 0.5) & ~held_HW
    evidence = color_evidence(figure.colors_3HW, arm, cloth, asked, reach_px=_ARM_REACH * size)
    evidence = torch.minimum(evidence, hair)
    return _COLOR_ODDS * core * torch.where(evidence > 0, before_bones, doubted) * evidence


def beyond_shoulder(points: torch.Tensor, pose: BonePose, upper_arm: int) -> torch.Tensor:
    """[H, W] how far the trunk is left out below an arm: all but a disc about the joint.

    The arm hides the disc however it turns; more of the shoulder would stay behind as a step when the arm is raised.
    """
    joint = pose.start_BJ2[0, upper_arm]
    place, _ = segment(points, joint, pose.end_BJ2[0, upper_arm])
    around = (points - joint).norm(dim=-1) / (RADIUS[upper_arm] * pose.torso_length_B[0])
    return smoothstep(0.0, 0.1, place) * smoothstep(*_SHOULDER, around)


def hidden_stretch(figure: Figure, bones: tuple[int, ...]) -> torch.Tensor:
    """[H, W]: the middle of an arm from shoulder to wrist: there is arm, even where hair or a wide blouse hides it."""
    points, pose = figure.points, figure.pose
    shown = tuple(bone for bone in bones[:2] if pose.shows(bone))
    distance = chain_distance(points, pose, shown, limb_thickness(figure.matte_HW, pose, shown))
    inside = 1 - smoothstep(0.5, 0.75, distance)
    if pose.shows(bones[2]):
        return inside
    # The wrist of a hand in a pocket is in there, too.
    down, _ = segment(points, pose.start_BJ2[0, bones[1]], pose.end_BJ2[0, bones[1]])
    return inside * (1 - smoothstep(0.4, 0.6, down))


def _surely_arm(place: ArmPlace, core_HW: torch.Tensor) -> torch.Tensor:
    """The middle of an arm, without what lies before it: hair and cloth fall over the side towards the trunk."""
    points, pose = place.figure.points, place.figure.pose
    hand = chain_distance(points, place.curled_hand, place.bones[2:]) < 0.6
    outer = _from_spine(points, pose) > _from_spine(on_bones(points, pose, place.shown)[0], pose)
    sleeve = core_HW & ~hand
    free = sleeve & (place.figure.hull < 0.5) & outer
    return (core_HW & hand) | (free if int(free.sum()) > _FREE_SIDE * int(sleeve.sum()) else sleeve)


def _from_spine(points: torch.Tensor, pose: BonePose) -> torch.Tensor:
    """Distance [...] from the line through hips and neck in px."""
    axis = unit(pose.end_BJ2[0, TORSO] - pose.start_BJ2[0, TORSO])
    return ((points - pose.start_BJ2[0, TORSO]) @ torch.stack([-axis[1], axis[0]])).abs()
