"""OpenPose's files: 18 and 25 joints, hands and face."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pose_tracking.errors import TrackingError
from pose_tracking.skeleton import OPENPOSE_18, WHOLEBODY_133
from pose_tracking.trackers.openpose_json import read_openpose


def points(count: int, *, start: float = 10.0, confidence: float = 0.9) -> list[float]:
    """Joint n at (start + n, 2 (start + n))."""
    return [value for n in range(count) for value in (start + n, 2 * (start + n), confidence)]


def frame(**parts: Any) -> dict[str, Any]:
    return {"version": 1.3, "people": [parts]}


def test_eighteen_joints_stay_openpose() -> None:
    recording = read_openpose([frame(pose_keypoints_2d=points(18)), {"people": []}])
    assert recording.skeleton is OPENPOSE_18
    assert [len(people) for people in recording.people] == [1, 0]
    person = recording.people[0][0]
    assert person.keypoints_K2[OPENPOSE_18.index("left_wrist")] == pytest.approx([17, 34])
    assert person.confidence_K == pytest.approx(np.full(18, 0.9))


def test_twenty_five_joints_keep_their_feet() -> None:
    person = read_openpose([frame(pose_keypoints_2d=points(25))]).people[0][0]
    expected = {"nose": 10, "left_hip": 22, "right_ankle": 21, "left_ear": 28, "left_big_toe": 29, "right_heel": 34}
    for joint, x in expected.items():
        assert person.keypoints_K2[WHOLEBODY_133.index(joint)] == pytest.approx([x, 2 * x])
    assert np.isnan(person.keypoints_K2[WHOLEBODY_133.index("left_hand_0")]).all()


def test_hands_and_face_find_their_joints() -> None:
    parts = {
        "pose_keypoints_2d": points(18),
        "hand_left_keypoints_2d": points(21, start=100),
        "hand_right_keypoints_2d": points(21, start=200),
        "face_keypoints_2d": points(70, start=300),
    }
    recording = read_openpose([frame(**parts)])
    assert recording.skeleton is WHOLEBODY_133
    person = recording.people[0][0]
    for joint, x in (("left_hand_4", 104), ("right_hand_20", 220), ("face_67", 367), ("left_elbow", 16)):
        assert person.keypoints_K2[WHOLEBODY_133.index(joint), 0] == pytest.approx(x)


def test_people_of_both_kinds_share_the_wider_skeleton() -> None:
    recording = read_openpose([frame(pose_keypoints_2d=points(18)), frame(pose_keypoints_2d=points(25))])
    assert recording.skeleton is WHOLEBODY_133
    left = WHOLEBODY_133.index("left_shoulder")
    assert [people[0].keypoints_K2[left, 0] for people in recording.people] == [15, 15]


def test_joints_without_confidence_are_unseen() -> None:
    values = points(18)
    values[0:3] = [0, 0, 0]
    person = read_openpose([frame(pose_keypoints_2d=values)]).people[0][0]
    assert np.isnan(person.keypoints_K2[0]).all()
    assert person.confidence_K[0] == 0


def test_canvas_of_the_drawing_tools_is_the_frame_size() -> None:
    content = frame(pose_keypoints_2d=points(18), hand_left_keypoints_2d=None) | {
        "canvas_width": 512,
        "canvas_height": 768,
    }
    assert read_openpose([content]).frame_size == (512, 768)


def test_other_numbers_of_joints_are_refused() -> None:
    with pytest.raises(TrackingError, match="57 numbers in pose_keypoints_2d, expected 18 x 3 or 25 x 3"):
        read_openpose([frame(pose_keypoints_2d=points(19))])
