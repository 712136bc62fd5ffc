"""A person who has turned round since the photo shows it mirrored; a photo from the side tells by where it looks."""

import numpy as np
import pytest
import torch

from animator.conditioning.warp.bones import LEFT_THIGH, RIGHT_THIGH, BonePose, bone_pose
from animator.conditioning.warp.plane import wrap
from animator.conditioning.warp.skinning import bone_motion
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.figure import standing_pose

STANDING = standing_pose(height=200, center_x=96, top=20)
TORSO_PX = float(bone_pose(torch.from_numpy(STANDING)[None], torch.ones(1, 33)).torso_length_B[0])


def _turned(degrees: float, *, swing: float = 0.0) -> BonePose:
    """The figure turned about the upright, from 0, to the camera, to 90, to larger x; thighs swung aside, radians."""
    joints = STANDING.copy()
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    joints[:, 0] = 96 + (joints[:, 0] - 96) * cosine
    for name, ahead in (("nose", 0.19), ("left_foot_index", 0.6), ("right_foot_index", 0.6)):
        joints[BLAZEPOSE_33.index(name), 0] += ahead * TORSO_PX * sine
    for side in ("left", "right"):
        hip = joints[BLAZEPOSE_33.index(f"{side}_hip")]
        joints[BLAZEPOSE_33.index(f"{side}_knee"), 0] = hip[0] + 0.7 * TORSO_PX * np.tan(swing)
    return bone_pose(torch.from_numpy(joints)[None], torch.ones(1, 33))


def _is_mirrored(photo: float, target: float) -> bool:
    return bool(bone_motion(_turned(photo), _turned(target)).mirrored_B[0])


@pytest.mark.parametrize("photo", [0, 40])
def test_who_turns_the_back_shows_the_photo_mirrored(photo):
    assert [_is_mirrored(photo, target) for target in (0, 60, 120, 180)] == [False, False, True, True]


@pytest.mark.parametrize("photo", [85, 95])
def test_a_photo_from_the_side_is_mirrored_where_the_target_looks_the_other_way(photo):
    assert [_is_mirrored(photo, target) for target in (0, 45, 85, 95, -60, -90)] == [*[False] * 4, True, True]


@pytest.mark.parametrize("photo", [85, 95])
def test_legs_of_a_photo_from_the_side_swing_to_where_they_swing(photo):
    motion = bone_motion(_turned(photo), _turned(88, swing=0.5))
    for thigh in (LEFT_THIGH, RIGHT_THIGH):
        assert float(wrap(motion.angle_BJ[:, thigh])) == pytest.approx(-0.5, abs=0.1)
