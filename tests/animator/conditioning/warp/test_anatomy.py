"""Where the parts of a body lie around its bones."""

import numpy as np
import pytest
import torch

from animator.conditioning.warp import anatomy
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
    skirt_hem,
    skirt_hull,
    smoothstep,
)
from animator.conditioning.warp.bones import LEFT_ARM, LEFT_FOREARM
from animator.conditioning.warp.cutout import leg_masks
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.conditioning.warp.dressed import STANDING, figure, from_the_side, in_a_skirt, joint, pixel, pose_of
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


def test_a_skirt_ends_at_its_hem_and_trousers_have_none():
    _, skirt = in_a_skirt()
    assert skirt_hem(pose_of(), skirt) == pytest.approx(0.8, abs=0.06)
    _, trousers = figure()
    assert skirt_hem(pose_of(), trousers) is None


def test_a_hem_is_looked_for_where_and_as_finely_as_the_matte_is_held(monkeypatch: pytest.MonkeyPatch):
    _, skirt = in_a_skirt()
    places = []
    monkeypatch.setattr(
        anatomy, "hidden_leg", lambda place, pose: places.append(place) or hidden_leg(place.float(), pose)
    )
    skirt_hem(pose_of(), skirt.double())
    assert [(place.dtype, place.device) for place in places] == [(torch.float64, skirt.device)]


def test_a_hem_whose_corners_fade_over_some_rows_is_a_hem_as_well():
    _, skirt = in_a_skirt()
    _, legs = figure()
    left, right = joint("left_hip"), joint("right_hip")
    hem = int(left[1] + 0.8 * (joint("left_knee")[1] - left[1]))
    skirt[hem - 4 : hem] = legs[hem - 4 : hem]
    skirt[hem - 4 : hem, int(right[0]) : int(left[0])] = 1
    assert skirt_hem(pose_of(), skirt) == pytest.approx(0.8, abs=0.06)


def legs_astride(by_px: float) -> np.ndarray:
    """Keypoints [33, 2] of the standing pose with every joint below the knees so far to its side."""
    keypoints = STANDING.copy()
    for place, name in enumerate(BLAZEPOSE_33.joints):
        if name.endswith(("knee", "ankle", "heel", "foot_index")):
            share = 0.5 if name.endswith("knee") else 1.0
            keypoints[place, 0] += share * by_px * (1 if name.startswith("left") else -1)
    return keypoints


def test_a_straight_skirt_over_legs_astride_is_no_pair_of_trousers():
    """A dress was cut into trousers: its hem is no wider than the legs below it stand apart."""
    keypoints = legs_astride(22)
    pose, (_, matte) = pose_of(keypoints), figure(keypoints)
    assert skirt_hem(pose, matte) is None
    points = dict(zip(BLAZEPOSE_33.joints, keypoints, strict=True))
    hem = int(points["left_knee"][1] + 0.25 * (points["left_ankle"][1] - points["left_knee"][1]))
    columns = (matte[hem] > 0.5).nonzero()[:, 0]
    left, right = int(columns.min()), int(columns.max())
    for row in range(int(points["left_hip"][1]), hem):
        matte[row, left : right + 1] = 1
    assert skirt_hem(pose, matte) == pytest.approx(1.25, abs=0.06)


def test_a_gown_to_the_floor_ends_at_the_ankles():
    _, matte = figure()
    left, right, foot = joint("left_hip"), joint("right_hip"), int(joint("left_ankle")[1])
    matte[int(left[1]) : foot + 8, int(right[0]) - 8 : int(left[0]) + 8] = 1
    assert skirt_hem(pose_of(), matte) == 2.0


def column(widths: dict[float, float]) -> torch.Tensor:
    """Matte [H, W] of somebody seen from the side, so wide in torso lengths down to each place of the legs."""
    _, matte = figure()
    place = leg_place(pixel_centers(matte), pose_of(from_the_side()))
    x = pixel_centers(matte)[..., 0] - float(joint("nose")[0])
    size, opaque = float(pose_of().torso_length_B[0]), torch.zeros_like(matte, dtype=torch.bool)
    above = -1.0
    for end, width in widths.items():
        opaque |= (place >= above) & (place < end) & (x.abs() < width * size / 2)
        above = end
    return opaque.float()


@pytest.mark.parametrize(
    ("widths", "hem"),
    [({2.3: 0.35}, None), ({1.2: 0.6, 2.3: 0.3}, 1.2), ({2.3: 0.8}, 2.0)],
    ids=["trousers", "a skirt", "a gown"],
)
def test_from_the_side_the_outline_tells_skirts_from_trousers(widths, hem):
    found = skirt_hem(pose_of(from_the_side()), column(widths))
    assert found is None if hem is None else found == pytest.approx(hem, abs=0.15)


def test_legs_hide_each_other_from_the_side_alone():
    places = torch.tensor([0.5, 1.5])
    torch.testing.assert_close(hidden_leg(places, pose_of()), torch.zeros(2))
    torch.testing.assert_close(hidden_leg(places, pose_of(from_the_side())), torch.ones(2))


def test_legs_that_the_photo_does_not_show_wear_no_skirt():
    _, matte = figure()
    keypoints = STANDING.copy()
    pose = pose_of(keypoints)
    pose.trust_BJ[:, 2:8] = 0
    assert skirt_hem(pose, matte) is None


def test_legs_that_are_cut_out_as_trousers_are_asked_for_a_skirt_first():
    """A drawn girl's skirt was parted down its middle: her knees, below the photo's edge, were guessed too unsurely to
    ask whether it is one, and surely enough to part them."""
    points, (_, matte) = pixel_centers(figure()[1]), in_a_skirt()
    for trust in torch.linspace(0.02, 1, 50).tolist():
        pose = pose_of()
        pose.trust_BJ[:, 2:8] = trust
        assert (skirt_hem(pose, matte) is not None) == bool(leg_masks(points, pose))


def test_the_cloth_of_a_skirt_hangs_between_hips_and_hem_only():
    _, matte = in_a_skirt()
    hull = skirt_hull(pixel_centers(matte), matte, pose_of(), 0.8)
    middle = (joint("left_hip") + joint("right_hip")) / 2
    knee = (joint("left_knee") + joint("right_knee")) / 2
    assert hull[pixel(middle + 0.5 * (knee - middle))] > 0.95
    assert hull[pixel(knee + np.array([0, 8]))] < 0.05
    assert hull[pixel(joint("left_wrist"))] < 0.05


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
