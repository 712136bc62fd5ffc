"""A render cut into chunks: which frames belong together, and the pose windows they are made from.

Legend: T frames, N window.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from pose_tracking.sequence import PoseSequence
from temporal.windows import WINDOW_SIZE, PoseWindow, pose_windows

# Seconds of work on a CPU, a fraction of one on a GPU: little is lost with a worker, and little time with claims.
_WANTED_FRAMES = 24
_MOST_FRAMES = 32
# Frames at once, where nobody chose: what GPUs are given.
DEFAULT_BATCH = 8


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Chunk:
    """The frames `first` to `stop - 1` of the whole render.

    Attributes:
        first: absolute number of the first frame.
        stop: absolute number after the last frame.
    """

    first: int
    stop: int

    @property
    def name(self) -> str:
        """As its files are called; names sort as the frames do."""
        return f"{self.first:06d}-{self.stop - 1:06d}"

    @property
    def frames(self) -> range:
        """Absolute numbers of its frames."""
        return range(self.first, self.stop)


def chunk_size(batch: int) -> int:
    """Frames per chunk, a multiple of the generator's batch: 16 to 32, or one batch where that is larger."""
    return batch * max(1, min(round(_WANTED_FRAMES / batch), _MOST_FRAMES // batch))


def plan_chunks(num_frames: int, size: int) -> tuple[Chunk, ...]:
    """Chunks of `size` frames that hold every frame exactly once, in order; the last one may be shorter.

    Raises:
        ValueError: no frames, or chunks without any.
    """
    if num_frames < 1 or size < 1:
        raise ValueError(f"{num_frames} frames in chunks of {size}: both must be at least 1")
    return tuple(Chunk(first=first, stop=min(first + size, num_frames)) for first in range(0, num_frames, size))


def chunk_windows(
    driving: PoseSequence, chunk: Chunk, *, only: Collection[int] | None = None, size: int = WINDOW_SIZE
) -> Iterator[PoseWindow]:
    """The windows of a chunk's frames as `pose_windows` of the whole motion gives them, in order.

    Args:
        driving: the whole motion; the chunk's halo of `size // 2` poses on either side is taken from it.
        chunk: whose frames.
        only: leave out frames that are not among these.
        size: poses per window, odd.
    """
    start = max(0, chunk.first - size // 2)
    part = driving[start : chunk.stop + size // 2]
    for window in pose_windows(part, size=size):
        center = window.center + start
        if center in chunk.frames and (only is None or center in only):
            yield replace(window, center=center)
