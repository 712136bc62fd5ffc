"""Work that goes on beside the caller's: a model is opened and a photo looked at while a clip is tracked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

from animator.progress import Progress, Stage

Result = TypeVar("Result")


class Beside(AbstractContextManager["Beside"]):
    """Threads for a few long pieces of work. The end of the block waits for what is under way.

    What fails beside is not to be found out at the end of an hour: whoever works with `watching(progress)` meanwhile
    hears of it at the next step.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(thread_name_prefix="beside")
        self._begun: list[Future[object]] = []

    def start(self, work: Callable[[], Result]) -> Future[Result]:
        """Begin `work` in a thread of its own; its result is asked for later."""
        future = self._pool.submit(work)
        self._begun.append(future)  # type: ignore[arg-type]  # only ever read
        return future

    def check(self) -> None:
        """Raise what ended a piece of work."""
        for future in self._begun:
            if future.done():
                future.result()

    def watching(self, progress: Progress) -> Progress:
        """The same progress; each of its steps is also a `check`."""
        return _Watching(progress, self.check)

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(cancel_futures=True)


class _Watching:
    """Passes everything on, and looks aside at every step. A `Progress`."""

    def __init__(self, listener: Progress, check: Callable[[], None]) -> None:
        self.warn = listener.warn
        self._listener, self._check = listener, check

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        """The listener's stage."""
        with self._listener.stage(name, total) as shown:
            yield _WatchedStage(shown, self._check)


class _WatchedStage:
    def __init__(self, shown: Stage, check: Callable[[], None]) -> None:
        self._shown, self._check = shown, check

    def advance(self, n: int = 1) -> None:
        """Pass the steps on, and look aside."""
        self._shown.advance(n)
        self._check()
