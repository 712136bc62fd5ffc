"""Shoulders of people who turn to the camera or raise an arm: no stump, no step, no notch between arm and trunk."""

import numpy as np
import pytest
import torch

from animator.conditioning.warp.bones import LEFT_ARM, LEFT_UPPER_ARM, RADIUS, TORSO, bone_pose
from animator.conditioning.warp.plane import apply, rotation
from animator.conditioning.warp.shoulders import REACH, shoulder_of
from animator.conditioning.warp.skinning import bone_motion
from animator.conditioning.warp.torso import SHOULDERS, body_scale
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.figure import standing_pose

CENTER_X = 96
STANDING = standing_pose(height=240, center_x=CENTER_X, top=20)
TRUNK = [BLAZEPOSE_33.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("shoulder", "hip")]
LEFT, RIGHT = (
    [BLAZEPOSE_33.index(f"{side}_{joint}") for joint in ("shoulder", "elbow", "wrist", "pinky", "index", "thumb")]
    for side in ("left", "right")
)
NO_HEAD = torch.zeros(1)
HIP = BLAZEPOSE_33.index("left_hip")


def turned(degrees: float, size: float = 1.0):
    """Somebody who turned about the upright: shoulders and hips nearer to each other, the arms with them."""
    joints = STANDING.copy()
    aside = (joints[TRUNK, 0] - CENTER_X) * (np.cos(np.radians(degrees)) - 1)
    joints[TRUNK, 0] += aside
    joints[LEFT[1:], 0] += aside[0]
    joints[RIGHT[1:], 0] += aside[2]
    return bone_pose(torch.from_numpy(joints * np.float32(size))[None], torch.ones(1, 33))


def carried(points_V2, photo, target):
    """Points of the trunk about the left shoulder: as the trunk has them, and as they are kept below the arm."""
    motion = bone_motion(photo, target)
    source, goal = motion.source_BJ2[:, TORSO], motion.target_BJ2[:, TORSO]
    with_trunk = goal + apply(motion.matrix_BJ22[:, TORSO], points_V2[None] - source)
    shoulder = shoulder_of(points_V2, photo, LEFT_ARM, NO_HEAD)
    return with_trunk[0], shoulder.keep_below_arm(points_V2, with_trunk, motion)[0], motion


def raised_joints(degrees: float) -> np.ndarray:
    """Keypoints [33, 2] of somebody who raised the straight left arm so far outwards from hanging."""
    joints = STANDING.copy()
    reach = np.linalg.norm(joints[LEFT[1:]] - joints[LEFT[0]], axis=-1, keepdims=True)
    outwards = np.array([np.sin(np.radians(degrees)), np.cos(np.radians(degrees))], dtype=np.float32)
    joints[LEFT[1:]] = joints[LEFT[0]] + reach * outwards
    return joints


def arm_raised(degrees: float):
    """The bones of that pose."""
    return bone_pose(torch.from_numpy(raised_joints(degrees))[None], torch.ones(1, 33))


def following(points_V2, photo, target):
    """How far [V, 2] an arm takes points of the trunk along, and the motion."""
    motion = bone_motion(photo, target)
    offset = points_V2[None] - motion.source_BJ2[:, TORSO]
    with_trunk = motion.target_BJ2[:, TORSO] + apply(motion.matrix_BJ22[:, TORSO], offset)
    shoulder = shoulder_of(points_V2, photo, LEFT_ARM, NO_HEAD)
    return (shoulder.follow_arm(points_V2, with_trunk, motion) - with_trunk)[0], motion


def down_the_side(photo, shares):
    """Points [V, 2] of the trunk's left side, 0 at the hip and 1 at the shoulder."""
    hip = torch.from_numpy(STANDING[HIP])
    return torch.lerp(hip, photo.start_BJ2[0, LEFT_UPPER_ARM], torch.tensor(shares)[:, None])


def disc(photo, radii: float):
    joint = photo.start_BJ2[0, LEFT_UPPER_ARM]
    angles = torch.linspace(0, 2 * torch.pi, 13)
    radius = radii * RADIUS[LEFT_UPPER_ARM] * float(photo.torso_length_B[0])
    return joint + radius * torch.stack([angles.cos(), angles.sin()], -1)


def test_what_lies_below_an_arm_keeps_its_distance_from_where_the_arm_begins():
    photo, target = turned(60), turned(0)
    points = disc(photo, 1.0)
    with_trunk, kept, motion = carried(points, photo, target)
    begins = motion.target_BJ2[0, LEFT_UPPER_ARM]
    far = (points - photo.start_BJ2[0, LEFT_UPPER_ARM]).norm(dim=-1)
    torch.testing.assert_close((kept - begins).norm(dim=-1), far, atol=0.3, rtol=0)
    assert float(((with_trunk - begins).norm(dim=-1) - far).abs().max()) > 3


def test_a_trunk_seen_from_the_side_is_not_drawn_in_to_its_joints():
    photo, target = turned(0), turned(85)
    joint = photo.start_BJ2[:, LEFT_UPPER_ARM]
    with_trunk, kept, motion = carried(joint, photo, target)
    assert float((with_trunk - motion.target_BJ2[0, LEFT_UPPER_ARM]).norm()) > 3
    torch.testing.assert_close(kept, with_trunk)


