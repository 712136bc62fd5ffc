"""The torso's line of shoulders and hips goes where the target has it."""

import numpy as np
import pytest
import torch

from animator.conditioning.warp.bones import bone_pose
from animator.conditioning.warp.plane import rotation
from animator.conditioning.warp.torso import MOST_SHEAR, torso_motion
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.figure import standing_pose

STANDING = standing_pose(height=200, center_x=96, top=20)
SIDES = {side: [BLAZEPOSE_33.index(f"{side}_{joint}") for joint in ("shoulder", "hip")] for side in ("left", "right")}


def pose_with(slide: float, turn: float = 0.0):
    """The left side `slide` px lower, the right one as much higher; then all of it turned."""
    joints = STANDING.copy()
    joints[SIDES["left"], 1] += slide
    joints[SIDES["right"], 1] -= slide
    turned = torch.from_numpy(joints) @ rotation(torch.tensor(turn)).T
    return bone_pose(turned[None], torch.ones(1, 33))


def from_right_to_left(pose):
    """Shoulders and hips together."""
    both = pose.shoulders_B22 + pose.hips_B22
    return both[0, 0] - both[0, 1]


@pytest.mark.parametrize("turn", [0.0, 0.7])
@pytest.mark.parametrize("slide", [-6.0, 0.0, 6.0])
def test_both_sides_go_where_the_target_has_them(slide, turn):
    photo, target = pose_with(0), pose_with(slide, turn)
    angle, shape = torso_motion(photo, target, torch.ones(1))
    carried = rotation(angle)[0] @ shape[0] @ from_right_to_left(photo)
    np.testing.assert_allclose(carried, from_right_to_left(target), atol=0.01)


def test_an_impossible_tilt_shears_no_more_than_a_body_can():
    _, shape = torso_motion(pose_with(0), pose_with(500), torch.ones(1))
    assert float(shape[0, 1, 0].abs()) == pytest.approx(MOST_SHEAR, abs=1e-4)
