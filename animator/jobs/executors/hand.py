"""A worker that lives elsewhere and is asked what is new: it renders in a thread, while calls give chunks and fetch
news. Knows no Ray; whatever can call its methods in another process will do."""

from __future__ import annotations

import queue
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any, Literal

from animator.errors import JobError
from animator.jobs.executors.processes import fit_to_send
from animator.jobs.executors.protocol import Work
from animator.jobs.plan import Chunk
from animator.jobs.record import read_record, software
from animator.jobs.stopping import StopRequest
from animator.jobs.worker import Worker, worker_name

# Frames are told of in handfuls: a head with a thousand workers answers a thousand calls a second, not ten thousand.
_GATHER_S = 1.0
_URGENT = frozenset({"want", "idle", "ended", "failed"})
# frame: index; chunk: Chunk; want: a chunk, or nothing, is awaited within the stream; idle: nothing is in hand;
# ended: it was told to end; failed: (worker, error).
News = tuple[Literal["frame", "chunk", "want", "idle", "ended", "failed"], Any]


class Hand:
    """Renders chunks of one job as they are given to it.

    Args:
        work: the job; its folder lies under the same path here.
        device: where to compute; None: as the job says.
    """

    def __init__(self, work: Work, *, device: str | None) -> None:
        self._work, self._device = work, device
        self._orders: queue.SimpleQueue[Chunk | None] = queue.SimpleQueue()
        self._news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self._stop = _ToldToEnd()
        threading.Thread(target=self._serve, name="hand", daemon=True).start()

    def give(self, chunk: Chunk | None) -> None:
        """The answer to `want` and `idle`; None: there is nothing for now, so what is in hand is finished."""
        self._orders.put(chunk)

    def end(self) -> None:
        """Finish the frame in hand, write the ledger, and say `ended`."""
        self._stop.is_told = True
        self._orders.put(None)

    def news(self) -> list[News]:
        """What happened since the last call; waits a moment for it, and less for what needs an answer."""
        told: list[News] = []
        until_s = time.monotonic() + _GATHER_S
        while not (told and told[-1][0] in _URGENT):
            try:
                told.append(self._news.get(timeout=max(0.0, until_s - time.monotonic())))
            except queue.Empty:
                break
        return told

    def _serve(self) -> None:
        try:
            worker = self._open()
            while True:
                self._stop.check()
                self._tell("idle")
                chunk = self._orders.get()
                if chunk is not None:
                    worker.render(
                        self._chunks(chunk),
                        on_frame=lambda index: self._tell("frame", index),
                        on_chunk=lambda each: self._tell("chunk", each),
                    )
        except _EndError:
            self._tell("ended")
        except Exception as error:  # told to the head, which decides
            traceback.clear_frames(error.__traceback__)
            self._tell("failed", (worker_name(), fit_to_send(error)))

    def _open(self) -> Worker:
        folder = self._work.folder
        if not folder.record.is_file():
            raise JobError(f"{folder.path}: not to be seen here; every node needs the job's folder under this path")
        begun_with = read_record(folder).software
        if begun_with != software():
            raise JobError(
                f"{folder.name}: was begun with {begun_with}, and here is {software()}; its frames may differ"
            )
        return Worker.open(
            folder, self._work.open_generator, device=self._device, trust=self._work.trust, stop=self._stop
        )

    def _chunks(self, first: Chunk) -> Iterator[Chunk]:
        chunk: Chunk | None = first
        while chunk is not None:
            yield chunk
            self._stop.check()
            self._tell("want")
            chunk = self._orders.get()

    def _tell(self, kind: Any, content: Any = None) -> None:
        self._news.put((kind, content))


class _EndError(Exception):
    """The head wants no more."""


class _ToldToEnd(StopRequest):
    """Told by a call instead of a signal."""

    def __init__(self) -> None:
        super().__init__()
        self.is_told = False

    def check(self) -> None:
        """Between two frames."""
        if self.is_told:
            raise _EndError
