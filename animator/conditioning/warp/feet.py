"""How feet move: one that stands keeps its sole level, one in the air turns with its leg.

A foot that turns about the upright does not turn in the picture: its tip moves aside along the floor. Turned in the
picture like any other limb, shoes seen from the front would stand on their edges or on tiptoe.

Legend: B target poses.
"""

from __future__ import annotations

import torch

from animator.conditioning.warp.anatomy import smoothstep
from animator.conditioning.warp.bones import LEFT_FOOT, LEFT_SHIN, RIGHT_FOOT, RIGHT_SHIN, BonePose
from animator.conditioning.warp.plane import bent_at_most, direction, wrap

SHINS = {LEFT_FOOT: LEFT_SHIN, RIGHT_FOOT: RIGHT_SHIN}
# Torso lengths by which a foot is higher in the picture than the other: up to the first it may stand farther away, from
# the second on it is in the air. And angles of the shin from hanging, radians, alike.
LIFTED, TILTED = (0.2, 0.6), (0.8, 1.3)
# How far a sole may be drawn aside per unit of its height, and how much a foot may grow or shrink.
LEAN, WIDTH, HEIGHT = 0.6, (0.75, 1.5), (0.75, 1.25)
# An ankle bends no further, radians.
ANKLE_TURN = 1.2
# Torso lengths that are added to heights of a few px before they are compared: they are mostly noise.
STEADY = 0.1
# From so many torso lengths aside on, the photo shows a foot from its side.
SIDEWAYS = (0.1, 0.25)


def foot_motion(
    photo: BonePose,
    target: BonePose,
    foot: int,
    turn_B: torch.Tensor,
    shin_B: torch.Tensor,
    stretch_B22: torch.Tensor,
    scale_B: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Turn [B] and change of shape [B, 2, 2] of a foot, standing or in the air.

    Args:
        photo: mirrored where the person has turned round.
        target: the poses.
        foot: `LEFT_FOOT` or `RIGHT_FOOT`.
        turn_B, stretch_B22: what a limb would do; a foot in the air does, as far as an ankle bends.
        shin_B: turn of the shin. Turns are counted on along the leg, beyond half a circle and more.
        scale_B: target size over photo size.
    """
    stands = standing(photo, foot) * standing(target, foot) * target.trust_BJ[:, foot] * photo.trust_BJ[:, foot]
    # A tip on the other side is that of a foot turned about its leg; no bend shows that.
    bent = shin_B + bent_at_most(wrap(turn_B - shin_B), ANKLE_TURN)
    # Upright after as many whole turns as the shin has made, so that no ankle is wound up. Shins of feet that stand are
    # nowhere near half a turn.
    upright = 2 * torch.pi * (shin_B / (2 * torch.pi)).round()
    return torch.lerp(bent, upright, stands), torch.lerp(
        stretch_B22, _level(photo, target, foot, scale_B), stands[:, None, None]
    )


def standing(pose: BonePose, foot: int) -> torch.Tensor:
    """[B] in [0, 1]: how far a foot stands on the floor, by its height beside the other's and by its shin."""
    lowest = {bone: torch.maximum(pose.start_BJ2[:, bone, 1], pose.end_BJ2[:, bone, 1]) for bone in SHINS}
    (other,) = SHINS.keys() - {foot}
    # A foot nobody saw does not tell where the floor is.
    floor = torch.where(pose.trust_BJ[:, other] > 0, torch.maximum(lowest[foot], lowest[other]), lowest[foot])
    lifted = smoothstep(*LIFTED, (floor - lowest[foot]) / pose.torso_length_B.clamp_min(1))
    shin = pose.end_BJ2[:, SHINS[foot]] - pose.start_BJ2[:, SHINS[foot]]
    tilted = smoothstep(*TILTED, wrap(direction(shin) - torch.pi / 2).abs())
    return (1 - lifted) * (1 - tilted)


def _level(photo: BonePose, target: BonePose, foot: int, scale: torch.Tensor) -> torch.Tensor:
    """Change of shape that takes the tip of a foot where it belongs and leaves what is level level.

    A foot seen from its side gets wider or narrower as its tip moves aside, and leans for the rest.
    """
    size = photo.torso_length_B.expand_as(scale)
    aside, down = (photo.end_BJ2[:, foot] - photo.start_BJ2[:, foot]).unbind(-1)
    wanted, wanted_down = ((target.end_BJ2[:, foot] - target.start_BJ2[:, foot]) / scale[:, None]).unbind(-1)
    aside, down = aside.expand_as(scale), down.expand_as(scale)
    least = STEADY * size
    height = ((wanted_down.clamp_min(0) + least) / (down.clamp_min(0) + least)).clamp(*HEIGHT)
    grown = (wanted / torch.where(aside.abs() < 1e-3, 1e-3, aside)).clamp(*WIDTH)
    width = 1 + (grown - 1) * smoothstep(*SIDEWAYS, aside.abs() / size.clamp_min(1))
    # Of a foot seen from behind the tip is not below the ankle: there is nothing to lean.
    low = smoothstep(0.0, STEADY, down / size.clamp_min(1))
    lean = ((wanted - width * aside) / torch.maximum(down, least)).clamp(-LEAN, LEAN) * low
    rows = [torch.stack([width, lean], -1), torch.stack([torch.zeros_like(width), height], -1)]
    return torch.stack(rows, -2) * scale[:, None, None]
