"""Where a clip is cut into batches: by its own numbering, so that any part renders to the same bits as the whole."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from temporal.windows import PoseWindow


def aligned(windows: Iterable[PoseWindow], batch: int) -> Iterator[list[PoseWindow]]:
    """Batches cut at multiples of `batch` in the numbering of the whole clip, wherever the windows begin."""
    for _, group in itertools.groupby(windows, key=lambda window: window.center // batch):
        yield list(group)


def slots(chunk: list[PoseWindow], batch: int) -> list[PoseWindow]:
    """Each window at the place it has in the whole clip's batch; free places are filled with the first one.

    Sums in a network depend in their last bits on the batch's size and on the place within it: this way any part
    of a clip is rendered to the same bits as the whole.
    """
    places = [chunk[0]] * batch
    for window in chunk:
        places[window.center % batch] = window
    return places
