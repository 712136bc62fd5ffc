"""Shoulders: what the trunk keeps below an arm does not widen with the trunk, and is not left behind by the arm.

A trunk that turns to the camera widens, and its shoulder joints move outwards in it. What of it lies about a joint
would come out beyond the arm that is to hide it, as a stump, or would show a step where the arm begins farther out.

Legend: B target poses, V vertices of a mesh.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from animator.conditioning.warp.anatomy import smoothstep
from animator.conditioning.warp.bones import LEFT_UPPER_ARM, RADIUS, RIGHT_UPPER_ARM, TORSO, BonePose
from animator.conditioning.warp.plane import apply, mirror, rotation
from animator.conditioning.warp.skinning import BoneMotion

# Radii of an upper arm about its joint within which the trunk goes with the joint, and from which on it does not.
REACH = (1.1, 2.6)
_UPPER_ARMS = (LEFT_UPPER_ARM, RIGHT_UPPER_ARM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shoulder:
    """The trunk about the joint of one arm.

    Attributes:
        upper_arm: the bone.
        share_V: how far each vertex of the trunk goes with the joint.
    """

    upper_arm: int
    share_V: torch.Tensor

    def keep_below_arm(self, points_V2: torch.Tensor, moved_BV2: torch.Tensor, motion: BoneMotion) -> torch.Tensor:
        """The vertices, those about the joint as far from it as in the photo.

        Args:
            points_V2: the vertices in the photo, px.
            moved_BV2: where they would go with the trunk.
            motion: of the bones.
        """
        offset = mirror(points_V2[None], motion.mirrored_B, motion.axis_x) - motion.source_BJ2[:, None, self.upper_arm]
        turned = apply(rotation(motion.angle_BJ[:, TORSO, None]), offset * motion.scale_B[:, None, None])
        joint = self._outwards(motion)
        return torch.lerp(moved_BV2, joint[:, None] + turned, self.share_V[None, :, None])

    def _outwards(self, motion: BoneMotion) -> torch.Tensor:
        """The joint [B, 2] as the trunk has it, moved to where the arm begins if that is farther out.

        Not farther in: seen from the side, a trunk is broader than its joints lie apart, and these may have changed
        sides.
        """
        both = list(_UPPER_ARMS if self.upper_arm == _UPPER_ARMS[0] else _UPPER_ARMS[::-1])
        hung = motion.source_BJ2[:, both] - motion.source_BJ2[:, TORSO, None]
        in_trunk = motion.target_BJ2[:, TORSO, None] + apply(motion.matrix_BJ22[:, TORSO, None], hung)
        joint, other = in_trunk.unbind(1)
        out = (joint - other) / (joint - other).norm(dim=-1, keepdim=True).clamp_min(1)
        to_arm = motion.target_BJ2[:, self.upper_arm] - joint
        return joint + (to_arm * out).sum(-1, keepdim=True).clamp_min(0) * out


def shoulder_of(points_V2: torch.Tensor, pose: BonePose, upper_arm: int, head_V: torch.Tensor) -> Shoulder:
    """The trunk about one arm's joint.

    Args:
        points_V2: photo px.
        pose: the photo's pose (one).
        upper_arm: the bone.
        head_V: how far each vertex goes with the head; that share stays with it.
    """
    around = (points_V2 - pose.start_BJ2[0, upper_arm]).norm(dim=-1) / (RADIUS[upper_arm] * pose.torso_length_B[0])
    return Shoulder(upper_arm=upper_arm, share_V=(1 - smoothstep(*REACH, around)) * (1 - head_V))
