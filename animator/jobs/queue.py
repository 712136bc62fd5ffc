"""Many jobs on one machine, in order: an index over a folder of job folders, for any number of workers.

A queue is a folder; every job folder that lies in it is in the queue. What a job is, how far it is and how urgent it is
stands in its own folder; `queue.sqlite` beside them only answers quickly who takes which one next, and is made anew
from the folders when it is missing or damaged.

Workers say by beats that they are alive, on the clock that counts since the machine started: their jobs go to others
when they fall silent. Two never render one job, whatever the index says: each job's folder has its own lock.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from animator.errors import DiskError, JobError
from animator.jobs.folder import JobFolder, read_json, write_json
from animator.jobs.leases import STALE_S
from animator.jobs.ledger import ATTEMPTS
from animator.jobs.locks import is_locked
from animator.jobs.queue_index import QueueIndex
from animator.jobs.session import read_state
from pose_tracking.errors import PipelineError

QueueState = Literal["waiting", "running", "done", "partial", "failed", "cancelled"]
_FINAL = frozenset({"done", "partial", "failed", "cancelled"})
MAX_PRIORITY = 1_000_000
_TICKET = "queued.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedJob:
    """A job as the index knows it.

    Attributes:
        folder: the job's.
        priority: higher ones come first.
        state: in a word.
        worker: who is at it.
        message: why it failed, if it did.
    """

    folder: Path
    priority: int
    state: QueueState
    worker: str
    message: str


class JobQueue:
    """The jobs of one folder, in order. Every call stands alone; any number of processes may have one open.

    Args:
        folder: holds the job folders; made with the first job. On a disk of this machine: the index is no good on
            one that several share.
        stale_s: how long a worker may be silent until its job goes to another one.
    """

    def __init__(self, folder: str | Path, *, stale_s: float = STALE_S) -> None:
        self.path = Path(folder).absolute()
        self._stale_s = stale_s
        self._index = QueueIndex(self.path, self._fill)

    def add(self, job: JobFolder, *, priority: int = 0) -> None:
        """Put a job in, or give one that is in another priority; one that failed or was cancelled is tried again.

        Raises:
            JobError: the folder is no job, or lies elsewhere.
            DiskError: the disk is full or fails.
        """
        job.check()
        if job.path.parent != self.path or job.path.is_symlink():
            raise JobError(f"{job.path}: lies outside of the queue {self.path}")
        if not -MAX_PRIORITY <= priority <= MAX_PRIORITY:
            raise JobError(f"priority {priority}: expected at most {MAX_PRIORITY} either way")
        queued_s = _ticket(job)[1] if (job.path / _TICKET).is_file() else time.time()
        write_json(job.path / _TICKET, {"priority": priority, "queued_s": queued_s})
        for obstacle in (job.failure, job.cancelled):
            obstacle.unlink(missing_ok=True)

        def put(index: sqlite3.Connection) -> None:
            _put(index, job)
            index.execute("UPDATE jobs SET deaths = 0 WHERE name = ?", (job.path.name,))

        self._index.within(put)

    def claim(self, worker: str) -> JobFolder | None:
        """The next job for a worker: the most urgent one, and of those the one that has waited longest.

        Returns:
            None when there is none to be had now.
        """

        def take(index: sqlite3.Connection) -> JobFolder | None:
            self._free_those_of_the_dead(index)
            turn = "SELECT name FROM jobs WHERE state = 'waiting' ORDER BY priority DESC, queued_s, name"
            for (name,) in index.execute(turn).fetchall():
                job = self.path / name
                if self._is_job(job) and is_locked(JobFolder(job)):
                    continue  # rendered by somebody who knows no queue, or whom the index has forgotten
                if self._settle(index, job) == "waiting":
                    index.execute(
                        "UPDATE jobs SET state = 'running', worker = ?, beat_s = ? WHERE name = ?",
                        (worker, time.monotonic(), name),
                    )
                    return JobFolder(job)
            return None

        return self._index.within(take)

    def beat(self, worker: str, job: JobFolder) -> None:
        """Say that a worker is alive; where the index has forgotten who has the job, it learns it again."""

        def note(index: sqlite3.Connection) -> None:
            if not self._is_job(job.path):  # moved away, or removed: its worker will notice
                return
            if index.execute("SELECT 1 FROM jobs WHERE name = ?", (job.path.name,)).fetchone() is None:
                _put(index, job)
            index.execute(
                "UPDATE jobs SET state = 'running', worker = ?, beat_s = ? WHERE name = ? AND worker IN ('', ?)",
                (worker, time.monotonic(), job.path.name, worker),
            )

        self._index.within(note)

    def give_back(self, worker: str, job: JobFolder) -> None:
        """Have done with a job for now: what has become of it is read from its folder; unfinished, it waits again."""

        def settle(index: sqlite3.Connection) -> None:
            row = index.execute("SELECT worker FROM jobs WHERE name = ?", (job.path.name,)).fetchone()
            if row is None and self._is_job(job.path):
                _put(index, job)
            elif row is not None and row[0] in ("", worker):
                self._settle(index, job.path)

        self._index.within(settle)

    def jobs(self) -> list[QueuedJob]:
        """All jobs, those at work first, then those that wait in their order, then those that are over."""
        order = "ORDER BY state != 'running', state != 'waiting', priority DESC, queued_s, name"

        def read(index: sqlite3.Connection) -> list[Any]:
            self._free_those_of_the_dead(index)
            self._notice_changes(index)
            return index.execute(f"SELECT name, priority, state, worker, message FROM jobs {order}").fetchall()

        return [
            QueuedJob(folder=self.path / name, priority=priority, state=state, worker=worker, message=message)
            for name, priority, state, worker, message in self._index.within(read)
        ]

    def unlisted(self) -> list[str]:
        """Names of job folders that came here by hand: the index knows nothing of them until it is made anew."""

        def read(index: sqlite3.Connection) -> set[str]:
            return {name for (name,) in index.execute("SELECT name FROM jobs").fetchall()}

        listed = self._index.within(read)
        return sorted(place.name for place in self.path.iterdir() if place.name not in listed and self._is_job(place))

    def rebuild(self) -> int:
        """Make the index anew from the folders.

        Returns:
            How many jobs there are.
        """
        return self._index.rebuild()

    def _fill(self, index: sqlite3.Connection) -> int:
        jobs = [JobFolder(place) for place in sorted(self.path.iterdir()) if self._is_job(place)]
        for job in jobs:
            _put(index, job)
        return len(jobs)

    def _free_those_of_the_dead(self, index: sqlite3.Connection) -> None:
        """A job whose worker died waits again; one over which several died in a row, without a frame, is given up."""
        now_s = time.monotonic()
        silent = (
            "SELECT name, worker, deaths, num_frames FROM jobs WHERE state = 'running' AND NOT beat_s BETWEEN ? AND ?"
        )
        # A beat from the future is one from before the machine started anew.
        for name, worker, deaths, num_frames in index.execute(silent, (now_s - self._stale_s, now_s)).fetchall():
            job = self.path / name
            if self._is_job(job):
                if is_locked(JobFolder(job)):  # only slow, or asleep
                    continue
                made = sum(1 for _ in JobFolder(job).frames.glob("[0-9]*.png"))
                # Where the work goes on between deaths, it is not the job that kills.
                deaths, num_frames = (0 if made > num_frames else deaths) + 1, made
                if deaths >= ATTEMPTS:
                    reason = f"{deaths} workers died over it without a frame, the last one was {worker}"
                    note_failure(JobFolder(job), JobError(reason))
            index.execute("UPDATE jobs SET deaths = ?, num_frames = ? WHERE name = ?", (deaths, num_frames, name))
            self._settle(index, job)

    def _notice_changes(self, index: sqlite3.Connection) -> None:
        """Look up jobs that were cancelled, resumed or removed by somebody who knows no queue."""
        for name, state in index.execute("SELECT name, state FROM jobs WHERE state != 'running'").fetchall():
            job = JobFolder(self.path / name)
            if not job.record.exists() or state not in _states_at_a_glance(job):
                self._settle(index, job.path)

    def _settle(self, index: sqlite3.Connection, job: Path) -> QueueState | None:
        """Let a job's row say what its folder says; without a folder there is no row."""
        if not self._is_job(job):
            index.execute("DELETE FROM jobs WHERE name = ?", (job.name,))
            return None
        state, message = _state(JobFolder(job))
        index.execute("UPDATE jobs SET state = ?, worker = '', message = ? WHERE name = ?", (state, message, job.name))
        return state

    def _is_job(self, job: Path) -> bool:
        """Whether a job's folder lies here; names come from a file that anybody may have written."""
        inside = job.parent == self.path and job.name != ".."
        return inside and not job.is_symlink() and JobFolder(job).record.is_file()


