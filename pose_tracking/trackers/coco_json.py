"""COCO's JSON in three shapes: annotations, results, and what MMPose writes for a video; 17 or 133 joints.

Sources: Lin et al. 2014 (cocodataset.org, keypoint format), Jin et al. 2020 (COCO-WholeBody), MMPose 1.x.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pose_tracking.errors import TrackingError
from pose_tracking.person import Detection
from pose_tracking.skeleton import COCO_17, WHOLEBODY_133, Skeleton
from pose_tracking.trackers.recording import Recording, detection_from, make_detection, natural_order, read_size

_SKELETONS = {17: COCO_17, 133: WHOLEBODY_133}
# COCO-WholeBody keeps its parts apart, in the order of the 133 joints.
_WHOLEBODY_PARTS = ("keypoints", "foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts")
# COCO's annotators clicked whole pixels; their middle is meant.
_PIXEL_MIDDLE = 0.5


def read_coco_annotations(content: Mapping[str, Any]) -> Recording:
    """A data set file: one frame per image, in the order of `frame_id` or of the file names.

    Visibility 2, 1, 0 (seen, hidden but labelled, not labelled) becomes confidence 1, 0.5, 0.

    Raises:
        TrackingError: images of several sizes, which make no clip.
    """
    annotations = [entry for entry in content["annotations"] if any(entry.get("keypoints") or ())]
    images = sorted(
        content.get("images") or [{"id": number} for number in {entry["image_id"] for entry in annotations}],
        key=lambda image: natural_order(str(image.get("frame_id", image.get("file_name", image["id"])))),
    )
    sizes = {read_size(image, "width", "height") for image in images}
    if len(sizes) > 1:
        raise TrackingError(f"images of {len(sizes)} sizes; give the frames of one clip")
    is_whole = any(entry.get(part) for entry in annotations for part in _WHOLEBODY_PARTS[1:])
    frames: dict[Any, list[Detection]] = {image["id"]: [] for image in images}
    for entry in annotations:
        if entry["image_id"] in frames:
            values = _whole_body(entry) if is_whole else entry["keypoints"]
            marked = _read_flat([value / 2 if place % 3 == 2 else value for place, value in enumerate(values)])
            frames[entry["image_id"]].append(marked.moved((_PIXEL_MIDDLE, _PIXEL_MIDDLE)))
    return _recording(list(frames.values()), frame_size=next(iter(sizes), None))


def read_coco_results(entries: Sequence[Mapping[str, Any]]) -> Recording:
    """A result file: a list of people with `image_id` and x, y, score per joint. Frames without anybody are missing
    from such files; where the identifiers are numbers or end in them, the gaps between them are kept."""
    by_image: dict[str, list[Detection]] = {}
    for entry in entries:
        by_image.setdefault(str(entry["image_id"]), []).append(_read_flat(entry["keypoints"]))
    names = sorted(by_image, key=natural_order)
    numbers = [_last_number(name) for name in names]
    first, last = numbers[0], numbers[-1]
    if None in numbers or first is None or last is None or len(set(numbers)) < len(numbers):
        return _recording([by_image[name] for name in names])
    if not 0 <= last - first < 100 * len(names):
        raise TrackingError(f"images {first} to {last} for {len(names)} frames with people: not one clip")
    frames: list[list[Detection]] = [[] for _ in range(last - first + 1)]
    for name, number in zip(names, numbers, strict=True):
        if number is None or not first <= number <= last:
            raise TrackingError(f"image {name!r} is out of order")
        frames[number - first] = by_image[name]
    return _recording(frames)


def read_mmpose(content: Mapping[str, Any]) -> Recording:
    """MMPose's predictions for a video: `instance_info`, a list of frames with `instances`."""
    frames = []
    for frame in content["instance_info"]:
        people = []
        for instance in frame["instances"]:
            positions = np.array(instance["keypoints"], dtype=np.float64).reshape(-1, 2)
            scores = np.array(instance["keypoint_scores"], dtype=np.float64).reshape(-1)
            if len(positions) not in _SKELETONS or scores.shape != positions.shape[:1]:
                raise TrackingError(f"{len(positions)} joints with {len(scores)} scores, expected 17 or 133")
            people.append(make_detection(positions, scores))
        frames.append(people)
    return _recording(frames)


def _recording(frames: list[list[Detection]], frame_size: tuple[int, int] | None = None) -> Recording:
    counts = {len(person.confidence_K) for people in frames for person in people}
    if len(counts) != 1:
        raise TrackingError("nobody has key points" if not counts else f"people with {sorted(counts)} joints mixed")
    skeleton: Skeleton = _SKELETONS[counts.pop()]
    return Recording(people=frames, skeleton=skeleton, frame_size=frame_size)


def _read_flat(values: Sequence[Any]) -> Detection:
    num_joints = len(values) // 3
    if num_joints not in _SKELETONS:
        raise TrackingError(f"{len(values)} numbers for one person, expected 17 x 3 or 133 x 3")
    return detection_from(values, columns=3, num_joints=num_joints)


def _whole_body(entry: Mapping[str, Any]) -> list[Any]:
    if len(entry["keypoints"]) == 3 * len(WHOLEBODY_133):
        return list(entry["keypoints"])
    sizes = {"keypoints": 17, "foot_kpts": 6, "face_kpts": 68, "lefthand_kpts": 21, "righthand_kpts": 21}
    return [value for part in _WHOLEBODY_PARTS for value in entry.get(part) or [0] * (3 * sizes[part])]


def _last_number(name: str) -> int | None:
    numbers = [number for kind, number, _ in natural_order(name.rsplit(".", 1)[0]) if kind == 0]
    return numbers[-1] if numbers else None
