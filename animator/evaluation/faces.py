"""Faces in a frame: looked for where a pose puts the head, compared by their landmarks.

Legend: L landmarks, K keypoints.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from pose_tracking.skeleton import Skeleton

# Finds faces in uint8 RGB [H, W, 3]; one float array [L, 2] in px of that picture per face.
FaceFinder = Callable[[np.ndarray], Sequence[np.ndarray]]

MIN_CONFIDENCE = 0.5
HEAD_JOINTS = ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "mouth_left", "mouth_right")
# The widest distance between head joints is close to half a head's height from the front and from the side alike
# (0.19 to 0.28 torso lengths in four tracked clips), so four of it hold the head with room around.
CROP_PER_HEAD_SPAN = 4.0
# The crop is enlarged to this side, which lets the finder see faces of a few px.
CROP_SIDE_PX = 320


def find_face(
    pixels_HWC: np.ndarray,
    keypoints_K2: np.ndarray,
    confidence_K: np.ndarray,
    skeleton: Skeleton,
    *,
    finder: FaceFinder,
) -> np.ndarray | None:
    """Landmarks [L, 2] in px of the frame of the face where the pose has its head; None without one.

    The head is cut out and enlarged before `finder` sees it: face detectors miss faces of a few px in a whole
    frame, and the faces of other people stay out of the crop. Of several, the one nearest to the head wins.
    """
    box = head_box(keypoints_K2, confidence_K, skeleton)
    if box is None:
        return None
    height, width = pixels_HWC.shape[:2]
    left, top, right, bottom = (
        max(0.0, box[0]),
        max(0.0, box[1]),
        min(float(width), box[2]),
        min(float(height), box[3]),
    )
    if right - left < 1 or bottom - top < 1:
        return None
    scale = CROP_SIDE_PX / max(right - left, bottom - top)
    size = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    crop = Image.fromarray(pixels_HWC).resize(size, Image.Resampling.BICUBIC, box=(left, top, right, bottom))
    stretch = np.array([(right - left) / size[0], (bottom - top) / size[1]])
    faces = [np.asarray(face, dtype=np.float64) * stretch + (left, top) for face in finder(np.asarray(crop))]
    head = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
    return min(faces, key=lambda face: float(np.linalg.norm(face.mean(axis=0) - head)), default=None)


def head_box(
    keypoints_K2: np.ndarray, confidence_K: np.ndarray, skeleton: Skeleton
) -> tuple[float, float, float, float] | None:
    """Square (left, top, right, bottom) in px around the head; None with fewer than two confident head joints."""
    places = [skeleton.index(joint) for joint in HEAD_JOINTS if joint in skeleton]
    joints = keypoints_K2[places][confidence_K[places] > MIN_CONFIDENCE].astype(np.float64)
    if len(joints) < 2:
        return None
    span = float(np.linalg.norm(joints[:, None] - joints[None], axis=-1).max())
    if not span > 0:
        return None
    center = (joints.min(axis=0) + joints.max(axis=0)) / 2
    half = span * CROP_PER_HEAD_SPAN / 2
    return center[0] - half, center[1] - half, center[0] + half, center[1] + half


def face_error(generated_L2: np.ndarray, real_L2: np.ndarray) -> float:
    """Mean landmark distance over the square root of the real face's box area (Bulat & Tzimiropoulos 2017).

    NaN for a real face without area.
    """
    size = math.sqrt(float(np.prod(np.ptp(real_L2, axis=0))))
    return float(np.linalg.norm(generated_L2 - real_L2, axis=-1).mean()) / size if size > 0 else math.nan
