"""Flicker of pictures whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from temporal.flicker import flicker_score


def _grey(levels):
    return [np.full((6, 8, 3), level, dtype=np.uint8) for level in levels]


def test_pictures_at_rest_do_not_flicker():
    picture = np.random.default_rng(0).integers(0, 256, size=(6, 8, 3), dtype=np.uint8)
    assert flicker_score([picture] * 10) == 0


def test_black_and_white_in_turn_is_one():
    assert flicker_score(_grey([0, 255] * 5)) == pytest.approx(1)


@pytest.mark.parametrize("step", [1, 10, 100])
def test_alternation_scores_its_height(step):
    assert flicker_score(_grey([100, 100 + step] * 5)) == pytest.approx(step / 255)


def test_steady_fades_do_not_flicker():
    assert flicker_score(_grey(range(0, 200, 5))) == 0


def test_slow_drift_hardly_counts():
    slow = flicker_score(_grey(np.round(128 + 100 * np.sin(np.arange(200) / 40))))
    assert slow < 0.01 < flicker_score(_grey([100, 110] * 5))


def test_the_mask_chooses_the_pixels():
    frames = [frame.copy() for frame in _grey([50] * 6)]
    mask = np.zeros((6, 8), dtype=bool)
    mask[:3] = True
    for frame in frames[::2]:
        frame[3:] = 250
    assert flicker_score(frames, mask) == 0
    assert flicker_score(frames, ~mask) == pytest.approx(200 / 255)
    assert flicker_score(frames) == pytest.approx(200 / 255 / math.sqrt(2))


def test_frames_are_streamed_three_at_a_time():
    import weakref

    alive = []

    def produce():
        for level in range(0, 200, 2):
            frame = np.full((6, 8, 3), level, dtype=np.uint8)
            alive.append(weakref.ref(frame))
            yield frame
            del frame
            assert sum(reference() is not None for reference in alive) <= 4

    assert flicker_score(produce()) == 0
    assert len(alive) == 100


def test_an_array_of_frames_does_too():
    frames = np.stack(_grey([0, 255] * 3))
    assert flicker_score(frames) == pytest.approx(1)


def test_too_little_to_judge_is_nan_not_zero():
    assert math.isnan(flicker_score(_grey([1, 2])))
    assert math.isnan(flicker_score([]))
    assert math.isnan(flicker_score(_grey([0, 255, 0]), np.zeros((6, 8), dtype=bool)))


@pytest.mark.parametrize(
    ("frames", "mask"),
    [
        ([np.zeros((4, 4, 3))] * 3, None),
        ([np.zeros((4, 4), dtype=np.uint8)] * 3, None),
        ([np.zeros((4, 4, 3), dtype=np.uint8), np.zeros((4, 5, 3), dtype=np.uint8)], None),
        ([np.zeros((4, 4, 3), dtype=np.uint8)] * 3, np.ones((4, 5), dtype=bool)),
        ([np.zeros((4, 4, 3), dtype=np.uint8)] * 3, np.ones((4, 4))),
    ],
)
def test_what_does_not_fit_is_refused(frames, mask):
    with pytest.raises(ValueError, match=r"expected|one before"):
        flicker_score(frames, mask)
