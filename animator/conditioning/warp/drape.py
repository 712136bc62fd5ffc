"""Skirts over bent knees: cloth lies taut over the knee and hangs from it.

A skirt stands farther off the leg than the leg is thick. Turned about a bent knee as the leg is, its hem comes out as
a ball; the cloth there is drawn to the leg instead, on the side where the knee points.

Legend: B target poses, V vertices of a mesh.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from animator.conditioning.warp.anatomy import segment, smoothstep
from animator.conditioning.warp.bones import RADIUS, BonePose
from animator.conditioning.warp.plane import wrap
from animator.conditioning.warp.skinning import BoneMotion

# Radians that a knee bends more than in the photo: from the first on the cloth is drawn, at the second it is taut.
_SLACK, _TAUT = 0.4, 1.2
# Where along a thigh cloth begins to be drawn to it, and from where on it is in full.
_FROM, _TO = 0.2, 0.8
# Radii of the thigh at which taut cloth lies off its bone.
_OFF_BONE = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class Drape:
    """The cloth of a skirt on one leg.

    Attributes:
        thigh, shin: the bones.
        distance_V: of each vertex from the nearer of the two in the photo, px.
        taut_V: how far each vertex, [0, 1], is drawn to a bent leg.
        off_bone_px: where taut cloth lies, px of the photo.
    """

    thigh: int
    shin: int
    distance_V: torch.Tensor
    taut_V: torch.Tensor
    off_bone_px: float

    def over_knee(self, moved_BV2: torch.Tensor, motion: BoneMotion) -> torch.Tensor:
        """The vertices; where the knee is bent, those on its outer side no farther from the leg than it is thick."""
        bend_B = wrap(motion.angle_BJ[:, self.shin] - motion.angle_BJ[:, self.thigh])
        taut_BV = smoothstep(_SLACK, _TAUT, bend_B.abs())[:, None] * self.taut_V
        if not bool((taut_BV > 0).any()):
            return moved_BV2
        hip, knee, ankle = (
            motion.target_BJ2[:, self.thigh],
            motion.target_BJ2[:, self.shin],
            motion.end_BJ2[:, self.shin],
        )
        outwards = -(_unit(hip - knee) + _unit(ankle - knee))[:, None]
        aside = torch.stack([_aside(moved_BV2, hip, knee), _aside(moved_BV2, knee, ankle)])
        distance, nearer = aside.norm(dim=-1).min(0)
        aside = torch.where((nearer == 0)[..., None], aside[0], aside[1])
        is_outer = (aside * outwards).sum(-1) > 0
        scale = motion.scale_B[:, None]
        own = self.distance_V * scale
        limit = torch.lerp(own, torch.minimum(own, self.off_bone_px * scale), taut_BV)
        beyond = (1 - limit / distance.clamp_min(1e-6)).clamp_min(0) * is_outer * (taut_BV > 0)
        return moved_BV2 - beyond[..., None] * aside


def skirt_drape(points_V2: torch.Tensor, pose: BonePose, bones: tuple[int, ...]) -> Drape:
    """The drape of a skirt's points over one leg.

    Args:
        points_V2: photo px.
        pose: the photo's pose (one).
        bones: of the leg, from the hip down.
    """
    thigh, shin = bones[:2]
    (place, on_thigh), (_, on_shin) = (
        segment(points_V2, pose.start_BJ2[0, bone], pose.end_BJ2[0, bone]) for bone in (thigh, shin)
    )
    return Drape(
        thigh=thigh,
        shin=shin,
        distance_V=torch.minimum(on_thigh, on_shin),
        taut_V=smoothstep(_FROM, _TO, place),
        off_bone_px=_OFF_BONE * RADIUS[thigh] * float(pose.torso_length_B[0]),
    )


def _aside(points_BV2: torch.Tensor, start_B2: torch.Tensor, end_B2: torch.Tensor) -> torch.Tensor:
    """From the nearest place on a bone to each point [B, V, 2]."""
    axis = (end_B2 - start_B2)[:, None]
    offset = points_BV2 - start_B2[:, None]
    place = (offset * axis).sum(-1, keepdim=True) / axis.square().sum(-1, keepdim=True).clamp_min(1e-6)
    return offset - place.clamp(0, 1) * axis


def _unit(vector_B2: torch.Tensor) -> torch.Tensor:
    return vector_B2 / vector_B2.norm(dim=-1, keepdim=True).clamp_min(1e-6)
