"""Skirts and trousers: told by the outline, and by colours where that cannot."""

import numpy as np
import pytest
import torch

from animator.conditioning.warp import skirt as skirt_module
from animator.conditioning.warp.anatomy import hidden_leg, leg_place, pixel_centers
from animator.conditioning.warp.cutout import leg_masks
from animator.conditioning.warp.skirt import hem_of, skirt_hem, skirt_hull
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.conditioning.warp.dressed import (
    CLOTH,
    STANDING,
    Picture,
    figure,
    from_the_side,
    in_a_skirt,
    in_a_squat,
    joint,
    pixel,
    pose_of,
    squatting,
)


def test_a_skirt_ends_at_its_hem_and_trousers_have_none():
    _, skirt = in_a_skirt()
    assert skirt_hem(pose_of(), skirt) == pytest.approx(0.8, abs=0.06)
    _, trousers = figure()
    assert skirt_hem(pose_of(), trousers) is None


def test_a_hem_is_looked_for_where_and_as_finely_as_the_matte_is_held(monkeypatch: pytest.MonkeyPatch):
    _, skirt = in_a_skirt()
    places = []
    monkeypatch.setattr(
        skirt_module, "hidden_leg", lambda place, pose: places.append(place) or hidden_leg(place.float(), pose)
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
    matte[int(left[1]) : foot + 8, int(right[0]) - 16 : int(left[0]) + 16] = 1
    assert skirt_hem(pose_of(), matte) == 2.0


@pytest.mark.parametrize("parts_at", [None, 1.8])
def test_legs_in_trousers_that_touch_down_to_the_ankles_are_in_no_gown(parts_at: float | None):
    """One leg before the other, or feet together: no ground shows between them, but they are no wider than legs."""
    keypoints = STANDING.copy()
    middle, names = keypoints[0, 0], ("knee", "ankle", "heel", "foot_index")
    below = [index for index, name in enumerate(BLAZEPOSE_33.joints) if name.endswith(names)]
    keypoints[below, 0] = middle + 0.6 * (keypoints[below, 0] - middle)
    pose, (photo, matte) = pose_of(keypoints), figure(keypoints)
    points = pixel_centers(matte)
    ends = 2.2 if parts_at is None else parts_at
    between = (leg_place(points, pose) > 0) & (leg_place(points, pose) < ends)
    matte[between & ((points[..., 0] - middle).abs() < 6)] = 1
    assert skirt_hem(pose, matte) is None
    assert hem_of(photo, matte, pose) is None


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


def _trousers() -> tuple[int, int, int]:
    photo, _ = in_a_squat(CLOTH)
    row, column = pixel(joint("left_ankle"))
    red, green, blue = (photo[:, row - 12, column + 12] * 255).int().tolist()
    return red, green, blue


def test_knees_that_hide_where_trousers_part_are_no_hem():
    """A woman in leggings who squats lost a shin: what lay between her knees was taken for a skirt."""
    photo, matte = in_a_squat(_trousers())
    pose = pose_of(squatting())
    assert skirt_hem(pose, matte) is not None
    assert hem_of(photo, matte, pose) is None


def test_a_skirt_of_another_colour_than_the_legs_stays_one_in_a_squat():
    photo, matte = in_a_squat(CLOTH)
    pose = pose_of(squatting())
    hem = skirt_hem(pose, matte)
    assert hem is not None
    assert hem_of(photo, matte, pose) == hem


@pytest.mark.parametrize("gray", [0.1, 0.6])
def test_who_stands_may_wear_tights_in_the_colour_of_the_skirt(gray):
    photo, matte = in_a_skirt()
    hem = skirt_hem(pose_of(), matte)
    assert hem is not None
    assert hem_of(torch.full_like(photo, gray), matte, pose_of()) == hem


def _short_and_astride(color: tuple[float, float, float]) -> tuple[Picture, np.ndarray, float]:
    """The figure astride, in cloth of that colour over both thighs, no wider than they are; and where its hem lies."""
    keypoints = legs_astride(22)
    photo, matte = figure(keypoints)
    place = leg_place(pixel_centers(matte), pose_of(keypoints))
    columns = torch.arange(matte.shape[1])
    for row in range(matte.shape[0]):
        legs = (matte[row] > 0.5) & (place[row] > 0) & (place[row] < 0.7)
        if bool(legs.any()) and row > joint("left_hip")[1]:
            own = columns[legs & ((columns - joint("nose")[0]).abs() < 30)]
            cloth = (columns >= own.min()) & (columns <= own.max())
            matte[row, cloth] = 1
            photo[:, row, cloth] = torch.tensor(color)[:, None]
    return (photo, matte), keypoints, 0.7


def test_a_short_skirt_over_legs_astride_ends_where_they_part_and_its_colour_ends():
    """A dancer's dress was cut into trousers: above the knees the outline cannot tell, but colours can."""
    (photo, matte), keypoints, hem = _short_and_astride((0.1, 0.6, 0.7))
    assert skirt_hem(pose_of(keypoints), matte) is None
    assert hem_of(photo, matte, pose_of(keypoints)) == pytest.approx(hem, abs=0.08)


def test_trousers_whose_legs_part_late_are_trousers():
    (photo, matte), keypoints, _ = _short_and_astride((0.1, 0.6, 0.7))
    assert hem_of(torch.full_like(photo, 0.3), matte, pose_of(keypoints)) is None


def test_trousers_with_hands_hanging_beside_the_crotch_are_no_skirt():
    """Beside the hands the outline is wide, and below them it jumps inwards where the legs part."""
    photo, matte = figure()
    crotch = float(joint("left_hip")[1] + 0.4 * (joint("left_knee")[1] - joint("left_hip")[1]))
    rows = torch.arange(matte.shape[0])[:, None]
    columns = torch.arange(matte.shape[1])
    hands = (rows > joint("left_hip")[1]) & (rows < crotch) & (columns > joint("right_hip")[0] - 16)
    hands = hands & (columns < joint("left_hip")[0] + 16)
    matte[hands] = 1
    photo[:, matte > 0.5] = torch.tensor([0.2, 0.25, 0.3])[:, None]
    assert skirt_hem(pose_of(), matte) is not None
    assert hem_of(photo, matte, pose_of()) is None


def test_shorts_that_end_below_where_legs_part_are_no_skirt():
    photo, matte = figure()
    place = leg_place(pixel_centers(matte), pose_of())
    photo[:, (place > 0) & (place < 0.7)] = torch.tensor([0.1, 0.6, 0.7])[:, None]
    assert hem_of(photo, matte, pose_of()) is None
