"""Baselines every generator has to beat."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pose_tracking.frame import Frame
from temporal.windows import PoseWindow

if TYPE_CHECKING:
    from animator.subject import Subject


class HoldGenerator:
    """The photo, repeated: perfect sharpness and background, no motion. A `FrameGenerator`."""

    name = "hold"

    def generate(self, windows: Iterable[PoseWindow], subject: Subject) -> Iterator[Frame]:
        """Yield `subject.photo_HWC` once per window."""
        for window in windows:
            yield Frame(pixels_HWC=subject.photo_HWC, time_s=window.time_s, index=window.center)
