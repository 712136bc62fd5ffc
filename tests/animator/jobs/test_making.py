from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest

from animator.errors import DeviceError, ModelError
from animator.jobs.making import HOPELESS, FailedFrame, Gaps, Made, listed, make_frames, stand_in
from pose_tracking.frame import Frame
from temporal.windows import PoseWindow


def windows(num_frames: int) -> list[PoseWindow]:
    pose = np.zeros((5, 1, 2), np.float32)
    return [
        PoseWindow(keypoints_NK2=pose, confidence_NK=pose[..., 0], center=index, time_s=index / 10)
        for index in range(num_frames)
    ]


def picture(index: int) -> np.ndarray:
    return np.full((2, 2, 3), index + 1, np.uint8)


class Painter:
    """Paints `batch` frames at once; some of them are poisoned, `times` times."""

    name = "painter"

    def __init__(
        self, *, poisoned: Iterable[int] = (), times: int = 99, batch: int = 1, error: Any = ModelError
    ) -> None:
        self._left = dict.fromkeys(poisoned, times)
        self._batch, self._error = batch, error
        self.streams = 0

    def generate(self, windows: Iterable[PoseWindow], subject: Any) -> Iterator[Frame]:
        self.streams += 1
        waiting: list[PoseWindow] = []
        for window in windows:
            waiting.append(window)
            if len(waiting) == self._batch:
                yield from self._paint(waiting)
                waiting = []
        if waiting:
            yield from self._paint(waiting)

    def _paint(self, waiting: list[PoseWindow]) -> Iterator[Frame]:
        for window in waiting:
            if self._left.get(window.center, 0) > 0:
                self._left[window.center] -= 1
                raise self._error(f"frame {window.center}: NaN")
        for window in waiting:
            yield Frame(pixels_HWC=picture(window.center), time_s=window.time_s, index=window.center)


def made_by(painter: Painter, num_frames: int = 20, **options: Any) -> list[Made]:
    return list(make_frames(windows(num_frames), None, painter, **options))  # type: ignore[arg-type]


def failed(frames: list[Made]) -> list[int]:
    return [each.index for each in frames if isinstance(each, FailedFrame)]


def test_without_failures_there_is_one_stream() -> None:
    painter = Painter()
    assert [frame.index for frame in made_by(painter)] == list(range(20))
    assert painter.streams == 1


@pytest.mark.parametrize("batch", [1, 4, 7])
@pytest.mark.parametrize("poisoned", [[0], [19], [3, 4, 12], [0, 1, 2]])
def test_a_poisoned_frame_takes_no_other_along(batch: int, poisoned: list[int]) -> None:
    frames = made_by(Painter(poisoned=poisoned, batch=batch))
    assert [frame.index for frame in frames] == list(range(20))
    assert failed(frames) == poisoned


def test_a_frame_is_tried_alone_as_often_as_asked() -> None:
    assert failed(made_by(Painter(poisoned=[5], times=3), attempts=2)) == [5]
    assert failed(made_by(Painter(poisoned=[5], times=3), attempts=3)) == []


def test_no_frame_at_all_is_the_model_s_fault() -> None:
    painter = Painter(poisoned=range(99))
    with pytest.raises(ModelError, match="NaN"):
        made_by(painter, 99)
    assert painter.streams <= 2 * HOPELESS + 2
    assert len(failed(made_by(Painter(poisoned=range(99)), 40, proven=True))) == 40


def test_what_is_no_frame_s_fault_ends_it_all() -> None:
    with pytest.raises(DeviceError):
        made_by(Painter(poisoned=[3], error=DeviceError))


def test_a_generator_that_gives_too_few_or_other_frames_is_found_out() -> None:
    class Lazy(Painter):
        def generate(self, windows: Iterable[PoseWindow], subject: Any) -> Iterator[Frame]:
            yield from (frame for frame in super().generate(windows, subject) if frame.index != 5)

    assert failed(made_by(Lazy())) == [5]


def test_the_frame_before_a_gap_is_held_and_keeps_its_own_time() -> None:
    gaps = Gaps()
    frames = list(stand_in(made_by(Painter(poisoned=[0, 1, 7, 8])), gaps.add))
    assert [frame.index for frame in frames] == list(range(20))
    assert [frame.time_s for frame in frames] == [index / 10 for index in range(20)]
    shown = [int(frame.pixels_HWC[0, 0, 0]) - 1 for frame in frames]
    assert shown == [2, 2, 2, 3, 4, 5, 6, 6, 6, *range(9, 20)]
    assert gaps.frames == [0, 1, 7, 8]
    assert "4 frames could not be made (0-1, 7-8)" in gaps.warnings()[0]


def test_nothing_stands_in_for_everything() -> None:
    frames = made_by(Painter(poisoned=range(9)), 9)
    with pytest.raises(ModelError, match="frame 0: NaN"):
        list(stand_in(frames, lambda _: None))


def test_many_gaps_are_listed_in_few_words() -> None:
    assert listed([1, 2, 3, 7]) == "1-3, 7"
    assert listed(range(0, 40, 2)).endswith("14 and 12 more places")
