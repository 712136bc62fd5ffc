"""Chunks handed out by one head to workers that may fail or die: who gets which, and what becomes of it then."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable, Iterable

from animator.errors import JobError
from animator.jobs.folder import JobFolder
from animator.jobs.ledger import ATTEMPTS, read_entry
from animator.jobs.plan import Chunk
from animator.jobs.worker import blame


class Dispatch:
    """The chunks of a job that are still open. Knows no processes; workers are whatever can be told apart.

    Args:
        folder: of the job.
        chunks: with frames to be made.
        num_workers: how many there are; so many times `ATTEMPTS` deaths in a row, without a frame, end it all.
    """

    def __init__(self, folder: JobFolder, chunks: Iterable[Chunk], *, num_workers: int) -> None:
        self._folder = folder
        self._waiting = deque(chunks)
        self._held: dict[Hashable, list[Chunk]] = defaultdict(list)
        self._failed_with: dict[Chunk, set[Hashable]] = defaultdict(set)
        self._deaths_allowed = ATTEMPTS * num_workers
        self._deaths_in_a_row = 0

    @property
    def is_done(self) -> bool:
        """Whether no chunk waits, and nobody holds one."""
        return not self._waiting and not any(self._held.values())

    @property
    def num_waiting(self) -> int:
        """Chunks that nobody holds."""
        return len(self._waiting)

    def next_for(self, worker: Hashable) -> Chunk | None:
        """A chunk for a worker, if there is one: rather one that has not failed in its hands."""
        if not self._waiting:
            return None
        place = next((n for n, chunk in enumerate(self._waiting) if worker not in self._failed_with[chunk]), 0)
        chunk = self._waiting[place]
        del self._waiting[place]
        self._held[worker].append(chunk)
        return chunk

    def made_frame(self) -> None:
        """A frame was made: there is life."""
        self._deaths_in_a_row = 0

    def finished(self, worker: Hashable, chunk: Chunk) -> None:
        """A worker has written all it knows of a chunk into the ledger; frames that failed are tried again."""
        self._held[worker].remove(chunk)
        if read_entry(self._folder, chunk).pending:
            self._failed_with[chunk].add(worker)
            self._waiting.append(chunk)

    def died(self, worker: Hashable, reason: str) -> None:
        """A worker is gone: its chunks go to others, and the frame it had in hand has failed once.

        Raises:
            JobError: workers die one after the other, and none of them makes a frame.
        """
        held = self._held.pop(worker, [])
        if held:
            blame(self._folder, held[0], reason)
        self._waiting.extendleft(chunk for chunk in reversed(held) if read_entry(self._folder, chunk).pending)
        for chunk in held:
            self._failed_with[chunk].add(worker)
        self._deaths_in_a_row += 1
        if self._deaths_in_a_row >= self._deaths_allowed:
            raise JobError(
                f"{self._folder.name}: {self._deaths_in_a_row} workers ended one after the other without a frame, the "
                f"last one: {reason}. Try fewer workers, or --executor local."
            )
