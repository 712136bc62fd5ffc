"""Rectangles of pixels and cells."""

from __future__ import annotations

import pytest
import torch

from animator.models.box import Box


def box(top: int, left: int, bottom: int, right: int) -> Box:
    return Box(top=top, left=left, bottom=bottom, right=right)


def test_it_lies_around_all_that_any_mask_holds() -> None:
    masks = torch.zeros(2, 8, 10, dtype=torch.bool)
    masks[0, 2, 3] = masks[1, 5, 9] = True
    assert Box.around(masks) == box(2, 3, 6, 10)
    assert Box.around(masks[:, :2]) is None


def test_it_grows_as_far_as_the_picture_goes() -> None:
    assert box(1, 4, 3, 6).grown(2, (8, 7)) == box(0, 2, 5, 7)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (box(1, 2, 4, 6), box(1, 2, 5, 6)),
        (box(5, 3, 8, 10), box(4, 2, 8, 10)),  # at the far edge it grows to the other side
        (box(0, 0, 9, 10), box(0, 0, 9, 10)),  # an odd picture has an odd whole
    ],
)
def test_even_sides_stay_within_the_picture(given: Box, expected: Box) -> None:
    assert given.even((expected.bottom if given.bottom >= 8 else 8, 10)) == expected


def test_cells_cover_the_pixels_and_pixels_fill_the_cells() -> None:
    assert box(7, 8, 9, 15).cells(8) == box(0, 1, 2, 2)
    assert box(0, 1, 2, 2).times(8) == box(0, 8, 16, 16)


def test_a_box_within_another_shows_the_same_part() -> None:
    picture = torch.arange(80).view(1, 8, 10)
    outer, inner = box(1, 2, 7, 9), box(3, 4, 5, 6)
    assert torch.equal(inner.inside(outer).of(outer.of(picture)), inner.of(picture))
