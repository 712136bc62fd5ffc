"""MediaPipe's results become detections in px."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from pose_tracking.skeleton import BLAZEPOSE_33, HOLISTIC_543
from pose_tracking.trackers.landmarks import body_of, is_present, on_holistic, read_landmarks, read_person

SIZE = (200, 100)


def _marks(count: int, visibility: float | None = 0.8) -> list[SimpleNamespace]:
    return [SimpleNamespace(x=0.25 + place / 1000, y=0.5, visibility=visibility) for place in range(count)]


def _result(**parts: int) -> SimpleNamespace:
    names = ("pose_landmarks", "left_hand_landmarks", "right_hand_landmarks", "face_landmarks")
    return SimpleNamespace(
        **{name: SimpleNamespace(landmark=_marks(parts[name])) if name in parts else None for name in names}
    )


def test_fractions_become_px_from_the_top_left_corner() -> None:
    person = read_landmarks(_marks(33), size=SIZE)
    assert person.keypoints_K2[0] == pytest.approx([50, 50])
    assert person.keypoints_K2[10] == pytest.approx([52, 50])
    assert person.keypoints_K2.dtype == np.float32
    assert person.confidence_K == pytest.approx(np.full(33, 0.8))


def test_missing_visibility_is_no_confidence() -> None:
    assert (read_landmarks(_marks(33, None), size=SIZE).confidence_K == 0).all()


def test_nobody_and_too_little_of_somebody_is_none() -> None:
    assert read_person(_result(), BLAZEPOSE_33, size=SIZE, min_visibility=0.0) is None
    assert read_person(_result(pose_landmarks=33), BLAZEPOSE_33, size=SIZE, min_visibility=0.9) is None
    assert read_person(_result(pose_landmarks=33), BLAZEPOSE_33, size=SIZE, min_visibility=0.3) is not None


def test_holistic_parts_land_on_their_joints_and_missing_ones_are_unseen() -> None:
    result = _result(pose_landmarks=33, right_hand_landmarks=21, face_landmarks=468)
    person = read_person(result, HOLISTIC_543, size=SIZE, min_visibility=0.3)
    assert person is not None
    assert np.isnan(person.keypoints_K2[HOLISTIC_543.index("left_hand_0")]).all()
    assert person.confidence_K[HOLISTIC_543.index("left_hand_20")] == 0
    assert person.keypoints_K2[HOLISTIC_543.index("right_hand_20")] == pytest.approx([54, 50])
    assert person.confidence_K[HOLISTIC_543.index("right_hand_0")] == 1
    assert person.keypoints_K2[HOLISTIC_543.index("mesh_467")] == pytest.approx([143.4, 50])


def test_presence_is_judged_by_the_body_alone() -> None:
    body = read_landmarks(_marks(33), size=SIZE)
    assert is_present(on_holistic(body), min_visibility=0.75)
    assert np.array_equal(body_of(on_holistic(body)).keypoints_K2, body.keypoints_K2)
