"""The head: where it goes, how it tilts, and how it narrows as the face turns away.

Legend: B target poses, N points of the face.
"""

from __future__ import annotations

import torch

from animator.conditioning.warp.anatomy import smoothstep
from animator.conditioning.warp.bones import HEAD, TORSO, BonePose
from animator.conditioning.warp.plane import apply, cross, direction, perpendicular, rotation, wrap
from animator.conditioning.warp.torso import upwards

NARROWEST_HEAD, WIDEST_HEAD = 0.7, 1.15
# How much nearer to or farther from the shoulders than in the photo the face may move.
NECK_RANGE = (0.85, 1.15)
# Torso lengths that it may move aside.
NECK_LEAN = 0.18
# How far before the ears the middle of the face's points lies, as a share of how far the nose does. On rendered people
# and real clips 0.6 was best among 0.29 to 0.75.
FACE_TRAVEL = 0.6
# Torso lengths that the nose moves so at most.
MOST_TURN = 0.4
# Torso lengths about the middle of the face within which it slides back over the head, and its share of the way.
SLIDE_REACH, SLIDE = 0.22, 0.7
# By how much the ears move together, over the face's height, until a face counts as one in profile.
PROFILE = (0.2, 0.6)


def head_motion(
    photo: BonePose, target: BonePose, scale: torch.Tensor, torso_angle: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Place, turn and shape of the head: best similarity of the face points, narrowed as the face turns away."""
    # Points that nobody saw lie anywhere, and must not count.
    weight = photo.face_trust_BN * target.face_trust_BN
    in_both = weight.sum(1, keepdim=True)
    share = (weight / in_both.clamp_min(1e-6))[..., None]
    middle_photo, middle = (photo.face_BN2 * share).sum(1), (target.face_BN2 * share).sum(1)
    before, after = photo.face_BN2 - middle_photo[:, None], target.face_BN2 - middle[:, None]
    cosine = (share * before * after).sum((1, 2))
    sine = (share[..., 0] * (before[..., 0] * after[..., 1] - before[..., 1] * after[..., 0])).sum(1)
    seen = torch.minimum(target.trust_BJ[:, HEAD], photo.trust_BJ[:, HEAD]) * (in_both[:, 0] > 1e-6)
    turn = torso_angle + wrap(_roll(photo, target, torch.atan2(sine, cosine)) - torso_angle) * seen
    spread_photo = (before.square() * share).sum(1).sqrt()
    spread = (apply(rotation(-turn)[:, None], after).square() * share).sum(1).sqrt()
    # Shoulders that turn to the camera become broader, but no head grows with them.
    face = spread.norm(dim=1) / spread_photo.norm(dim=1).clamp_min(1e-3)
    length = target.torso_length_B / photo.torso_length_B.clamp_min(1e-3)
    scale = torch.lerp(scale, torch.minimum(scale, torch.maximum(length, face)), seen)
    ratio = (spread[:, 0] / spread_photo[:, 0].clamp_min(1e-3) / scale).clamp(NARROWEST_HEAD, WIDEST_HEAD)
    ones = torch.ones_like(seen)
    shape = torch.diag_embed(torch.stack([torch.lerp(ones, ratio, seen), ones], -1)) * scale[:, None, None]
    placed = middle + apply(rotation(turn) @ shape, photo.start_BJ2[:, HEAD] - middle_photo)
    placed = placed - face_travel(photo, target, scale) * seen[:, None]
    placed = torch.where(seen[:, None] > 0, placed, target.start_BJ2[:, HEAD])
    return _on_neck(photo, target, placed, scale), turn, shape


def face_travel(photo: BonePose, target: BonePose, scale: torch.Tensor) -> torch.Tensor:
    """[B, 2] px that the middle of the face moves aside on a head that turns.

    Eyes, nose and mouth travel across the head; its outline, ears and hair stay above the neck. Placed by the face, a
    turning head would hang beside its neck. Where nose or ears were not seen, nobody knows: it does not.
    """
    unit = upwards(target)
    (now, sure), (before, sure_before) = target.nose_before_ears(), photo.nose_before_ears()
    turn = cross(unit, now) - cross(upwards(photo), before) * scale
    most = MOST_TURN * photo.torso_length_B * scale
    turn = torch.minimum(torch.maximum(turn, -most), most) * torch.minimum(sure, sure_before)
    return (FACE_TRAVEL * turn)[:, None] * perpendicular(unit)


def _roll(photo: BonePose, target: BonePose, similar_B: torch.Tensor) -> torch.Tensor:
    """How far [B] the head tilts in the picture.

    The most similar face errs where a face turns aside: nose and ears move apart at different heights, which looks like
    a tilt. The line from eyes to mouth stays upright, but is short. Both count alike, in profile only that line; but
    not all trackers know of mouths.
    """
    before, after = _from_eyes_to_mouth(photo), _from_eyes_to_mouth(target)
    upright = wrap(direction(after) - direction(before))
    narrowed = 1 - _width_by_height(target) / _width_by_height(photo).clamp_min(0.1)
    line_seen = torch.minimum(photo.face_trust_BN, target.face_trust_BN)[:, [1, 2, 5, 6]].amin(1)
    share = (0.5 + 0.5 * smoothstep(*PROFILE, narrowed)) * line_seen
    return similar_B + wrap(upright - similar_B) * share


def _from_eyes_to_mouth(pose: BonePose) -> torch.Tensor:
    return pose.face_BN2[:, 5:7].mean(1) - pose.face_BN2[:, 1:3].mean(1)


def _width_by_height(pose: BonePose) -> torch.Tensor:
    """[B]: distance of the ears over that of eyes and mouth."""
    ears = pose.face_BN2[:, 3] - pose.face_BN2[:, 4]
    return ears.norm(dim=-1) / _from_eyes_to_mouth(pose).norm(dim=-1).clamp_min(1)


def _on_neck(photo: BonePose, target: BonePose, head_B2: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Keep the neck's length, and the head on it.

    A nod moves the face down, but a flat head must not sink into the shoulders; and a face in profile lies before the
    shoulders, where a head seen from the front would hang beside its neck.
    """
    unit_photo, unit = upwards(photo), upwards(target)
    size = photo.torso_length_B * scale
    before = (photo.start_BJ2[:, HEAD] - photo.end_BJ2[:, TORSO]) * scale[:, None]
    after = head_B2 - target.end_BJ2[:, TORSO]
    up_before, up = (before * unit_photo).sum(-1), (after * unit).sum(-1)
    kept_up = torch.minimum(torch.maximum(up, NECK_RANGE[0] * up_before), NECK_RANGE[1] * up_before)
    side_before, side = (cross(axis, offset) for axis, offset in ((unit_photo, before), (unit, after)))
    kept_side = side_before + torch.minimum(torch.maximum(side - side_before, -NECK_LEAN * size), NECK_LEAN * size)
    return head_B2 + (kept_up - up)[:, None] * unit + (kept_side - side)[:, None] * perpendicular(unit)
