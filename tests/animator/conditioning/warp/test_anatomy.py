"""Where the parts of a body lie around its bones."""

import numpy as np
import pytest
import torch

from animator.conditioning.warp.anatomy import (
    COVERED_SIDE,
    LEAST_TRUNK,
    USUAL,
    body_hull,
    chain_distance,
    hidden_leg,
    leg_place,
    limb_thickness,
    pixel_centers,
    segment,
    smoothstep,
)
from animator.conditioning.warp.bones import LEFT_ARM, LEFT_FOREARM
from tests.animator.conditioning.warp.dressed import STANDING, figure, from_the_side, joint, pixel, pose_of
from tests.animator.figure import draw_figure


def test_a_segment_counts_from_its_start_and_measures_from_its_nearest_point():
    points = torch.tensor([[5.0, 3.0], [-4.0, 0.0], [13.0, 4.0]])
    place, distance = segment(points, torch.zeros(2), torch.tensor([10.0, 0.0]))
    torch.testing.assert_close(place, torch.tensor([0.5, -0.4, 1.3]))
    torch.testing.assert_close(distance, torch.tensor([3.0, 4.0, 5.0]))


def test_smoothstep_is_flat_outside_and_half_in_the_middle():
    values = smoothstep(1.0, 3.0, torch.tensor([0.0, 1.0, 2.0, 3.0, 9.0]))
    torch.testing.assert_close(values, torch.tensor([0.0, 0.0, 0.5, 1.0, 1.0]))


def test_the_hull_holds_trunk_head_and_legs_but_neither_hands_nor_wall():
    _, matte = figure()
    hull = body_hull(pixel_centers(matte), pose_of())
    chest = (joint("left_shoulder") + joint("right_hip")) / 2
    for inside in (chest, joint("nose"), (joint("left_hip") + joint("left_knee")) / 2):
        assert hull[pixel(inside)] > 0.95
    for outside in (joint("left_wrist"), joint("right_wrist"), np.array([5, 5])):
        assert hull[pixel(outside)] < 0.05


def test_seen_from_the_side_a_trunk_is_as_wide_as_it_is_deep():
    _, matte = figure()
    points, frontal = pixel_centers(matte), pose_of()
    middle = (joint("left_shoulder") + joint("right_hip")) / 2
    for narrowed in (0.3, 0.0):
        keypoints = STANDING.copy()
        keypoints[:, 0] = STANDING[0, 0] + narrowed * (STANDING[:, 0] - STANDING[0, 0])
        hull = body_hull(points, pose_of(keypoints))[pixel(middle)[0]]
        assert float(hull.sum()) == pytest.approx(LEAST_TRUNK * float(frontal.torso_length_B[0]), rel=0.15)


def test_legs_are_measured_from_hips_over_knees_to_ankles():
    middles = [(joint(f"left_{name}") + joint(f"right_{name}")) / 2 for name in ("hip", "knee", "ankle")]
    places = leg_place(torch.from_numpy(np.stack(middles)), pose_of())
    torch.testing.assert_close(places, torch.tensor([0.0, 1.0, 2.0]), atol=0.02, rtol=0)


def test_legs_hide_each_other_from_the_side_alone():
    places = torch.tensor([0.5, 1.5])
    torch.testing.assert_close(hidden_leg(places, pose_of()), torch.zeros(2))
    torch.testing.assert_close(hidden_leg(places, pose_of(from_the_side())), torch.ones(2))


def _thick_arm(px):
    """(matte, pose) of the figure with a left forearm of so many px about its bone."""
    matte = figure()[1].clone()
    pose, points = pose_of(), pixel_centers(matte)
    near = segment(points, pose.start_BJ2[0, LEFT_FOREARM], pose.end_BJ2[0, LEFT_FOREARM])[1] < px
    return torch.where(near, 1.0, matte), pose


def test_a_thicker_arm_measures_thicker():
    slim = max(limb_thickness(figure()[1], pose_of(), LEFT_ARM))
    wide = max(limb_thickness(*_thick_arm(9), LEFT_ARM))
    assert 0.65 <= slim < wide <= 1.7


def test_an_arm_with_no_free_side_is_taken_as_usual():
    assert limb_thickness(torch.ones(draw_figure(STANDING, (192, 240))[1].shape), pose_of(), LEFT_ARM) == USUAL


def test_what_the_free_side_of_an_arm_measures_is_not_believed_of_the_side_at_the_trunk():
    matte, pose = _thick_arm(14)
    points, start, end = pixel_centers(matte), pose.start_BJ2[0, LEFT_FOREARM], pose.end_BJ2[0, LEFT_FOREARM]
    beside_trunk = (segment(points, start, end)[1] < 40) & (points[..., 0] < (start + end)[0] / 2)
    thickness = limb_thickness(torch.where(beside_trunk, 1.0, matte), pose, LEFT_ARM)
    assert thickness == (pytest.approx(1.7), COVERED_SIDE)
    outer, inner = (
        chain_distance((start + end) / 2 + torch.tensor([[aside, 0.0]]), pose, (LEFT_FOREARM,), thickness)
        for aside in (10.0, -10.0)
    )
    torch.testing.assert_close(inner * COVERED_SIDE, outer * 1.7, rtol=0.02, atol=0.0)
