"""People who are small in a photo are found in its parts, with a bounded number of looks."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pose_tracking.close_look import MIN_SIDE_PX, NUM_PARTS, find_person_at, find_small_people, parts
from pose_tracking.person import Detection
from pose_tracking.photo import track_photo, track_photo_close_up
from pose_tracking.trackers.silhouette import segment_person
from pose_tracking.tracking import TrackerConfig
from tests.pose_tracking.people import standing

GROUND, FLESH = 90, 200


class _ShortSighted:
    """Sees somebody drawn as a block who fills half of what it is shown; `flaws` leads it astray at its n-th find."""

    def __init__(self, *flaws: Detection | None) -> None:
        self.num_looks = 0
        self._flaws = list(flaws)

    def __call__(self, view_HWC: np.ndarray) -> Detection | None:
        self.num_looks += 1
        rows, columns = np.nonzero(view_HWC[..., 0] == FLESH)
        if not len(rows) or np.ptp(rows) < 0.5 * len(view_HWC):
            return None
        if self._flaws and self.num_looks > 1:
            return self._flaws.pop(0)
        return standing(float(columns.mean()) + 0.5, top=float(rows.min()), height=float(np.ptp(rows)) + 1)


def scene(width: int, height: int, *people: tuple[int, int, int]) -> np.ndarray:
    """Blocks at (left, top) with a height, as wide as a third of it."""
    pixels = np.full((height, width, 3), GROUND, np.uint8)
    for left, top, tall in people:
        pixels[top : top + tall, left : left + tall // 3] = FLESH
    return pixels


@pytest.mark.parametrize(("left", "top"), [(700, 2200), (20, 2790), (840, 5)])
def test_somebody_small_is_found_wherever_they_stand_in_px_of_the_whole_picture(left: int, top: int) -> None:
    (person,) = find_small_people(scene(900, 3000, (left, top, 200)), _ShortSighted())
    assert person.center == pytest.approx((left + 33, top + 107), abs=5)
    assert person.size_px == pytest.approx(195, abs=25)


def test_several_are_told_from_left_to_right_and_each_once() -> None:
    people = find_small_people(scene(1800, 1200, (1500, 700, 220), (300, 650, 200)), _ShortSighted())
    assert [round(person.center[0], -2) for person in people] == [300, 1500]


def test_a_find_that_is_gone_or_elsewhere_when_looked_at_closely_is_nobody() -> None:
    for second in (None, standing(900, top=10, height=50)):
        pixels = scene(900, 900, (400, 400, 300))
        first = standing(100, top=100, height=300)
        assert find_small_people(pixels, _ShortSighted(*[first, second] * 50)) == []


def _lying(width: float, height: float) -> Detection:
    joints = standing(0, top=0, height=1).keypoints_K2
    low, high = np.nanmin(joints, axis=0), np.nanmax(joints, axis=0)
    joints = (joints - low) / (high - low) * (width, height)
    return Detection(keypoints_K2=joints.astype(np.float32), confidence_K=np.ones(len(joints), np.float32))


@pytest.mark.parametrize(("height", "num"), [(20, 0), (60, 1)])
def test_something_much_wider_than_high_is_no_person_but_a_bumper(height: int, num: int) -> None:
    pixels = np.full((900, 900, 3), GROUND, np.uint8)
    pixels[400 : 400 + height, 300:480] = FLESH

    def find_one(view_HWC: np.ndarray) -> Detection | None:
        rows, columns = np.nonzero(view_HWC[..., 0] == FLESH)
        if not len(columns) or np.ptp(columns) < 0.3 * view_HWC.shape[1]:
            return None
        found = _lying(float(np.ptp(columns)), float(np.ptp(rows)))
        return found.moved((int(columns.min()), int(rows.min())))

    assert len(find_small_people(pixels, find_one)) == num


def test_of_small_finds_in_the_whole_picture_those_stay_that_show_close_up() -> None:
    pixels = scene(900, 3000, (400, 1000, 200), (700, 2000, 200))
    head, other = standing(433, top=1000, height=90), standing(733, top=2000, height=200)
    wrong = standing(100, top=100, height=150)
    whole, right = find_small_people(pixels, _ShortSighted(), at_once=[wrong, head, other])
    assert (whole.center[0], right.center[0]) == pytest.approx((433, 733), abs=5)
    assert whole.size_px > 1.5 * head.size_px
    assert find_small_people(scene(900, 3000), _ShortSighted(), at_once=[wrong]) == []


def test_whom_the_side_of_the_picture_cuts_has_room_beside_them() -> None:
    def see(view_HWC: np.ndarray) -> Detection | None:
        touches_side = (view_HWC[:, [0, -1], 0] == FLESH).any()
        return None if touches_side else _ShortSighted()(view_HWC)

    for left in (0, 900 - 80):
        (person,) = find_small_people(scene(900, 1200, (left, 500, 240)), see)
        assert person.center[0] == pytest.approx(left + 40, abs=5)


def test_whoever_is_at_a_point_is_found_and_nobody_else() -> None:
    pixels, known = scene(1800, 1200, (1500, 200, 700), (300, 650, 120)), standing(1616, top=200, height=700)
    person = find_person_at(pixels, (320 / 1800, 700 / 1200), _ShortSighted(), known=[known])
    assert person is not None
    assert person.center == pytest.approx((320, 715), abs=5)
    for point in (1616 / 1800, 600 / 1200), (900 / 1800, 200 / 1200):
        assert find_person_at(pixels, point, _ShortSighted(), known=[known]) is None


@pytest.mark.parametrize(("width", "height"), [(900, 3000), (4000, 700), (1200, 1200), (1800, 1200), (640, 480)])
def test_looks_are_bounded_where_nobody_is(width: int, height: int) -> None:
    eye = _ShortSighted()
    assert find_small_people(scene(width, height), eye) == []
    assert 0 < eye.num_looks <= sum(NUM_PARTS)


@pytest.mark.parametrize(
    ("width", "height", "most"), [(900, 3000, 12), (900, 3000, 36), (4000, 700, 36), (1200, 1200, 12), (1801, 1200, 36)]
)
def test_parts_cover_the_picture_and_overlap(width: int, height: int, most: int) -> None:
    squares = list(parts((width, height), most=most))
    side = squares[0][2] - squares[0][0]
    assert len(squares) <= most
    assert all(right - left == bottom - top == side for left, top, right, bottom in squares)
    for axis, length in ((0, width), (1, height)):
        starts = sorted({square[axis] for square in squares})
        assert (starts[0], starts[-1] + side) == (0, length)
        assert all(after - before <= 2 / 3 * side + 1 for before, after in pairwise(starts))


@pytest.mark.parametrize("size", [(200, 260), (100, 5000), (64, 64)])
def test_what_is_too_small_for_a_picture_is_not_looked_for(size: tuple[int, int]) -> None:
    sides = {right - left for most in NUM_PARTS for left, _, right, _ in parts(size, most=most)}
    assert all(MIN_SIDE_PX <= side < min(size) for side in sides)
    assert list(parts((200, 260), most=36)) == []


@pytest.mark.dev_media
def test_a_real_person_in_the_lowest_fifth_of_a_tall_photo_is_found(dev_media: Path) -> None:
    park = Image.open(dev_media / "photos" / "man_park_full.jpg").convert("RGB")
    pixels = np.asarray(park)
    (man,) = track_photo(pixels, TrackerConfig())
    cut_out = np.dstack([pixels, (segment_person(pixels, man) * 255).astype(np.uint8)])[40:, 560:880]
    small = Image.fromarray(cut_out).resize((104, 221), Image.Resampling.LANCZOS)
    tall = park.crop((880, 0, 1280, 720)).resize((1000, 1800))
    tall.paste(small, (300, 1520), small)
    config = TrackerConfig()
    assert track_photo(np.asarray(tall), config) == []
    (person,) = track_photo_close_up(np.asarray(tall), config)
    left, top, right, bottom = person.box()
    assert 290 < left < right < 414
    assert 1510 < top < bottom < 1750


@pytest.mark.dev_media
def test_a_real_person_far_behind_another_one_is_found_at_their_place(dev_media: Path) -> None:
    park = Image.open(dev_media / "photos" / "man_park_full.jpg").convert("RGB")
    pixels = np.asarray(park)
    (man,) = track_photo(pixels, TrackerConfig())
    matte_HW = segment_person(pixels, man)
    cut_out = Image.fromarray(np.dstack([pixels, (matte_HW * 255).astype(np.uint8)])[40:, 560:880])
    small = cut_out.resize((57, 121), Image.Resampling.LANCZOS)
    park.paste(small, (1050, 350), small)
    seen = track_photo(np.asarray(park), TrackerConfig())
    here, nowhere = (1078 / 1280, 400 / 720), (150 / 1280, 400 / 720)
    people = track_photo_close_up(np.asarray(park), TrackerConfig(), known=seen, point=here)
    assert (len(seen), people[:-1]) == (1, seen)
    left, top, right, bottom = people[-1].box()
    assert 1045 < left < right < 1125
    assert 345 < top < bottom < 475
    assert track_photo_close_up(np.asarray(park), TrackerConfig(), known=seen, point=nowhere) == seen


@pytest.mark.dev_media
def test_a_closer_look_at_a_truck_finds_nobody(dev_media: Path) -> None:
    truck = np.asarray(Image.open(dev_media / "photos" / "no_person_truck.jpg").convert("RGB"))
    assert track_photo_close_up(truck, TrackerConfig()) == []
