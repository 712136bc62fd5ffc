import json
import math
from pathlib import Path

import numpy as np
import pytest

from animator.evaluation.faces import CROP_SIDE_PX, face_error, find_face, head_box
from pose_tracking.skeleton import BLAZEPOSE_33, COCO_17, Skeleton

# A head seen from the front, 40 px from ear to ear, around (150, 90).
_HEAD = {
    "nose": (150, 90),
    "left_eye": (160, 80),
    "right_eye": (140, 80),
    "left_ear": (170, 90),
    "right_ear": (130, 90),
}


def _pose(skeleton: Skeleton = COCO_17, head: dict[str, tuple[float, float]] = _HEAD) -> tuple[np.ndarray, np.ndarray]:
    keypoints = np.full((len(skeleton), 2), np.nan, np.float32)
    for joint, position in head.items():
        keypoints[skeleton.index(joint)] = position
    return keypoints, (~np.isnan(keypoints[:, 0])).astype(np.float32)


def _red_finder(crop: np.ndarray) -> list[np.ndarray]:
    """Finds the corners of what is red in the crop."""
    ys, xs = np.nonzero((crop[..., 0] > 128) & (crop[..., 1] < 128))
    if not len(xs):
        return []
    return [np.array([[xs.min(), ys.min()], [xs.max() + 1.0, ys.min()], [xs.max() + 1.0, ys.max() + 1.0]])]


def _frame_with_red(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    frame = np.full((200, 300, 3), 255, np.uint8)
    frame[top:bottom, left:right] = (255, 0, 0)
    return frame


@pytest.mark.parametrize("skeleton", [COCO_17, BLAZEPOSE_33])
def test_the_head_box_is_a_square_around_the_head(skeleton: Skeleton) -> None:
    box = head_box(*_pose(skeleton), skeleton)
    assert box == pytest.approx((70, 5, 230, 165))


def test_a_head_without_two_sure_joints_has_no_box() -> None:
    keypoints, confidence = _pose(head={"nose": (150, 90)})
    assert head_box(keypoints, confidence, COCO_17) is None
    keypoints, confidence = _pose()
    assert head_box(keypoints, confidence * 0.5, COCO_17) is None


def test_landmarks_come_back_in_px_of_the_frame() -> None:
    landmarks = find_face(_frame_with_red(140, 70, 160, 110), *_pose(), COCO_17, finder=_red_finder)
    assert landmarks is not None
    np.testing.assert_allclose(landmarks, [[140, 70], [160, 70], [160, 110]], atol=0.6)


def test_a_head_at_the_border_keeps_its_coordinates() -> None:
    head = {joint: (x - 140, y - 75) for joint, (x, y) in _HEAD.items()}
    landmarks = find_face(_frame_with_red(0, 0, 20, 30), *_pose(head=head), COCO_17, finder=_red_finder)
    assert landmarks is not None
    np.testing.assert_allclose(landmarks, [[0, 0], [20, 0], [20, 30]], atol=0.6)


def test_the_crop_is_enlarged_and_leaves_other_people_out() -> None:
    seen: list[tuple[int, ...]] = []

    def finder(crop: np.ndarray) -> list[np.ndarray]:
        seen.append(crop.shape)
        return _red_finder(crop)

    assert find_face(_frame_with_red(250, 70, 280, 100), *_pose(), COCO_17, finder=finder) is None
    assert seen == [(CROP_SIDE_PX, CROP_SIDE_PX, 3)]


def test_of_several_faces_the_one_at_the_head_wins() -> None:
    def finder(crop: np.ndarray) -> list[np.ndarray]:
        middle = CROP_SIDE_PX / 2
        return [np.full((3, 2), 20.0), np.full((3, 2), middle), np.full((3, 2), 300.0)]

    landmarks = find_face(_frame_with_red(0, 0, 1, 1), *_pose(), COCO_17, finder=finder)
    np.testing.assert_allclose(landmarks, np.full((3, 2), (150, 85)))


def test_a_head_outside_the_frame_is_not_searched() -> None:
    head = {joint: (x + 900, y) for joint, (x, y) in _HEAD.items()}
    assert find_face(_frame_with_red(0, 0, 20, 30), *_pose(head=head), COCO_17, finder=_red_finder) is None


def test_face_error_is_in_sizes_of_the_real_face() -> None:
    real = np.array([[0.0, 0.0], [40.0, 0.0], [40.0, 90.0], [0.0, 90.0]])
    assert face_error(real, real) == 0
    assert face_error(real + np.array([6, 8]), real) == pytest.approx(10 / 60)
    assert math.isnan(face_error(real, np.zeros((4, 2))))


@pytest.mark.dev_media
def test_small_faces_of_a_real_clip_are_found_in_the_crop(dev_media: Path) -> None:
    from pose_tracking.clip import DrivingClip
    from pose_tracking.trackers.blazepose import face_landmarks

    tracked = json.loads((dev_media / "poses" / "dance_dress_mp33.json").read_text())["frames"]
    frames = DrivingClip.open(dev_media / "videos" / "dance_dress.mp4").frames(max_side_px=270, only=range(0, 103, 17))
    sizes = []
    for frame in frames:
        height, width = frame.pixels_HWC.shape[:2]
        landmarks = np.array(tracked[frame.index], np.float32)
        keypoints = landmarks[:, :2] * np.float32([width, height])
        face = find_face(frame.pixels_HWC, keypoints, landmarks[:, 3], BLAZEPOSE_33, finder=face_landmarks)
        assert face is not None, frame.index
        nose = keypoints[BLAZEPOSE_33.index("nose")]
        assert np.linalg.norm(face.mean(axis=0) - nose) < 8, frame.index
        sizes.append(np.ptp(face, axis=0).mean())
    assert 15 < np.mean(sizes) < 30
