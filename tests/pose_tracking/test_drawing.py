"""Skeletons over pictures."""

from __future__ import annotations

import numpy as np
import pytest

from pose_tracking.drawing import LEFT_RGB, MIDDLE_RGB, RIGHT_RGB, draw_skeleton
from pose_tracking.skeleton import BLAZEPOSE_33, HOLISTIC_543
from tests.pose_tracking.people import standing

PERSON = standing(150, top=20, height=260)


def _picture(value: int = 120) -> np.ndarray:
    return np.full((300, 300, 3), value, np.uint8)


def _at(pixels: np.ndarray, one: str, other: str) -> tuple[int, ...]:
    """Colour in the middle between two joints."""
    x, y = (PERSON.keypoints_K2[[BLAZEPOSE_33.index(one), BLAZEPOSE_33.index(other)]]).mean(axis=0)
    return tuple(pixels[int(y), int(x)].tolist())


def test_sides_have_their_own_colours_and_the_middle_is_white() -> None:
    drawn = draw_skeleton(_picture(), PERSON.keypoints_K2, np.ones(33), BLAZEPOSE_33, thickness=5)
    assert _at(drawn, "left_knee", "left_ankle") == LEFT_RGB
    assert _at(drawn, "right_knee", "right_ankle") == RIGHT_RGB
    assert _at(drawn, "left_hip", "right_hip") == MIDDLE_RGB


def test_input_is_left_alone_and_the_rest_of_the_picture_too() -> None:
    picture = _picture()
    drawn = draw_skeleton(picture, PERSON.keypoints_K2, PERSON.confidence_K, BLAZEPOSE_33)
    assert (picture == 120).all()
    assert drawn.shape == picture.shape
    assert drawn.dtype == np.uint8
    assert (drawn[:, :80] == 120).all()
    assert (drawn != 120).any()


def test_confidence_is_opacity() -> None:
    faint = draw_skeleton(_picture(0), PERSON.keypoints_K2, np.full(33, 0.5), BLAZEPOSE_33, thickness=5)
    assert _at(faint, "left_hip", "right_hip") == pytest.approx((127, 127, 127), abs=2)
    shown = draw_skeleton(_picture(200), PERSON.keypoints_K2, np.full(33, 0.5), BLAZEPOSE_33, thickness=5)
    assert _at(shown, "left_hip", "right_hip") == pytest.approx((227, 227, 227), abs=2)


def test_unseen_and_unlikely_joints_are_not_drawn() -> None:
    confidence, keypoints = np.ones(33), PERSON.keypoints_K2.copy()
    confidence[BLAZEPOSE_33.index("left_ankle")] = 0.05
    keypoints[BLAZEPOSE_33.index("right_ankle")] = np.nan
    drawn = draw_skeleton(_picture(), keypoints, confidence, BLAZEPOSE_33)
    assert _at(drawn, "left_knee", "left_ankle") == (120, 120, 120)
    assert _at(drawn, "right_knee", "right_ankle") == (120, 120, 120)
    assert _at(drawn, "left_hip", "left_knee") == LEFT_RGB


def test_edges_are_smooth() -> None:
    drawn = draw_skeleton(_picture(0), PERSON.keypoints_K2, np.ones(33), BLAZEPOSE_33, thickness=6)
    assert len(np.unique(drawn[..., 2])) > 12


@pytest.mark.parametrize("shift", [(-10_000, 0), (0, 1_000_000), (140, 0), (-140, -200)])
def test_people_outside_or_half_outside_are_drawn_as_far_as_they_show(shift: tuple[int, int]) -> None:
    drawn = draw_skeleton(_picture(), PERSON.moved(shift).keypoints_K2, PERSON.confidence_K, BLAZEPOSE_33)
    assert (drawn != 120).any() == (abs(shift[0]) < 1000 and abs(shift[1]) < 1000)


def test_nobody_leaves_the_picture_as_it_is() -> None:
    nobody = np.full((33, 2), np.nan, np.float32)
    assert (draw_skeleton(_picture(), nobody, np.zeros(33), BLAZEPOSE_33) == 120).all()


def test_hands_and_faces_are_drawn_finer() -> None:
    keypoints = np.full((543, 2), np.nan)
    keypoints[HOLISTIC_543.index("left_hand_0")], keypoints[HOLISTIC_543.index("left_hand_1")] = (50, 50), (50, 150)
    keypoints[HOLISTIC_543.index("left_hip")], keypoints[HOLISTIC_543.index("left_knee")] = (150, 50), (150, 150)
    keypoints[HOLISTIC_543.index("mesh_7")] = (250, 100)
    drawn = draw_skeleton(_picture(0), keypoints, np.ones(543), HOLISTIC_543, thickness=8)
    width = (drawn[100, :, 0] > 128).astype(int)
    assert 0 < width[:100].sum() < width[100:200].sum()
    assert width[200:].sum() > 0
