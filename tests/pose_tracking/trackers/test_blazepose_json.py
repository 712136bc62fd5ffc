"""Landmarks of BlazePose in JSON: positions with or without visibility, and what only looks like them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pose_tracking.errors import TrackingError
from pose_tracking.skeleton import BLAZEPOSE_33
from pose_tracking.trackers.blazepose_json import read_blazepose


def _landmarks(numbers: int, *, shift: float = 0.0) -> list[list[float]]:
    """33 landmarks of so many numbers each; visibility, the fourth, is 0.5."""
    return [[shift + place, shift + 2 * place, 7.0, 0.5][:numbers] for place in range(33)]


@pytest.mark.parametrize(("numbers", "confidence"), [(2, 1.0), (3, 1.0), (4, 0.5)])
def test_the_fourth_number_is_how_sure_a_landmark_is_and_the_third_is_depth(numbers: int, confidence: float) -> None:
    recording = read_blazepose({"frames": [_landmarks(numbers)]})
    ((person,),) = recording.people
    assert recording.skeleton is BLAZEPOSE_33
    np.testing.assert_allclose(person.keypoints_K2[:, 1], 2 * np.arange(33))
    np.testing.assert_allclose(person.confidence_K, confidence)


def test_a_frame_without_anybody_stays_a_frame_and_the_file_tells_of_its_clip() -> None:
    content = {"frames": [None, _landmarks(3), None], "width": 320, "height": 240, "fps": 25}
    recording = read_blazepose(content)
    assert [len(people) for people in recording.people] == [0, 1, 0]
    assert (recording.frame_size, recording.fps) == ((320, 240), 25.0)
    assert read_blazepose({"frames": [_landmarks(3)]}).fps is None


def test_landmarks_in_metres_are_refused_and_some_beyond_the_picture_are_not() -> None:
    with pytest.raises(TrackingError, match="world landmarks in metres"):
        read_blazepose({"frames": [_landmarks(3, shift=-16.0)]})
    assert len(read_blazepose({"frames": [_landmarks(3, shift=-4.0)]}).people) == 1


@pytest.mark.parametrize("frame", [_landmarks(3)[:17], _landmarks(1), [1.0] * 33])
def test_another_number_of_landmarks_is_told(frame: Any) -> None:
    with pytest.raises(TrackingError, match=r"landmarks \[.*\], expected \[33, 2 to 4\]"):
        read_blazepose({"frames": [frame]})


def test_frames_of_openpose_under_the_same_key_are_known() -> None:
    body = [value for place in range(18) for value in (10.0 + place, 20.0 + place, 0.9)]
    recording = read_blazepose({"frames": [{"people": [{"pose_keypoints_2d": body}]}]})
    assert recording.skeleton.name != BLAZEPOSE_33.name
    assert len(recording.people[0]) == 1
