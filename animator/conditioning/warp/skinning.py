"""How each bone moves from the photo's pose to a target pose, and where that takes the points of the photo.

A person who turns round shows the photo mirrored: then photo and bones are mirrored first, and everything
after works as for a person who faces the camera.

Legend: B target poses, J bones, V mesh vertices.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from animator.conditioning.warp.bones import (
    HEAD,
    LEFT_FOOT,
    LEFT_HAND,
    LIMBS,
    NUM_BONES,
    PARENT,
    RIGHT_FOOT,
    RIGHT_HAND,
    TORSO,
    BonePose,
)
from animator.conditioning.warp.feet import SHINS, foot_motion
from animator.conditioning.warp.head import SLIDE, SLIDE_REACH, face_travel, head_motion
from animator.conditioning.warp.plane import apply, bent_at_most, direction, mirror, rotation, stretch_along, wrap
from animator.conditioning.warp.torso import BREADTH, body_scale, breadth, outward, spine, torso_motion

# A limb may grow or shrink this much along itself; beyond, the photo tears or piles up visibly.
STRETCH_RANGE = (0.25, 1.6)
HAND_TURN = 1.0
# The bones beyond elbows and knees, and those before.
_MIDDLE, _UPPER = [chain[1] for chain in LIMBS], [chain[0] for chain in LIMBS]
# An arm lifts outwards: angles from hanging are counted from -128 to +232 degrees.
LIFT_CENTER = 0.9
# Shoulders and hips that show less than this share of their breadth: a photo from the side.
FROM_SIDE = 0.25
# How far toes and nose are aside of ankles and ears in somebody seen from the side, torso lengths.
TOES, NOSE = 0.6, 0.19


@dataclass(frozen=True, slots=True, kw_only=True)
class BoneMotion:
    """Per bone: x' = target + R(angle) · stretch · (x − source), x mirrored first where `mirrored`.

    Attributes:
        source_BJ2: origin of each bone in the photo, after mirroring.
        target_BJ2: where that origin goes.
        end_BJ2: where the other end of each bone goes.
        angle_BJ: turn in radians.
        stretch_BJ22: change of shape before the turn.
        matrix_BJ22: stretch and turn together.
        scale_B: how much larger than in the photo the body is.
        mirrored_B: the person shows the other side than in the photo.
        axis_x: the vertical line, in px, about which the photo is mirrored.
        slide_B2: px that the middle of the face slides over the head as it turns.
        slide_reach_B: px from the middle of the face where that ends.
    """

    source_BJ2: torch.Tensor
    target_BJ2: torch.Tensor
    end_BJ2: torch.Tensor
    angle_BJ: torch.Tensor
    stretch_BJ22: torch.Tensor
    matrix_BJ22: torch.Tensor
    scale_B: torch.Tensor
    mirrored_B: torch.Tensor
    axis_x: float
    slide_B2: torch.Tensor
    slide_reach_B: torch.Tensor

    def slide_face(self, points_BV2: torch.Tensor, head_V: torch.Tensor) -> torch.Tensor:
        """Carried points, those of the face moved on over the head; `head_V` [V] is how far each hangs on the head."""
        away = (points_BV2 - self.target_BJ2[:, None, HEAD]).norm(dim=-1) / self.slide_reach_B[:, None]
        share = (1 - away.square()).clamp_min(0) * head_V
        return points_BV2 + share[..., None] * self.slide_B2[:, None]

    def carry_stiff(self, points_V2: torch.Tensor, bone: int) -> torch.Tensor:
        """Photo px of a thing that turns with a bone and keeps its shape, [B, V, 2] px."""
        offset = mirror(points_V2[None], self.mirrored_B, self.axis_x) - self.source_BJ2[:, None, bone]
        turn = rotation(self.angle_BJ[:, None, bone]) * self.scale_B[:, None, None, None]
        return self.target_BJ2[:, None, bone] + apply(turn, offset)

    def carry(
        self, points_V2: torch.Tensor, parent_V: torch.Tensor, bone_V: torch.Tensor, weight_V: torch.Tensor
    ) -> torch.Tensor:
        """Move points that hang between two neighbouring bones.

        Args:
            points_V2: photo px.
            parent_V, bone_V: the two bones; `bone` hangs on `parent`.
            weight_V: 0 moves with the parent, 1 with the bone; between, the angle itself is interpolated,
                so that a bent joint keeps its thickness.

        Returns:
            [B, V, 2] px.
        """
        points = mirror(points_V2[None], self.mirrored_B, self.axis_x)
        weight = weight_V[None, :, None]
        pivot, hung = self.source_BJ2[:, bone_V], self.source_BJ2[:, bone_V] - self.source_BJ2[:, parent_V]
        by_parent = self.target_BJ2[:, parent_V] + apply(self.matrix_BJ22[:, parent_V], hung)
        goal = torch.lerp(by_parent, self.target_BJ2[:, bone_V], weight)
        turn = torch.lerp(self.angle_BJ[:, parent_V], self.angle_BJ[:, bone_V], weight[..., 0])
        shape = torch.lerp(self.stretch_BJ22[:, parent_V], self.stretch_BJ22[:, bone_V], weight[..., None])
        return goal + apply(rotation(turn), apply(shape, points - pivot))


def bone_motion(photo: BonePose, target: BonePose) -> BoneMotion:
    """The motion of every bone from `photo` (one pose) to each of the B poses of `target`."""
    like = target.start_BJ2
    batch = len(like)
    axis_x = float(photo.start_BJ2[0, TORSO, 0])
    mirrored = _turned_round(photo, target)
    photo = _mirrored_pose(photo, mirrored, axis_x)
    scale = body_scale(photo, target)
    goal, angle = like.new_zeros(batch, NUM_BONES, 2), like.new_zeros(batch, NUM_BONES)
    stretch = like.new_zeros(batch, NUM_BONES, 2, 2)
    goal[:, TORSO] = target.start_BJ2[:, TORSO]
    angle[:, TORSO], stretch[:, TORSO] = torso_motion(photo, target, scale)
    goal[:, HEAD], angle[:, HEAD], stretch[:, HEAD] = head_motion(photo, target, scale, angle[:, TORSO])
    unfolded = _unfolded(photo, target)
    for place, chain in enumerate(LIMBS):
        for bone in chain:
            by_parent = angle[:, PARENT[bone]]
            turn, length = _limb(photo, target, bone, by_parent, unfolded[:, place])
            shape = _stretched(photo, target, bone, length, scale)
            if bone in SHINS:
                turn, shape = foot_motion(photo, target, bone, turn, by_parent, shape, scale)
            angle[:, bone], stretch[:, bone] = turn, shape
            goal[:, bone] = _origin(photo, target, bone, goal, angle, stretch)
    matrix = rotation(angle) @ stretch
    seen_B1 = torch.minimum(target.trust_BJ, photo.trust_BJ)[:, HEAD, None]
    head_scale = stretch[:, HEAD, 1, 1]  # no head grows with shoulders that turn to the camera
    return BoneMotion(
        source_BJ2=photo.start_BJ2,
        target_BJ2=goal,
        end_BJ2=goal + apply(matrix, photo.end_BJ2 - photo.start_BJ2),
        angle_BJ=angle,
        stretch_BJ22=stretch,
        matrix_BJ22=matrix,
        scale_B=scale,
        mirrored_B=mirrored,
        axis_x=axis_x,
        slide_B2=SLIDE * face_travel(photo, target, head_scale) * seen_B1,
        slide_reach_B=SLIDE_REACH * photo.torso_length_B * head_scale,
    )


def _turned_round(photo: BonePose, target: BonePose) -> torch.Tensor:
    """[B] bool: left and right have changed sides since the photo.

    In a photo from the side they lie behind each other, and which is which is chance. Such a person is taken to be
    turned a little to the camera, and to have turned round where the target looks the other way.
    """
    frontal = breadth(photo) / (BREADTH * photo.torso_length_B)
    from_side = frontal.abs() < FROM_SIDE
    toward = breadth(target) / (BREADTH * target.torso_length_B)
    return torch.where(from_side, FROM_SIDE * toward + _aside(photo) * _aside(target), frontal * toward) < 0


def _aside(pose: BonePose) -> torch.Tensor:
    """[B] in [-1, 1]: how far toes and nose point to smaller or larger x."""
    toes = (pose.end_BJ2 - pose.start_BJ2)[:, [LEFT_FOOT, RIGHT_FOOT], 0] / TOES
    before_ears, sure = pose.nose_before_ears()
    trust = torch.cat([pose.trust_BJ[:, [LEFT_FOOT, RIGHT_FOOT]], sure[:, None]], 1)
    told = (torch.cat([toes, before_ears[:, :1] / NOSE], 1) * trust).sum(1) / trust.sum(1).clamp_min(1e-3)
    return (told / pose.torso_length_B.clamp_min(1)).clamp(-1, 1)


def _mirrored_pose(photo: BonePose, mirrored: torch.Tensor, axis_x: float) -> BonePose:
    """The photo's pose once per target, mirrored where the person has turned round."""
    batch = len(mirrored)

    def flip(points: torch.Tensor) -> torch.Tensor:
        return mirror(points.expand(batch, *points.shape[1:]), mirrored, axis_x)

    return BonePose(
        start_BJ2=flip(photo.start_BJ2),
        end_BJ2=flip(photo.end_BJ2),
        trust_BJ=photo.trust_BJ.expand(batch, -1),
        seen_BJ=photo.seen_BJ.expand(batch, -1),
        shoulders_B22=flip(photo.shoulders_B22),
        hips_B22=flip(photo.hips_B22),
        face_BN2=flip(photo.face_BN2),
        face_trust_BN=photo.face_trust_BN.expand(batch, -1),
    )


