"""The torso: how large it is, and how it turns, stretches and leans from the photo's pose to others.

Legend: B target poses.
"""

from __future__ import annotations

import torch

from animator.conditioning.warp.bones import LEFT_LEG, LEFT_THIGH, LEFT_UPPER_ARM, RIGHT_LEG, TORSO, BonePose
from animator.conditioning.warp.plane import cross, direction, perpendicular, stretch_along, wrap

NARROWEST_TORSO, WIDEST_TORSO = 0.5, 1.35
# A clothed trunk is so deep as a share of how wide it is; and from the front, half of shoulders and hips together is so
# broad as a share of the torso's length. On rendered people and real clips depths from 0.5 to 0.8 beat none.
DEPTH, BREADTH = 0.7, 0.6
# From the front, shoulders are at least so far apart as a share of the torso's length.
SHOULDERS = 0.58
# How far its sides may slide past each other, as a share of the way from one to the other.
MOST_SHEAR = 0.6
# Thighs and shins, and what a size told by one of them counts: joints and proportions are known to some percent, and
# the largest of several sizes is one that is too large.
LEG_BONES, LEG_SIZE = (*LEFT_LEG[:2], *RIGHT_LEG[:2]), 0.98
# How long, in torso lengths, a thigh or shin is in a photo that shows it foreshortened, and in one that does not.
FORESHORTENED, WHOLE = 0.55, 0.7


def body_scale(photo: BonePose, target: BonePose) -> torch.Tensor:
    """[B]: size of the target body over the photo's; foreshortening only ever hides size, so the largest counts.

    Somebody who bows has a short trunk, and legs as long as ever.
    """
    before = photo.torso_length_B.clamp_min(1e-3)
    length = target.torso_length_B / before
    # Nor were they narrow in a photo from the side: nobody grows by turning to the camera.
    front = (_between(photo.shoulders_B22) / before).clamp_min(SHOULDERS)
    shoulders = _between(target.shoulders_B22) / (front * before)
    trunk = torch.maximum(length, torch.minimum(shoulders, length * 1.5))[:, None]
    legs_before, legs = _lengths(photo), _lengths(target)
    whole = ((legs_before / before[:, None] - FORESHORTENED) / (WHOLE - FORESHORTENED)).clamp(0, 1)
    trust = whole * photo.trust_BJ[:, LEG_BONES] * target.trust_BJ[:, LEG_BONES]
    told = torch.maximum(LEG_SIZE * legs / legs_before.clamp_min(1e-3), trunk)
    # The largest but one: a single thigh or shin may well have been taken for a shorter one in the photo.
    return torch.lerp(trunk, told, trust).topk(2).values[:, 1].clamp(0.3, 3.0)


def _lengths(pose: BonePose) -> torch.Tensor:
    """[B, N] px of thighs and shins."""
    return (pose.end_BJ2[:, LEG_BONES] - pose.start_BJ2[:, LEG_BONES]).norm(dim=-1)


def spine(pose: BonePose) -> torch.Tensor:
    """[B, 2]: from the middle of the hips to that of the shoulders."""
    return pose.end_BJ2[:, TORSO] - pose.start_BJ2[:, TORSO]


def breadth(pose: BonePose) -> torch.Tensor:
    """[B]: signed extent of shoulders and hips at right angles to the spine, left minus right."""
    return cross(upwards(pose), _breadth_line(pose))


def outward(pose: BonePose, bone: int) -> torch.Tensor:
    """[B], +1 or -1: the turning direction that leads a thigh or an upper arm away from the body on its side."""
    left = bone in (LEFT_THIGH, LEFT_UPPER_ARM)
    # With y down, a limb on the side of larger x lifts outwards against the sense of rotation.
    return torch.where((breadth(pose) > 0) == left, -1.0, 1.0)


def upwards(pose: BonePose) -> torch.Tensor:
    """[B, 2]: unit vectors along the spine."""
    along = spine(pose)
    return along / along.norm(dim=-1, keepdim=True).clamp_min(1e-3)


def torso_motion(photo: BonePose, target: BonePose, scale: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Turn [B] and shape [B, 2, 2] of the torso as a whole.

    Spine and line of shoulders and hips both go where the target has them: besides turning and stretching, a body that
    leans on one leg slides its sides past each other.
    """
    before, after = spine(photo), spine(target)
    turn = wrap(direction(after) - direction(before))
    width = breadth(photo)
    grown = _outline(target, photo.torso_length_B * scale, photo) / _outline(photo, photo.torso_length_B, photo)
    across = grown.clamp(NARROWEST_TORSO, WIDEST_TORSO) * scale
    along = after.norm(dim=-1) / before.norm(dim=-1).clamp_min(1e-3)
    slide = _tilt(target) - _tilt(photo) * along
    most = MOST_SHEAR * scale
    shear = torch.minimum(torch.maximum(slide / _away_from_zero(width), -most), most)
    up = upwards(photo)
    slid = shear[:, None, None] * up[:, :, None] * perpendicular(up)[:, None, :]
    return turn, stretch_along(before, along, across) + slid


def _outline(pose: BonePose, length_B: torch.Tensor, photo: BonePose) -> torch.Tensor:
    """[B]: how wide the trunk shows, as a share of its width from the front.

    A trunk is an ellipse seen from above: turned by φ, its outline is the root of cos² φ + depth² sin² φ wide, where
    shoulders and hips have narrowed to cos φ.

    Args:
        pose: whose.
        length_B: of the torso were it upright, px.
        photo: tells of somebody broader than most.
    """
    front = (breadth(photo).abs() / photo.torso_length_B.clamp_min(1)).clamp_min(BREADTH)
    cosine = breadth(pose).abs() / (front * length_B).clamp_min(1)
    return torch.maximum(cosine, (cosine.square() + DEPTH**2 * (1 - cosine.square()).clamp_min(0)).sqrt())


def _tilt(pose: BonePose) -> torch.Tensor:
    """[B]: how much higher, along the spine, the left side is than the right."""
    return (upwards(pose) * _breadth_line(pose)).sum(-1)


def _away_from_zero(values: torch.Tensor) -> torch.Tensor:
    return torch.where(values.abs() < 1, torch.ones_like(values), values)


def _breadth_line(pose: BonePose) -> torch.Tensor:
    return _half(pose.shoulders_B22) + _half(pose.hips_B22)


def _between(pair_B22: torch.Tensor) -> torch.Tensor:
    return (pair_B22[:, 0] - pair_B22[:, 1]).norm(dim=-1)


def _half(pair_B22: torch.Tensor) -> torch.Tensor:
    return (pair_B22[:, 0] - pair_B22[:, 1]) / 2
