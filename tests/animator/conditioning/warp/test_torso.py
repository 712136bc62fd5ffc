"""The torso's line of shoulders and hips goes where the target has it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from animator.conditioning.warp.bones import bone_pose
from animator.conditioning.warp.plane import rotation
from animator.conditioning.warp.torso import (
    DEPTH,
    LEG_BONES,
    LEG_SIZE,
    MOST_SHEAR,
    WIDEST_TORSO,
    body_scale,
    torso_motion,
)
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


def seen_at(degrees: float, *, width: float):
    """Shoulders and hips as they show in somebody who turned about the upright; `width` times the figure's."""
    joints = STANDING.copy()
    both = [*SIDES["left"], *SIDES["right"]]
    joints[both, 0] = 96 + (joints[both, 0] - 96) * width * np.cos(np.radians(degrees))
    return bone_pose(torch.from_numpy(joints)[None], torch.ones(1, 33))


def width_at(degrees: float, *, photo_at: float = 0.0, width: float = 1.4) -> float:
    _, shape = torso_motion(seen_at(photo_at, width=width), seen_at(degrees, width=width), torch.ones(1))
    return float(shape[0, 0, 0])


def test_a_trunk_from_the_side_is_as_wide_as_it_is_deep():
    assert width_at(0) == pytest.approx(1)
    assert width_at(88) == pytest.approx(DEPTH, abs=0.01)
    assert width_at(60) > np.cos(np.radians(60)) + 0.2


def test_a_trunk_narrows_without_a_step_as_it_turns():
    widths = [width_at(degrees) for degrees in range(0, 89, 2)]
    assert (np.diff(widths) <= 1e-6).all()
    assert np.abs(np.diff(widths)).max() < 0.03


def test_somebody_narrow_may_be_turned_in_the_photo_and_narrows_less():
    assert DEPTH < width_at(88, width=1.0) < 1


def test_a_photo_from_the_side_widens_by_what_it_hid():
    assert width_at(0, photo_at=80) == pytest.approx(min(1 / width_at(80), WIDEST_TORSO), abs=0.02)


LEGS = [BLAZEPOSE_33.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("knee", "ankle")]


def trunk_and_legs(trunk: float, legs: float = 1.0):
    """Head, shoulders and arms so many times as far above the hips, and knees and ankles as far below them."""
    joints = STANDING.copy()
    hips = joints[[SIDES["left"][1], SIDES["right"][1]]].mean(0)
    above = [BLAZEPOSE_33.index(name) for name in BLAZEPOSE_33.joints[:23]]
    joints[above] = hips + (joints[above] - hips) * trunk
    joints[LEGS, 1] = hips[1] + (joints[LEGS, 1] - hips[1]) * legs
    return bone_pose(torch.from_numpy(joints)[None], torch.ones(1, 33))


def test_somebody_who_bows_does_not_shrink():
    assert float(body_scale(trunk_and_legs(1), trunk_and_legs(0.4))) == pytest.approx(LEG_SIZE, abs=0.01)


def test_somebody_farther_away_is_smaller():
    assert float(body_scale(trunk_and_legs(1), trunk_and_legs(0.5, 0.5))) == pytest.approx(0.5, abs=0.01)


def test_somebody_who_sat_in_the_photo_does_not_grow_by_standing_up():
    assert float(body_scale(trunk_and_legs(1, 0.5), trunk_and_legs(1))) == pytest.approx(1, abs=0.01)


def test_legs_that_nobody_sees_tell_nothing_of_the_size():
    photo, target = trunk_and_legs(1), trunk_and_legs(0.4)
    hidden = replace(target, trust_BJ=torch.where(torch.tensor([b in LEG_BONES for b in range(14)]), 0.0, 1.0)[None])
    assert float(body_scale(photo, hidden)) == pytest.approx(0.4, abs=0.01)
