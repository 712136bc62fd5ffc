"""How far a job is: what its folder says, in a few words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from animator.errors import JobError
from animator.jobs.folder import JobFolder, read_json
from animator.jobs.ledger import State, read_standing
from animator.jobs.locks import is_locked
from animator.jobs.making import listed
from animator.jobs.record import read_record
from animator.jobs.session import read_state
from animator.paths import told


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """How far a job is.

    Attributes:
        folder: the job's.
        state: in a word.
        made: frames that lie in the folder.
        total: frames of the result; none while nobody knows.
        open_chunks: chunks with frames to be made; none while nobody knows.
        gaps: frames that were given up.
        at_work: whether somebody on this machine is at work.
        message: why the last attempt failed, if it did.
    """

    folder: Path
    state: State
    made: int
    total: int | None
    open_chunks: int | None
    gaps: tuple[int, ...]
    at_work: bool
    message: str = ""

    def as_dict(self) -> dict[str, Any]:
        """In JSON's own types."""
        return {
            "folder": str(self.folder),
            "state": self.state,
            "made": self.made,
            "total": self.total,
            "open_chunks": self.open_chunks,
            "gaps": list(self.gaps),
            "at_work": self.at_work,
            "message": self.message,
        }

    def lines(self) -> list[str]:
        """In sentences."""
        line = f"{told(self.folder)}: {self.state}"
        if self.total is not None:
            line += f", {self.made} of {self.total} frames"
        if self.at_work:
            line += ", at work"
        gaps = [f"  not made: {listed(self.gaps)}"] if self.gaps else []
        return [line, *gaps, *([f"  {self.message}"] if self.message else [])]


def read_failure(folder: JobFolder) -> str:
    """Why the last attempt failed, as far as that was written down."""
    try:
        return str(read_json(folder.failure)["message"])
    except (OSError, JobError, KeyError, TypeError):
        return ""


def read_status(folder: JobFolder) -> JobStatus:
    """How far a job is.

    Raises:
        JobError: no job, or a damaged one.
    """
    record, state = read_record(folder), read_state(folder)
    made = sum(1 for _ in folder.frames.glob("[0-9]*.png"))
    message = read_failure(folder) if state == "failed" else ""
    total: int | None = None
    open_chunks: int | None = None
    gaps: tuple[int, ...] = ()
    if record.prepared is not None:
        standing = read_standing(folder, record.chunks)
        total, open_chunks, gaps = standing.total, len(standing.open_chunks), standing.gaps
    return JobStatus(
        folder=folder.path,
        state=state,
        made=made,
        total=total,
        open_chunks=open_chunks,
        gaps=gaps,
        at_work=is_locked(folder),
        message=message,
    )