def test_shoulders_that_have_changed_sides_do_not_cross_the_trunk():
    joints = STANDING.copy()
    shoulders = [BLAZEPOSE_33.index(f"{side}_shoulder") for side in ("left", "right")]
    joints[shoulders, 0] = CENTER_X + (joints[shoulders, 0] - CENTER_X) * -0.2
    target, photo = bone_pose(torch.from_numpy(joints)[None], torch.ones(1, 33)), turned(0)
    with_trunk, kept, motion = carried(photo.start_BJ2[:, LEFT_UPPER_ARM], photo, target)
    assert not bool(motion.mirrored_B)
    torch.testing.assert_close(kept, with_trunk)


def test_far_from_the_joint_the_trunk_goes_as_it_did():
    photo = turned(60)
    with_trunk, kept, _ = carried(disc(photo, REACH[1] * 1.01), photo, turned(0))
    torch.testing.assert_close(kept, with_trunk)


def test_in_the_photos_own_pose_nothing_moves():
    photo = turned(35)
    points = disc(photo, 1.7)
    _, kept, _ = carried(points, photo, photo)
    torch.testing.assert_close(kept, points, atol=1e-3, rtol=0)


def test_nobody_grows_by_turning_to_the_camera():
    breadth = float((photo := turned(75)).shoulders_B22.diff(dim=1).norm() / photo.torso_length_B)
    assert breadth < SHOULDERS / 2
    front = turned(0)
    assert float(front.shoulders_B22.diff(dim=1).norm() / front.torso_length_B) == pytest.approx(SHOULDERS, rel=0.3)
    assert float(body_scale(photo, front)) == pytest.approx(1, rel=0.3)


@pytest.mark.parametrize("size", [0.5, 2.0])
def test_who_comes_nearer_grows_whichever_way_they_turn(size):
    assert float(body_scale(turned(75), turned(75, size))) == pytest.approx(size)


@pytest.mark.parametrize("degrees", [60, 90, 135, 170])
def test_a_raised_arm_draws_the_trunks_side_outwards_the_more_the_nearer(degrees):
    photo = arm_raised(0)
    moved, _ = following(down_the_side(photo, [0.0, 0.45, 0.65, 0.85]), photo, arm_raised(degrees))
    assert float(moved[0].norm()) == 0
    assert bool((moved[:, 0].diff() > 0).all())
    assert float(moved[-1, 0]) > 0.3 * RADIUS[LEFT_UPPER_ARM] * float(photo.torso_length_B[0])


def test_the_other_side_and_the_middle_stay():
    photo = arm_raised(0)
    others = down_the_side(photo, [0.45, 0.65, 0.85])
    across = torch.tensor([[-1.0], [0.0]]) * (others[:, 0] - CENTER_X) + CENTER_X
    others = torch.stack([across, others[:, 1].expand(2, -1)], -1).flatten(0, 1)
    moved, _ = following(others, photo, arm_raised(150))
    torch.testing.assert_close(moved, torch.zeros_like(moved))


def test_who_lowers_an_arm_or_holds_it_as_in_the_photo_keeps_the_trunks_side():
    points = down_the_side(arm_raised(60), [0.45, 0.65, 0.85])
    for degrees in (60, 10):
        moved, _ = following(points, arm_raised(60), arm_raised(degrees))
        torch.testing.assert_close(moved, torch.zeros_like(moved), atol=1e-3, rtol=0)


def test_who_turns_to_the_side_with_a_raised_arm_has_no_side_to_be_drawn():
    photo, joints = arm_raised(0), raised_joints(90)
    joints[TRUNK, 0] = CENTER_X + 0.1 * (joints[TRUNK, 0] - CENTER_X)
    joints[LEFT[1:], 0] += joints[LEFT[0], 0] - STANDING[LEFT[0], 0]
    from_side = bone_pose(torch.from_numpy(joints)[None], torch.ones(1, 33))
    moved, _ = following(down_the_side(photo, [0.45, 0.65, 0.85]), photo, from_side)
    torch.testing.assert_close(moved, torch.zeros_like(moved))


def test_somebody_turned_round_raises_the_arm_on_the_other_side_of_the_picture():
    photo, flipped = arm_raised(0), raised_joints(120)
    points = down_the_side(photo, [0.65, 0.85])
    front, _ = following(points, photo, arm_raised(120))
    flipped[:, 0] = 2 * CENTER_X - flipped[:, 0]
    motion = bone_motion(photo, bone_pose(torch.from_numpy(flipped)[None], torch.ones(1, 33)))
    assert bool(motion.mirrored_B)
    moved = shoulder_of(points, photo, LEFT_ARM, NO_HEAD).follow_arm(points, torch.zeros(1, 2, 2), motion)[0]
    torch.testing.assert_close(moved, front * torch.tensor([-1.0, 1.0]), atol=0.05, rtol=0)


def test_the_shoulders_round_goes_with_the_arm():
    photo = arm_raised(0)
    joint, radius = photo.start_BJ2[0, LEFT_UPPER_ARM], RADIUS[LEFT_UPPER_ARM] * float(photo.torso_length_B[0])
    outer = joint + radius * torch.tensor([[0.8, 0.6]])
    moved, motion = following(outer, photo, arm_raised(150))
    turn = motion.angle_BJ[:, LEFT_UPPER_ARM]
    with_arm = motion.target_BJ2[0, LEFT_UPPER_ARM] + apply(rotation(turn), outer - joint)[0]
    assert float((outer + moved - with_arm).norm()) < 0.25 * radius
