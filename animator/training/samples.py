"""Numbered samples: number n is always the same sample, so a training resumes where it was, to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

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
        workers: processes that make samples ahead of time; 0 makes them here.
    """
    loader = DataLoader(
        _Numbered(source),
        batch_sampler=_Numbers(start=start, stop=stop, batch=batch, rank=rank, world=world),
        num_workers=workers,
        worker_init_fn=_use_one_thread if workers else None,
    )
    return iter(loader)


class _Numbered(Dataset[Sample]):
    def __init__(self, source: SampleSource) -> None:
        self._source = source

    def __getitem__(self, number: int) -> Sample:
        return self._source.sample(number)


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


def _use_one_thread(_worker: int) -> None:
    torch.set_num_threads(1)
