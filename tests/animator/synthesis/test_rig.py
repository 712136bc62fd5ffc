"""The rig's conventions, as motions rely on them."""

import numpy as np
import pytest

from animator.errors import JobError
from animator.synthesis.rig import (
    DEFAULT_REST_J3,
    JOINT,
    NUM_JOINTS,
    PARENTS,
    BodyPose,
    forward_kinematics,
    rest_pose,
    rotation,
)
from tests.animator.synthesis.poses import pose_from


def test_rest_pose_puts_every_joint_where_the_rest_table_says() -> None:
    positions, turned = forward_kinematics(rest_pose())
    np.testing.assert_allclose(positions, DEFAULT_REST_J3, atol=1e-12)
    np.testing.assert_allclose(turned, np.tile(np.eye(3), (NUM_JOINTS, 1, 1)))


def test_parents_come_before_children() -> None:
    assert all(parent < child for child, parent in enumerate(PARENTS))


def test_negative_turn_about_z_lowers_the_left_arm() -> None:
    positions, _ = forward_kinematics(pose_from({"left_shoulder": rotation("z", -90)}))
    shoulder, wrist = positions[JOINT["left_shoulder"]], positions[JOINT["left_wrist"]]
    np.testing.assert_allclose(wrist[[0, 2]], shoulder[[0, 2]], atol=1e-9)
    assert wrist[1] < shoulder[1] - 0.4


def test_positive_turn_about_x_bends_the_knee_backwards() -> None:
    positions, _ = forward_kinematics(pose_from({"left_knee": rotation("x", 60)}))
    assert positions[JOINT["left_ankle"], 2] < positions[JOINT["left_knee"], 2] - 0.2


def test_wrong_shape_says_what_was_expected() -> None:
    with pytest.raises(JobError, match=r"\(22, 3, 3\)"):
        BodyPose(rotations_J33=np.eye(3))
