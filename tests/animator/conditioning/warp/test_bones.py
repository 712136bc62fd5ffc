"""Bones laid through keypoints of which some were not seen."""

import pytest
import torch

from animator.conditioning.warp.bones import HEAD, bone_pose
from animator.conditioning.warp.drawn import farness
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.figure import standing_pose

STANDING = torch.from_numpy(standing_pose(height=200, center_x=500, top=400))


def _seen(*unseen: str, joints: torch.Tensor = STANDING) -> tuple[torch.Tensor, torch.Tensor]:
    keypoints, confidence = joints[None].clone(), torch.ones(1, 33)
    for name in unseen:
        keypoints[:, BLAZEPOSE_33.index(name)], confidence[:, BLAZEPOSE_33.index(name)] = torch.nan, 0
    return keypoints, confidence


@pytest.mark.parametrize("unseen", ["left_shoulder", "right_shoulder", "left_hip", "right_hip"])
def test_a_shoulder_or_hip_that_was_not_seen_lies_behind_the_other_one(unseen: str) -> None:
    side, name = unseen.split("_")
    pose = bone_pose(*_seen(unseen))
    pair = pose.shoulders_B22 if name == "shoulder" else pose.hips_B22
    other = STANDING[BLAZEPOSE_33.index(f"{'right' if side == 'left' else 'left'}_{name}")]
    torch.testing.assert_close(pair[0], other.expand(2, 2))
    whole = bone_pose(*_seen())
    assert float(pose.torso_length_B[0]) == pytest.approx(float(whole.torso_length_B[0]), rel=0.1)


def test_nothing_that_was_seen_moves_because_something_else_was_not() -> None:
    some, whole = bone_pose(*_seen("left_shoulder", "left_knee")), bone_pose(*_seen())
    torch.testing.assert_close(some.hips_B22, whole.hips_B22)
    torch.testing.assert_close(some.shoulders_B22[:, 1], whole.shoulders_B22[:, 1])
    torch.testing.assert_close(some.start_BJ2[:, HEAD], whole.start_BJ2[:, HEAD])


@pytest.mark.parametrize(("nose_dx", "far_side"), [(10.0, "left"), (-10.0, "right")])
@pytest.mark.parametrize("unseen", [(), ("left_ear",), ("right_ear",)])
def test_the_far_arm_of_a_person_in_profile_is_told_from_one_ear_too(
    nose_dx: float, far_side: str, unseen: tuple[str, ...]
) -> None:
    joints = STANDING.clone()
    for name in BLAZEPOSE_33.joints:
        joints[BLAZEPOSE_33.index(name), 0] = 500.0
    joints[BLAZEPOSE_33.index("nose"), 0] += nose_dx
    target = bone_pose(*_seen(*unseen, joints=joints))
    assert {side: float(farness(target, side)[0]) for side in ("left", "right")} == {
        side: float(side == far_side) for side in ("left", "right")
    }
