"""Any number of processes and machines at one shared folder, without a server: each claims chunks by lease files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from animator.errors import JobError
from animator.jobs.executors.protocol import Crew, Work
from animator.jobs.folder import JobFolder
from animator.jobs.leases import BEAT_S, STALE_S, Attendance
from animator.jobs.ledger import read_entry, read_standing
from animator.jobs.locks import locked
from animator.jobs.plan import Chunk
from animator.jobs.record import JobRecord, read_record
from animator.jobs.stopping import StopRequest, finishing_frames
from animator.jobs.worker import Worker, blame


class FilesExecutor:
    """One of many that share a folder. An `Executor`.

    Args:
        beat_s: how often this process says that it is alive.
        stale_s: how long another one may be silent until its work is taken over; many beats.
    """

    name = "files"

    def __init__(self, *, beat_s: float = BEAT_S, stale_s: float = STALE_S) -> None:
        self._beat_s, self._stale_s = beat_s, stale_s

    @contextmanager
    def on(self, folder: JobFolder) -> Iterator[Crew]:
        """Others may work here too, as long as they are of this kind."""
        with (
            locked(folder, shared=True),
            Attendance(folder, beat_s=self._beat_s, stale_s=self._stale_s) as attendance,
        ):
            yield _SharingCrew(folder, attendance)
        if folder.result.is_file():
            attendance.tidy()


class _SharingCrew:
    def __init__(self, folder: JobFolder, attendance: Attendance) -> None:
        self.folder, self._attendance = folder, attendance
        self._failed_here: set[Chunk] = set()

    def once(self, name: str, do: Callable[[], None], *, is_done: Callable[[], bool]) -> None:
        """Whoever holds the lease does it; the others wait, and take over from one that died."""
        while not is_done():
            self._refuse_cancelled()
            if self._attendance.claim(name) is None:
                time.sleep(self._attendance.beat_s)
                continue
            try:
                if not is_done():
                    do()
            finally:
                self._attendance.release(name)

    def render(self, work: Work, *, on_frame: Callable[[int], None]) -> None:
        """Claim chunk after chunk; then wait for those that others hold, and take over from any that died."""
        record = read_record(self.folder)
        device = work.devices[0] if work.devices else None
        worker = None
        with finishing_frames() as stop:
            while open_chunks := read_standing(self.folder, record.chunks).open_chunks:
                self._refuse_cancelled()
                claims = self._claims(open_chunks)
                first = next(claims, None)
                if first is None:
                    self._wait(stop)
                    continue
                if worker is None:
                    worker = Worker.open(
                        self.folder, work.open_generator, device=device, trust=work.trust, name=self._attendance.me
                    )
                    worker.stop = stop
                worker.render(_chain(first, claims), on_frame=on_frame, on_chunk=self._leave)
        self._tell_of_others(record, on_frame)

    def _claims(self, chunks: tuple[Chunk, ...]) -> Iterator[Chunk]:
        """Chunks that could be claimed, those that failed here last: another worker may do better."""
        for chunk in sorted(chunks, key=lambda chunk: chunk in self._failed_here):
            taken_from = self._attendance.claim(chunk.name)
            if taken_from is None:
                continue
            if not read_entry(self.folder, chunk).pending:
                self._attendance.release(chunk.name)
                continue
            if taken_from:
                blame(self.folder, chunk, f"{taken_from}: died or was lost")
            yield chunk

    def _leave(self, chunk: Chunk) -> None:
        if read_entry(self.folder, chunk).pending:
            self._failed_here.add(chunk)
        self._attendance.release(chunk.name)

    def _wait(self, stop: StopRequest) -> None:
        """For a beat, or until somebody asks for an end."""
        until_s = time.monotonic() + self._attendance.beat_s
        while time.monotonic() < until_s:
            stop.check()
            time.sleep(0.05)
        stop.check()

    def _refuse_cancelled(self) -> None:
        if self.folder.cancelled.exists():
            raise JobError(f"{self.folder.name}: was cancelled; animator jobs resume takes it up again")

    def _tell_of_others(self, record: JobRecord, on_frame: Callable[[int], None]) -> None:
        for chunk in record.chunks:
            for index in read_entry(self.folder, chunk).frames:
                on_frame(index)


def _chain(first: Chunk, rest: Iterator[Chunk]) -> Iterator[Chunk]:
    yield first
    yield from rest
