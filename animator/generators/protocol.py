"""What every frame generator does, whatever stands behind it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

from pose_tracking.frame import Frame
from temporal.windows import PoseWindow

if TYPE_CHECKING:
    from animator.subject import Subject


class FrameGenerator(Protocol):
    """Makes one picture of the subject per pose window.

    A frame depends on its window, the subject and the generator's own settings alone: any part of a motion
    renders to the same frames as within the whole.
    """

    name: str

    def generate(self, windows: Iterable[PoseWindow], subject: Subject) -> Iterator[Frame]:
        """Yield frames in the windows' order, with their index and time; windows are consumed as needed."""
