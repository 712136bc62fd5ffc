"""Where a clip goes over to another shot."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from pose_tracking.cuts import NUM_AROUND, with_cuts
from pose_tracking.frame import Frame

RATE = 25


def scene(seed: int, size: tuple[int, int] = (96, 128)) -> np.ndarray:
    """A picture of large and small patches, as rooms and gardens are."""
    random = np.random.default_rng(seed)
    large = np.kron(random.uniform(40, 220, (6, 8, 3)), np.ones((size[0] // 6, size[1] // 8, 1)))
    small = np.kron(random.uniform(-40, 40, (24, 32, 3)), np.ones((size[0] // 24, size[1] // 32, 1)))
    return large + small


def with_person(picture: np.ndarray, place: int) -> np.ndarray:
    """Somebody, 24 px wide, so far from the left."""
    shown = picture.copy()
    shown[16:90, place : place + 24] = scene(99)[16:90, :24] * 0.5
    return shown


def cuts_in(pictures: list[np.ndarray]) -> list[int]:
    frames = (
        Frame(pixels_HWC=picture.clip(0, 255).astype(np.uint8), time_s=index / RATE, index=index)
        for index, picture in enumerate(pictures)
    )
    told = list(with_cuts(frames))
    assert [frame.index for frame, _ in told] == list(range(len(pictures)))
    return [frame.index for frame, is_cut in told if is_cut]


@pytest.mark.parametrize("size", [(96, 128), (768, 1024)])
def test_another_scene_is_a_cut(size: tuple[int, int]) -> None:
    assert cuts_in([scene(1, size)] * 10 + [scene(2, size)] * 8 + [scene(3, size)] * 5) == [10, 18]


@pytest.mark.parametrize("at", [1, 2, 9])
def test_a_cut_beside_an_end_of_the_clip_is_told(at: int) -> None:
    assert cuts_in([scene(1)] * at + [scene(2)] * (10 - at)) == [at]


def test_a_piece_cut_out_of_a_take_is_told_where_the_body_is_somewhere_else() -> None:
    take = [with_person(scene(1), 10 + index) for index in range(80)]
    assert cuts_in(take[:20] + take[60:]) == [20]


def test_a_walk_through_the_picture_is_no_cut() -> None:
    assert cuts_in([with_person(scene(1), 4 * index) for index in range(26)]) == []


def test_somebody_who_starts_to_walk_is_no_cut() -> None:
    assert cuts_in([with_person(scene(1), max(0, 6 * (index - 10))) for index in range(26)]) == []


@pytest.mark.parametrize("step_px", [3, 12])
def test_a_camera_that_pans_is_no_cut(step_px: int) -> None:
    wide = np.concatenate([scene(1), scene(2), scene(3)], axis=1)
    assert cuts_in([wide[:, step_px * index :][:, :128] for index in range(20)]) == []


def test_the_light_going_on_is_no_cut() -> None:
    assert cuts_in([0.5 * scene(1)] * 10 + [0.9 * scene(1) + 20] * 10) == []


@pytest.mark.parametrize("lasting", [1, 2])
def test_a_flash_is_no_cut(lasting: int) -> None:
    white = np.full((96, 128, 3), 255.0)
    assert cuts_in([scene(1)] * 10 + [white] * lasting + [scene(1)] * 10) == []


@pytest.mark.parametrize("lasting", [1, 5])
def test_black_between_two_scenes_ends_one_and_begins_another(lasting: int) -> None:
    black = np.zeros((96, 128, 3))
    assert cuts_in([scene(1)] * 10 + [black] * lasting + [scene(2)] * 10) == [10, 10 + lasting]


def test_repeated_frames_and_noise_are_no_cuts() -> None:
    random = np.random.default_rng(0)
    moving = [with_person(scene(1), 8 * (index // 2)) for index in range(24)]
    assert cuts_in(moving) == []
    assert cuts_in([scene(1) + random.normal(0, 8, (96, 128, 3)) for _ in range(12)]) == []


@pytest.mark.parametrize("number", [2, 3, 12])
def test_where_every_picture_is_another_nothing_is_a_cut(number: int) -> None:
    assert cuts_in([scene(seed) for seed in range(number)]) == []


@pytest.mark.parametrize("number", [0, 1, 2, NUM_AROUND, NUM_AROUND + 1])
def test_a_few_frames_are_handed_on(number: int) -> None:
    assert cuts_in([scene(1)] * number) == []


def test_no_more_frames_are_held_than_a_cut_needs() -> None:
    num_read = 0

    def frames() -> Iterator[Frame]:
        nonlocal num_read
        for index in range(100):
            num_read += 1
            yield Frame(pixels_HWC=scene(1).astype(np.uint8), time_s=index / RATE, index=index)

    told = with_cuts(frames())
    for taken in range(1, 30):
        next(told)
        assert num_read <= taken + NUM_AROUND
