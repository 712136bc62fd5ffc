"""A worker's turn at a queue: takes one job after the other, says that it is alive, and lets no job end the night."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from animator.config import RenderReport
from animator.errors import DiskError
from animator.jobs.folder import JobFolder
from animator.jobs.leases import BEAT_S
from animator.jobs.locks import BusyError
from animator.jobs.queue import JobQueue, QueueState, job_state, note_failure
from animator.jobs.worker import worker_name
from pose_tracking.errors import PipelineError


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One job of a shift, over for now.

    Attributes:
        job: its folder.
        state: how it stands.
        report: of its result, if it has one.
        error: what kept it from having one.
    """

    job: JobFolder
    state: QueueState
    report: RenderReport | None = None
    error: Exception | None = None


def work_shift(
    queue: JobQueue,
    run: Callable[[JobFolder], RenderReport],
    *,
    until_empty: bool,
    on_start: Callable[[JobFolder], None] = lambda _: None,
    beat_s: float = BEAT_S,
) -> Iterator[Turn]:
    """Take jobs from a queue and bring them to their end, one after the other.

    A job that fails is marked as failed, and the next one is taken. Whatever ends the shift itself (a signal, a full
    disk) puts the job in hand back.

    Args:
        queue: whose jobs.
        run: brings a job to its result.
        until_empty: end when no job waits and none is in the hands of others, who may die; otherwise go on forever.
        on_start: told of every job that is taken.
        beat_s: how often to look for a job, and to say that this worker is alive.

    Yields:
        Every job that was taken, when it is over.

    Raises:
        DiskError: the disk is full: every other job would fail for that, too.
    """
    me = f"{worker_name()}:{secrets.token_hex(3)}"
    while True:
        job = queue.claim(me)
        if job is None:
            if until_empty and not any(each.state in ("waiting", "running") for each in queue.jobs()):
                return
            time.sleep(beat_s)
            continue
        on_start(job)
        with _held(queue, me, job, beat_s=beat_s):
            turn = _take_turn(job, run)
        if turn is None:  # somebody else renders it
            time.sleep(beat_s)
        else:
            yield turn


def _take_turn(job: JobFolder, run: Callable[[JobFolder], RenderReport]) -> Turn | None:
    try:
        report = run(job)
    except DiskError:
        raise
    except BusyError:
        return None
    except Exception as error:  # one job's trouble, bugs included, is not that of the others
        if job_state(job) == "waiting":  # it failed before anything could be noted
            note_failure(job, error)
        return Turn(job=job, state=job_state(job), error=error)
    return Turn(job=job, state=job_state(job), report=report)


@contextmanager
def _held(queue: JobQueue, me: str, job: JobFolder, *, beat_s: float) -> Iterator[None]:
    """Say that this worker is at a job for the length of the block; then let go of it, whatever happened."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(beat_s):
            with suppress(PipelineError):  # the next beat may get through; the job's lock keeps it ours
                queue.beat(me, job)

    beating = threading.Thread(target=beat, name="heartbeat", daemon=True)
    beating.start()
    try:
        yield
    finally:
        over.set()
        beating.join()
        queue.give_back(me, job)
