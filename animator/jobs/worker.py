"""One worker at one job: takes chunks as they are handed to it, makes their frames, commits them, writes the ledger.

Legend: H W pixels.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Protocol

from animator.errors import JobError
from animator.generators.protocol import FrameGenerator
from animator.jobs.folder import JobFolder
from animator.jobs.frame_files import commit_frame, sound_frames, sweep_frames
from animator.jobs.ledger import ChunkEntry, Sitting, read_entry, write_entry
from animator.jobs.making import FailedFrame, Made, make_frames
from animator.jobs.plan import Chunk, chunk_windows
from animator.jobs.record import JobRecord, read_record
from animator.jobs.scene import Scene, load_scene
from animator.jobs.stopping import StopRequest
from temporal.windows import PoseWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedGenerator:
    """A generator ready for work.

    Attributes:
        generator: what makes frames.
        device: where it computes, for the ledger.
    """

    generator: FrameGenerator
    device: str


class GeneratorOpener(Protocol):
    """Opens a job's generator: a function at the top of a module, so that other processes can be told of it."""

    def __call__(
        self, folder: JobFolder, record: JobRecord, *, device: str | None, trust: bool, on_note: Callable[[str], None]
    ) -> OpenedGenerator:
        """The generator.

        Args:
            folder: of the job.
            record: what it renders.
            device: where to compute; None: as the job says.
            trust: allow the job to name Python code.
            on_note: told in one line what comes up while frames are made.
        """


@dataclass(slots=True, kw_only=True)
class _Open:
    """A chunk whose windows were taken and whose frames are not all there yet."""

    chunk: Chunk
    entry: ChunkEntry
    waiting: set[int]
    began_s: float
    made: dict[int, str] = field(default_factory=dict)


class Worker:
    """Makes frames of one job.

    Args:
        folder: of the job, prepared.
        record: its job.json.
        scene: who does what.
        opened: the generator.
        notes: where `opened` puts what comes up; moved into the ledger chunk by chunk.
        stop: asked between two frames.
        name: for the ledger; host and process.
    """

    def __init__(
        self,
        folder: JobFolder,
        record: JobRecord,
        scene: Scene,
        opened: OpenedGenerator,
        *,
        notes: list[str],
        stop: StopRequest | None = None,
        name: str | None = None,
    ) -> None:
        self.folder = folder
        self.name = name or worker_name()
        self._record, self._scene, self._opened = record, scene, opened
        self._notes = notes
        self.stop = stop or StopRequest()
        self._open: list[_Open] = []

    @classmethod
    def open(
        cls,
        folder: JobFolder,
        open_generator: GeneratorOpener,
        *,
        device: str | None = None,
        trust: bool = False,
        stop: StopRequest | None = None,
        name: str | None = None,
    ) -> Worker:
        """A worker that has read the folder and opened the generator.

        Raises:
            JobError: the folder is damaged, or not prepared.
            ModelError, DeviceError: the generator cannot be opened here.
        """
        record = read_record(folder)
        scene = load_scene(folder, record)
        notes: list[str] = []
        opened = open_generator(folder, record, device=device, trust=trust, on_note=notes.append)
        return cls(folder, record, scene, opened, notes=notes, stop=stop, name=name)

    def render(
        self, chunks: Iterable[Chunk], *, on_frame: Callable[[int], None], on_chunk: Callable[[Chunk], None]
    ) -> None:
        """Make what is missing of these chunks, as one stream: the generator prepares its subject once.

        Args:
            chunks: taken one by one, when the generator wants more poses; nobody else works on them meanwhile.
            on_frame: told of every frame that is there, made now or before.
            on_chunk: told when the ledger knows all there is to know of a chunk.

        Raises:
            ModelError: the generator makes no frame at all.
            DeviceError, DiskError: memory or disk do not suffice; what was committed stays.
        """
        windows = self._windows(chunks, on_frame, on_chunk)
        frames = make_frames(
            windows, self._scene.subject, self._opened.generator, proven=any(self.folder.frames.glob("*.png"))
        )
        try:
            with closing(frames):
                for made in frames:
                    self._take(made, on_frame, on_chunk)
                    self.stop.check()
        finally:
            self._write_what_is_open()

    def _windows(
        self, chunks: Iterable[Chunk], on_frame: Callable[[int], None], on_chunk: Callable[[Chunk], None]
    ) -> Iterator[PoseWindow]:
        for chunk in chunks:
            if self.folder.cancelled.exists():
                raise JobError(f"{self.folder.name}: was cancelled; animator jobs resume takes it up again")
            sweep_frames(self.folder, chunk.frames)
            entry = checked_entry(self.folder, self._record, chunk)
            for index in entry.frames:
                on_frame(index)
            if not entry.pending:
                write_entry(self.folder, chunk, entry)
                on_chunk(chunk)
                continue
            self._open.append(
                _Open(chunk=chunk, entry=entry, waiting=set(entry.pending), began_s=time.monotonic(), made={})
            )
            yield from chunk_windows(self._scene.driving, chunk, only=set(entry.pending))

    def _take(self, made: Made, on_frame: Callable[[int], None], on_chunk: Callable[[Chunk], None]) -> None:
        place = next(each for each in self._open if made.index in each.chunk.frames)
        place.waiting.discard(made.index)
        if isinstance(made, FailedFrame):
            place.entry = place.entry.failed(made.index, f"{self.name}: {made.error}")
        else:
            place.made[made.index] = commit_frame(
                self.folder, made.index, made.pixels_HWC, job=self._record.fingerprint
            )
            on_frame(made.index)
        if not place.waiting:
            self._open.remove(place)
            self._write(place)
            on_chunk(place.chunk)

    def _write(self, place: _Open) -> None:
        sitting = Sitting(
            worker=self.name,
            device=self._opened.device,
            batch=getattr(self._opened.generator, "batch", None),
            num_frames=len(place.made),
            seconds=round(time.monotonic() - place.began_s, 3),
            notes=tuple(self._notes),
        )
        self._notes.clear()
        write_entry(self.folder, place.chunk, place.entry.made(place.made).after(sitting))

    def _write_what_is_open(self) -> None:
        """The ledger of chunks that are left half done; a disk that is full has said so before."""
        while self._open:
            place = self._open.pop(0)
            if not place.made and place.entry.failures == read_entry(self.folder, place.chunk).failures:
                continue
            try:
                self._write(place)
            except OSError:  # DiskError among them; the frames speak for themselves
                return


def checked_entry(folder: JobFolder, record: JobRecord, chunk: Chunk) -> ChunkEntry:
    """A chunk's entry, held against the pictures: it has those that are whole and the ones that were made."""
    entry = read_entry(folder, chunk)
    found = sound_frames(folder, chunk.frames, size=record.canvas, job=record.fingerprint)
    foreign = [index for index, digest in found.items() if entry.frames.get(index, digest) != digest]
    for index in foreign:
        del found[index]
        folder.frame(index).unlink(missing_ok=True)
    return entry.without(entry.frames.keys() - found.keys()).made(found)


def blame(folder: JobFolder, chunk: Chunk, reason: str) -> ChunkEntry:
    """Note that a worker died over a chunk: the first frame it had not made is the one it may have died of."""
    entry = read_entry(folder, chunk)
    there = {index for index in chunk.frames if folder.frame(index).is_file()}
    suspect = next((index for index in entry.pending if index not in there), None)
    return entry if suspect is None else write_entry(folder, chunk, entry.failed(suspect, reason))


def worker_name() -> str:
    """Host and process."""
    return f"{socket.gethostname()}:{os.getpid()}"
