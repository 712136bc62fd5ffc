"""Parts of pictures are cut, painted around and put back without moving a pixel."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pose_tracking.region import Region, cut, paint_around, place, region_within, view_of

SIZE = (64, 48)


@st.composite
def regions(draw: st.DrawFn) -> Region:
    left, top = draw(st.integers(0, 62)), draw(st.integers(0, 46))
    return (left, top, draw(st.integers(left + 1, 64)), draw(st.integers(top + 1, 48)))


def test_region_holds_every_touched_pixel_inside_the_picture() -> None:
    assert region_within((-3.5, 2.2, 10.1, 99.0), SIZE) == (0, 2, 11, 48)


def test_box_outside_or_without_a_place_has_no_region() -> None:
    assert region_within((70, 0, 80, 10), SIZE) is None
    assert region_within((-9, 0, -1, 10), SIZE) is None
    assert region_within((math.nan,) * 4, SIZE) is None


@given(regions())
def test_cut_and_place_are_inverse(region: Region) -> None:
    mask = np.arange(64 * 48, dtype=np.float32).reshape(48, 64)
    left, top, right, bottom = region
    placed = place(cut(mask, region), region, size=SIZE)
    assert np.array_equal(placed[top:bottom, left:right], mask[top:bottom, left:right])
    assert placed.sum() == mask[top:bottom, left:right].sum()


@given(regions())
def test_painting_around_keeps_the_region_and_hides_the_rest(region: Region) -> None:
    pixels = np.full((48, 64, 3), 9, np.uint8)
    painted = paint_around(pixels, region)
    left, top, right, bottom = region
    assert (painted[top:bottom, left:right] == 9).all()
    assert (painted == 9).all(axis=-1).sum() == (right - left) * (bottom - top)
    assert (pixels == 9).all()


@given(regions(), regions())
def test_view_always_holds_the_region(region: Region, before: Region) -> None:
    last = view_of(before, None, size=SIZE)
    left, top, right, bottom = view_of(region, last, size=SIZE)
    assert 0 <= left <= region[0]
    assert 0 <= top <= region[1]
    assert region[2] <= right <= SIZE[0]
    assert region[3] <= bottom <= SIZE[1]


def test_view_stays_while_the_region_moves_a_little_and_follows_when_it_leaves() -> None:
    size = (1000, 1000)
    view = view_of((400, 400, 500, 500), None, size=size)
    assert view_of((410, 395, 510, 495), view, size=size) == view
    assert view_of((440, 400, 540, 500), view, size=size) != view


def test_view_closes_in_on_somebody_who_became_small() -> None:
    size = (1000, 1000)
    view = view_of((100, 100, 900, 900), None, size=size)
    assert view_of((450, 450, 500, 500), view, size=size) != view
