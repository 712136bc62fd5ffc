"""Samples used several times, for when learning from one is faster than making one.

A GPU learns from a rendered pair in a millisecond, a core makes one in about half a second. Every sample is therefore
used `times` times, spread over a window, under other noise and at other noise levels each time. Which sample an update
gets is still a function of the update's number alone, so a training resumes to the bit.
"""

from __future__ import annotations

from collections.abc import MutableMapping

import numpy as np

from animator.training.samples import Sample, SampleSource


class ReusedSamples:
    """A `SampleSource` over another one.

    Batches are dealt to `lanes` in turn, and a lane uses its own samples only: with as many worker processes as lanes,
    each worker makes and keeps the samples of one lane. Another number of workers gives the same samples, later.

    Args:
        source: makes the samples.
        times: each sample is used, on average.
        window: samples a lane keeps at hand.
        lanes: as many as there will be workers.
        batch: samples per update.
        block: neighbours in `source` that belong to one lane, because they are cheaper to make together: samples of
            the same rendered person cost a fifth of as many different people.
        seed: of the choice.
        kept: where samples are kept: in memory, or in a `SampleFolder`, from which an interrupted training goes on
            without making them again.
    """

    def __init__(
        self,
        source: SampleSource,
        *,
        times: int,
        window: int,
        lanes: int,
        batch: int,
        block: int = 1,
        seed: int = 0,
        kept: MutableMapping[int, Sample] | None = None,
    ) -> None:
        if min(times, window, lanes, batch, block) < 1:
            raise ValueError(
                f"times {times}, window {window}, lanes {lanes}, batch {batch} and block {block} must be at least 1"
            )
        self._source, self._times, self._window, self._block = source, times, window, block
        self._lanes, self._batch, self._seed = lanes, batch, seed
        self._kept: MutableMapping[int, Sample] = {} if kept is None else kept

    def sample(self, number: int) -> Sample:
        """Sample `number` of the training: one of the newest `window` samples of its lane."""
        lane, chosen, oldest = self._choose(number)
        wanted = self._numbered(lane, chosen)
        if wanted not in self._kept:
            self._forget(lane, oldest)
            self._kept[wanted] = self._source.sample(wanted)
        return self._kept[wanted]

    def which(self, number: int) -> int:
        """The number in `source` of sample `number`."""
        lane, chosen, _ = self._choose(number)
        return self._numbered(lane, chosen)

    def _choose(self, number: int) -> tuple[int, int, int]:
        """The lane; of its own samples the one that is meant, and the oldest one that it may still ask for."""
        update, place = divmod(number, self._batch)
        turn, lane = divmod(update, self._lanes)
        drawn = turn * self._batch + place  # so many were drawn in this lane before
        newest = drawn // self._times
        oldest = max(0, newest - self._window + 1)
        # Everything that is made is used at least once: when it is new.
        is_new = drawn % self._times == 0
        chosen = newest if is_new else int(np.random.default_rng([self._seed, number]).integers(oldest, newest + 1))
        return lane, chosen, oldest

    def _numbered(self, lane: int, own: int) -> int:
        """The number in `source` of a lane's own sample."""
        block, place = divmod(own, self._block)
        return (block * self._lanes + lane) * self._block + place

    def _forget(self, lane: int, oldest: int) -> None:
        """Drop what a lane will not ask for again."""
        first = self._numbered(lane, oldest)
        for past in [kept for kept in self._kept if kept < first and kept // self._block % self._lanes == lane]:
            del self._kept[past]
