from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import numpy as np
import pytest

from animator.preview import ContactSheet, contact_sheet
from pose_tracking.frame import Frame

COLOURS = [(220, 40, 40), (40, 200, 40), (40, 60, 220), (210, 200, 40), (200, 60, 200), (60, 200, 200)]


def plain(colour: tuple[int, int, int], height: int = 60, width: int = 40) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def is_colour(sheet: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return np.abs(sheet.astype(int) - colour).max(axis=-1) <= 2


def centre_of(sheet: np.ndarray, colour: tuple[int, int, int]) -> tuple[float, float]:
    rows, columns = np.nonzero(is_colour(sheet, colour))
    return rows.mean(), columns.mean()


def film(num_frames: int) -> Iterator[Frame]:
    for index in range(num_frames):
        pixels = np.full((30, 20, 3), 2 * index, np.uint8)
        yield Frame(pixels_HWC=pixels, time_s=index / 10, index=index)


def test_pictures_run_from_left_to_right_then_down() -> None:
    sheet = contact_sheet([plain(colour) for colour in COLOURS], columns=3)
    places = [centre_of(sheet, colour) for colour in COLOURS]
    for first, second in ((0, 1), (1, 2), (3, 4), (4, 5)):
        assert places[first][0] == places[second][0]
        assert places[first][1] < places[second][1]
    for upper, lower in ((0, 3), (1, 4), (2, 5)):
        assert places[upper][1] == places[lower][1]
        assert places[upper][0] < places[lower][0]


def test_every_picture_is_shown_whole_at_its_own_size() -> None:
    sheet = contact_sheet([plain(colour) for colour in COLOURS], columns=4)
    for colour in COLOURS:
        assert is_colour(sheet, colour).sum() == 60 * 40


def test_larger_pictures_are_scaled_to_max_side_and_keep_their_shape() -> None:
    sheet = contact_sheet([plain(COLOURS[0], 400, 1000), plain(COLOURS[1], 900, 300)], columns=2, max_side=100)
    assert is_colour(sheet, COLOURS[0]).sum() == 40 * 100
    assert is_colour(sheet, COLOURS[1]).sum() == 100 * 33


def test_labels_add_letters_under_each_picture_and_nothing_over_it() -> None:
    pictures = [plain(colour) for colour in COLOURS[:2]]
    bare = contact_sheet(pictures, columns=2)
    labelled = contact_sheet(pictures, columns=2, labels=["first", "second one that is far too long to fit"])
    for colour in COLOURS[:2]:
        assert is_colour(labelled, colour).sum() == 60 * 40
    strip = labelled[bare.shape[0] - 4 : -4]
    letters = strip.max(axis=-1) > 120
    assert letters[:, 4:44].any()
    assert letters[:, 48:88].any()
    assert not letters[:, 44:48].any()
    assert not letters[:, 88:].any()


@pytest.mark.parametrize(("num", "size", "columns"), [(16, (64, 51), 4), (1, (60, 40), 1), (4, (40, 40), 2)])
def test_sheet_is_about_as_wide_as_high_without_being_told(num: int, size: tuple[int, int], columns: int) -> None:
    sheet = contact_sheet([plain(COLOURS[0], *size)] * num)
    assert sheet.shape[1] == columns * (size[1] + 4) + 4


def test_wrong_calls_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one picture"):
        contact_sheet([])
    with pytest.raises(ValueError, match="at least one column"):
        contact_sheet([plain(COLOURS[0])], columns=0)
    with pytest.raises(ValueError, match="1 labels for 2 pictures"):
        contact_sheet([plain(COLOURS[0])] * 2, labels=["a"])
    with pytest.raises(ValueError, match="at least one frame"):
        ContactSheet(0)
    with pytest.raises(ValueError, match="at least one picture"):
        ContactSheet(5).draw()


@pytest.mark.parametrize(
    ("total", "num", "shown"),
    [(100, 4, [0, 33, 66, 99]), (3, 16, [0, 1, 2]), (1, 16, [0]), (9, 1, [0]), (10, 3, [0, 4, 9])],
)
def test_frames_are_picked_evenly_with_both_ends(total: int, num: int, shown: list[int]) -> None:
    collector = ContactSheet(total, num=num)
    passed = [frame.index for frame in collector.watch(film(total))]
    assert passed == list(range(total))
    sheet = collector.draw(columns=len(shown))
    assert [sheet[15, 4 + 24 * place + 10, 0] for place in range(len(shown))] == [2 * index for index in shown]


def test_film_that_ends_early_still_gives_a_sheet() -> None:
    collector = ContactSheet(100, num=5)
    for frame in film(30):
        collector.add(frame)
    sheet = collector.draw(columns=2)
    assert [sheet[15, 14, 0], sheet[15, 38, 0]] == [0, 50]


def test_collector_keeps_small_copies_only() -> None:
    collector = ContactSheet(4, num=4, max_side=10)
    pixels = np.zeros((200, 100, 3), np.uint8)
    alive = weakref.ref(pixels)
    collector.add(Frame(pixels_HWC=pixels, time_s=0.0, index=0))
    del pixels
    gc.collect()
    assert alive() is None
