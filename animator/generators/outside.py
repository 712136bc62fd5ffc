"""A generator from outside: what goes wrong in its code is its own fault, and said so in one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from animator.device import is_out_of_memory
from animator.errors import ModelError
from animator.generators.protocol import FrameGenerator
from pose_tracking.errors import PipelineError
from pose_tracking.frame import Frame
from temporal.windows import PoseWindow

if TYPE_CHECKING:
    from animator.subject import Subject


class OutsideGenerator:
    """A `FrameGenerator` whose failures are those of frames, and whose pictures are what they have to be.

    Args:
        path: `my_pkg.mod:Thing`.
        made: what that gave.
    """

    def __init__(self, path: str, made: FrameGenerator) -> None:
        self.name, self._path, self._made = made.name, path, made

    def generate(self, windows: Iterable[PoseWindow], subject: Subject) -> Iterator[Frame]:
        """Its frames.

        Raises:
            ModelError: its code raised something, or gave something else than a picture of the canvas.
        """
        with blamed(self._path):
            for frame in self._made.generate(windows, subject):
                self._check(frame, subject.photo_HWC.shape)
                yield frame

    def _check(self, frame: object, wanted: tuple[int, ...]) -> None:
        if not isinstance(frame, Frame):
            raise ModelError(f"generator {self._path!r} gave a {type(frame).__name__}; expected a Frame")
        pixels = np.asarray(frame.pixels_HWC)
        if pixels.shape != wanted or pixels.dtype != np.uint8:
            raise ModelError(
                f"generator {self._path!r} gave pixels of {pixels.dtype}, {pixels.shape}; expected uint8, {wanted}"
            )


@contextmanager
def blamed(path: str) -> Iterator[None]:
    """What the code at `path` raises is its own fault; that memory or disk do not suffice is not.

    Raises:
        ModelError: its code raised something.
    """
    try:
        yield
    except (PipelineError, MemoryError, OSError):
        raise
    except Exception as error:  # outside code can raise anything
        if is_out_of_memory(error):
            raise
        raise ModelError(f"generator {path!r} failed: {type(error).__name__}: {error}") from error
