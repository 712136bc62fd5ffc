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
        source = motion.source_BJ2[:, self.upper_arm]
        offset = mirror(points_V2[None], motion.mirrored_B, motion.axis_x) - source[:, None]
        turned = apply(rotation(motion.angle_BJ[:, TORSO, None]), offset * motion.scale_B[:, None, None])
        in_trunk = apply(motion.matrix_BJ22[:, TORSO], source - motion.source_BJ2[:, TORSO])
        joint = self._outwards(motion.target_BJ2[:, TORSO] + in_trunk, motion)
        return torch.lerp(moved_BV2, joint[:, None] + turned, self.share_V[None, :, None])

    def _outwards(self, joint_B2: torch.Tensor, motion: BoneMotion) -> torch.Tensor:
        """The joint as the trunk has it, moved to where the arm begins if that is farther out.

        Not farther in: seen from the side, a trunk is broader than its joints lie apart.
        """
        other = RIGHT_UPPER_ARM if self.upper_arm == LEFT_UPPER_ARM else LEFT_UPPER_ARM
        arm = motion.target_BJ2[:, self.upper_arm]
        across = arm - motion.target_BJ2[:, other]
        out = across / across.norm(dim=-1, keepdim=True).clamp_min(1)
        return joint_B2 + ((arm - joint_B2) * out).sum(-1, keepdim=True).clamp_min(0) * out


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