def note_failure(job: JobFolder, error: BaseException) -> None:
    """Write down in a job's folder why it failed."""
    message = " ".join(str(error).split()) or type(error).__name__
    write_json(job.failure, {"error": type(error).__name__, "message": message})


def job_state(job: JobFolder) -> QueueState:
    """How a job stands, as its folder says; one that is being rendered waits."""
    return _state(job)[0]


def _states_at_a_glance(job: JobFolder) -> tuple[QueueState, ...]:
    """What a job may be, going by which files there are: there may be very many jobs to look at."""
    if job.cancelled.exists():
        return ("cancelled",)
    if job.result.exists():
        return ("done", "partial")
    return ("failed",) if job.failure.exists() else ("waiting",)


def _ticket(job: JobFolder) -> tuple[int, float]:
    """Priority of a job, and when it was put in; what a damaged file does not tell is as if nobody had chosen."""
    values: Any = None
    with suppress(OSError, JobError):
        values = read_json(job.path / _TICKET)
    try:
        priority, queued_s = int(values["priority"]), float(values["queued_s"])
    except (TypeError, KeyError, ValueError, OverflowError):
        with suppress(OSError):  # just removed
            return 0, job.record.stat().st_mtime
        return 0, time.time()
    return max(-MAX_PRIORITY, min(priority, MAX_PRIORITY)), queued_s


def _state(job: JobFolder) -> tuple[QueueState, str]:
    """How a job stands, as its folder says, and why it failed."""
    try:
        state = read_state(job)
        if state != "failed":
            return (state if state in _FINAL else "waiting"), ""  # type: ignore[return-value]
        told = read_json(job.failure)
        # The disk is to blame, not the job.
        return ("waiting" if told.get("error") == DiskError.__name__ else "failed"), str(told.get("message", ""))
    except (PipelineError, OSError, AttributeError) as error:
        return "failed", " ".join(str(error).split())


def _put(index: sqlite3.Connection, job: JobFolder) -> None:
    """Make a job's row, or give it the priority that stands in the folder."""
    (priority, queued_s), (state, message) = _ticket(job), _state(job)
    index.execute(
        "INSERT INTO jobs (name, priority, queued_s, state, message) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (name) DO UPDATE SET priority = excluded.priority, queued_s = excluded.queued_s, "
        "state = CASE WHEN jobs.state = 'running' THEN 'running' ELSE excluded.state END, message = excluded.message",
        (job.path.name, priority, queued_s, state, message),
    )
