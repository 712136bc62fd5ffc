"""MediaPipe's graphs: started when first used, quiet at it, with our errors; lent out where they remember nothing. The
only file that imports mediapipe, and only when used.

Legend: H W pixels.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pose_tracking.errors import TrackingError
from pose_tracking.person import Detection
from pose_tracking.skeleton import Skeleton
from pose_tracking.trackers.landmarks import read_person
from pose_tracking.trackers.pose_stream import open_pose_stream
from pose_tracking.trackers.shelf import Shelf
from pose_tracking.trackers.stderr_filter import without_library_chatter

REQUIREMENT = "mediapipe==0.10.21"
POSE_STREAM = "pose_stream"
# Class in `mediapipe.solutions` (None: our own), and the results that show that all of its models have been loaded.
_SOLUTIONS: dict[str, tuple[str | None, tuple[str, ...]]] = {
    POSE_STREAM: (None, ("pose_landmarks",)),
    "pose": ("Pose", ("pose_landmarks",)),
    "holistic": (
        "Holistic",
        ("pose_landmarks", "left_hand_landmarks", "right_hand_landmarks", "face_landmarks"),
    ),
    "selfie_segmentation": ("SelfieSegmentation", ("segmentation_mask",)),
    "face_mesh": ("FaceMesh", ("multi_face_landmarks",)),
}
# The process in which MediaPipe ran first.
_used_by: int | None = None
_MODELS_OF_COMPLEXITY = {0: "lite", 1: "full", 2: "heavy"}


def load_mediapipe() -> Any:
    """The mediapipe module.

    Raises:
        TrackingError: it is missing, broken, or of a version that brings no models.
    """
    try:
        with without_library_chatter():
            import mediapipe
    except (ImportError, OSError) as error:
        raise TrackingError(f"mediapipe cannot be loaded ({error}); pip install {REQUIREMENT}") from error
    if not hasattr(mediapipe, "solutions"):
        raise TrackingError(f"mediapipe {mediapipe.__version__} brings no models; pip install {REQUIREMENT}")
    return mediapipe


def is_forked() -> bool:
    """Whether this process was forked from one in which MediaPipe had run: what that one started is not to be closed
    here, which would wait for its threads for ever."""
    return _used_by not in (None, os.getpid())


def is_used() -> bool:
    """Whether MediaPipe has run here: processes that are to use it must then be spawned, see `refuse_fork`."""
    return _used_by is not None


def refuse_fork() -> None:
    """Say that MediaPipe does not survive a fork, before it dies of it; to be asked before anything is started or used.

    A process forked from one in which a graph has run ends by a signal as soon as it starts a graph of its own, also
    where the parent had closed all of its graphs (mediapipe 0.10.21 on Linux, seven times of seven).

    Raises:
        TrackingError: this process was forked from one in which MediaPipe had run.
    """
    global _used_by
    _used_by = _used_by or os.getpid()
    if is_forked():
        raise TrackingError(
            "MediaPipe ran in this process before it was forked, and would end it: begin processes with "
            'multiprocessing.get_context("spawn"), or before the first picture is looked at'
        )


def frame_error(pixels_HWC: np.ndarray, error: Exception) -> TrackingError:
    """What to tell when MediaPipe refuses a picture."""
    height, width = pixels_HWC.shape[:2]
    reason = next(iter(str(error).splitlines()), type(error).__name__)
    return TrackingError(f"MediaPipe cannot read a picture of {width} x {height} px ({reason}); use a larger one")


class Graph:
    """One of MediaPipe's solutions; its models are loaded when it is shown the first picture.

    Args:
        solution: its module in `mediapipe.solutions`, or `POSE_STREAM`.
        options: of the solution.

    Raises:
        TrackingError: mediapipe is not at hand.
    """

    def __init__(self, solution: str, **options: Any) -> None:
        name, self._results = _SOLUTIONS[solution]
        mediapipe = load_mediapipe()
        make = getattr(getattr(mediapipe.solutions, solution), name) if name else partial(open_pose_stream, mediapipe)
        self._make = partial(make, **options)
        self._solution: Any = None
        self._is_warm = False

    def process(self, pixels_HWC: np.ndarray, **passed: float) -> Any:
        """What the solution says about a picture, uint8 RGB [H, W, 3].

        Raises:
            TrackingError: it refuses the picture, or this process was forked after MediaPipe had run.
        """
        refuse_fork()
        try:
            if self._is_warm:
                return self._solution.process(pixels_HWC, **passed)
            # Threads of the graph go on loading models when its constructor has returned, and load further ones
            # when first needed: only a picture that comes back with all results shows that they are done.
            with without_library_chatter():
                self._solution = self._solution or self._make()
                result = self._solution.process(pixels_HWC, **passed)
        except (RuntimeError, ValueError) as error:
            raise frame_error(pixels_HWC, error) from error
        self._is_warm = all(getattr(result, name) is not None for name in self._results)
        return result

    def find(
        self, pixels_HWC: np.ndarray, skeleton: Skeleton, *, min_visibility: float, **passed: float
    ) -> Detection | None:
        """The person whom the solution sees, None where it sees nobody.

        Raises:
            TrackingError: it refuses the picture.
        """
        size = (pixels_HWC.shape[1], pixels_HWC.shape[0])
        return read_person(self.process(pixels_HWC, **passed), skeleton, size=size, min_visibility=min_visibility)

    def close(self) -> None:
        """Free the models."""
        # A graph that failed on a picture says so once more when it is closed.
        with suppress(RuntimeError, ValueError):
            if self._solution is not None and not is_forked():
                self._solution.close()


def check_model(complexity: int) -> None:
    """MediaPipe would try to download a model it does not bring; say so instead.

    Raises:
        TrackingError: the pose model of this complexity (0, 1 or 2) is not there.
    """
    name = f"pose_landmark_{_MODELS_OF_COMPLEXITY[complexity]}.tflite"
    if not (Path(load_mediapipe().__file__).parent / "modules" / "pose_landmark" / name).is_file():
        raise TrackingError(
            f"complexity {complexity} needs {name}, which mediapipe does not bring and would download; "
            "set tracker.complexity = 1, or tracker.kind to a .task file"
        )


# Graphs without memory wait for the next picture: starting one takes longer than four pictures.
_GRAPHS: Shelf[tuple[str, frozenset[tuple[str, Any]]], Graph] = Shelf(
    lambda kind: Graph(kind[0], **dict(kind[1])), most=8
)


def lend_still(solution: str, **options: Any) -> AbstractContextManager[Graph]:
    """A graph that remembers nothing of the pictures before, for the block."""
    return _GRAPHS.lend((solution, frozenset(options.items())))


def lend_still_pose(confidence: float, *, solution: str = "pose", **options: Any) -> AbstractContextManager[Graph]:
    """The same for poses; `solution` is `pose` or `holistic`, `confidence` in [0, 1] that of the detector."""
    return lend_still(
        solution, static_image_mode=True, model_complexity=1, min_detection_confidence=confidence, **options
    )
