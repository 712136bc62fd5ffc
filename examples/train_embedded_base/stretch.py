"""How long this sitting and each phase of the training may go on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from animator.progress import Progress, TqdmProgress


class Stretch:
    """One sitting.

    Args:
        limit_s: of wall time, from now on.
    """

    def __init__(self, limit_s: float) -> None:
        self.progress: Progress = TqdmProgress()
        self.now_and_then: Callable[[], None] = lambda: None
        self._until_s = time.monotonic() + limit_s

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self._until_s

    @contextmanager
    def phase(self, clock: Path, *, minutes: float | None) -> Iterator[Phase]:
        """A phase within this sitting; what it takes is added up in the file `clock`."""
        phase = Phase(self, _read(clock), minutes)
        yield phase
        clock.parent.mkdir(parents=True, exist_ok=True)
        clock.write_text(json.dumps({"seconds": round(phase.spent_s, 1)}) + "\n", encoding="utf-8")


class Phase:
    """One phase; its time goes on over all sittings.

    Args:
        stretch: this sitting.
        before_s: spent in earlier ones.
        minutes: in all; none: as long as its updates take.
    """

    def __init__(self, stretch: Stretch, before_s: float, minutes: float | None) -> None:
        self._stretch, self._before_s, self._began_s = stretch, before_s, time.monotonic()
        self._limit_s = float("inf") if minutes is None else 60 * minutes

    @property
    def spent_s(self) -> float:
        return self._before_s + time.monotonic() - self._began_s

    @property
    def is_over(self) -> bool:
        """Whether its own time is used up, apart from the sitting's."""
        return self.spent_s > self._limit_s

    def is_time_up(self) -> bool:
        """To be asked between updates."""
        self._stretch.now_and_then()
        return self.is_over or self._stretch.is_over


def _read(clock: Path) -> float:
    return float(json.loads(clock.read_text(encoding="utf-8"))["seconds"]) if clock.is_file() else 0.0
