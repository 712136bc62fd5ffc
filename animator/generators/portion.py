"""How much is computed at once, and how it becomes less where the memory does not suffice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """What is computed at once.

    Attributes:
        batch: frames.
        branches_together: all branches of the guidance, instead of one after the other.
        workers: batches, each in its own thread.
    """

    batch: int
    branches_together: bool
    workers: int = 1


class ShrinkingPortion:
    """The portion that all threads of a render share; it never grows again.

    Args:
        portion: to begin with.
        on_note: told in one line what became less.
    """

    def __init__(self, portion: Portion, on_note: Callable[[str], None]) -> None:
        self._now, self._note, self._lock = portion, on_note, threading.Lock()

    @property
    def now(self) -> Portion:
        """What is to be tried."""
        return self._now

    def shrink(self, tried: Portion) -> bool:
        """Less than `tried`, which was too much; false where nothing is left to take apart.

        One batch after the other first, which changes no picture; then one branch after the other; then half as many
        frames.
        """
        with self._lock:
            if self._now != tried:
                return True  # another thread met the same end
            if tried.workers > 1:
                self._now = replace(tried, workers=1)
                self._note(f"out of memory with {tried.workers} frames side by side: one at a time from here on")
            elif tried.branches_together:
                self._now = replace(tried, branches_together=False)
                self._note("out of memory: the branches of the guidance are computed one after the other from here on")
            elif tried.batch > 1:
                self._now = replace(tried, batch=tried.batch // 2)
                self._note(f"out of memory with {tried.batch} frames at once: going on with {tried.batch // 2}")
            else:
                return False
            return True
