import math

import numpy as np
import pytest
from torch import Tensor

from animator.evaluation.metrics import frame_tensor, region_tensor
from animator.evaluation.temporal_metrics import BackgroundFlicker, TemporalError, frames_of_motion
from temporal.flicker import flicker_score

_NOBODY = np.zeros((60, 50), dtype=bool)


def _gray(level: int) -> np.ndarray:
    return np.full((60, 50, 3), level, np.uint8)


def _left_half() -> np.ndarray:
    half = _NOBODY.copy()
    half[:, :25] = True
    return half


def _difference(generated: np.ndarray, real: np.ndarray) -> Tensor:
    return frame_tensor(generated) - frame_tensor(real)


def test_the_first_frame_has_no_temporal_error() -> None:
    assert math.isnan(TemporalError().add(_difference(_gray(1), _gray(9))))


def test_a_constant_offset_is_no_temporal_error() -> None:
    error = TemporalError()
    scores = [error.add(_difference(_gray(level + 50), _gray(level))) for level in (10, 40, 90)]
    assert scores[1:] == pytest.approx([0, 0], abs=1e-6)


def test_a_held_photo_has_the_real_clips_change_as_temporal_error() -> None:
    moving = _left_half()
    before, after = _gray(100), _gray(100)
    after[moving] += np.uint8(51)
    for region, expected in ((None, 0.1), (region_tensor(moving), 0.2)):
        error = TemporalError()
        scores = [error.add(_difference(before, real), region) for real in (before, after)]
        assert scores[1] == pytest.approx(expected)


def test_a_temporal_error_covers_where_the_person_was() -> None:
    error = TemporalError()
    flash = _gray(100)
    flash[_left_half()] += np.uint8(51)
    error.add(_difference(flash, _gray(100)), region_tensor(_left_half()))
    assert error.add(_difference(_gray(100), _gray(100)), region_tensor(_NOBODY)) == pytest.approx(0.2)


def test_over_several_frames_a_there_and_back_in_between_does_not_count() -> None:
    error = TemporalError(step=2)
    scores = [error.add(_difference(_gray(level), _gray(100))) for level in (100, 151, 100, 202)]
    assert [math.isnan(score) for score in scores] == [True, True, False, False]
    assert scores[2:] == pytest.approx([0, 0.2], abs=1e-6)


@pytest.mark.parametrize(("fps", "frames"), [(60, 12), (25, 5), (5, 1), (2, 1)])
def test_a_motion_is_a_fifth_of_a_second_and_at_least_a_frame(fps: int, frames: int) -> None:
    assert frames_of_motion(np.arange(20) / fps) == frames
    assert frames_of_motion(np.zeros(1)) == 1


def test_background_flicker_is_the_flicker_score_outside_the_person() -> None:
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 255, (60, 50, 3), dtype=np.uint8) for _ in range(3)]
    flicker = BackgroundFlicker()
    scores = [flicker.add(frame, _NOBODY) for frame in frames]
    assert [math.isnan(score) for score in scores] == [True, True, False]
    assert scores[-1] == pytest.approx(flicker_score(frames))


def test_the_persons_own_motion_is_no_background_flicker() -> None:
    flicker = BackgroundFlicker()
    for level in (0, 255, 0, 255):
        frame = _gray(120)
        frame[_left_half()] = level
        score = flicker.add(frame, _left_half())
    assert score == 0


def test_what_the_person_uncovers_is_no_background_flicker() -> None:
    flicker = BackgroundFlicker()
    for column in (5, 15, 25, 35):
        frame, person = _gray(120), _NOBODY.copy()
        person[:, column : column + 10] = True
        frame[person] = 0
        score = flicker.add(frame, person)
    assert score == 0


def test_a_person_who_fills_the_frame_leaves_nothing_to_measure() -> None:
    flicker = BackgroundFlicker()
    assert all(math.isnan(flicker.add(_gray(level), ~_NOBODY)) for level in (0, 90, 0))
