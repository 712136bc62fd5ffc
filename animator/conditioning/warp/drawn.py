"""Layers as they are drawn in each pose, and which of them lies before which.

Legend: B poses, h w window pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from animator.conditioning.warp.anatomy import smoothstep
from animator.conditioning.warp.bones import LEFT_SHIN, RIGHT_SHIN, BonePose

# What lies nearer is told by little, and that changes within a frame or two of a step or a turn. In between, both
# orders show: while one foot is lower than the other by less than this, while shoulders narrow so far, and while the
# nose has moved aside from the ears by less than this; all in torso lengths.
SAME_DEPTH, NARROW, AHEAD = 0.04, (0.28, 0.36), 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A layer in B poses: colours, opacity and need of repair, and where on the canvas its window lies."""

    picture_B5hw: torch.Tensor
    top: int
    left: int

    def where(self, mask_B: torch.Tensor) -> list[Drawn]:
        """This layer in the poses of the mask only; nothing where the mask is empty."""
        return self.fading(mask_B.to(self.picture_B5hw.dtype))

    def fading(self, share_B: torch.Tensor) -> list[Drawn]:
        """This layer, in each pose so opaque; nothing where it is in none."""
        if bool((share_B == 1).all()):
            return [self]
        if not bool(share_B.any()):
            return []
        picture = self.picture_B5hw.clone()
        picture[:, 3] *= share_B[:, None, None]
        return [Drawn(picture_B5hw=picture, top=self.top, left=self.left)]


def legs_by_depth(pictures: dict[str, Drawn], target: BonePose) -> list[Drawn]:
    """The legs' pictures, farther first: the foot lower in the picture stands nearer to the camera."""
    if "left_leg" not in pictures or "right_leg" not in pictures:
        return [pictures[name] for name in ("left_leg", "right_leg") if name in pictures]
    left, right = pictures["left_leg"], pictures["right_leg"]
    lower_B = target.end_BJ2[:, LEFT_SHIN, 1] - target.end_BJ2[:, RIGHT_SHIN, 1]
    left_near_B = smoothstep(-SAME_DEPTH, SAME_DEPTH, lower_B / target.torso_length_B.clamp_min(1e-3))
    return [*right.where(left_near_B > 0), left, *right.fading(1 - left_near_B)]


def farness(target: BonePose, side: str) -> torch.Tensor:
    """[B] in [0, 1]: how far the person is turned so that this side's arm lies behind the torso."""
    size_B = target.torso_length_B.clamp_min(1e-3)
    across = target.shoulders_B22[:, 0] - target.shoulders_B22[:, 1]
    narrow_B = 1 - smoothstep(*NARROW, across.norm(dim=-1) / size_B)
    before_ears_B2, sure_B = target.nose_before_ears()
    looks_right_B = smoothstep(-AHEAD, AHEAD, before_ears_B2[:, 0] * sure_B / size_B)
    # Looking towards larger x, the person's left side is the far one.
    return narrow_B * (looks_right_B if side == "left" else 1 - looks_right_B)
