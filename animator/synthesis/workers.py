"""Seeds shared out among processes that end at once when they are told to."""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any

from animator.errors import JobError

Work = Callable[[int], Any]
# A busy machine may take seconds until a process gets to tidy up; one that is killed leaves its files.
_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class _Worker:
    process: BaseProcess
    connection: Connection


def share_out(work: Work, seeds: Sequence[int], *, jobs: int) -> Iterator[Any]:
    """`work` of all seeds, as each is done, by `jobs` processes; one job works in this process.

    Leaving the iterator, be it by an error or a signal, ends the processes within seconds; their `finally` blocks run.

    Raises:
        JobError: a process died.
    """
    if jobs == 1 or len(seeds) <= 1:
        yield from map(work, seeds)
        return
    workers: dict[Connection, _Worker] = {}
    left = iter(seeds)
    try:
        for _ in range(min(jobs, len(seeds))):
            worker = _start(work)
            workers[worker.connection] = worker
            worker.connection.send(next(left))
        while workers:
            for connection in wait(list(workers)):
                worker = workers[connection]  # type: ignore[index]
                yield _result(worker)
                seed = next(left, None)
                worker.connection.send(seed)
                if seed is None:
                    worker.process.join()
                    del workers[worker.connection]
    finally:
        _end(list(workers.values()))


def _start(work: Work) -> _Worker:
    # Spawned, not forked: numba's and torch's threads do not survive a fork.
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(work, theirs), daemon=True)
    with _without_interrupts():
        process.start()
    theirs.close()
    return _Worker(process, ours)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Ctrl-C goes to the whole group: a child that starts under this never sees it, not even while it imports."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _serve(work: Work, connection: Connection) -> None:
    """Answers seeds until there are no more, or nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    try:
        while (seed := connection.recv()) is not None:
            try:
                answer, trace = work(seed), None
            except Exception as error:  # raised again on the other side
                answer, trace = error, traceback.format_exc()
            connection.send((answer, trace))
    except (EOFError, OSError):
        return


def _leave(signum: int, _: FrameType | None) -> None:
    signal.signal(signum, signal.SIG_IGN)  # once is enough: what is being cleaned up must not be cut short
    sys.exit(128 + signum)


def _result(worker: _Worker) -> Any:
    try:
        answer, trace = worker.connection.recv()
    except EOFError:
        worker.process.join(_PATIENCE_S)
        raise JobError(
            f"a process ended with code {worker.process.exitcode} before its clip was done, perhaps for want of "
            "memory; run again with fewer --jobs, what is done stays"
        ) from None
    if trace is not None:
        raise answer from RuntimeError(trace)
    return answer


def _end(workers: list[_Worker]) -> None:
    for worker in workers:
        worker.process.terminate()
    for worker in workers:
        worker.process.join(_PATIENCE_S)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.connection.close()
