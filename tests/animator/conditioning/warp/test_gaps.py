"""Open ground between a pixel and a bone parts what lies beyond it from the limb."""

import torch

from animator.conditioning.warp.anatomy import pixel_centers
from animator.conditioning.warp.bones import LEFT_ARM
from animator.conditioning.warp.figure import figure_of
from animator.conditioning.warp.gaps import beyond_gap, on_bones
from tests.animator.conditioning.warp.dressed import figure, joint, pixel, pose_of


def _beside_arm(matte, px):
    """The place so many px from the middle of the left upper arm, towards the trunk."""
    middle = (joint("left_shoulder") + joint("left_elbow")) / 2
    inwards = -1 if joint("left_shoulder")[0] > joint("right_shoulder")[0] else 1
    return pixel(middle + torch.tensor([inwards * px, 0.0]).numpy())


def _beyond(matte):
    return beyond_gap(pixel_centers(matte), matte, pose_of(), LEFT_ARM[:2], reach_px=60)


def test_what_lies_beyond_open_ground_is_parted_from_the_arm():
    matte = torch.ones_like(figure()[1])
    (row, column), (_, gap) = _beside_arm(matte, 14), _beside_arm(matte, 8)
    assert float(_beyond(matte).max()) == 0
    matte[:, gap - 1 : gap + 1] = 0
    parted = _beyond(matte)
    assert parted[row, column] == 1
    assert parted[_beside_arm(matte, 4)] == 0


def test_the_soft_edge_of_an_arm_is_no_gap():
    matte = torch.zeros_like(figure()[1])
    _, distance = on_bones(pixel_centers(matte), pose_of(), LEFT_ARM[:2])
    matte = ((10 - distance) / 8).clamp(0, 1)
    assert float(_beyond(matte)[matte > 0.1].max()) == 0


def test_a_bone_that_lies_before_open_ground_says_nothing():
    matte = torch.ones_like(figure()[1])
    points = pixel_centers(matte)
    _, distance = on_bones(points, pose_of(), LEFT_ARM[:2])
    matte[distance < 5] = 0
    assert float(_beyond(matte).max()) == 0


def test_a_body_does_not_go_on_beyond_a_gap():
    photo, matte = figure()
    everything = torch.ones_like(matte)
    (row, column) = pixel((joint("left_hip") + joint("left_knee")) / 2)
    side = 1 if joint("left_hip")[0] > joint("right_hip")[0] else -1
    gap, beyond = column + 8 * side, column + 12 * side
    assert figure_of(photo, everything, pose_of()).beside_HW[row, beyond] == 0
    everything[:, gap - 1 : gap + 2] = 0
    parted = figure_of(photo, everything, pose_of())
    assert parted.beside_HW[row, beyond] == 1
    assert parted.hull[row, beyond] == 0
    assert parted.beside_HW[row, column] == 0


def test_without_bones_nothing_is_parted():
    matte = figure()[1]
    assert float(beyond_gap(pixel_centers(matte), matte, pose_of(), (), reach_px=60).max()) == 0


def test_the_nearest_place_on_bones_is_an_end_beyond_them():
    pose = pose_of()
    wrist = pose.end_BJ2[0, LEFT_ARM[1]]
    along = wrist - pose.start_BJ2[0, LEFT_ARM[1]]
    near, distance = on_bones(wrist + along, pose, LEFT_ARM[:2])
    torch.testing.assert_close(near, wrist)
    torch.testing.assert_close(distance, along.norm())
