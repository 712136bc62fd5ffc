"""All in this process, one chunk after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from animator.jobs.executors.protocol import Crew, Work
from animator.jobs.folder import JobFolder
from animator.jobs.ledger import read_standing
from animator.jobs.locks import locked
from animator.jobs.record import read_record
from animator.jobs.stopping import finishing_frames
from animator.jobs.worker import Worker


class LocalExecutor:
    """This process alone. An `Executor`."""

    name = "local"

    @contextmanager
    def on(self, folder: JobFolder) -> Iterator[Crew]:
        """Nobody else works here meanwhile."""
        with locked(folder):
            folder.sweep()
            yield _LocalCrew(folder)


class SoleCrew:
    """One process that does what is to be done once. The half of a `Crew` that executors with a head share."""

    def __init__(self, folder: JobFolder) -> None:
        self.folder = folder

    def once(self, name: str, do: Callable[[], None], *, is_done: Callable[[], bool]) -> None:
        """Do it, unless it is done."""
        if not is_done():
            do()


class _LocalCrew(SoleCrew):
    def render(self, work: Work, *, on_frame: Callable[[int], None]) -> None:
        """Pass over the open chunks until none is left; a frame that fails is tried again in the next pass."""
        chunks = read_record(self.folder).chunks
        device = work.devices[0] if work.devices else None
        worker = None
        while open_chunks := read_standing(self.folder, chunks).open_chunks:
            if worker is None:
                worker = Worker.open(self.folder, work.open_generator, device=device, trust=work.trust)
            with finishing_frames() as stop:
                worker.stop = stop
                worker.render(open_chunks, on_frame=on_frame, on_chunk=lambda _: None)
