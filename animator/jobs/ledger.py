"""What was made of each chunk, and by whom: one small file per chunk, and the job's state is what they say.

A frame is made, given up (it failed `ATTEMPTS` times: a gap), or still to be made.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from animator.errors import JobError
from animator.jobs.folder import JobFolder, read_json, write_json
from animator.jobs.plan import Chunk

# How often a frame is tried, on another worker where there is one, before it is given up.
ATTEMPTS = 3
State = Literal["created", "prepared", "rendering", "partial", "done", "failed", "cancelled"]


class Sitting(BaseModel):
    """One worker at one chunk.

    Attributes:
        worker: host and process, `name:pid`.
        device: where it computed.
        batch: frames at once, where the generator tells.
        num_frames: made in this sitting.
        seconds: that it took.
        notes: what the generator said meanwhile, such as a batch that was halved for want of memory.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    worker: str
    device: str
    batch: int | None = None
    num_frames: int
    seconds: float
    notes: tuple[str, ...] = ()


class ChunkEntry(BaseModel):
    """The ledger's entry of one chunk.

    Attributes:
        first, stop: its frames.
        frames: SHA-256 of the pixels of those that are made.
        failures: what went wrong with frames that are not, each time.
        sittings: who worked on it, in order.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    first: int
    stop: int
    frames: dict[int, str] = Field(default_factory=dict)
    failures: dict[int, tuple[str, ...]] = Field(default_factory=dict)
    sittings: tuple[Sitting, ...] = ()

    @property
    def gaps(self) -> list[int]:
        """Frames that were given up."""
        return [index for index, told in sorted(self.failures.items()) if len(told) >= ATTEMPTS]

    @property
    def pending(self) -> list[int]:
        """Frames that are still to be made."""
        given_up = set(self.gaps)
        return [index for index in range(self.first, self.stop) if index not in self.frames and index not in given_up]

    def made(self, frames: dict[int, str]) -> ChunkEntry:
        """With these frames made; that they failed before no longer matters."""
        failures = {index: told for index, told in self.failures.items() if index not in frames}
        return self.model_copy(update={"frames": {**self.frames, **frames}, "failures": failures})

    def failed(self, index: int, message: str) -> ChunkEntry:
        """With one more failure of a frame."""
        return self.model_copy(update={"failures": {**self.failures, index: (*self.failures.get(index, ()), message)}})

    def without(self, frames: Iterable[int]) -> ChunkEntry:
        """With these frames to be made again."""
        lost = set(frames)
        return self.model_copy(
            update={
                "frames": {index: digest for index, digest in self.frames.items() if index not in lost},
                "failures": {index: told for index, told in self.failures.items() if index not in lost},
            }
        )

    def after(self, sitting: Sitting) -> ChunkEntry:
        """With one more sitting."""
        return self.model_copy(update={"sittings": (*self.sittings, sitting)})


def read_entry(folder: JobFolder, chunk: Chunk) -> ChunkEntry:
    """The entry of a chunk; an empty one where there is none, a damaged one, or one of other frames.

    Nothing is lost with an entry: each picture carries its own hash, is looked at before it counts, and the entry is
    written anew from them. Frames that were given up are tried again.
    """
    nothing = ChunkEntry(first=chunk.first, stop=chunk.stop)
    try:
        entry = ChunkEntry.model_validate(read_json(folder.entry(chunk)))
    except (FileNotFoundError, JobError, ValidationError):
        return nothing
    is_ours = all(index in chunk.frames for index in (*entry.frames, *entry.failures))
    return entry if is_ours and (entry.first, entry.stop) == (chunk.first, chunk.stop) else nothing


def write_entry(folder: JobFolder, chunk: Chunk, entry: ChunkEntry) -> ChunkEntry:
    """Write a chunk's entry, whole or not at all."""
    write_json(folder.entry(chunk), entry.model_dump(mode="json", exclude_defaults=False))
    return entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a job is.

    Attributes:
        made: frames that are done.
        gaps: frames that were given up.
        total: frames of the job.
        open_chunks: chunks with frames that are still to be made.
        message: of the first gap.
    """

    made: int
    gaps: tuple[int, ...]
    total: int
    open_chunks: tuple[Chunk, ...]
    message: str = ""


def read_standing(folder: JobFolder, chunks: Iterable[Chunk]) -> Standing:
    """How far a job is, as its ledger says."""
    made, total, gaps, still_open, message = 0, 0, [], [], ""
    for chunk in chunks:
        entry = read_entry(folder, chunk)
        made, total = made + len(entry.frames), total + len(chunk.frames)
        gaps += entry.gaps
        if entry.gaps and not message:
            message = entry.failures[entry.gaps[0]][-1]
        if entry.pending:
            still_open.append(chunk)
    return Standing(made=made, gaps=tuple(gaps), total=total, open_chunks=tuple(still_open), message=message)
