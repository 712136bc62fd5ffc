"""Samples as bytes on their way from the processes that make them: a batch of 64 pairs shrinks from 157 to 68 MB, one
of what a refiner of the warp learns from to a quarter."""

from __future__ import annotations

import torch

from animator.training.samples import Batch, Sample, SampleSource

# Shares from 0 to 1, for which 256 steps do as they do for pictures; and weights, for which half precision does.
_SHARES = ("warped", "coverage", "repair", "matte")
_HALVES = ("importance",)


class PackedSamples:
    """A `SampleSource` of another one's samples, packed; `unpacked` is for whoever learns from them.

    Args:
        source: of `pair_sample`, or `RefinementPairs`.
    """

    def __init__(self, source: SampleSource) -> None:
        self._source = source

    def sample(self, number: int) -> Sample:
        """Sample `number`, packed."""
        sample = self._source.sample(number)
        shares = {name: sample[name].mul(255).round().to(torch.uint8) for name in _SHARES if name in sample}
        return {**sample, **shares, **{name: sample[name].half() for name in _HALVES if name in sample}}


def unpacked(batch: Batch) -> Batch:
    """What was packed as floating-point numbers again; what was not comes back as it is."""
    shares = {name: batch[name].float() / 255 for name in _SHARES if _is(batch, name, torch.uint8)}
    return {**batch, **shares, **{name: batch[name].float() for name in _HALVES if _is(batch, name, torch.half)}}


def _is(batch: Batch, name: str, dtype: torch.dtype) -> bool:
    return name in batch and batch[name].dtype == dtype
