"""Samples used several times, for when learning from one is faster than making one.

A GPU learns from a rendered pair in a millisecond, a core makes one in a tenth of a second. Every sample is therefore
used `times` times, spread over a window, under other noise and at other noise levels each time. Which sample an update
gets is still a function of the update's number alone, so a training resumes to the bit.
"""

from __future__ import annotations

import numpy as np

from animator.training.samples import Sample, SampleSource


class ReusedSamples:
    """A `SampleSource` over another one.

    Batches are dealt to `lanes` in turn, and a lane uses its own samples only: with as many worker processes as lanes,
    each worker makes and keeps the samples of one lane. Another number of workers gives the same samples, later.

    Args:
        source: makes the samples.
        times: each sample is used, on average.
        window: samples a lane keeps at hand; about 2.5 MB each at 256x320.
        lanes: as many as there will be workers.
        batch: samples per update.
        seed: of the choice.
    """

    def __init__(self, source: SampleSource, *, times: int, window: int, lanes: int, batch: int, seed: int = 0) -> None:
        if min(times, window, lanes, batch) < 1:
            raise ValueError(f"times {times}, window {window}, lanes {lanes} and batch {batch} must be at least 1")
        self._source, self._times, self._window = source, times, window
        self._lanes, self._batch, self._seed = lanes, batch, seed
        self._kept: dict[int, Sample] = {}

    def sample(self, number: int) -> Sample:
        """Sample `number` of the training: one of the newest `window` samples of its lane."""
        wanted, oldest = self._choose(number)
        lane = wanted % self._lanes
        for past in [kept for kept in self._kept if kept % self._lanes == lane and kept < oldest]:
            del self._kept[past]
        if wanted not in self._kept:
            self._kept[wanted] = self._source.sample(wanted)
        return self._kept[wanted]

    def which(self, number: int) -> int:
        """The number in `source` of sample `number`."""
        return self._choose(number)[0]

    def _choose(self, number: int) -> tuple[int, int]:
        """The number in `source`, and the oldest one that its lane may still ask for."""
        update, place = divmod(number, self._batch)
        turn, lane = divmod(update, self._lanes)
        drawn = turn * self._batch + place  # so many were drawn in this lane before
        newest = drawn // self._times
        oldest = max(0, newest - self._window + 1)
        # Everything that is made is used at least once: when it is new.
        is_new = drawn % self._times == 0
        chosen = newest if is_new else int(np.random.default_rng([self._seed, number]).integers(oldest, newest + 1))
        return chosen * self._lanes + lane, oldest * self._lanes + lane
