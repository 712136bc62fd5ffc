"""Work that goes on beside the caller's: a model is opened and a photo looked at while a clip is tracked, and pictures
of the clip are drawn while the subject is put on the canvas."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from types import TracebackType
from typing import TypeVar

from animator.progress import Progress, Stage

Item = TypeVar("Item")
Result = TypeVar("Result")


class Beside(AbstractContextManager["Beside"]):
    """Threads for a few long pieces of work that leave nothing behind but what they give.

    The end of the block waits for what is under way, but not where the program was told to end (Ctrl-C, SIGTERM): a
    model that nobody will ask for takes seconds to be opened.

    What fails beside is not to be found out at the end of an hour: whoever works with `watching(progress)` meanwhile
    hears of it at the next step.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(thread_name_prefix="beside")
        self._begun: list[Future[object]] = []
        self._ahead = ExitStack()

    def start(self, work: Callable[[], Result]) -> Future[Result]:
        """Begin `work` in a thread of its own; its result is asked for later."""
        future = self._pool.submit(work)
        self._begun.append(future)  # type: ignore[arg-type]  # only ever read
        return future

    def ahead(self, items: Generator[Item, None, None], *, most: int) -> Iterator[Item]:
        """The same items, made in a thread of their own from now on, up to `most` before they are taken.

        Their errors come in their turn. The end of the block ends them.
        """
        return self._ahead.enter_context(closing(_Ahead(items, most)))

    def check(self) -> None:
        """Raise what ended a piece of work."""
        for future in self._begun:
            if future.done():
                future.result()

    def watching(self, progress: Progress) -> Progress:
        """The same progress; each of its steps is also a `check`."""
        return _Watching(progress, self.check)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        is_told_to_end = kind is not None and not issubclass(kind, Exception)
        with self._ahead:
            self._pool.shutdown(wait=not is_told_to_end, cancel_futures=True)


class _Ahead(Iterator[Item]):
    def __init__(self, items: Generator[Item, None, None], most: int) -> None:
        self._items = items
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="ahead")
        self._waiting = deque(self._worker.submit(next, items, None) for _ in range(most))

    def __next__(self) -> Item:
        item = self._waiting[0].result()
        if item is None:
            raise StopIteration
        self._waiting.append(self._worker.submit(next, self._items, None))
        self._waiting.popleft()
        return item

    def close(self) -> None:
        """Stop, with the item in hand."""
        self._worker.shutdown(cancel_futures=True)
        self._items.close()


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
