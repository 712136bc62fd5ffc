"""What a photo's mirror image shows of somebody is weighed in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pose_tracking.both_sides import from_both_sides, mirrored
from pose_tracking.crowd import FindOne
from pose_tracking.person import Detection
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.pose_tracking.people import standing

WIDTH, HEIGHT = 640, 480
PIXELS = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
TRUTH = standing(200)
LEGS = [BLAZEPOSE_33.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("knee", "ankle")]


def sees(in_mirror: Detection | None) -> FindOne:
    """A detector that has the mirror image of `PIXELS` before it and sees this person there, in px of `PIXELS`."""

    def find_one(view_HWC: np.ndarray) -> Detection | None:
        if view_HWC.shape != PIXELS.shape:
            return None
        assert np.array_equal(view_HWC, PIXELS[:, ::-1])
        return None if in_mirror is None else mirrored(in_mirror, BLAZEPOSE_33, width=WIDTH)

    return find_one


def seen(person: Detection, in_mirror: Detection | None) -> Detection:
    return from_both_sides(person, PIXELS, sees(in_mirror), BLAZEPOSE_33)


def changed(person: Detection, joints: list[int], *, by: tuple[float, float], confidence: float) -> Detection:
    keypoints, sure = person.keypoints_K2.copy(), person.confidence_K.copy()
    keypoints[joints] += by
    sure[joints] = confidence
    return Detection(keypoints_K2=keypoints, confidence_K=sure)


def test_who_is_seen_alike_from_both_sides_stays() -> None:
    found = seen(TRUTH, TRUTH)
    assert found.keypoints_K2 == pytest.approx(TRUTH.keypoints_K2, abs=1e-3)
    assert found.confidence_K == pytest.approx(TRUTH.confidence_K)


def test_an_error_to_the_right_of_every_picture_is_gone() -> None:
    # In the mirror image the same error lies to the left.
    found = seen(TRUTH.moved((4, 0)), TRUTH.moved((-4, 0)))
    assert found.keypoints_K2 == pytest.approx(TRUTH.keypoints_K2, abs=1e-3)


@pytest.mark.parametrize("is_turned", [False, True])
def test_legs_that_one_side_only_guesses_are_where_the_other_one_sees_them(is_turned: bool) -> None:
    guess = changed(TRUTH, LEGS, by=(0, -60), confidence=0.1)
    found = seen(TRUTH, guess) if is_turned else seen(guess, TRUTH)
    assert np.abs(found.keypoints_K2 - TRUTH.keypoints_K2).max() < 1
    assert found.confidence_K[LEGS].min() > 0.85


@pytest.mark.parametrize("is_turned", [False, True])
def test_a_joint_that_only_one_side_shows_is_taken_from_there(is_turned: bool) -> None:
    part = changed(TRUTH, LEGS, by=(np.nan, np.nan), confidence=0.0)
    found = seen(TRUTH, part) if is_turned else seen(part, TRUTH)
    assert found.keypoints_K2 == pytest.approx(TRUTH.keypoints_K2, abs=1e-3)
    assert found.confidence_K == pytest.approx(TRUTH.confidence_K)


def test_what_neither_side_shows_stays_unseen() -> None:
    part = changed(TRUTH, LEGS, by=(np.nan, np.nan), confidence=0.0)
    found = seen(part, part)
    assert np.isnan(found.keypoints_K2[LEGS]).all()
    assert not found.confidence_K[LEGS].any()


def other_side_first(person: Detection) -> Detection:
    order = list(BLAZEPOSE_33.mirror)
    return Detection(keypoints_K2=person.keypoints_K2[order], confidence_K=person.confidence_K[order])


@pytest.mark.parametrize(
    "in_mirror",
    [
        pytest.param(lambda: None, id="nobody"),
        pytest.param(lambda: standing(420), id="somebody else"),
        pytest.param(lambda: other_side_first(TRUTH), id="left and right exchanged"),
        pytest.param(lambda: replace(TRUTH, confidence_K=np.zeros(33, np.float32)), id="sure of nothing"),
    ],
)
def test_another_pose_in_the_mirror_image_counts_for_nothing(in_mirror: Callable[[], Detection | None]) -> None:
    found = seen(TRUTH, in_mirror())
    assert found.keypoints_K2 == pytest.approx(TRUTH.keypoints_K2, abs=1e-3)
    assert found.confidence_K == pytest.approx(TRUTH.confidence_K)


def looks(*of_picture: Detection, in_mirror: list[Detection]) -> FindOne:
    """A detector that sees these people one after the other in parts of `PIXELS` and in parts of its mirror image."""
    plain, turned = iter(of_picture), iter(in_mirror)

    def find_one(view_HWC: np.ndarray) -> Detection | None:
        for side, people in ((1, plain), (-1, turned)):
            view = view_HWC[:, ::side]
            for top, left in np.argwhere((view[0, 0] == PIXELS).all(-1)):
                if np.array_equal(PIXELS[top:, left:][: view.shape[0], : view.shape[1]], view):
                    person = next(people).moved((-left, -top))
                    return person if side > 0 else mirrored(person, BLAZEPOSE_33, width=view.shape[1])
        raise AssertionError("a view of another picture")

    return find_one


def part_exchanged(words: tuple[str, ...]) -> Detection:
    """`TRUTH` with left and right exchanged in the joints of these names."""
    part = np.array([any(word in name for word in words) for name in BLAZEPOSE_33.joints])
    other = other_side_first(TRUTH)
    return replace(TRUTH, keypoints_K2=np.where(part[:, None], other.keypoints_K2, TRUTH.keypoints_K2))


ARMS, LEGS_AND_HIPS = ("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle", "heel", "foot")


@pytest.mark.parametrize("words", [ARMS, LEGS_AND_HIPS], ids=["arms", "legs"])
@pytest.mark.parametrize("first_is_wrong", [True, False])
def test_where_both_sides_contradict_each_other_most_looks_count(words: tuple[str, ...], first_is_wrong: bool) -> None:
    wrong = part_exchanged(words)
    first, in_mirror = (wrong, TRUTH) if first_is_wrong else (TRUTH, wrong)
    find_one = looks(TRUTH, wrong, in_mirror=[in_mirror, TRUTH, TRUTH])
    found = from_both_sides(first, PIXELS, find_one, BLAZEPOSE_33)
    assert np.abs(found.keypoints_K2 - TRUTH.keypoints_K2).max() < 1


def test_of_looks_that_contradict_each_other_those_with_uncrossed_legs_count() -> None:
    # As many as would outvote the two that are right.
    wrong = part_exchanged(("knee", "ankle", "heel", "foot"))
    apart = [BLAZEPOSE_33.index(f"left_{name}") for name in ("knee", "ankle", "heel", "foot_index")]
    for each in (wrong, astride := replace(TRUTH, keypoints_K2=TRUTH.keypoints_K2.copy())):
        ends = apart if each is astride else [BLAZEPOSE_33.mirror[place] for place in apart]
        each.keypoints_K2[ends] += (60, 0)
    found = from_both_sides(wrong, PIXELS, looks(wrong, wrong, in_mirror=[astride, astride, wrong]), BLAZEPOSE_33)
    assert np.abs(found.keypoints_K2 - astride.keypoints_K2).max() < 1


def test_a_trunk_seen_narrow_once_and_broad_otherwise_is_broad() -> None:
    narrow = replace(TRUTH, keypoints_K2=TRUTH.keypoints_K2.copy())
    arms = [place for place, name in enumerate(BLAZEPOSE_33.joints) if any(word in name for word in ARMS)]
    narrow.keypoints_K2[arms, 0] = 200
    find_one = looks(narrow, TRUTH, in_mirror=[TRUTH, TRUTH, TRUTH])
    found = from_both_sides(narrow, PIXELS, find_one, BLAZEPOSE_33)
    assert np.abs(found.keypoints_K2 - TRUTH.keypoints_K2)[arms].max() < 1


def test_whoever_is_too_small_in_the_whole_picture_is_looked_at_closely() -> None:
    small, regions = standing(100, top=50, height=80), []

    def find_one(view_HWC: np.ndarray) -> Detection | None:
        regions.append(view_HWC.shape)
        if view_HWC.shape == PIXELS.shape:
            return None
        (top, left) = next(
            (top, left)
            for top in range(HEIGHT)
            for left in range(WIDTH - view_HWC.shape[1] + 1)
            if np.array_equal(PIXELS[top, left : left + view_HWC.shape[1]], view_HWC[0, ::-1])
        )
        there = small.moved((2 - left, -top))
        return mirrored(there, BLAZEPOSE_33, width=view_HWC.shape[1])

    found = from_both_sides(small, PIXELS, find_one, BLAZEPOSE_33)
    assert len(regions) == 2
    assert found.keypoints_K2 == pytest.approx(small.moved((1, 0)).keypoints_K2, abs=1e-3)


def test_others_are_not_to_be_seen_in_the_mirror_image() -> None:
    shown: list[np.ndarray] = []

    def find_one(view_HWC: np.ndarray) -> Detection | None:
        shown.append(view_HWC[:, ::-1])
        return None

    other = standing(500)
    from_both_sides(TRUTH, PIXELS, find_one, BLAZEPOSE_33, others=[other])
    differs = (shown[0] != PIXELS).any(axis=-1)
    x, y = other.keypoints_K2[BLAZEPOSE_33.index("left_hip")].astype(int)
    assert differs[y, x]
    assert not differs[:, :300].any()


def test_of_people_who_stand_close_one_look_has_to_do() -> None:
    friend = standing(290)
    assert from_both_sides(TRUTH, PIXELS, sees(TRUTH.moved((2, 0))), BLAZEPOSE_33, others=[friend]) is TRUTH
