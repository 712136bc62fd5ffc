"""What a running job says while it runs: stages, steps and warnings, for a person, a program or nobody.

The pipeline gets a `Progress` and never prints; the command line chooses which one.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TextIO

from pose_tracking.escaping import printable


class Stage(Protocol):
    """One stretch of work that is under way."""

    def advance(self, n: int = 1) -> None:
        """Count `n` more steps as done."""


class Progress(Protocol):
    """Where a pipeline reports what it is doing."""

    def stage(self, name: str, total: int | None = None) -> AbstractContextManager[Stage]:
        """Open a stage of `total` steps (None: nobody knows how many); it ends with the `with` block."""

    def warn(self, message: str) -> None:
        """Say something the person should know before the result is there."""


class SilentProgress:
    """Keeps quiet: for library use, and the inner loops of an evaluation."""

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        """A stage nobody watches."""
        yield _Unwatched()

    def warn(self, message: str) -> None:
        """Drop the message; reports carry their warnings too."""


class _Unwatched:
    def advance(self, n: int = 1) -> None:
        """Nothing to show."""


class TqdmProgress:
    """A bar with steps, rate and time left for every stage, on `stream`; only warnings without `bars`."""

    def __init__(self, stream: TextIO | None = None, *, bars: bool = True) -> None:
        self._stream = stream
        self._bars = bars
        self._warned: set[str] = set()

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        """A bar that stays on the screen when its stage ends."""
        from tqdm import tqdm

        stream = self._stream or sys.stderr
        # A log file gets a line every ten seconds, a terminal ten a second.
        interval_s = 0.1 if stream.isatty() else 10.0
        bar = tqdm(
            total=total,
            desc=f"{name:<10}",
            file=stream,
            mininterval=interval_s,
            dynamic_ncols=True,
            unit="",
            bar_format="{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_noinv_fmt}]",
            disable=not self._bars,
        )
        try:
            yield _Bar(bar)
        finally:
            bar.close()

    def warn(self, message: str) -> None:
        """Print `warning: ...` above the bar, each message once."""
        if message in self._warned:
            return
        self._warned.add(message)
        from tqdm import tqdm

        tqdm.write(f"warning: {printable(message)}", file=self._stream or sys.stderr)


class _Bar:
    def __init__(self, bar) -> None:  # type: ignore[no-untyped-def]  # tqdm has no types and is imported late
        self._bar = bar

    def advance(self, n: int = 1) -> None:
        """Move the bar."""
        self._bar.update(n)


class JsonProgress:
    """One JSON object a line: `stage` at its start and end, `progress` at most every `interval_s`, `warning`."""

    def __init__(self, stream: TextIO | None = None, *, interval_s: float = 0.5) -> None:
        self._stream = stream
        self._interval_s = interval_s
        self._warned: set[str] = set()

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        """Events `stage` (state begin, end or failed) around the `progress` of one stage."""
        begin_s = time.monotonic()
        self.emit(event="stage", state="begin", stage=name, total=total)
        counter = _Counter(self, name, total, self._interval_s)
        state = "failed"
        try:
            yield counter
            state = "end"
        finally:
            seconds = round(time.monotonic() - begin_s, 3)
            self.emit(event="stage", state=state, stage=name, done=counter.done, total=total, seconds=seconds)

    def warn(self, message: str) -> None:
        """Event `warning`, each message once."""
        if message not in self._warned:
            self._warned.add(message)
            self.emit(event="warning", message=message)

    def emit(self, **fields: object) -> None:
        """Write one line and flush it: whoever reads along must not wait for a full buffer."""
        stream = self._stream or sys.stdout
        text = json.dumps(fields, ensure_ascii=not _writes_every_letter(stream))
        line = "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in text)
        print(line, file=stream, flush=True)


def _writes_every_letter(stream: TextIO) -> bool:
    return (getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf")


class Told:
    """Warnings, said at once and kept for the report."""

    def __init__(self, progress: Progress) -> None:
        self.messages: list[str] = []
        self._progress = progress

    def note(self, *messages: str) -> None:
        """Say something that the person should know."""
        for message in messages:
            self.messages.append(message)
            self._progress.warn(message)


class _Counter:
    def __init__(self, progress: JsonProgress, name: str, total: int | None, interval_s: float) -> None:
        self._progress, self._name, self._total, self._interval_s = progress, name, total, interval_s
        self._last_s = time.monotonic()
        self.done = 0

    def advance(self, n: int = 1) -> None:
        """Count, and tell when the last event is old enough."""
        self.done += n
        now_s = time.monotonic()
        if now_s - self._last_s >= self._interval_s:
            self._last_s = now_s
            self._progress.emit(event="progress", stage=self._name, done=self.done, total=self._total)
