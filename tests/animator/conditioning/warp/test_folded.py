"""Arms whose forearm lies before the upper arm: which part a pixel is of, and what opens when they are stretched."""

import numpy as np
import pytest
import torch

from animator.conditioning.warp import PhotoWarp
from animator.conditioning.warp.arm_layers import arms_of
from animator.conditioning.warp.bones import LEFT_ARM, LEFT_FOREARM, LEFT_UPPER_ARM, RIGHT_ARM
from animator.conditioning.warp.figure import figure_of
from animator.conditioning.warp.folded import FoldedArm, is_folded, off_face
from animator.conditioning.warp.folded import folded_arm as part
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.conditioning.warp.dressed import (
    JACKET,
    STANDING,
    STRIPE,
    folded_arm,
    joint,
    pixel,
    pose_of,
    with_a_bare_forearm,
    with_a_folded_arm,
)

ANGLES = (0.0, 25.0, 45.0, -25.0)


def place(keypoints: np.ndarray, first: str, second: str, share: float) -> tuple[int, int]:
    """(row, column) of a place between two joints of the left arm."""
    start, end = (keypoints[BLAZEPOSE_33.index(f"left_{name}")] for name in (first, second))
    return pixel(start + share * (end - start))


def parts(degrees: float) -> tuple[FoldedArm, np.ndarray]:
    keypoints = folded_arm(degrees)
    photo, matte = with_a_folded_arm(keypoints)
    return part(figure_of(photo, matte, pose_of(keypoints)), LEFT_ARM, matte), keypoints


def stretched() -> np.ndarray:
    """Keypoints of the standing figure, its left arm straight to the side."""
    pose, shoulder = STANDING.copy(), STANDING[BLAZEPOSE_33.index("left_shoulder")]
    for name, reach in {"elbow": 34, "wrist": 56, "thumb": 62, "index": 66, "pinky": 66}.items():
        pose[BLAZEPOSE_33.index(f"left_{name}")] = shoulder + np.array([reach, 4], dtype=np.float32)
    return pose


@pytest.mark.parametrize(("degrees", "folded"), [(0, True), (-50, True), (50, True), (80, False), (-80, False)])
def test_folded_is_an_arm_whose_parts_lie_before_each_other(degrees: float, folded: bool) -> None:
    assert is_folded(pose_of(folded_arm(degrees)), LEFT_ARM) == folded
    assert not is_folded(pose_of(folded_arm(degrees)), RIGHT_ARM)


@pytest.mark.parametrize("degrees", [-80, 80])
def test_a_forearm_that_points_at_the_camera_is_before_the_upper_arm_at_a_wider_angle(degrees: float) -> None:
    assert is_folded(pose_of(folded_arm(degrees, reach=0.4)), LEFT_ARM)
    assert not is_folded(pose_of(folded_arm(1.9 * degrees, reach=0.4)), LEFT_ARM)


def test_an_upper_arm_that_points_at_the_camera_is_no_picture_by_itself() -> None:
    keypoints = folded_arm(0)
    shoulder = keypoints[BLAZEPOSE_33.index("left_shoulder")]
    arm = [BLAZEPOSE_33.index(f"left_{name}") for name in ("elbow", "wrist", "thumb", "index", "pinky")]
    keypoints[arm] = shoulder + 0.4 * (keypoints[arm] - shoulder)
    assert not is_folded(pose_of(keypoints), LEFT_ARM)


@pytest.mark.parametrize("bone", [LEFT_UPPER_ARM, LEFT_FOREARM])
def test_of_an_arm_that_is_not_all_seen_nobody_knows(bone: int) -> None:
    pose = pose_of(folded_arm(0))
    pose.trust_BJ[0, bone] = 0
    assert not is_folded(pose, LEFT_ARM)


@pytest.mark.parametrize("degrees", ANGLES)
def test_the_hand_is_of_the_forearm_and_no_picture_of_what_it_hides(degrees: float) -> None:
    arm, keypoints = parts(degrees)
    hand = place(keypoints, "wrist", "index", 0.5)
    assert float(arm.lower_HW[hand]) > 0.9
    assert float(arm.upper_shown_HW[hand]) < 0.1


@pytest.mark.parametrize("degrees", ANGLES)
def test_the_upper_arm_goes_on_behind_the_forearm(degrees: float) -> None:
    arm, keypoints = parts(degrees)
    for share in (0.2, 0.4, 0.6, 0.8, 0.95):
        assert float(arm.upper_HW[place(keypoints, "shoulder", "elbow", share)]) > 0.9


