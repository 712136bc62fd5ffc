"""MediaPipe's Pose for video, asked for one thing only: where the body is in the picture.

`mediapipe.solutions.pose.Pose` runs the same graph, but copies every picture, brings the body in metres as well, and
makes a new type for each result; for the interpreter that is half a ms more per frame, during which the graph, the
slowest part of tracking by far, stands still.

Works on the mediapipe module without importing it.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

_GRAPH = "mediapipe/modules/pose_landmark/pose_landmark_cpu.binarypb"
_FOUND_FROM = "posedetectioncpu__TensorsToDetectionsCalculator.min_score_thresh"
_KEPT_FROM = "poselandmarkbyroicpu__tensorstoposelandmarksandsegmentation__ThresholdingCalculator.threshold"
_PICTURE, _BODY = "image", "pose_landmarks"
# How far the landmarks' filter trails behind the body hangs on the time that it is told to lie between two pictures:
# MediaPipe's own solution says a thirtieth of a second whatever the clip's rate, which is far too little for a clip of
# 5 frames/s. Told so many times the true interval it follows closely; the noise that it then lets
# through is taken by `temporal.smoothing`, which does not delay. Found on six real clips of 5 to 60 frames/s.
HASTE = 2.0
# Where the interval is not known; also the least and the most that the filter is told.
_PERIOD_US, _SHORTEST_US, _LONGEST_US = 33333, 1000, 1_000_000


def open_pose_stream(
    mediapipe: Any, *, model_complexity: int, min_detection_confidence: float, min_tracking_confidence: float
) -> Any:
    """A solution like `Pose` in video mode, options and landmarks included: `process` and `close` are offered.

    Its landmarks are `Pose`'s own, bit by bit, where it is not told how much time passes between pictures.

    Args:
        mediapipe: the module, 0.10.21.
        model_complexity: 0, 1 or 2.
        min_detection_confidence: in [0, 1], for a person to be found.
        min_tracking_confidence: in [0, 1], for a person to be kept.

    Raises:
        RuntimeError, ValueError: what MediaPipe raises when its graph cannot be started.
    """
    base: Any = mediapipe.solutions.pose.SolutionBase

    class PoseStream(base):
        def process(self, pixels_HWC: np.ndarray, interval_s: float | None = None) -> SimpleNamespace:
            """`pose_landmarks` in uint8 RGB [H, W, 3], the next frame, shown so long after the one before; None for
            nobody."""
            shown = np.ascontiguousarray(pixels_HWC).view()
            shown.flags.writeable = False  # which is how MediaPipe knows that it may do without a copy
            self._graph_outputs.clear()
            self._simulated_timestamp += _told_us(interval_s)
            packet = mediapipe.packet_creator.create_image_frame(shown, image_format=mediapipe.ImageFormat.SRGB)
            self._graph.add_packet_to_input_stream(_PICTURE, packet.at(self._simulated_timestamp))
            self._graph.wait_until_idle()
            found = self._graph_outputs.get(_BODY)
            is_nobody = found is None or found.is_empty()
            return SimpleNamespace(pose_landmarks=None if is_nobody else mediapipe.packet_getter.get_proto(found))

    return PoseStream(
        binary_graph_path=_GRAPH,
        side_inputs={
            "model_complexity": model_complexity,
            "smooth_landmarks": True,
            "enable_segmentation": False,
            "smooth_segmentation": False,
            "use_prev_landmarks": True,
        },
        calculator_params={_FOUND_FROM: min_detection_confidence, _KEPT_FROM: min_tracking_confidence},
        outputs=[_BODY],
    )


def _told_us(interval_s: float | None) -> int:
    if interval_s is None or interval_s <= 0:
        return _PERIOD_US
    return round(min(max(HASTE * interval_s * 1e6, _SHORTEST_US), _LONGEST_US))
