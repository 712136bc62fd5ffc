"""The lean graph sees what MediaPipe's own sees."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pose_tracking.clip import DrivingClip
from pose_tracking.trackers.graphs import load_mediapipe
from pose_tracking.trackers.pose_stream import open_pose_stream

EXAMPLE = Path(__file__).parents[3] / "examples" / "media" / "walk_turn.mp4"
CONFIDENCES = {"min_detection_confidence": 0.7, "min_tracking_confidence": 0.7}


@pytest.fixture
def stream() -> Iterator[Any]:
    with closing(open_pose_stream(load_mediapipe(), model_complexity=1, **CONFIDENCES)) as stream:
        yield stream


def _values(result: Any) -> list[tuple[float, float, float, float]]:
    return [(mark.x, mark.y, mark.z, mark.visibility) for mark in result.pose_landmarks.landmark]


def test_nobody_is_found_in_a_plain_picture(stream: Any) -> None:
    for grey in (20, 200):
        assert stream.process(np.full((120, 160, 3), grey, np.uint8)).pose_landmarks is None


def test_a_picture_stays_writable_and_need_not_be_contiguous(stream: Any) -> None:
    picture = np.zeros((120, 160, 3), np.uint8)
    stream.process(picture)
    picture[:] = 7
    assert stream.process(picture[:, ::-1]).pose_landmarks is None


@cache
def _trail_px(interval_s: float | None) -> float:
    """How far the landmarks stay behind, at most, while a picture at rest starts to move aside by 8 px a time."""
    frame = next(DrivingClip.open(EXAMPLE).frames())
    width = frame.pixels_HWC.shape[1]
    moves = [0] * 4 + [8 * step for step in range(1, 7)]
    places = []
    with closing(open_pose_stream(load_mediapipe(), model_complexity=1, **CONFIDENCES)) as stream:
        for move in moves:
            found = stream.process(np.roll(frame.pixels_HWC, move, axis=1), interval_s)
            places.append(width * np.mean([value[0] for value in _values(found)]))
    return float(np.max(places[3] + np.array(moves) - places))


def test_landmarks_of_a_slow_clip_do_not_trail_behind() -> None:
    assert _trail_px(1 / 5) < 0.5 * _trail_px(None)


def test_an_interval_that_cannot_be_counts_as_unknown() -> None:
    trail_px = _trail_px(None)
    assert _trail_px(0.0) == trail_px
    assert _trail_px(-1.0) == trail_px


@pytest.mark.dev_media
def test_landmarks_are_those_of_mediapipes_own_solution(dev_media: Path, stream: Any) -> None:
    clip = DrivingClip.open(dev_media / "videos" / "dance_dress.mp4")
    with load_mediapipe().solutions.pose.Pose(model_complexity=1, **CONFIDENCES) as own:
        for frame in islice(clip.frames(), 8):
            assert _values(stream.process(frame.pixels_HWC)) == _values(own.process(frame.pixels_HWC))
