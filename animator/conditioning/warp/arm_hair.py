"""Hair that lies before an arm.

Legend: H W pixels.
"""

from __future__ import annotations

import numpy as np
import torch

from animator.conditioning.warp.anatomy import chain_distance, segment, trunk_place
from animator.conditioning.warp.arm_place import ArmPlace
from animator.conditioning.warp.bones import HEAD, RADIUS
from animator.conditioning.warp.color_evidence import color_evidence

# Torso lengths from the face that hair falls down to; log-odds from which on a colour is one of hair, not of the face;
# those from which on what is over an arm is hair; shares of sleeve and shirt from which on such is their own colour.
_HAIR_FALLS, _LOOKS_HAIR, _IS_HAIR, _OWN_COLOR = 1.3, 0.7, 0.3, (0.4, 0.6)
# Where a trunk shows its cloth: up to where along it, and how far across it (1 at its side).
_CHEST = 0.7, 0.4


def hair_odds(place: ArmPlace, arm: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-odds [H, W] against what has the colours of hair on an upper arm, large elsewhere; and where hair lies.

    Args:
        place: about the arm.
        arm: bool [H, W], surely the arm but for what lies before it, as `arms.py` finds it.

    Returns:
        The log-odds; and bool, where hair lies before the arm.
    """
    points, pose, colors_3HW = place.figure.points, place.figure.pose, place.figure.colors_3HW
    opaque = place.figure.matte_HW > 0.8
    beside_face, _ = segment(points, pose.start_BJ2[0, HEAD], pose.end_BJ2[0, HEAD])
    hair = opaque & (place.head > 0.75) & (place.head < 1.5) & (beside_face > -0.2)
    face, falls = opaque & (place.head < 0.5), opaque & (place.head * RADIUS[HEAD] < _HAIR_FALLS)
    upper_arm = chain_distance(points, pose, place.bones[:1]) <= chain_distance(points, pose, place.shown)
    upper_arm = upper_arm & (place.distance < 1.7) & (place.figure.matte_HW > 0.02)
    looks = color_evidence(colors_3HW, hair, face, opaque, reach_px=None) > _LOOKS_HAIR
    # In a sleeve of mostly another colour, what has that of hair is hair that lies there; not in a dark or striped one,
    # nor in the short sleeve of a dark shirt.
    up, across = trunk_place(points, pose)
    shirt = opaque & (place.distance > 1.15) & (up > 0) & (up < _CHEST[0]) & (across.abs() < _CHEST[1])
    told = all(
        float((looks & part).sum()) <= share * float(part.sum())
        for part, share in zip((arm & upper_arm, shirt), _OWN_COLOR, strict=True)
    )
    others = (arm & ~looks if told else arm) | face
    odds = color_evidence(colors_3HW, others, hair, upper_arm | falls, reach_px=None)
    before_arm = upper_arm & hanging(odds < -_IS_HAIR, hair) & told
    return torch.where(upper_arm & (odds < 0), odds, float("inf")), before_arm


def hanging(looks_HW: torch.Tensor, surely_HW: torch.Tensor) -> torch.Tensor:
    """Bool [H, W]: what looks like something and hangs together with what surely is; hair with that about the face."""
    from scipy.ndimage import label

    pieces, _ = label((looks_HW | surely_HW).cpu().numpy(), structure=np.ones((3, 3)))
    whole = np.unique(pieces[(looks_HW & surely_HW).cpu().numpy()])
    return torch.from_numpy(np.isin(pieces, whole[whole > 0])).to(looks_HW.device) & looks_HW
