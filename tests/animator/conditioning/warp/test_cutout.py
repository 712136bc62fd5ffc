"""Which pixels are which limb and which person: hidden hands, prints on the chest, trousers, crumbs."""

import pytest
import torch

from animator.conditioning.warp.anatomy import body_hull, pixel_centers
from animator.conditioning.warp.bones import LEFT_HAND, LEFT_LEG, RIGHT_HAND
from animator.conditioning.warp.cutout import (
    clear_of_plain_ground,
    leg_masks,
    recut_matte,
    widened,
    without_hidden_hands,
    without_islands,
    without_slivers,
)
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.conditioning.warp.dressed import (
    PRINT,
    STANDING,
    WALL,
    figure,
    from_the_side,
    joint,
    pixel,
    pose_of,
    with_print,
)


def _nothing(matte):
    return torch.zeros_like(matte, dtype=torch.bool)


def test_a_hand_in_its_own_colour_is_trusted():
    photo, matte = figure()
    kept = without_hidden_hands(pixel_centers(matte), photo, matte, pose_of())
    torch.testing.assert_close(kept.trust_BJ, pose_of().trust_BJ)


def test_a_hand_that_looks_like_the_cloth_around_it_is_in_a_pocket():
    keypoints = STANDING.copy()
    hip = joint("left_hip") - [4, 14]
    for name in ("wrist", "pinky", "index", "thumb"):
        offset = joint(f"left_{name}") - joint("left_wrist")
        keypoints[BLAZEPOSE_33.index(f"left_{name}")] = hip + offset
    photo, matte = figure()
    kept = without_hidden_hands(pixel_centers(matte), photo, matte, pose_of(keypoints))
    assert float(kept.trust_BJ[0, LEFT_HAND]) == 0
    assert float(kept.trust_BJ[0, RIGHT_HAND]) == 1


def test_a_hand_in_the_shade_before_brown_trousers_is_no_pocket():
    photo, matte = figure()
    points, pose = pixel_centers(matte), pose_of()
    trousers = (body_hull(points, pose) > 0.5) & (points[..., 1] > float(joint("left_shoulder")[1]))
    photo[:, trousers] = torch.tensor([34, 22, 14])[:, None] / 255
    for name, radius, color in (("left_index", 9, (90, 53, 41)), ("nose", 14, (146, 113, 99))):
        place = (points - torch.from_numpy(joint(name))).norm(dim=-1) < radius
        photo[:, place] = torch.tensor(color)[:, None] / 255
    kept = without_hidden_hands(points, photo, matte, pose)
    assert float(kept.trust_BJ[0, LEFT_HAND]) == 1


def test_a_hand_below_a_shirts_hem_looks_like_one_of_the_two_cloths_it_is_between():
    keypoints = STANDING.copy()
    hip = joint("left_hip") - [4, 0]
    for name in ("wrist", "pinky", "index", "thumb"):
        keypoints[BLAZEPOSE_33.index(f"left_{name}")] = hip + joint(f"left_{name}") - joint("left_wrist")
    photo, matte = figure()
    points, pose = pixel_centers(matte), pose_of(keypoints)
    middle = (pose.start_BJ2[0, LEFT_HAND] + pose.end_BJ2[0, LEFT_HAND]) / 2
    below = (body_hull(points, pose) > 0.5) & (points[..., 1] > float(joint("left_shoulder")[1]))
    hem = middle[1] - 4
    photo[:, below & (points[..., 1] <= hem)] = torch.tensor([20, 40, 90])[:, None] / 255
    photo[:, below & (points[..., 1] > hem)] = torch.tensor([55, 144, 176])[:, None] / 255
    kept = without_hidden_hands(points, photo, matte, pose)
    assert float(kept.trust_BJ[0, LEFT_HAND]) == 0


def test_a_raised_hand_with_nothing_but_fingers_around_it_is_no_pocket():
    keypoints = STANDING.copy()
    raised = joint("left_shoulder") + [20, -25]
    for name in ("wrist", "pinky", "index", "thumb"):
        keypoints[BLAZEPOSE_33.index(f"left_{name}")] = raised + joint(f"left_{name}") - joint("left_wrist")
    photo, matte = figure()
    points, pose = pixel_centers(matte), pose_of(keypoints)
    middle = (pose.start_BJ2[0, LEFT_HAND] + pose.end_BJ2[0, LEFT_HAND]) / 2
    spread = (points - middle).norm(dim=-1) < 20
    photo[:, spread], matte[spread] = torch.tensor([0.9, 0.55, 0.35])[:, None], 1.0
    kept = without_hidden_hands(points, photo, matte, pose)
    assert float(kept.trust_BJ[0, LEFT_HAND]) == 1


