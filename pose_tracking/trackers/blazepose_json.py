"""BlazePose's landmarks as JSON, as people write MediaPipe's results: 33 x [x, y, z] or [x, y, z, visibility]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pose_tracking.errors import TrackingError
from pose_tracking.person import Detection
from pose_tracking.skeleton import BLAZEPOSE_33
from pose_tracking.trackers.openpose_json import read_openpose
from pose_tracking.trackers.recording import Recording, make_detection, read_size

# World landmarks are metres around the middle of the hips: half of them negative. Positions in a picture are not.
_MAX_NEGATIVE = 0.25


def read_blazepose(content: Mapping[str, Any]) -> Recording:
    """The one person of every frame: 33 landmarks of x, y, z and perhaps visibility; None where nobody is.

    Args:
        content: `frames`, perhaps `width`, `height` and `fps`; frames may also be those of OpenPose.

    Raises:
        TrackingError: other numbers of landmarks, or landmarks in metres.
    """
    frames = content["frames"]
    if frames and isinstance(frames[0], Mapping):
        return read_openpose(frames)
    people = [[] if frame is None else [_read_landmarks(frame)] for frame in frames]
    recording = Recording(
        people=people,
        skeleton=BLAZEPOSE_33,
        frame_size=read_size(content, "width", "height"),
        fps=None if content.get("fps") is None else float(content["fps"]),
    )
    positions = np.concatenate([person.keypoints_K2 for frame in people for person in frame] or [np.empty((0, 2))])
    if len(positions) and (positions < 0).mean() > _MAX_NEGATIVE:
        raise TrackingError(
            "positions around 0, as of world landmarks in metres; expected px or fractions of a picture"
        )
    return recording


def _read_landmarks(rows: Sequence[Sequence[Any]]) -> Detection:
    values = np.array(rows, dtype=object).astype(np.float64)
    if values.ndim != 2 or len(values) != len(BLAZEPOSE_33) or values.shape[1] not in (2, 3, 4):
        raise TrackingError(f"landmarks {list(values.shape)}, expected [33, 2 to 4]")
    confidence = values[:, 3] if values.shape[1] == 4 else np.ones(len(values))
    return make_detection(values[:, :2], confidence)
