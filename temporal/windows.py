"""Five-frame pose windows: the motion around one output frame.

Source: DreamPose (Karras et al. 2023, section 3.3): frame n sees poses n-2 ... n+2.

Legend: T frames, K keypoints, N window.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from pose_tracking.sequence import PoseSequence

EdgePolicy = Literal["repeat", "reflect", "unseen"]
WINDOW_SIZE = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PoseWindow:
    """The poses around one output frame.

    Attributes:
        keypoints_NK2: float32 px, NaN where unseen.
        confidence_NK: float32 in [0, 1].
        center: absolute index of the frame to be made, which is the middle pose.
        time_s: presentation time of that frame in seconds.
        interval_s: seconds from one pose to the next; 0 where there is no other.
    """

    keypoints_NK2: np.ndarray
    confidence_NK: np.ndarray
    center: int
    time_s: float
    interval_s: float = 0.0


def pose_windows(
    sequence: PoseSequence, *, size: int = WINDOW_SIZE, edge: EdgePolicy = "repeat"
) -> Iterator[PoseWindow]:
    """One window per frame of `sequence`, in order. Arguments are checked at the call, not at the first window.

    Args:
        sequence: the motion, evenly spaced in time.
        size: poses per window, odd.
        edge: what stands in for poses before the first and after the last frame of a shot: `repeat` holds the end
            pose, `reflect` plays the motion backwards, `unseen` leaves NaN with confidence 0.

    Raises:
        ValueError: even or non-positive size, unknown edge policy, empty sequence.
    """
    if size < 1 or size % 2 == 0:
        raise ValueError(f"a pose window has a middle: size must be odd and positive, got {size}")
    if edge not in get_args(EdgePolicy):
        raise ValueError(f"edge policy {edge!r} is unknown; choose one of {', '.join(get_args(EdgePolicy))}")
    if len(sequence) == 0:
        raise ValueError("a motion without frames has no windows")
    return _windows(sequence, size=size, edge=edge)


def _windows(sequence: PoseSequence, *, size: int, edge: EdgePolicy) -> Iterator[PoseWindow]:
    interval_s = 0.0
    if len(sequence) > 1:
        # Rounded, so that every part of a motion gives the same.
        interval_s = round(float(sequence.times_s_T[-1] - sequence.times_s_T[0]) / (len(sequence) - 1), 6)
    for shot in sequence.shots():
        for center in range(shot.start, shot.stop):
            wanted = np.arange(center - size // 2, center + size // 2 + 1)
            places = shot.start + _places(wanted - shot.start, shot.stop - shot.start, edge)
            keypoints = sequence.keypoints_TK2[places]
            confidence = sequence.confidence_TK[places]
            if edge == "unseen":
                outside = (wanted < shot.start) | (wanted >= shot.stop)
                keypoints = np.where(outside[:, None, None], np.float32(np.nan), keypoints)
                confidence = np.where(outside[:, None], np.float32(0), confidence)
            yield PoseWindow(
                keypoints_NK2=keypoints,
                confidence_NK=confidence,
                center=center,
                time_s=float(sequence.times_s_T[center]),
                interval_s=interval_s,
            )


def _places(wanted: np.ndarray, num_frames: int, edge: EdgePolicy) -> np.ndarray:
    """Indices into the sequence for `wanted`, which may lie outside it."""
    if edge != "reflect" or num_frames == 1:
        return wanted.clip(0, num_frames - 1)
    period = 2 * (num_frames - 1)
    folded = np.abs(wanted) % period
    return np.where(folded >= num_frames, period - folded, folded)
