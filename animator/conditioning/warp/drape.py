"""Skirts over legs that move: cloth lies taut over a bent knee, and hangs where a raised thigh leaves it.

A skirt stands farther off the leg than the leg is thick. Turned about a bent knee as the leg is, its hem comes out as
a ball. On the side where the knee points the cloth is drawn to the leg instead; on the other side nothing holds it up,
and it hangs from the hips.

Legend: B target poses, V vertices of a mesh.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from animator.conditioning.warp.anatomy import segment, smoothstep, unit
from animator.conditioning.warp.bones import LEFT_LEG, RADIUS, RIGHT_LEG, TORSO, BonePose
from animator.conditioning.warp.plane import mirror, offset_from_segment, wrap
from animator.conditioning.warp.skinning import BoneMotion

# Radians that a knee bends more than in the photo: from the first on the cloth is drawn, at the second it is taut.
_SLACK, _TAUT = 0.4, 1.2
# Where along a thigh cloth begins to be drawn to it, and from where on it is in full.
_FROM, _TO = 0.2, 0.8
# Radii of the thigh at which taut cloth lies off its bone.
_OFF_BONE = 0.75
# Radians that a thigh is raised more than in the photo: from the first on the cloth it leaves begins to hang, from the
# second on it does. And where along a thigh cloth may begin to, and where all of it may.
_LEAVES, _LEFT = 0.3, 1.0
_HIPS, _FREE = 0.0, 0.6
# Where along a thigh, and so far down, a skirt is as wide as it gets, and which share of it lies within its edges.
_SKIRT, _EDGE = 0.3, 0.97
# How far the hips are below the shoulders, of the length between, where nothing hangs down the legs any more, and where
# all does.
_LYING, _UPRIGHT = -0.2, 0.5
# Down to where the floor is.
_SHINS_AND_FEET = (*LEFT_LEG[1:], *RIGHT_LEG[1:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Drape:
    """The cloth of a skirt on one leg.

    Attributes:
        thigh, shin: the bones.
        distance_V: of each vertex from the nearer of the two in the photo, px.
        taut_V: how far each vertex, [0, 1], is drawn to a bent leg.
        off_bone_px: where taut cloth lies, px of the photo.
        points_V2: the vertices in the photo, px.
        aside_V: where across the skirt each vertex lies, -1 at its left edge in the picture and 1 at its right one.
        free_V: how far each vertex, [0, 1], may hang on its own.
        length_px: from the hips down to the hem.
    """

    thigh: int
    shin: int
    distance_V: torch.Tensor
    taut_V: torch.Tensor
    off_bone_px: float
    points_V2: torch.Tensor
    aside_V: torch.Tensor
    free_V: torch.Tensor
    length_px: float

    def over_leg(self, moved_BV2: torch.Tensor, motion: BoneMotion) -> torch.Tensor:
        """The vertices [B, V, 2], taut over a bent knee and hanging where a raised thigh leaves them."""
        return self._hanging(self._over_knee(moved_BV2, motion), motion)

    def _over_knee(self, moved_BV2: torch.Tensor, motion: BoneMotion) -> torch.Tensor:
        """The vertices; where the knee is bent, those on its outer side no farther from the leg than it is thick."""
        bend_B = wrap(motion.angle_BJ[:, self.shin] - motion.angle_BJ[:, self.thigh])
        taut_BV = smoothstep(_SLACK, _TAUT, bend_B.abs())[:, None] * self.taut_V
        if not bool((taut_BV > 0).any()):
            return moved_BV2
        hip, knee = motion.target_BJ2[:, None, self.thigh], motion.target_BJ2[:, None, self.shin]
        ankle = motion.end_BJ2[:, None, self.shin]
        outwards = -(unit(hip - knee) + unit(ankle - knee))
        aside = torch.stack([offset_from_segment(moved_BV2, *ends) for ends in ((hip, knee), (knee, ankle))])
        distance, nearer = aside.norm(dim=-1).min(0)
        aside = torch.where((nearer == 0)[..., None], aside[0], aside[1])
        is_outer = (aside * outwards).sum(-1) > 0
        scale = motion.scale_B[:, None]
        own = self.distance_V * scale
        limit = torch.lerp(own, torch.minimum(own, self.off_bone_px * scale), taut_BV)
        beyond = (1 - limit / distance.clamp_min(1e-6)).clamp_min(0) * is_outer * (taut_BV > 0)
        return moved_BV2 - beyond[..., None] * aside

    def _hanging(self, moved_BV2: torch.Tensor, motion: BoneMotion) -> torch.Tensor:
        """The vertices; the farther on the side that a raised thigh leaves, the more they hang, down to the floor."""
        hips, shoulders = motion.target_BJ2[:, TORSO], motion.end_BJ2[:, TORSO]
        raised = -wrap(motion.angle_BJ[:, self.thigh])  # towards larger x
        share = smoothstep(_LEAVES, _LEFT, raised.abs()) * smoothstep(_LYING, _UPRIGHT, unit(hips - shoulders)[:, 1])
        if not bool((share > 0).any()):
            return moved_BV2
        towards = torch.where(motion.mirrored_B, -raised, raised).sign()[:, None]
        behind = ((1 - self.aside_V * towards) / 2).clamp(0, 1)
        width = motion.matrix_BJ22[:, TORSO, :, 0].norm(dim=-1)
        to_floor = motion.end_BJ2[:, _SHINS_AND_FEET, 1].amax(1) - hips[:, 1]
        height = torch.minimum(motion.scale_B, (to_floor / self.length_px).clamp_min(0.1))
        from_hips = mirror(self.points_V2[None], motion.mirrored_B, motion.axis_x) - motion.source_BJ2[:, None, TORSO]
        hung = hips[:, None] + from_hips * torch.stack([width, height], -1)[:, None]
        return torch.lerp(moved_BV2, hung, (behind * self.free_V * share[:, None])[..., None])


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
    from_hips = points_V2 - pose.start_BJ2[0, TORSO]
    half = from_hips[place > _SKIRT, 0].abs()
    return Drape(
        thigh=thigh,
        shin=shin,
        distance_V=torch.minimum(on_thigh, on_shin),
        taut_V=smoothstep(_FROM, _TO, place),
        off_bone_px=_OFF_BONE * RADIUS[thigh] * float(pose.torso_length_B[0]),
        points_V2=points_V2,
        aside_V=from_hips[:, 0] / half.quantile(_EDGE).clamp_min(1) if len(half) else torch.zeros_like(place),
        free_V=smoothstep(_HIPS, _FREE, place),
        length_px=max(float(from_hips[:, 1].max()), 1.0),
    )
