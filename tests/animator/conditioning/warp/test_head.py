"""Heads tilt with their faces, and stay upright as they turn aside."""

import numpy as np
import pytest
import torch

from animator.conditioning.warp.bones import BonePose, bone_pose
from animator.conditioning.warp.head import head_motion
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.figure import standing_pose

STANDING = standing_pose(height=200, center_x=96, top=20)
# Aside, down, and towards the camera, in units of the head.
FACE = {
    "nose": (0, 0.1, 0.9), "left_eye": (0.3, -0.2, 0.7), "right_eye": (-0.3, -0.2, 0.7), "left_ear": (0.7, -0.05, 0),
    "right_ear": (-0.7, -0.05, 0), "mouth_left": (0.25, 0.45, 0.7), "mouth_right": (-0.25, 0.45, 0.7),
}  # fmt: skip
MIDDLE, SIZE = np.array([96.0, 38.0]), 14.0


def _pose(*, yaw: float = 0.0, roll: float = 0.0, pitch: float = 0.0) -> BonePose:
    """A face turned aside, nodding and tilted, degrees."""
    joints = STANDING.copy()
    a, b, c = np.radians([yaw, pitch, roll])
    for name, (x, y, z) in FACE.items():
        y, z = y * np.cos(b) + z * np.sin(b), z * np.cos(b) - y * np.sin(b)
        x = x * np.cos(a) + z * np.sin(a)
        turned = np.array([x * np.cos(c) - y * np.sin(c), x * np.sin(c) + y * np.cos(c)])
        joints[BLAZEPOSE_33.index(name)] = MIDDLE + SIZE * turned
    return bone_pose(torch.from_numpy(joints)[None].float(), torch.ones(1, 33))


def _tilt(photo: BonePose, target: BonePose) -> float:
    """Degrees."""
    _, turn, _ = head_motion(photo, target, torch.ones(1), torch.zeros(1))
    return float(torch.rad2deg(turn)[0])


@pytest.mark.parametrize("roll", [-30.0, -10.0, 0.0, 20.0])
def test_a_head_tilts_as_the_face_does(roll: float) -> None:
    assert _tilt(_pose(), _pose(roll=roll)) == pytest.approx(roll, abs=0.1)


@pytest.mark.parametrize("yaw", [-85.0, -60.0, 60.0, 85.0])
def test_a_face_in_profile_stays_upright(yaw: float) -> None:
    assert abs(_tilt(_pose(), _pose(yaw=yaw))) < 2


@pytest.mark.parametrize("yaw", [-40.0, -20.0, 20.0, 40.0])
def test_a_face_turned_a_little_hardly_tilts(yaw: float) -> None:
    assert abs(_tilt(_pose(), _pose(yaw=yaw))) < 8


def test_a_face_in_profile_tilts_with_its_head() -> None:
    assert _tilt(_pose(), _pose(yaw=80, roll=25)) == pytest.approx(25, abs=3)


def test_turning_aside_moves_the_head_without_jumps() -> None:
    tilts = [_tilt(_pose(), _pose(yaw=yaw)) for yaw in np.arange(0.0, 90.0, 3.0)]
    assert np.abs(np.diff(tilts)).max() < 3
