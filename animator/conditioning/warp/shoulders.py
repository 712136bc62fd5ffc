"""Shoulders: what the trunk keeps below an arm goes with trunk and arm as skin and cloth do.

A trunk that turns to the camera widens, and its shoulder joints move outwards in it. What of it lies about a joint
would come out beyond the arm that is to hide it, as a stump, or would show a step where the arm begins farther out.

An arm that is raised takes the shoulder's round along, and draws up the trunk's side: skin and cloth span from the
waist over the armpit to the arm's underside, where otherwise a notch would open between arm and trunk.

Legend: B target poses, V vertices of a mesh.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from animator.conditioning.warp.anatomy import below_arm, smoothstep, trunk_place, unit
from animator.conditioning.warp.binding import Pair, upper_arm_binding
from animator.conditioning.warp.bones import LEFT_UPPER_ARM, RADIUS, RIGHT_UPPER_ARM, TORSO, BonePose
from animator.conditioning.warp.plane import apply, mirror, perpendicular, rotation
from animator.conditioning.warp.skinning import FROM_SIDE, BoneMotion
from animator.conditioning.warp.torso import BREADTH, breadth, outward

# Radii of an upper arm about its joint within which the trunk goes with the joint, and from which on it does not.
REACH = (1.1, 2.6)
_UPPER_ARMS = (LEFT_UPPER_ARM, RIGHT_UPPER_ARM)
# The shoulder's round: radii beyond the arm's axis, and about its joint, from and up to which the trunk is the arm's.
_BEYOND, _ROUND = (0.2, 0.8), (1.3, 2.0)
# The armpit lies so many radii down an arm, at its underside. What spans from there to the trunk's side is drawn half
# the way.
_ARMPIT, _HALF_WAY = 1.3, 0.5
# The trunk's side: from where across the trunk (0 at the spine, 1 at its side) and up it (0 at the hips, 1 at the
# shoulders) an arm draws at it, and up to where.
_ASIDE, _UP, _TOP = (0.2, 1.0), (0.3, 0.9), (0.9, 1.15)
# Radians that an arm is raised more than in the photo: from none on it draws, from the second on in full.
_RAISED = (0.0, 0.8)
# Shoulders, or shoulders and hips, that show this share of their breadth: the trunk's sides are where the picture has
# them. From the side an arm is raised before the trunk or behind it, and which way that is, is chance.
_FRONTAL = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Shoulder:
    """The trunk about the joint of one arm.

    Attributes:
        upper_arm: the bone.
        share_V: how far each vertex of the trunk goes with the joint.
        side_V: how far each vertex, [0, 1], is drawn along by the raised arm.
        armpit_2: from the joint to the armpit in the photo, px.
        raising: +1 or -1, the turning direction that raises the arm.
        round_V: how far each vertex, [0, 1], goes with the arm itself.
        arm: what of the arm each vertex would hang on.
    """

    upper_arm: int
    share_V: torch.Tensor
    side_V: torch.Tensor
    armpit_2: torch.Tensor
    raising: float
    round_V: torch.Tensor
    arm: Pair

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

    def follow_arm(self, points_V2: torch.Tensor, moved_BV2: torch.Tensor, motion: BoneMotion) -> torch.Tensor:
        """The vertices, the trunk's side drawn up by a raised arm, and the shoulder's round where the arm has it.

        Args:
            points_V2: the vertices in the photo, px.
            moved_BV2: where they would go with the trunk.
            motion: of the bones.
        """
        mirrored = motion.mirrored_B
        turn = motion.angle_BJ[:, self.upper_arm] - motion.angle_BJ[:, TORSO]
        raised = smoothstep(*_RAISED, torch.where(mirrored, -turn, turn) * self.raising)
        armpit = torch.where(mirrored[:, None], self.armpit_2 * self.armpit_2.new_tensor([-1.0, 1.0]), self.armpit_2)
        raised = raised * smoothstep(FROM_SIDE, _FRONTAL, self._apart(motion))
        by_arm = apply(motion.matrix_BJ22[:, self.upper_arm] - motion.matrix_BJ22[:, TORSO], armpit)
        drawn = moved_BV2 + self.side_V[:, None] * (_HALF_WAY * raised[:, None] * by_arm)[:, None]
        return torch.lerp(drawn, motion.carry(points_V2, *self.arm), self.round_V[:, None])

    def _apart(self, motion: BoneMotion) -> torch.Tensor:
        """[B]: how far apart the arms begin, as a share of how far they did in the photo."""
        left, right = _UPPER_ARMS
        before, after = (
            (joints[:, left] - joints[:, right]).norm(dim=-1) for joints in (motion.source_BJ2, motion.target_BJ2)
        )
        return after / (before * motion.scale_B).clamp_min(1)

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


def shoulder_of(points_V2: torch.Tensor, pose: BonePose, bones: tuple[int, ...], head_V: torch.Tensor) -> Shoulder:
    """The trunk about one arm's joint.

    Args:
        points_V2: photo px.
        pose: the photo's pose (one).
        bones: upper arm, forearm and hand.
        head_V: how far each vertex goes with the head; that share stays with it.
    """
    upper_arm = bones[0]
    joint, radius = pose.start_BJ2[0, upper_arm], RADIUS[upper_arm] * pose.torso_length_B[0]
    around = (points_V2 - joint).norm(dim=-1) / radius
    down = unit(pose.end_BJ2[0, upper_arm] - joint)
    raising = float(outward(pose, upper_arm)[0])
    to_armpit = -raising * perpendicular(down)
    beyond = smoothstep(*_BEYOND, -below_arm(points_V2, pose, upper_arm) / radius)
    return Shoulder(
        upper_arm=upper_arm,
        share_V=(1 - smoothstep(*REACH, around)) * (1 - head_V),
        side_V=_side(points_V2, pose, upper_arm) * (1 - head_V),
        armpit_2=radius * (_ARMPIT * down + to_armpit),
        raising=raising,
        round_V=beyond * (1 - smoothstep(*_ROUND, around)) * (1 - head_V),
        arm=upper_arm_binding(points_V2, pose, bones),
    )


def _side(points_V2: torch.Tensor, pose: BonePose, upper_arm: int) -> torch.Tensor:
    """[V] in [0, 1]: how far points lie at the trunk's side below an arm; 0 in a photo from the side."""
    up, across = trunk_place(points_V2, pose)
    aside = across if upper_arm == LEFT_UPPER_ARM else -across
    frontal = smoothstep(FROM_SIDE, _FRONTAL, breadth(pose)[0].abs() / (BREADTH * pose.torso_length_B[0]))
    return smoothstep(*_ASIDE, aside) * smoothstep(*_UP, up) * (1 - smoothstep(*_TOP, up)) * frontal
