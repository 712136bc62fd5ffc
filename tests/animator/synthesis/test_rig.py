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
    local_rotations,
    mirror_pose,
    place_on_floor,
    pose_from,
    rest_pose,
    rotation,
)


def random_pose(seed: int) -> BodyPose:
    rng = np.random.default_rng(seed)
    q, _ = np.linalg.qr(rng.normal(size=(NUM_JOINTS, 3, 3)))
    q *= np.linalg.det(q)[:, None, None]
    return BodyPose(rotations_J33=q, root_3=rng.normal(size=3), curl_SF=rng.random((2, 5)))


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


@pytest.mark.parametrize("seed", range(5))
def test_mirroring_reflects_every_joint_and_twice_is_the_pose_itself(seed: int) -> None:
    pose = random_pose(seed)
    here, _ = forward_kinematics(pose)
    there, _ = forward_kinematics(mirror_pose(pose))
    for name, index in JOINT.items():
        other = JOINT[name.replace("left", "#").replace("right", "left").replace("#", "right")]
        np.testing.assert_allclose(there[other], here[index] * [-1, 1, 1], atol=1e-9)
    np.testing.assert_allclose(mirror_pose(mirror_pose(pose)).rotations_J33, pose.rotations_J33, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_local_rotations_invert_the_global_ones(seed: int) -> None:
    pose = random_pose(seed)
    _, turned = forward_kinematics(pose)
    np.testing.assert_allclose(local_rotations(turned), pose.rotations_J33, atol=1e-9)


def test_bent_knees_are_lowered_until_the_feet_stand() -> None:
    squat = pose_from(
        {
            f"{side}_{joint}": rotation("x", angle)
            for side in ("left", "right")
            for joint, angle in (("hip", -60), ("knee", 90), ("ankle", -30))
        }
    )
    standing = place_on_floor(squat)
    positions, _ = forward_kinematics(standing)
    assert positions[JOINT["left_ankle"], 1] == pytest.approx(DEFAULT_REST_J3[JOINT["left_ankle"], 1], abs=1e-6)
    assert standing.root_3[1] < 0.9


def test_unknown_joint_is_named_in_the_error() -> None:
    with pytest.raises(JobError, match="left_elbo"):
        pose_from({"left_elbo": np.eye(3)})


def test_wrong_shape_says_what_was_expected() -> None:
    with pytest.raises(JobError, match=r"\(22, 3, 3\)"):
        BodyPose(rotations_J33=np.eye(3))
