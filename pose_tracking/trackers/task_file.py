"""A pose landmarker `.task` file in MediaPipe's Tasks API: several people at once.

Such files are published by MediaPipe's makers (lite, full, heavy) and handed in by the user; none is shipped.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from pose_tracking.errors import TrackingError
from pose_tracking.frame import Frame
from pose_tracking.person import Detection
from pose_tracking.skeleton import BLAZEPOSE_33, Skeleton
from pose_tracking.trackers.graphs import frame_error, is_forked, load_mediapipe, refuse_fork
from pose_tracking.trackers.landmarks import is_present, read_landmarks
from pose_tracking.trackers.stderr_filter import without_library_chatter

# The published bundles have 5 to 30 MB.
MAX_FILE_BYTES = 256 * 1024 * 1024


class TaskTracker(AbstractContextManager["TaskTracker"]):
    """Up to `max_people` people in each frame.

    Args:
        path: the model bundle.
        max_people: most people found in a frame.
        detection_confidence: in [0, 1], for a person to be found.
        tracking_confidence: in [0, 1], for a person to be kept.
        min_visibility: mean visibility of the body below which a find is not a person.

    Raises:
        TrackingError: no such file, not a pose landmarker bundle, or mediapipe is not at hand.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        max_people: int = 4,
        detection_confidence: float = 0.7,
        tracking_confidence: float = 0.7,
        min_visibility: float = 0.3,
    ) -> None:
        self.skeleton: Skeleton = BLAZEPOSE_33
        self._min_visibility = min_visibility
        self._last_ms = -1
        self._is_warm = False
        bundle = _read(Path(path))
        refuse_fork()
        self._mediapipe = load_mediapipe()
        vision = self._mediapipe.tasks.vision
        options = vision.PoseLandmarkerOptions(
            base_options=self._mediapipe.tasks.BaseOptions(model_asset_buffer=bundle),
            running_mode=vision.RunningMode.VIDEO,
            num_poses=max_people,
            min_pose_detection_confidence=detection_confidence,
            min_pose_presence_confidence=tracking_confidence,
            min_tracking_confidence=tracking_confidence,
        )
        try:
            with without_library_chatter():
                self._landmarker = vision.PoseLandmarker.create_from_options(options)
        except (RuntimeError, ValueError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise TrackingError(f"{path}: not a MediaPipe pose landmarker bundle ({reason})") from error

    def detect(self, frame: Frame) -> list[Detection]:
        """Everybody in the frame, at most `max_people`. Frames are handed in order."""
        refuse_fork()
        pixels = np.ascontiguousarray(frame.pixels_HWC)
        # The API wants whole, rising milliseconds; two frames of a fast clip may fall into the same one.
        self._last_ms = max(self._last_ms + 1, round(frame.time_s * 1000))
        try:
            with nullcontext() if self._is_warm else without_library_chatter():
                image = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=pixels)
                result = self._landmarker.detect_for_video(image, self._last_ms)
        except (RuntimeError, ValueError) as error:
            raise frame_error(pixels, error) from error
        self._is_warm = True
        people = people_in(result, size=(pixels.shape[1], pixels.shape[0]))
        return [person for person in people if is_present(person, min_visibility=self._min_visibility)]

    def close(self) -> None:
        """Free the models."""
        if not is_forked():
            self._landmarker.close()

    def __exit__(self, *error: object) -> None:
        self.close()


def people_in(result: Any, *, size: tuple[int, int]) -> list[Detection]:
    """The people of a `PoseLandmarkerResult` for a picture of `size` (width, height) px."""
    return [read_landmarks(landmarks, size=size) for landmarks in result.pose_landmarks]


def _read(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise TrackingError(f"{path}: cannot be read (a folder, pipe or device); give a MediaPipe .task file")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise TrackingError(f"{path}: {path.stat().st_size} bytes, a .task file has at most {MAX_FILE_BYTES}")
        return path.read_bytes()
    except OSError as error:
        raise TrackingError(
            f"{path}: cannot be read ({error.strerror}); give a MediaPipe .task file, or tracker.kind = blazepose"
        ) from error
