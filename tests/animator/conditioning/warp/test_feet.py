"""Feet that stand keep their soles level, feet in the air turn with their legs."""

import numpy as np
import pytest
import torch

from animator.conditioning.warp.bones import LEFT_FOOT, RIGHT_FOOT, BonePose, bone_pose
from animator.conditioning.warp.feet import LEAN, SHINS, foot_motion, standing
from animator.conditioning.warp.plane import apply, rotation
from animator.conditioning.warp.skinning import bone_motion
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.figure import standing_pose

STANDING = standing_pose(height=200, center_x=96, top=20)
LEG = ("ankle", "heel", "foot_index")
LEFT_LEG = [BLAZEPOSE_33.index(f"left_{joint}") for joint in LEG]
ANKLE, TOE = LEFT_LEG[0], LEFT_LEG[2]
ONE = torch.ones(1)


def _pose(*, toe: tuple[float, float] | None = None, lift: float = 0.0, seen: float = 1.0) -> BonePose:
    """Somebody who stands; the tip of the left foot beside its ankle, or the whole foot lifted, px."""
    joints = STANDING.copy()
    if toe is not None:
        joints[TOE] = joints[ANKLE] + np.array(toe)
    joints[LEFT_LEG, 1] -= lift
    sure = torch.full((1, 33), seen)
    return bone_pose(torch.from_numpy(joints)[None].float(), sure)


def _matrix(photo: BonePose, target: BonePose) -> torch.Tensor:
    """[2, 2] of the left foot."""
    motion = bone_motion(photo, target)
    return motion.matrix_BJ22[0, LEFT_FOOT]


@pytest.mark.parametrize("toe", [(0.0, 10.0), (12.0, 6.0), (-9.0, 8.0)])
def test_a_foot_that_does_not_move_is_the_photo(toe: tuple[float, float]) -> None:
    np.testing.assert_allclose(_matrix(_pose(toe=toe), _pose(toe=toe)), np.eye(2), atol=1e-5)


@pytest.mark.parametrize("aside", [-5.0, 5.0])
def test_a_foot_turned_out_keeps_its_sole_level_and_its_tip_goes_where_it_belongs(aside: float) -> None:
    photo, target = _pose(toe=(0, 10)), _pose(toe=(aside, 10))
    matrix = _matrix(photo, target)
    assert float(matrix[1, 0]) == pytest.approx(0, abs=1e-5)  # what is level in the photo stays level
    np.testing.assert_allclose(matrix @ torch.tensor([0.0, 10.0]), [aside, 10], atol=0.3)


def test_a_foot_from_the_front_leans_no_farther_than_a_shoe_can() -> None:
    matrix = _matrix(_pose(toe=(0, 10)), _pose(toe=(40, 4)))
    assert float(matrix[0, 1]) == pytest.approx(LEAN, abs=1e-4)


def test_a_foot_seen_from_its_side_gets_shorter_as_it_turns_to_the_camera() -> None:
    matrix = _matrix(_pose(toe=(20, 5)), _pose(toe=(16, 5)))
    assert float(matrix[0, 0]) == pytest.approx(0.8, abs=0.02)
    assert float(matrix[1, 0]) == pytest.approx(0, abs=1e-5)


def test_a_foot_in_the_air_turns_with_its_tip() -> None:
    photo, target = _pose(toe=(0, 10)), _pose(toe=(8, 6), lift=38)
    assert float(standing(target, LEFT_FOOT)) == 0
    turned = apply(_matrix(photo, target), torch.tensor([0.0, 10.0]))
    np.testing.assert_allclose(turned / turned.norm(), [0.8, 0.6], atol=1e-3)


def test_an_ankle_is_never_wound_up_however_the_leg_swings() -> None:
    hip, leg = (BLAZEPOSE_33.index("left_hip"), [BLAZEPOSE_33.index(f"left_{joint}") for joint in ("knee", *LEG)])
    poses = []
    for swing in np.linspace(0, -3.6, 73):  # past pointing straight up
        joints = torch.from_numpy(STANDING).float()
        joints[leg] = joints[hip] + (joints[leg] - joints[hip]) @ rotation(torch.tensor(float(swing))).T
        poses.append(joints)
    motion = bone_motion(_pose(), bone_pose(torch.stack(poses), torch.ones(len(poses), 33)))
    bend_B = (motion.angle_BJ[:, LEFT_FOOT] - motion.angle_BJ[:, SHINS[LEFT_FOOT]]).numpy()
    assert np.abs(bend_B).max() < 1.3
    assert np.abs(np.diff(bend_B)).max() < 0.4


@pytest.mark.parametrize("lift", [0.0, 16.0, 22.0, 38.0])
def test_a_tip_that_goes_all_round_its_ankle_moves_the_foot_without_jumps(lift: float) -> None:
    angles = np.linspace(0, 2 * np.pi, 181)
    poses = [_pose(toe=(10 * np.sin(angle), 10 * np.cos(angle)), lift=lift) for angle in angles]
    matrices = torch.stack([_matrix(_pose(toe=(0, 10)), pose) for pose in poses])
    assert float(matrices.diff(dim=0).flatten(1).norm(dim=1).max()) < 0.25


def test_both_feet_of_somebody_who_jumps_stand() -> None:
    joints = torch.from_numpy(STANDING).float()[None] - torch.tensor([0.0, 50.0])
    jumping = bone_pose(joints, torch.ones(1, 33))
    assert [float(standing(jumping, foot)) for foot in (LEFT_FOOT, RIGHT_FOOT)] == [1, 1]


def test_a_lying_shin_has_no_standing_foot() -> None:
    quarter = rotation(torch.tensor(torch.pi / 2))
    lying = bone_pose((torch.from_numpy(STANDING).float() @ quarter.T)[None], torch.ones(1, 33))
    assert float(standing(lying, LEFT_FOOT)) == 0


def test_a_foot_nobody_saw_does_as_its_leg() -> None:
    unseen = _pose(toe=(9, 3), seen=0.0)
    leg = torch.tensor([0.4])
    turn, shape = foot_motion(_pose(), unseen, LEFT_FOOT, leg, leg, 1.1 * torch.eye(2)[None], ONE)
    assert float(turn) == pytest.approx(0.4)
    np.testing.assert_allclose(shape[0], 1.1 * np.eye(2), atol=1e-6)
