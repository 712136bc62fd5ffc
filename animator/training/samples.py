"""Numbered samples: number n is always the same sample, so a training resumes where it was, to the bit."""

from __future__ import annotations

import pickle
import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from multiprocessing import resource_tracker
from typing import Protocol

import torch
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate

from pose_tracking.errors import PipelineError
from pose_tracking.trackers.graphs import is_used

Sample = dict[str, torch.Tensor]
Batch = dict[str, torch.Tensor]


class SampleSource(Protocol):
    """Where samples come from; without end."""

    def sample(self, number: int) -> Sample:
        """Sample `number` (0, 1, 2, …): a pure function of it. All samples hold the same names and shapes."""


def batches(
    source: SampleSource, *, start: int, stop: int, batch: int, rank: int = 0, world: int = 1, workers: int = 0
) -> Iterator[Batch]:
    """The batches of updates `start` to `stop - 1`; each of `world` processes gets its part of every batch.

    Args:
        batch: samples per update in all; a multiple of `world`.
        workers: processes that make samples ahead of time; 0 makes them here. Once MediaPipe has run here they are
            spawned, and `source` is pickled: in a forked one no sample could be made that needs it.

    Raises:
        PipelineError, OSError: what a sample could not be made for, from a worker just as from here.
    """
    spawned = workers > 0 and is_used()
    loader = DataLoader(
        _Parcelled(source) if spawned else _Numbered(source),
        batch_sampler=_Numbers(start=start, stop=stop, batch=batch, rank=rank, world=world),
        num_workers=workers,
        collate_fn=_collated,
        multiprocessing_context="spawn" if spawned else None,
        worker_init_fn=_begin_worker if workers else None,
        pin_memory=bool(workers) and torch.cuda.is_available(),
    )
    with _unseen_interrupts() if spawned else nullcontext():
        every = iter(loader)
    for made in every:
        if isinstance(made, Exception):
            raise made
        yield made


class _Numbered(Dataset[Sample | Exception]):
    def __init__(self, source: SampleSource) -> None:
        self._source = source

    def __getitem__(self, number: int) -> Sample | Exception:
        # Handed over as a value: what a worker raises, torch turns into the text of a traceback.
        try:
            return self._source.sample(number)
        except (PipelineError, OSError) as error:
            return error


class _Parcelled(Dataset[Sample | Exception]):
    """A `_Numbered` in memory that workers share: what is sent to one that is spawned is a few bytes.

    Megabytes it would read for as long as it imports torch, and tell by a traceback where their writer ends meanwhile.
    """

    def __init__(self, source: SampleSource) -> None:
        self._parcel = torch.frombuffer(bytearray(pickle.dumps(source)), dtype=torch.uint8)
        self._opened: _Numbered | None = None

    def __getitem__(self, number: int) -> Sample | Exception:
        if self._opened is None:
            self._opened = _Numbered(pickle.loads(self._parcel.numpy().data))
        return self._opened[number]


@contextmanager
def _unseen_interrupts() -> Iterator[None]:
    """Children that start under this never see Ctrl-C, not even while they import; here it waits for the end."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # else the first child starts it, which lets the signals in again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _collated(made: list[Sample | Exception]) -> Batch | Exception:
    failed = next((each for each in made if isinstance(each, Exception)), None)
    batch: Batch = {} if failed else default_collate(made)
    return failed or batch


class _Numbers(Sampler[list[int]]):
    def __init__(self, *, start: int, stop: int, batch: int, rank: int, world: int) -> None:
        super().__init__()
        self._steps, self._batch, self._rank, self._world = range(start, stop), batch, rank, world

    def __iter__(self) -> Iterator[list[int]]:
        for step in self._steps:
            first = step * self._batch
            yield list(range(first + self._rank, first + self._batch, self._world))

    def __len__(self) -> int:
        return len(self._steps)


def _begin_worker(_worker: int) -> None:
    torch.set_num_threads(1)
    # Ctrl-C reaches every process: the one that trains ends the others, which have nothing to say of their own.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
