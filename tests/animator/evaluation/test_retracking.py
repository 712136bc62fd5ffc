from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from animator.evaluation import retracking
from animator.evaluation.retracking import track_again
from pose_tracking.errors import TrackingError
from pose_tracking.frame import Frame
from pose_tracking.person import Detection
from pose_tracking.skeleton import BLAZEPOSE_33
from pose_tracking.tracking import TrackerConfig
from tests.animator.generators.scene import standing, waving

SIZE = (128, 160)
TARGET = waving(SIZE, 4)


class _Finder:
    """Finds somebody in bright frames."""

    skeleton = BLAZEPOSE_33

    def detect(self, frame: Frame) -> list[Detection]:
        found = Detection(keypoints_K2=standing(SIZE), confidence_K=np.ones(33, np.float32))
        return [found] if frame.pixels_HWC.mean() > 100 else []

    def __enter__(self) -> _Finder:
        return self

    def __exit__(self, *error: object) -> None:
        return None


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[TrackerConfig]:
    """The settings that a tracker was opened with."""
    configs: list[TrackerConfig] = []

    def open_finder(config: TrackerConfig) -> _Finder:
        configs.append(config)
        return _Finder()

    monkeypatch.setattr(retracking, "open_tracker", open_finder)
    return configs


def frames(*levels: int) -> Iterator[Frame]:
    for index, level in enumerate(levels):
        yield Frame(pixels_HWC=np.full((160, 128, 3), level, np.uint8), time_s=index / 25, index=index)


def test_generated_frames_are_tracked_and_never_replayed(asked: list[TrackerConfig]) -> None:
    config, counted = TrackerConfig(recorded=Path("poses.npz"), person=3), []
    found = track_again(frames(200, 10, 200, 200), TARGET, config, on_frame=counted.append)
    assert found.seen_TK.any(axis=1).tolist() == [True, False, True, True]
    assert (asked[0].recorded, asked[0].person) == (None, "largest")
    assert counted == [1, 2, 3, 4]


def test_nobody_at_all_is_a_result(asked: list[TrackerConfig]) -> None:
    found = track_again(frames(0, 0, 0, 0), TARGET, TrackerConfig(), on_frame=lambda _: None)
    assert len(found) == len(TARGET)
    assert not found.seen_TK.any()


def test_a_generator_that_ends_early_is_not_taken_for_an_empty_picture(asked: list[TrackerConfig]) -> None:
    with pytest.raises(TrackingError):
        track_again(frames(0, 0), TARGET, TrackerConfig(), on_frame=lambda _: None)
