"""COCO's annotations and results, and MMPose's predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pose_tracking.errors import TrackingError
from pose_tracking.skeleton import COCO_17, WHOLEBODY_133
from pose_tracking.trackers.coco_json import read_coco_annotations, read_coco_results, read_mmpose


def flat(count: int, third: float, *, start: int = 10) -> list[float]:
    return [value for n in range(count) for value in (start + n, 50, third)]


def annotation(image: Any, third: int = 2, **more: Any) -> dict[str, Any]:
    return {"image_id": image, "keypoints": flat(17, third), **more}


def image(number: int, name: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "file_name": name, "width": 640, "height": 480, **more}


def test_annotated_pixels_mean_their_middle_and_flags_become_confidence() -> None:
    person = annotation(1)
    person["keypoints"][3:9] = [11, 50, 1, 0, 0, 0]
    recording = read_coco_annotations({"images": [image(1, "a.jpg")], "annotations": [person]})
    (found,) = recording.people[0]
    assert recording.skeleton is COCO_17
    assert recording.frame_size == (640, 480)
    assert found.keypoints_K2[0] == pytest.approx([10.5, 50.5])
    assert found.confidence_K[:3] == pytest.approx([1, 0.5, 0])
    assert np.isnan(found.keypoints_K2[2]).all()


def test_frames_come_in_the_order_of_their_names_and_empty_ones_stay() -> None:
    images = [image(7, "f10.jpg"), image(3, "f9.jpg"), image(5, "f8.jpg")]
    people = [annotation(7), annotation(5), annotation(5), annotation(99)]
    recording = read_coco_annotations({"images": images, "annotations": people})
    assert [len(people) for people in recording.people] == [2, 0, 1]


def test_images_of_several_sizes_are_no_clip() -> None:
    images = [image(1, "a.jpg"), image(2, "b.jpg", width=320)]
    with pytest.raises(TrackingError, match="images of 2 sizes"):
        read_coco_annotations({"images": images, "annotations": [annotation(1)]})


def test_annotations_without_key_points_are_refused() -> None:
    people = [{"image_id": 1, "keypoints": [0] * 51}, {"image_id": 1, "bbox": [0, 0, 1, 1]}]
    with pytest.raises(TrackingError, match="nobody has key points"):
        read_coco_annotations({"images": [image(1, "a.jpg")], "annotations": people})


def test_parts_of_the_whole_body_are_put_together() -> None:
    parts = {
        "foot_kpts": flat(6, 2, start=100),
        "face_kpts": flat(68, 2, start=200),
        "lefthand_kpts": flat(21, 2, start=300),
    }
    recording = read_coco_annotations({"images": [image(1, "a.jpg")], "annotations": [annotation(1, **parts)]})
    assert recording.skeleton is WHOLEBODY_133
    (person,) = recording.people[0]
    for joint, x in (("nose", 10.5), ("right_heel", 105.5), ("face_67", 267.5), ("left_hand_20", 320.5)):
        assert person.keypoints_K2[WHOLEBODY_133.index(joint), 0] == pytest.approx(x)
    assert np.isnan(person.keypoints_K2[WHOLEBODY_133.index("right_hand_0"), 0])


def test_results_keep_the_gaps_between_numbered_frames() -> None:
    entries = [{"image_id": name, "keypoints": flat(17, 0.7)} for name in ("f12.jpg", "f9.jpg", "f10.jpg", "f10.jpg")]
    recording = read_coco_results(entries)
    assert [len(people) for people in recording.people] == [1, 2, 0, 1]
    assert recording.people[0][0].keypoints_K2[0] == pytest.approx([10, 50])
    assert recording.people[0][0].confidence_K == pytest.approx(np.full(17, 0.7))


def test_results_of_a_data_set_are_no_clip() -> None:
    entries = [{"image_id": number, "keypoints": flat(17, 0.7)} for number in (139, 581_929)]
    with pytest.raises(TrackingError, match="not one clip"):
        read_coco_results(entries)


def test_results_without_numbers_are_taken_in_order() -> None:
    entries = [{"image_id": name, "keypoints": flat(133, 0.7)} for name in ("b", "a")]
    recording = read_coco_results(entries)
    assert recording.skeleton is WHOLEBODY_133
    assert len(recording.people) == 2


def test_mmpose_predictions_are_read() -> None:
    instance = {"keypoints": [[n, 50] for n in range(133)], "keypoint_scores": [0.5] * 133}
    frames = [{"frame_id": 1, "instances": [instance, instance]}, {"frame_id": 2, "instances": []}]
    recording = read_mmpose({"meta_info": {}, "instance_info": frames})
    assert recording.skeleton is WHOLEBODY_133
    assert [len(people) for people in recording.people] == [2, 0]
    assert recording.people[0][0].keypoints_K2[5] == pytest.approx([5, 50])


def test_mixed_numbers_of_joints_are_refused() -> None:
    entries = [{"image_id": n, "keypoints": flat(count, 1)} for n, count in ((1, 17), (2, 133))]
    with pytest.raises(TrackingError, match=r"people with \[17, 133\] joints mixed"):
        read_coco_results(entries)
