"""The cuff of a sleeve over the pocket that its hand is in.

Legend: H W pixels.
"""

from __future__ import annotations

import torch

from animator.conditioning.warp.anatomy import leg_place, trunk_place
from animator.conditioning.warp.arm_place import ArmPlace
from animator.conditioning.warp.color_evidence import color_evidence
from animator.matting import box_mean

# Torso lengths about a wrist in which the cuff over a pocket lies, radii of the arm in which it does before the hips,
# and how far up the trunk pockets are; where down the legs there is surely no hem; how wide folds are.
_CUFF, _CUFF_CORE, _POCKETS, _PANTS, _FOLDS = 0.3, 0.8, 0.4, 0.3, 0.04
# Log-odds at which a sleeve differs from the legs' cloth, and those from which on a colour is not the body's.
_NO_SUIT, _CLOTH_LIKELIER = 0.5, -0.2


def cuff_over_pocket(place: ArmPlace, arm: torch.Tensor) -> torch.Tensor:
    """Bool [H, W]: what bulges beside the hips over a pocket in the sleeve's colours, which the legs do not have.

    Args:
        place: about the arm, whose hand is hidden.
        arm: bool [H, W], surely the arm, as `arms.py` finds it.
    """
    figure, pose = place.figure, place.figure.pose
    from_wrist = (figure.points - pose.end_BJ2[0, place.bones[1]]).norm(dim=-1)
    asked = (figure.hull < 0.5) | (place.distance < _CUFF_CORE)
    low = trunk_place(figure.points, pose)[0] < _POCKETS
    asked = asked & low & (figure.matte_HW > 0.02) & (from_wrist < _CUFF * figure.size)
    cloth = (figure.matte_HW > 0.8) & (figure.hull > 0.5) & (place.distance > 1.15)
    legs = cloth & (leg_place(figure.points, pose) > _PANTS)
    differs = color_evidence(figure.colors_3HW, arm, legs, arm, reach_px=None)
    if not bool(arm.any()) or float(differs[arm].mean()) < _NO_SUIT:
        return torch.zeros_like(asked)
    evidence = color_evidence(figure.colors_3HW, arm, cloth, asked, reach_px=None)
    # Folds are darker than any other part of either.
    radius = max(1, round(_FOLDS * figure.size))
    nearby, of = (box_mean(each[None, None], radius)[0, 0] for each in (evidence, asked.to(evidence)))
    return asked & (nearby > _CLOTH_LIKELIER * of)
