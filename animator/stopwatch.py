"""How fast the stages of some work go on, and how long the rest of it takes at that pace."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from animator.progress import Progress, Stage


class _Pace:
    """How fast the steps of one stage follow each other. A `Stage`."""

    def __init__(self, shown: Stage) -> None:
        self.steps = 0
        self._shown = shown
        self._first_s = self._last_s = 0.0

    def advance(self, n: int = 1) -> None:
        """Take the time, and pass the steps on."""
        self._shown.advance(n)
        self._last_s = time.monotonic()
        if self.steps == 0:  # the first step loads models
            self._first_s = self._last_s
        self.steps += n

    @property
    def step_s(self) -> float:
        """Seconds a step, without the first."""
        return (self._last_s - self._first_s) / (self.steps - 1) if self.steps > 1 else 0.0


class Stopwatch:
    """Takes the pace of every stage, and passes everything on. A `Progress`."""

    def __init__(self, listener: Progress) -> None:
        self.paces: dict[str, _Pace] = {}
        self.warn = listener.warn
        self._listener = listener

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        """The listener's stage, with a stopwatch."""
        with self._listener.stage(name, total) as shown:
            self.paces[name] = _Pace(shown)
            yield self.paces[name]

    def rest_s(self, num_steps: Mapping[str, int]) -> float:
        """How long it takes at these paces to go on until every stage has made so many steps."""
        return sum(pace.step_s * max(0, num_steps.get(name, 0) - pace.steps) for name, pace in self.paces.items())
