"""Elbows that bend: as thick as in the photo, to whichever side."""

import numpy as np
import pytest
import torch

from animator.conditioning.warp.binding import limb_binding
from animator.conditioning.warp.bones import LEFT_ARM, LEFT_FOREARM, LEFT_UPPER_ARM
from animator.conditioning.warp.joints import limb_joint
from animator.conditioning.warp.skinning import bone_motion
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.conditioning.warp.dressed import STANDING, joint, pose_of

HALF_WIDTH = 5.0
LENGTH = 36.0


def _bent(degrees):
    """Keypoints with the left upper arm level and the forearm turned so far from it, positive downwards."""
    pose = STANDING.copy()
    elbow = joint("left_shoulder") + np.array([LENGTH, 0], dtype=np.float32)
    along = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], dtype=np.float32)
    pose[BLAZEPOSE_33.index("left_elbow")] = elbow
    pose[BLAZEPOSE_33.index("left_wrist")] = elbow + LENGTH * along
    for name, reach in {"pinky": 5, "index": 6, "thumb": 4}.items():
        pose[BLAZEPOSE_33.index(f"left_{name}")] = elbow + (LENGTH + reach) * along
    return pose_of(pose)


def _sleeve(pose):
    """[N, 2] the places of an arm about its elbow: all as near to its bones as it is thick."""
    elbow = pose.end_BJ2[0, LEFT_UPPER_ARM]
    steps = torch.arange(-16.0, 17.0)
    places = elbow + torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1).flatten(0, 1)
    return places[_from_bones(places, pose) <= HALF_WIDTH]


def _from_bones(points, pose):
    distances = []
    for bone in (LEFT_UPPER_ARM, LEFT_FOREARM):
        start, axis = pose.start_BJ2[0, bone], pose.end_BJ2[0, bone] - pose.start_BJ2[0, bone]
        place = ((points - start) @ axis / axis.square().sum()).clamp(0, 1)
        distances.append((points - start - place[:, None] * axis).norm(dim=-1))
    return torch.minimum(*distances)


@pytest.mark.parametrize(("before", "after"), [(90, -90), (90, -60), (-60, 150), (-100, 80), (100, -95)])
def test_an_elbow_is_nowhere_thicker_than_in_the_photo(before, after):
    photo, target = _bent(before), _bent(after)
    motion = bone_motion(photo, target)
    points = _sleeve(photo)
    pair = limb_binding(points, photo, LEFT_ARM, root=(-0.15, 0.4))
    moved = motion.carry(points, *pair)
    kept = limb_joint(points, photo, LEFT_ARM, pair).keep_thickness(moved, motion)
    assert float(_from_bones(kept[0], target).max()) < 1.02 * HALF_WIDTH
    assert float(_from_bones(moved[0], target).max()) > 1.15 * HALF_WIDTH


def test_an_arm_that_keeps_its_bend_stays_as_it_is():
    photo = _bent(90)
    motion = bone_motion(photo, photo)
    points = _sleeve(photo)
    pair = limb_binding(points, photo, LEFT_ARM, root=(-0.15, 0.4))
    kept = limb_joint(points, photo, LEFT_ARM, pair).keep_thickness(motion.carry(points, *pair), motion)
    torch.testing.assert_close(kept[0], points, atol=1e-3, rtol=0)


def test_an_elbow_changes_sides_by_way_of_the_straight_arm():
    photo = _bent(100)
    turns = [bone_motion(photo, _bent(degrees)).angle_BJ[0] for degrees in (60, 0, -60, -100)]
    unfolded = torch.stack([turn[LEFT_FOREARM] - turn[LEFT_UPPER_ARM] for turn in turns]).rad2deg()
    torch.testing.assert_close(unfolded, torch.tensor([-40.0, -100.0, -160.0, -200.0]), atol=0.1, rtol=0)
