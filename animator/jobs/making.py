"""Frames by a generator, whatever happens to single ones: one stream, and those it breaks at once more alone.

Legend: H W pixels.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from animator.errors import ModelError
from animator.generators.protocol import FrameGenerator
from pose_tracking.frame import Frame
from temporal.windows import PoseWindow

if TYPE_CHECKING:
    from animator.subject import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedFrame:
    """A frame that could not be made.

    Attributes:
        index: which one.
        time_s: when it would be shown.
        error: why not.
    """

    index: int
    time_s: float
    error: ModelError


Made = Frame | FailedFrame
# So many failures at the beginning, and not one frame: the model or a setting is at fault.
HOPELESS = 16


def make_frames(
    windows: Iterable[PoseWindow],
    subject: Subject,
    generator: FrameGenerator,
    *,
    attempts: int = 1,
    proven: bool = False,
) -> Generator[Made, None, None]:
    """One frame per window, in order, or what kept it from being made.

    The generator gets the windows as one stream. Where it fails (`ModelError`: NaN, for instance), the frames in hand
    are tried alone, so that a poisoned one takes no other along; then the stream goes on behind them.

    Args:
        windows: pulled as the generator needs them.
        subject: who is in the pictures.
        generator: what makes them; a frame depends on its window alone.
        attempts: how often a frame is tried alone.
        proven: frames of this subject were made before; otherwise `HOPELESS` failures at the beginning end it all.

    Raises:
        ModelError: not a frame is at fault, but the model or its settings.
        PipelineError, MemoryError, OSError: whatever else the generator raises.
    """
    in_hand: deque[PoseWindow] = deque()
    source = _noted(windows, in_hand.append)
    failed_first: list[Made] = []
    while True:
        broken = None
        try:
            for frame in generator.generate(source, subject):
                _check_turn(in_hand, frame)
                in_hand.popleft()
                proven = True
                yield from failed_first
                failed_first.clear()
                yield frame
        except ModelError as error:
            broken = error
        if not in_hand:
            if broken is not None:
                raise broken
            yield from failed_first
            return
        alone = [_make_alone(window, subject, generator, attempts=attempts) for window in in_hand]
        in_hand.clear()
        failed_first += alone
        proven = proven or any(isinstance(made, Frame) for made in alone)
        if proven:
            yield from failed_first
            failed_first.clear()
        elif len(failed_first) >= HOPELESS:
            raise broken or _reason(alone[0])


def stand_in(frames: Iterable[Made], on_gap: Callable[[FailedFrame], None]) -> Iterator[Frame]:
    """Frames without gaps, so that the picture keeps time with the sound: the frame before a gap is held.

    At the beginning, the first frame that could be made stands in. Nobody is to take it for a made one: `on_gap` is
    told of every gap.

    Raises:
        ModelError: not one frame could be made.
    """
    before: Frame | None = None
    waiting: list[FailedFrame] = []
    for made in frames:
        if isinstance(made, FailedFrame):
            on_gap(made)
            if before is None:
                waiting.append(made)
            else:
                yield Frame(pixels_HWC=before.pixels_HWC, time_s=made.time_s, index=made.index)
            continue
        for gap in waiting:
            yield Frame(pixels_HWC=made.pixels_HWC, time_s=gap.time_s, index=gap.index)
        waiting.clear()
        before = made
        yield made
    if waiting:
        raise waiting[0].error


class Gaps:
    """Frames that are missing, collected while the result is written."""

    def __init__(self) -> None:
        self.frames: list[int] = []
        self._reason = ""

    def add(self, failed: FailedFrame) -> None:
        """Note a gap."""
        self._reason = self._reason or str(failed.error)
        self.frames.append(failed.index)

    def warnings(self) -> list[str]:
        """What the person should know."""
        if not self.frames:
            return []
        count = f"{len(self.frames)} frame{'s' if len(self.frames) > 1 else ''}"
        return [
            f"{count} could not be made ({listed(self.frames)}) and the picture before is held there; "
            f"the first failed because: {self._reason}"
        ]


def listed(frames: Iterable[int]) -> str:
    """Frame numbers in few words: 3, 7-9, 12."""
    spans: list[list[int]] = []
    for index in frames:
        if spans and spans[-1][1] == index - 1:
            spans[-1][1] = index
        else:
            spans.append([index, index])
    words = [str(first) if first == last else f"{first}-{last}" for first, last in spans[:8]]
    return ", ".join(words) + (f" and {len(spans) - 8} more places" if len(spans) > 8 else "")


def _noted(windows: Iterable[PoseWindow], note: Callable[[PoseWindow], None]) -> Iterator[PoseWindow]:
    for window in windows:
        note(window)
        yield window


def _reason(made: Made) -> ModelError:
    return made.error if isinstance(made, FailedFrame) else ModelError("no frame was made")


def _check_turn(in_hand: deque[PoseWindow], frame: Frame) -> None:
    wanted = in_hand[0].center if in_hand else None
    if frame.index != wanted:
        raise ModelError(f"the generator gave frame {frame.index} where {wanted} was wanted; see FrameGenerator")


def _make_alone(window: PoseWindow, subject: Subject, generator: FrameGenerator, *, attempts: int) -> Made:
    for attempt in range(1, attempts + 1):
        try:
            frame = next(iter(generator.generate([window], subject)))
            if frame.index == window.center:
                return frame
            error = ModelError(f"the generator gave frame {frame.index} where {window.center} was wanted")
        except ModelError as caught:
            error = caught
        except StopIteration:
            error = ModelError(f"the generator made no picture of frame {window.center}")
        if attempt == attempts:
            break
    return FailedFrame(index=window.center, time_s=window.time_s, error=error)
