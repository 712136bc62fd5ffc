"""Batches follow the clip's own numbering: a part of it is cut, and laid, as it is in the whole."""

from __future__ import annotations

import numpy as np
import pytest

from animator.generators.batching import aligned, slots
from temporal.windows import PoseWindow


def windows(*centers: int) -> list[PoseWindow]:
    nothing = np.zeros((5, 33, 2), np.float32)
    return [
        PoseWindow(keypoints_NK2=nothing, confidence_NK=nothing[..., 0], center=center, time_s=center / 24)
        for center in centers
    ]


def centers(chunk: list[PoseWindow]) -> list[int]:
    return [window.center for window in chunk]


@pytest.mark.parametrize("batch", [1, 3, 4])
@pytest.mark.parametrize("start", [0, 2, 5])
def test_every_window_of_a_part_has_the_place_it_has_in_the_whole(batch: int, start: int) -> None:
    whole = [centers(slots(chunk, batch)) for chunk in aligned(windows(*range(12)), batch)]
    for chunk in aligned(windows(*range(start, 10)), batch):
        (same,) = (places for places in whole if chunk[0].center in places)
        laid = centers(slots(chunk, batch))
        assert len(laid) == batch
        assert [laid[same.index(center)] for center in centers(chunk)] == centers(chunk)
        assert set(laid) <= set(same)


def test_windows_keep_their_order_and_none_is_lost_where_frames_are_left_out() -> None:
    chunks = list(aligned(windows(1, 2, 7, 8, 20), 4))
    assert [centers(chunk) for chunk in chunks] == [[1, 2], [7], [8], [20]]


def test_free_places_show_a_window_of_the_same_batch() -> None:
    (chunk,) = aligned(windows(9, 11), 4)
    assert centers(slots(chunk, 4)) == [9, 9, 9, 11]


def test_batches_are_cut_as_the_windows_come() -> None:
    came = []

    def endless():  # type: ignore[no-untyped-def]
        for window in windows(*range(100)):
            came.append(window.center)
            yield window

    assert centers(next(iter(aligned(endless(), 4)))) == [0, 1, 2, 3]
    assert len(came) == 5  # one ahead, to know that the batch is full