def test_both_parts_end_round_at_the_elbow() -> None:
    arm, keypoints = parts(25.0)
    elbow = place(keypoints, "elbow", "wrist", 0)
    assert min(float(each[elbow]) for each in (arm.upper_HW, arm.upper_shown_HW, arm.lower_HW)) > 0.9


def test_sleeve_about_a_hand_that_lies_on_it_is_left_behind() -> None:
    arm, keypoints = parts(0.0)
    row, column = place(keypoints, "wrist", "index", 0.8)
    # Beside the hand at right angles to the arm, which goes down to the right.
    for down, right in ((-3, 5), (3, -5)):
        assert float(arm.lower_HW[row + down, column + right]) < 0.5


@pytest.mark.parametrize("degrees", ANGLES)
def test_a_folded_arm_is_whole_when_it_is_stretched(degrees: float) -> None:
    keypoints = folded_arm(degrees)
    photo, matte = with_a_folded_arm(keypoints)
    warp = PhotoWarp(photo, matte, torch.from_numpy(keypoints), torch.ones(33))
    target = stretched()
    result = warp(torch.from_numpy(target)[None], torch.ones(1, 33))
    sleeve, hand = (torch.tensor(color) / 255 for color in (JACKET, STRIPE))
    for first, second, shares in (("shoulder", "elbow", (0.3, 0.5, 0.7, 0.9)), ("elbow", "wrist", (0, 0.2, 0.4, 0.6))):
        for share in shares:
            at = place(target, first, second, share)
            assert float(result.coverage_BHW[0][at]) > 0.9
            assert (result.colors_B3HW[0, :, at[0], at[1]] - sleeve).abs().max() < 0.25
    row, column = place(target, "wrist", "index", 0.5)
    assert (result.colors_B3HW[0, :, row, column] - hand).abs().max() < 0.25


def test_a_sleeve_that_a_bare_forearm_hides_is_that_of_the_other_arm() -> None:
    """A man with a hand at his chin got an upper arm of nothing but his forearm's skin."""
    keypoints = folded_arm(0, reach=1.7)
    photo, matte = with_a_bare_forearm(keypoints)
    warp = PhotoWarp(photo, matte, torch.from_numpy(keypoints), torch.ones(33))
    target = stretched()
    result = warp(torch.from_numpy(target)[None], torch.ones(1, 33))
    row, column = pixel((joint("right_shoulder") + joint("right_elbow")) / 2)
    sleeve, forearm = photo[:, row, column], torch.tensor(STRIPE) / 255
    for first, second, share, color in (
        ("shoulder", "elbow", 0.3, sleeve),
        ("shoulder", "elbow", 0.6, sleeve),
        ("elbow", "wrist", 0.6, forearm),
    ):
        at = place(target, first, second, share)
        assert float(result.coverage_BHW[0][at]) > 0.9
        assert (result.colors_B3HW[0, :, at[0], at[1]] - color).abs().max() < 0.15


@pytest.mark.parametrize(("degrees", "lent"), [(0, True), (55, False)])
def test_only_an_upper_arm_that_is_hidden_is_lent(degrees: float, lent: bool) -> None:
    keypoints = folded_arm(degrees, reach=1.7)
    photo, matte = with_a_bare_forearm(keypoints)
    (upper,) = arms_of(figure_of(photo, matte, pose_of(keypoints)), 4).upper
    assert upper.name == "left_upper_arm"
    assert (upper.places_V2 is not None) == lent


def test_a_raised_hand_leaves_no_ghost_above_the_shoulder() -> None:
    keypoints = folded_arm(35, reach=2.2)
    hand = place(keypoints, "wrist", "index", 0.5)
    assert hand[0] < joint("left_shoulder")[1]
    photo, matte = with_a_bare_forearm(keypoints)
    assert float(arms_of(figure_of(photo, matte, pose_of(keypoints)), 4).covers_HW[hand]) > 0.9


def test_a_face_is_never_filled_in_above_the_mouth() -> None:
    photo, matte = with_a_bare_forearm(STANDING)
    off = off_face(figure_of(photo, matte, pose_of()))
    nose, neck = joint("nose"), (joint("left_shoulder") + joint("right_shoulder")) / 2
    assert float(off[pixel(nose)]) == 0
    assert float(off[pixel(nose - np.array([0, 8], dtype=np.float32))]) == 0
    assert float(off[pixel(0.3 * nose + 0.7 * neck)]) == 1
    assert float(off[pixel(joint("left_wrist"))]) == 1
