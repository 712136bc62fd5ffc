"""Everybody is found with a detector that sees one person at a time."""

from __future__ import annotations

import numpy as np
import pytest

from pose_tracking.crowd import MAX_LOOKS, find_everybody, paint_out
from pose_tracking.person import Detection
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.pose_tracking.people import standing

GROUND = 90
HEIGHT, WIDTH = 480, 900


class _Eye:
    """Sees the person whose nose and hips still have their colour, the largest first; 60 px ones only close up."""

    def __init__(self, *people: Detection, smallest_share: float = 0.0) -> None:
        self.people = sorted(people, key=lambda person: -person.size_px)
        self.smallest_share = smallest_share
        self.num_looks = 0

    def picture(self) -> np.ndarray:
        pixels = np.full((HEIGHT, WIDTH, 3), GROUND, np.uint8)
        for number, person in enumerate(self.people):
            for joint in ("nose", "left_hip"):
                x, y = person.keypoints_K2[BLAZEPOSE_33.index(joint)].astype(int)
                pixels[y - 2 : y + 3, x - 2 : x + 3] = 200 + number
        return pixels

    def __call__(self, view: np.ndarray) -> Detection | None:
        self.num_looks += 1
        for number, person in enumerate(self.people):
            spots = np.argwhere((view == 200 + number).all(axis=-1))
            if len(spots) < 50 or person.size_px < self.smallest_share * max(view.shape[:2]):
                continue
            y, x = spots[: len(spots) // 2].mean(axis=0)
            nose = person.keypoints_K2[BLAZEPOSE_33.index("nose")]
            return person.moved((x + 0.5 - nose[0], y + 0.5 - nose[1]))
        return None


def test_all_people_are_found_from_left_to_right() -> None:
    people = [standing(700, height=200), standing(150, height=250), standing(450, height=300)]
    eye = _Eye(*people)
    found = find_everybody(eye.picture(), eye, BLAZEPOSE_33)
    assert [round(person.center[0], -1) for person in found] == [150, 450, 700]


def test_one_look_more_than_people_is_taken_without_cut_outs() -> None:
    eye = _Eye(standing(150), standing(500))
    assert len(find_everybody(eye.picture(), eye, BLAZEPOSE_33, cut_outs=False)) == 2
    assert eye.num_looks == 3


def test_small_people_are_found_in_cut_outs_in_px_of_the_whole_picture() -> None:
    small = standing(800, top=300, height=90)
    eye = _Eye(standing(300, height=350), small, smallest_share=0.15)
    assert len(find_everybody(eye.picture(), eye, BLAZEPOSE_33, cut_outs=False)) == 1
    found = find_everybody(eye.picture(), eye, BLAZEPOSE_33)
    assert len(found) == 2
    assert np.abs(found[1].keypoints_K2 - small.keypoints_K2).max() < 2


def test_known_people_are_kept_as_they_are_and_not_found_again() -> None:
    known, other = standing(150), standing(500)
    eye = _Eye(known, other)
    found = find_everybody(eye.picture(), eye, BLAZEPOSE_33, known=[known])
    assert found[0] is known
    assert len(found) == 2


def test_large_pictures_are_searched_reduced_and_answered_in_their_own_px() -> None:
    shapes = []

    def see_nobody(view: np.ndarray) -> None:
        shapes.append(view.shape)

    assert find_everybody(np.zeros((3000, 4000, 3), np.uint8), see_nobody, BLAZEPOSE_33) == []
    assert shapes[0] == (720, 960, 3)
    assert {max(shape) for shape in shapes[1:]} == {720}


def test_silhouette_of_somebody_painted_out_is_nobody() -> None:
    person, picture = standing(240), np.zeros((HEIGHT, HEIGHT, 3), np.uint8)
    legs_apart = person.moved((0, 0))
    legs_apart.keypoints_K2[25:, 0] += 400  # so that joints, not distance, tell
    assert legs_apart.distance(person) == 0
    assert find_everybody(picture, lambda view: legs_apart, BLAZEPOSE_33, known=[person]) == [person]


def test_second_look_at_the_same_person_is_not_a_second_person() -> None:
    looks = iter([standing(300), standing(345), None])
    picture = np.zeros((HEIGHT, HEIGHT, 3), np.uint8)
    assert len(find_everybody(picture, lambda view: next(looks), BLAZEPOSE_33)) == 1


def test_number_of_looks_is_bounded() -> None:
    places = iter(range(10_000))

    def see_somebody_new(view: np.ndarray) -> Detection:
        return standing(20 + 40 * next(places), top=20, height=20)

    found = find_everybody(np.zeros((HEIGHT, WIDTH, 3), np.uint8), see_somebody_new, BLAZEPOSE_33)
    assert len(found) <= MAX_LOOKS
    assert next(places) <= MAX_LOOKS


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 900, 3), (900, 2, 3)])
def test_tiny_and_narrow_pictures_are_searched(shape: tuple[int, int, int]) -> None:
    assert find_everybody(np.zeros(shape, np.uint8), lambda view: None, BLAZEPOSE_33) == []


def test_painting_covers_trunk_and_head_and_leaves_the_rest() -> None:
    person, picture = standing(200), np.full((HEIGHT, WIDTH, 3), GROUND, np.uint8)
    picture[:, :400] = 10
    picture[100:400, 100:300] = 250
    painted = paint_out(picture, [person], BLAZEPOSE_33)
    for joint in ("nose", "left_shoulder", "right_hip", "left_knee", "right_wrist"):
        x, y = person.keypoints_K2[BLAZEPOSE_33.index(joint)].astype(int)
        assert tuple(painted[y, x]) == (GROUND,) * 3
    x, y = (int(value) for value in person.center)
    assert tuple(painted[y - 40, x]) == (GROUND,) * 3
    assert (painted[:, 500:] == GROUND).all()
    assert (painted[0, 0] == 10).all()
    assert (picture[200, 200] == 250).all()
