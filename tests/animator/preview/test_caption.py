"""What all previews share: one line of letters in a box, and pictures made smaller."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from animator.preview.caption import draw_caption, picture_size, resize

BOX = (20, 10, 120, 20)


def drawn(text: str, box: tuple[int, int, int, int] = BOX) -> np.ndarray:
    canvas = Image.new("RGB", (200, 40))
    draw_caption(ImageDraw.Draw(canvas), text, box)
    return np.asarray(canvas).max(-1)


@pytest.mark.parametrize(
    "text", ["me.jpg", "the film of a long evening by the sea, take 12, second half.mp4", "a\n b\tc"]
)
def test_a_caption_stays_in_its_box_and_lies_in_its_middle(text: str) -> None:
    rows, columns = np.nonzero(drawn(text))
    left, top, width, height = BOX
    assert left <= columns.min()
    assert columns.max() < left + width
    assert top <= rows.min()
    assert rows.max() < top + height
    assert (columns.min() + columns.max()) / 2 == pytest.approx(left + width / 2, abs=6)


def test_a_caption_that_is_too_long_is_cut_and_says_so() -> None:
    word = "Donaudampfschifffahrt"
    assert (drawn(word * 5) == drawn(word * 9)).all()
    cut = drawn(word * 5)
    assert not (cut == drawn("Donau")).all()
    # The last sign is a dot: low in the line, with nothing above it.
    last = np.nonzero(cut)[1].max()
    assert np.nonzero(cut[:, last])[0].min() > BOX[1] + BOX[3] / 2


def test_a_box_without_room_for_a_letter_stays_empty() -> None:
    assert not drawn("me.jpg", (20, 10, 3, 20)).any()


def test_white_space_of_all_kinds_is_one_space() -> None:
    assert (drawn(" two \n\n words\t") == drawn("two words")).all()


def test_a_scaled_picture_has_one_pixel_at_least() -> None:
    assert picture_size(100, 50, 0.5) == (50, 25)
    assert picture_size(100, 1, 0.001) == (1, 1)


def test_a_smaller_picture_is_the_average_of_the_larger_one_and_a_copy_in_any_case() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 200
    small = resize(stripes, 8, 8)
    assert small.shape == (8, 8, 3)
    assert abs(small.astype(int) - 100).max() <= 8
    same = resize(stripes, 64, 64)
    assert (same == stripes).all()
    assert not np.shares_memory(same, stripes)
