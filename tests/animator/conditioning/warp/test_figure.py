"""What cutting a person apart has to know first: whether legs are in a skirt."""

import pytest
import torch

from animator.conditioning.warp.anatomy import skirt_hem
from animator.conditioning.warp.figure import figure_of
from tests.animator.conditioning.warp.dressed import CLOTH, in_a_skirt, in_a_squat, joint, pixel, pose_of, squatting


def _trousers() -> tuple[int, int, int]:
    photo, _ = in_a_squat(CLOTH)
    row, column = pixel(joint("left_ankle"))
    red, green, blue = (photo[:, row - 12, column + 12] * 255).int().tolist()
    return red, green, blue


def test_knees_that_hide_where_trousers_part_are_no_hem():
    """A woman in leggings who squats lost a shin: what lay between her knees was taken for a skirt."""
    photo, matte = in_a_squat(_trousers())
    pose = pose_of(squatting())
    assert skirt_hem(pose, matte) is not None  # by the outline alone
    assert figure_of(photo, matte, pose).hem is None


def test_a_skirt_of_another_colour_than_the_legs_stays_one_in_a_squat():
    photo, matte = in_a_squat(CLOTH)
    pose = pose_of(squatting())
    assert figure_of(photo, matte, pose).hem == skirt_hem(pose, matte)


@pytest.mark.parametrize("gray", [0.1, 0.6])
def test_who_stands_may_wear_tights_in_the_colour_of_the_skirt(gray):
    photo, matte = in_a_skirt()
    pose = pose_of()
    hem = skirt_hem(pose, matte)
    assert hem is not None
    assert figure_of(torch.full_like(photo, gray), matte, pose).hem == hem
