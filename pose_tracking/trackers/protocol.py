"""What following a person asks of a tracker; who finds people in another way writes one of these.

Legend: H W pixels, T frames, K keypoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from typing_extensions import Self

from pose_tracking.frame import Frame
from pose_tracking.person import Detection
from pose_tracking.region import Region
from pose_tracking.skeleton import Skeleton


class PoseTracker(Protocol):
    """Finds people in frames, which are handed in order; it may keep a memory from one to the next."""

    skeleton: Skeleton

    def detect(self, frame: Frame) -> list[Detection]:
        """The people in the frame, in px of `frame.pixels_HWC`."""

    def close(self) -> None:
        """Free what the tracker holds."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> bool | None: ...


@runtime_checkable
class SinglePersonTracker(PoseTracker, Protocol):
    """A tracker that sees one person at a time, so it has to be told where to look when there are more."""

    def look_at(self, region: Region | None) -> None:
        """Regard only this part of the following frames; None regards all of them."""

    def forget(self) -> None:
        """Let go of whoever was seen last, so that the next frame is searched anew."""

    def search(self, frame: Frame, *, known: Sequence[Detection] = (), cut_outs: bool = True) -> list[Detection]:
        """Everybody in one frame, from left to right, `known` among them; see `crowd.find_everybody`."""


@runtime_checkable
class MeasuredTracker(PoseTracker, Protocol):
    """A tracker that knows how the picture moves without looking at it: it was measured before."""

    def steps_TK2(self, frames: Sequence[int], frame_size: tuple[int, int]) -> np.ndarray | None:
        """`PoseSequence.steps_TK2` of these frames, by index, in px of a picture of that size; none: not known."""
