"""OpenPose's JSON: 18 or 25 body joints, hands and face, one file per frame or all frames in one list.

Source of the joint orders: Cao et al. 2017 (18), OpenPose 1.7 (BODY_25: with the middle of the hips and feet);
hands of 21 and faces of 70 points as in COCO-WholeBody, whose 68 face points lack the pupils.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pose_tracking.errors import TrackingError
from pose_tracking.person import Detection
from pose_tracking.skeleton import OPENPOSE_18, WHOLEBODY_133, Skeleton
from pose_tracking.trackers.recording import Recording, detection_from, make_detection, read_size

_BODY_25 = (
    *("nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist"),
    *("middle_hip", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle"),
    *("right_eye", "left_eye", "right_ear", "left_ear", "left_big_toe", "left_small_toe", "left_heel"),
    *("right_big_toe", "right_small_toe", "right_heel"),
)
_BODIES = {18: OPENPOSE_18.joints, 25: _BODY_25}
_PARTS = {
    "hand_left_keypoints_2d": tuple(f"left_hand_{number}" for number in range(21)),
    "hand_right_keypoints_2d": tuple(f"right_hand_{number}" for number in range(21)),
    "face_keypoints_2d": tuple(f"face_{number}" for number in range(70)),
}
_BODY = "pose_keypoints_2d"


def read_openpose(frames: Sequence[Mapping[str, Any]]) -> Recording:
    """Everybody in `frames`, each the content of one OpenPose file (`people`, possibly `canvas_width/height`).

    The skeleton is OpenPose-18 when every person has 18 joints and no more, otherwise WholeBody-133.
    """
    people = [frame.get("people") or [] for frame in frames]
    everyone = [person for frame in people for person in frame]
    is_plain = all(len(person.get(_BODY) or ()) in (0, 3 * 18) for person in everyone)
    has_parts = any(person.get(part) for person in everyone for part in _PARTS)
    skeleton = OPENPOSE_18 if is_plain and not has_parts else WHOLEBODY_133
    return Recording(
        people=[[_read_person(person, skeleton) for person in frame] for frame in people],
        skeleton=skeleton,
        frame_size=read_size(frames[0], "canvas_width", "canvas_height") if frames else None,
    )


def _read_person(person: Mapping[str, Any], skeleton: Skeleton) -> Detection:
    positions = np.full((len(skeleton), 2), np.nan)
    confidence = np.zeros(len(skeleton))
    for part in (_BODY, *_PARTS):
        values = person.get(part)
        if not values:
            continue
        joints = _PARTS.get(part) or _BODIES.get(len(values) // 3)
        if joints is None:
            raise TrackingError(f"{len(values)} numbers in {part}, expected 18 x 3 or 25 x 3")
        found = detection_from(values, columns=3, num_joints=len(joints))
        for place, joint in enumerate(joints):
            if joint in skeleton:
                positions[skeleton.index(joint)] = found.keypoints_K2[place]
                confidence[skeleton.index(joint)] = found.confidence_K[place]
    return make_detection(positions, confidence)
