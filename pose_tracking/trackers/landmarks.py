"""MediaPipe's landmarks as our detections. Works on its result objects without importing it.

Legend: H W pixels, K keypoints.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from pose_tracking.person import Detection
from pose_tracking.skeleton import BLAZEPOSE_33, HOLISTIC_543, Skeleton

_NUM_BODY = len(BLAZEPOSE_33)
# Holistic's further results, in the order in which HOLISTIC_543 lists their joints after the body.
_HOLISTIC_PARTS = (("left_hand_landmarks", 21), ("right_hand_landmarks", 21), ("face_landmarks", 468))


def read_landmarks(landmarks: Iterable[Any], *, size: tuple[int, int]) -> Detection:
    """Fractions of (width, height) px as px, visibility as confidence.

    Landmarks outside the picture keep their guessed place; their low confidence says so.
    """
    values = np.array([(mark.x, mark.y, mark.visibility or 0.0) for mark in landmarks], dtype=np.float32)
    return Detection(
        keypoints_K2=values[:, :2] * np.array(size, dtype=np.float32), confidence_K=values[:, 2].clip(0, 1)
    )


def read_person(result: Any, skeleton: Skeleton, *, size: tuple[int, int], min_visibility: float) -> Detection | None:
    """A Pose or Holistic result on `skeleton` (BlazePose-33 or Holistic-543); None for nobody.

    Args:
        result: with `pose_landmarks`, and for Holistic also hands and face, each possibly None.
        skeleton: what to read; parts the result lacks are unseen.
        size: (width, height) px of the picture.
        min_visibility: mean visibility of the body below which a find is not a person.
    """
    if result.pose_landmarks is None:
        return None
    body = read_landmarks(result.pose_landmarks.landmark, size=size)
    if not is_present(body, min_visibility=min_visibility):
        return None
    if skeleton is not HOLISTIC_543:
        return body
    whole = on_holistic(body)
    start = _NUM_BODY
    for name, num_joints in _HOLISTIC_PARTS:
        part = getattr(result, name, None)
        if part is not None:
            # Hands and faces carry no visibility: they are there or they are not.
            whole.keypoints_K2[start : start + num_joints] = read_landmarks(part.landmark, size=size).keypoints_K2
            whole.confidence_K[start : start + num_joints] = 1.0
        start += num_joints
    return whole


def is_present(person: Detection, *, min_visibility: float) -> bool:
    """Whether enough of the body shows for it to be a person."""
    return float(person.confidence_K[:_NUM_BODY].mean()) >= min_visibility


def on_holistic(body: Detection) -> Detection:
    """The same body on Holistic-543, hands and face unseen."""
    keypoints = np.full((len(HOLISTIC_543), 2), np.nan, dtype=np.float32)
    confidence = np.zeros(len(HOLISTIC_543), dtype=np.float32)
    keypoints[:_NUM_BODY] = body.keypoints_K2[:_NUM_BODY]
    confidence[:_NUM_BODY] = body.confidence_K[:_NUM_BODY]
    return Detection(keypoints_K2=keypoints, confidence_K=confidence)


def body_of(person: Detection) -> Detection:
    """The 33 body keypoints of a BlazePose or Holistic detection."""
    return Detection(keypoints_K2=person.keypoints_K2[:_NUM_BODY], confidence_K=person.confidence_K[:_NUM_BODY])
