"""Seeds shared out among processes that end at once when they are told to."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from animator.child_process import end_children, end_when_told, start_child
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
    return _Worker(*start_child(_serve, work))


def _serve(connection: Connection, work: Work) -> None:
    """Answers seeds until there are no more, or nobody asks any more."""
    end_when_told()
    try:
        while (seed := connection.recv()) is not None:
            try:
                answer, trace = work(seed), None
            except Exception as error:  # raised again on the other side
                answer, trace = error, traceback.format_exc()
            connection.send((answer, trace))
    except (EOFError, OSError):
        return


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
    end_children([worker.process for worker in workers], within_s=_PATIENCE_S)
    for worker in workers:
        worker.connection.close()