def test_a_print_on_the_chest_in_the_colour_of_the_wall_is_no_hole():
    photo, matte = with_print(WALL)
    recut = recut_matte(photo, matte, pose_of())
    assert recut[pixel(PRINT)] > 0.95


def test_wall_that_the_matte_took_in_between_arm_and_trunk_is_cut_out():
    photo, matte = figure()
    taken_in = matte.clone()
    gap = (joint("left_elbow") + joint("left_hip")) / 2 - [2, 0]
    row, column = pixel(gap)
    assert matte[row, column] == 0
    taken_in[row - 8 : row + 8, column - 4 : column + 4] = 1
    recut = recut_matte(photo, taken_in, pose_of())
    assert recut[row, column] < 0.3
    assert recut[pixel((joint("left_shoulder") + joint("right_hip")) / 2)] > 0.95


def test_plain_wall_goes_from_a_wide_matte_and_a_print_in_its_colour_stays():
    photo, matte = with_print(WALL)
    inside = torch.ones_like(matte, dtype=torch.bool)
    cleared = clear_of_plain_ground(photo, widened(matte, 3), pose_of(), inside)
    torso = float(pose_of().torso_length_B[0])
    beside_legs = pixel_centers(matte)[..., 1] > float(joint("left_hip")[1]) + 0.3 * torso
    assert float((cleared - matte)[beside_legs].clamp_min(0).mean()) < 0.1 * float(
        (widened(matte, 3) - matte)[beside_legs].mean()
    )
    assert cleared[pixel(PRINT)] == 1


def test_a_person_who_fills_the_picture_keeps_the_matte():
    photo, matte = figure()
    everywhere = torch.ones_like(matte)
    assert torch.equal(clear_of_plain_ground(photo, everywhere, pose_of(), everywhere > 0), everywhere)


def test_trousers_part_between_the_legs():
    _, matte = figure()
    masks = leg_masks(pixel_centers(matte), pose_of())
    assert [name for name, _, _ in masks] == ["left_leg", "right_leg"]
    torch.testing.assert_close(masks[0][2] + masks[1][2], torch.ones_like(matte))
    for (_, bones, member), side in zip(masks, ("left", "right"), strict=True):
        assert (bones == LEFT_LEG) == (side == "left")
        assert member[pixel(joint(f"{side}_knee"))] == 1


def test_what_is_seen_of_legs_that_hide_each_other_is_the_picture_of_both():
    (_, _, left), (_, _, right) = leg_masks(pixel_centers(figure()[1]), pose_of(from_the_side()))
    for name in ("left_knee", "right_knee", "left_ankle"):
        place = pixel(from_the_side()[BLAZEPOSE_33.index(name)])
        assert left[place] == right[place] == 1


def test_a_photo_without_legs_has_no_leg_masks():
    pose = pose_of()
    pose.trust_BJ[:, LEFT_LEG[0]] = 0
    assert leg_masks(pixel_centers(figure()[1]), pose) == []


def test_pieces_apart_from_home_go_and_what_touches_it_stays():
    alpha = torch.zeros(20, 20)
    alpha[2:10, 2:10], alpha[10, 10], alpha[15:18, 15:18] = 1, 0.3, 1
    home = torch.zeros(20, 20, dtype=torch.bool)
    home[4:6, 4:6] = True
    kept = without_islands(alpha, home)
    assert torch.equal(kept[:12, :12], alpha[:12, :12])
    assert float(kept[12:, 12:].max()) == 0


def test_rims_beside_a_cut_go_and_what_is_wide_or_elsewhere_stays():
    alpha, cut = torch.zeros(60, 60), torch.zeros(60, 60)
    alpha[5:30, 5:25], alpha[8:25, 32:34], alpha[45:58, 10:12] = 1, 1, 1
    cut[5:30, 26:31] = 1
    kept = without_slivers(alpha, cut, width_px=4)
    assert torch.equal(kept[5:30, 5:25], alpha[5:30, 5:25])
    assert float(kept[:, 32:34].max()) == 0
    assert torch.equal(kept[45:58, 10:12], alpha[45:58, 10:12])


@pytest.mark.parametrize("reach", [0.2, 1, 2, 6.6, 15, 40])
def test_a_hull_grows_to_the_maximum_of_the_square_around_each_pixel(reach: float) -> None:
    hull = torch.rand(24, 33, generator=torch.Generator().manual_seed(1)) - 0.5
    radius = max(1, round(reach))
    expected = [
        [float(hull[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1].max()) for x in range(33)]
        for y in range(24)
    ]
    assert torch.equal(widened(hull, reach), torch.tensor(expected))
