"""Reused samples: every one is used, as often as asked on average, and which one is a function of the number."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from animator.training.reuse import ReusedSamples
from animator.training.samples import Sample


class Counted:
    def __init__(self) -> None:
        self.made: Counter[int] = Counter()

    def sample(self, number: int) -> Sample:
        self.made[number] += 1
        return {"number": torch.tensor(number)}


def reused(source: Counted, **changes: int) -> ReusedSamples:
    return ReusedSamples(source, **{"times": 4, "window": 8, "lanes": 2, "batch": 3, **changes})


def test_every_sample_is_made_once_and_used_as_often_as_asked() -> None:
    source = Counted()
    samples = reused(source)
    used = Counter(int(samples.sample(number)["number"]) for number in range(2400))
    assert set(source.made.values()) == {1}
    assert sum(used.values()) / len(used) == pytest.approx(4, rel=0.05)
    assert sorted(used) == list(range(len(used)))


@given(number=st.integers(0, 10**6), times=st.integers(1, 9), window=st.integers(1, 50), lanes=st.integers(1, 8))
def test_a_lane_uses_its_own_newest_samples(number: int, times: int, window: int, lanes: int) -> None:
    samples = reused(Counted(), times=times, window=window, lanes=lanes)
    wanted = samples.which(number)
    lane = number // 3 % lanes
    assert wanted % lanes == lane
    drawn = number // 3 // lanes * 3 + number % 3
    assert 0 <= drawn // times - wanted // lanes < window


def test_a_training_that_resumes_gets_the_same_samples() -> None:
    first, second = reused(Counted()), reused(Counted())
    through = [int(first.sample(number)["number"]) for number in range(300)]
    assert [int(second.sample(number)["number"]) for number in range(200, 300)] == through[200:]


def test_a_worker_keeps_no_more_than_its_window() -> None:
    source = Counted()
    samples = reused(source, lanes=1, window=5)
    for number in range(600):
        samples.sample(number)
        assert len(samples._kept) <= 5


def test_numbers_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        reused(Counted(), times=0)
