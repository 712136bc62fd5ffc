"""How bones turn: the way round that limbs take, and how a person looks who has turned round since the photo.

A person who has turned round shows the photo mirrored; a photo from the side tells by where it looks.
"""

import numpy as np
import pytest
import torch

from animator.conditioning.warp.bones import LEFT_FOREARM, LEFT_HAND, LEFT_THIGH, RIGHT_THIGH, BonePose, bone_pose
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


def _turns(bone: int, about: str, ends: tuple[str, ...], *, length: float, confidence: float) -> np.ndarray:
    """The bone's turn, radians, while its end goes all the way round the joint `about`."""
    degrees = np.arange(0.0, 360.0, 2.0)
    around = np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], -1) * length
    poses = np.repeat(STANDING[None], len(degrees), axis=0).astype(np.float32)
    trust = torch.ones(len(degrees), 33)
    for end in ends:
        place = BLAZEPOSE_33.index(end)
        poses[:, place] = STANDING[BLAZEPOSE_33.index(about)] + around
        trust[:, place] = confidence
    standing = bone_pose(torch.from_numpy(STANDING)[None], torch.ones(1, 33))
    return bone_motion(standing, bone_pose(torch.from_numpy(poses), trust)).angle_BJ[:, bone].numpy()


def _jumps(turns_B: np.ndarray) -> np.ndarray:
    """Degrees from each pose to the next, and from the last to the first."""
    steps = np.diff(turns_B, append=turns_B[:1])
    return np.abs(np.degrees(np.angle(np.exp(1j * steps))))


@pytest.mark.parametrize("confidence", [0.2, 0.24, 0.38, 1.0])
def test_a_forearm_that_goes_round_its_elbow_never_jumps(confidence):
    """Hardly seen, it stood on one side of the folded arm, and a frame later on the other."""
    hand = ("left_wrist", "left_index", "left_pinky")
    turns = _turns(LEFT_FOREARM, "left_elbow", hand, length=40, confidence=confidence)
    assert _jumps(turns).max() < 10


def test_a_forearm_that_is_sure_goes_where_it_is():
    hand = ("left_wrist", "left_index", "left_pinky")
    turns = _turns(LEFT_FOREARM, "left_elbow", hand, length=40, confidence=1.0)
    np.testing.assert_allclose(_jumps(turns), 2.0, atol=0.1)


def test_a_hand_that_goes_round_its_wrist_never_jumps():
    turns = _turns(LEFT_HAND, "left_wrist", ("left_index", "left_pinky"), length=12, confidence=1.0)
    assert _jumps(turns).max() < 10
