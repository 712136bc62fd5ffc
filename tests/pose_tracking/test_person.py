"""One person is chosen and followed; neighbours never take over."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose_tracking.person import FORGET_AFTER_S, Detection, PersonChoice, PersonFollower, choose_person
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.pose_tracking.people import standing

SIZE = (640, 480)
LEFT, MIDDLE, RIGHT = standing(100, height=200), standing(330, height=150), standing(550, height=300)


def _follow(
    frames: Sequence[Sequence[Detection]], person: PersonChoice = "largest", *, fps: float = 25.0
) -> list[bool]:
    """For each frame whether the first detection was taken."""
    follower = PersonFollower(person, frame_size=SIZE)
    return [bool(found) and follower.step(found, index / fps) is found[0] for index, found in enumerate(frames)]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("largest", RIGHT),
        ("center", MIDDLE),
        (0, LEFT),
        (2, RIGHT),
        (3, None),
        ((0.15, 0.5), LEFT),
        ((0.95, 0.05), None),
    ],
)
def test_choice_picks_by_size_place_order_or_point(choice: PersonChoice, expected: Detection | None) -> None:
    assert choose_person([RIGHT, LEFT, MIDDLE], choice, frame_size=SIZE) is expected


def test_nobody_is_chosen_among_detections_without_joints() -> None:
    nothing = Detection(keypoints_K2=np.full((33, 2), np.nan, np.float32), confidence_K=np.zeros(33, np.float32))
    assert choose_person([nothing], "largest", frame_size=SIZE) is None
    assert choose_person([], 0, frame_size=SIZE) is None


def test_box_holds_the_confident_joints_only() -> None:
    person = standing(100, top=0, height=200)
    person.confidence_K[25:] = 0.1  # from the knees down
    _, top, _, bottom = person.box()
    assert top == pytest.approx(12, abs=0.1)
    assert bottom == pytest.approx(110, abs=0.1)


def test_distance_is_in_person_sizes_and_ignores_exchanged_sides() -> None:
    person = standing(100)
    moved = person.moved((person.size_px, 0))
    exchanged = Detection(keypoints_K2=person.keypoints_K2[list(BLAZEPOSE_33.mirror)], confidence_K=person.confidence_K)
    assert person.distance(moved) == pytest.approx(1.0, abs=1e-3)
    assert person.distance(exchanged) == pytest.approx(0.0, abs=1e-3)


def test_distance_without_a_common_joint_is_infinite() -> None:
    head, feet = standing(100), standing(100)
    head.keypoints_K2[5:] = np.nan
    feet.keypoints_K2[:5] = np.nan
    assert head.distance(feet) == math.inf


@settings(max_examples=40, deadline=None)
@given(
    st.floats(-0.08, 0.08),
    st.floats(-0.03, 0.03),
    st.sampled_from([5.0, 12.5, 25.0, 60.0]),
    st.lists(st.booleans(), min_size=2, max_size=30),
)
def test_somebody_alone_is_followed_at_any_real_pace(
    step: float, growth: float, fps: float, is_seen: list[bool]
) -> None:
    frames: list[list[Detection]] = []
    for index, seen in enumerate([True, *is_seen]):
        size = 200 * (1 + growth) ** index
        frames.append([standing(320 + index * step * size, height=size)] if seen else [])
    assert _follow(frames, fps=fps) == [bool(found) for found in frames]


def test_jump_to_a_neighbour_is_a_gap() -> None:
    ours, other = standing(200), standing(420)
    frames = [[ours, other], [ours, other], [other], [other], [ours, other]]
    assert _follow(frames, (0.3, 0.5)) == [True, True, False, False, True]


def test_neighbours_in_any_order_do_not_confuse() -> None:
    follower = PersonFollower(0, frame_size=SIZE)
    for index in range(50):
        ours, other = standing(100 + 4 * index), standing(400 - 4 * index, top=150, height=200)
        people = [ours, other] if index % 2 else [other, ours]
        assert follower.step(people, index / 25) is ours


def test_person_who_returns_soon_is_taken_back() -> None:
    ours = standing(200)
    frames = [[ours]] * 30 + [[]] * int(FORGET_AFTER_S * 25 - 1) + [[standing(230)]]
    assert _follow(frames)[-1]


def test_after_a_long_absence_the_largest_is_chosen_anew() -> None:
    frames = [[standing(100)]] * 30 + [[]] * 26 + [[standing(500, height=250), standing(150, height=200)]]
    assert _follow(frames)[-1]


def test_after_a_long_absence_an_index_goes_on_where_the_person_was_lost() -> None:
    first = [[standing(300), standing(100), standing(500)]] * 30  # index 1 from the left
    back = [[standing(320), standing(60), standing(100)]]
    assert _follow([*first, *[[]] * 26, *back], 1)[-1]


def test_short_glimpse_is_not_waited_for_as_long() -> None:
    fragment, person = standing(600, top=400, height=40), standing(300)
    follower = PersonFollower("largest", frame_size=SIZE)
    assert follower.step([fragment], 0.0) is fragment
    assert follower.step([person], 0.1) is None
    assert follower.step([person], 0.4) is person


def test_index_waits_until_enough_people_are_in_view() -> None:
    follower = PersonFollower(1, frame_size=SIZE)
    assert follower.step([LEFT], 0.0) is None
    assert follower.step([RIGHT, LEFT], 0.04) is RIGHT
    assert follower.most_in_view == 2


class _Search:
    """What a search for everybody would find, and how often it was asked for."""

    def __init__(self, *people: Detection) -> None:
        self.people = people
        self.count = 0

    def __call__(self) -> Sequence[Detection]:
        self.count += 1
        return self.people


def test_single_person_tracker_is_asked_for_everybody_at_first_sight_only() -> None:
    follower, search = PersonFollower(0, frame_size=SIZE), _Search(LEFT, RIGHT)
    assert follower.step([RIGHT], 0.0, everyone=search) is LEFT
    for index in range(1, 10):
        assert follower.step([LEFT], index / 25, everyone=search) is LEFT
    assert search.count == 1


def test_somebody_who_fills_the_picture_needs_no_search_to_be_the_largest() -> None:
    follower, search = PersonFollower("largest", frame_size=SIZE), _Search(RIGHT)
    assert follower.step([RIGHT], 0.0, everyone=search) is RIGHT
    assert search.count == 0
    assert follower.region(0.04) is None


def test_search_in_an_empty_scene_is_rare() -> None:
    follower, search = PersonFollower("largest", frame_size=SIZE), _Search()
    for index in range(100):
        assert follower.step([], index / 25, everyone=search) is None
    assert search.count == 4


def test_doubtful_step_is_settled_by_a_search() -> None:
    ours, other = standing(200, height=200), standing(270, height=200)
    follower = PersonFollower(0, frame_size=SIZE)
    follower.step([ours], 0.0, everyone=_Search(ours))
    search = _Search(ours, other)
    assert follower.step([other], 0.26, everyone=search) is ours
    assert search.count == 1
    assert follower.step([other], 0.3, everyone=search) is None  # too soon for another search
    assert search.count == 1


def test_large_step_is_believed_when_nobody_else_is_in_view() -> None:
    ours, far = standing(200, height=200), standing(260, height=200)
    follower = PersonFollower("largest", frame_size=SIZE)
    for index in range(10):
        follower.step([ours], index / 25, everyone=_Search(ours))
    assert follower.step([far], 0.4, everyone=_Search(far)) is far


def test_region_surrounds_the_person_while_others_are_about_and_grows_with_absence() -> None:
    follower = PersonFollower(0, frame_size=SIZE)
    follower.step([LEFT], 0.0, everyone=_Search(LEFT, RIGHT))
    for index in range(1, 26):
        follower.step([LEFT], index / 25)
    soon, later = follower.region(1.04), follower.region(1.5)
    assert soon is not None
    assert later is not None
    left, top, right, bottom = LEFT.box()
    assert soon[0] <= left
    assert soon[1] <= top
    assert right <= soon[2] < RIGHT.box()[0]
    assert bottom <= soon[3]
    assert later[2] - later[0] > soon[2] - soon[0]
    assert follower.region(1.0 + FORGET_AFTER_S + 0.1) is None


def test_person_found_only_by_a_search_is_looked_at_closely() -> None:
    follower = PersonFollower("largest", frame_size=SIZE)
    follower.step([], 0.0, everyone=_Search(standing(100, height=40)))
    assert follower.region(0.04) is not None


def test_people_are_beside_each_other_where_their_widened_boxes_meet() -> None:
    one = standing(200)
    _, _, right, _ = one.box()
    apart = one.moved((right - one.box()[0] + 10, 0))
    assert not one.is_beside(apart, margin=0.0)
    assert one.is_beside(apart, margin=0.02)
    assert apart.is_beside(one, margin=0.02)
    assert one.is_beside(one, margin=0.0)
    unseen = Detection(keypoints_K2=np.full((33, 2), np.nan, np.float32), confidence_K=np.zeros(33, np.float32))
    assert not one.is_beside(unseen, margin=0.1)