def _limb(
    photo: BonePose,
    target: BonePose,
    bone: int,
    parent_angle: torch.Tensor,
    unfolded_B: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Turn and length ratio of one limb bone; a bone that photo or target do not show follows its parent."""
    before = photo.end_BJ2[:, bone] - photo.start_BJ2[:, bone]
    after = target.end_BJ2[:, bone] - target.start_BJ2[:, bone]
    length = after.norm(dim=-1) / before.norm(dim=-1).clamp_min(1e-3)
    if PARENT[bone] == TORSO:
        # Of a photo from the side the target says which side is which.
        outwards = outward(target, bone)
        turn = _lift(target, after, outwards) - _lift(photo, before, outwards)
        # Measured from each body's own axis, and outwards: back to the turn of the picture.
        turn = turn * outwards
    else:
        turn = wrap(direction(after) - direction(before) - parent_angle)
        if bone in _MIDDLE:
            turn = turn + 2 * torch.pi * ((unfolded_B - turn) / (2 * torch.pi)).round()
    if bone in (LEFT_HAND, RIGHT_HAND):
        # Knuckles are the noisiest joints: a hand bends at the wrist, it does not spin or grow.
        turn, length = bent_at_most(turn, HAND_TURN), length.clamp(0.75, 1.15)
    return parent_angle + _believed(turn, target.trust_BJ[:, bone] * photo.trust_BJ[:, bone]), length


def _believed(turn_B: torch.Tensor, trust_B: torch.Tensor) -> torch.Tensor:
    """As much of a turn as it is trusted, 0 to 1: the direction between both, not a share of the angle.

    Half a turn to one side is half a turn to the other. A share of the angle would throw a limb that is hardly seen
    from one side to the other there; between directions there is no jump. Whole turns are kept where it is believed.
    """
    between = torch.atan2(trust_B * turn_B.sin(), 1 - trust_B + trust_B * turn_B.cos())
    whole = ((turn_B - between) / (2 * torch.pi)).round()
    return between + 2 * torch.pi * torch.where(trust_B > 0.5, whole, 0.0)


def _stretched(
    photo: BonePose, target: BonePose, bone: int, length_B: torch.Tensor, scale_B: torch.Tensor
) -> torch.Tensor:
    """Change of shape [B, 2, 2] of a limb bone: as thick as the body is large, and so long as it may get."""
    wanted = torch.lerp(scale_B, length_B, target.trust_BJ[:, bone] * photo.trust_BJ[:, bone])
    ratio = torch.minimum(torch.maximum(wanted, STRETCH_RANGE[0] * scale_B), STRETCH_RANGE[1] * scale_B)
    return stretch_along(photo.end_BJ2[:, bone] - photo.start_BJ2[:, bone], ratio, scale_B)


def _unfolded(photo: BonePose, target: BonePose) -> torch.Tensor:
    """By how much elbows and knees open [B, 4], in the order of `_MIDDLE`, by way of the straight limb.

    A limb that bends to the other side than in the photo does not get there by folding through.
    """
    bends = []
    for pose in (target, photo):
        along = direction(pose.end_BJ2 - pose.start_BJ2)
        bends.append(wrap(along[:, _MIDDLE] - along[:, _UPPER]))
    return bends[0] - bends[1]


def _lift(pose: BonePose, vector_B2: torch.Tensor, outward_B: torch.Tensor) -> torch.Tensor:
    """Angle of an upper arm or thigh from hanging along the torso, positive outwards."""
    from_down = direction(vector_B2) - direction(-spine(pose))
    return wrap(from_down * outward_B - LIFT_CENTER) + LIFT_CENTER


def _origin(
    photo: BonePose,
    target: BonePose,
    bone: int,
    goal: torch.Tensor,
    angle: torch.Tensor,
    stretch: torch.Tensor,
) -> torch.Tensor:
    """Where the bone's proximal end lands: on its joint if it hangs on the torso, else at its parent's end."""
    parent = PARENT[bone]
    offset = photo.start_BJ2[:, bone] - photo.start_BJ2[:, parent]
    carried = goal[:, parent] + apply(rotation(angle[:, parent]) @ stretch[:, parent], offset)
    if parent != TORSO:
        return carried
    return torch.lerp(carried, target.start_BJ2[:, bone], target.trust_BJ[:, bone, None])
