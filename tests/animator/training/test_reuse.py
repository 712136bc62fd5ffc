"""Reused samples: every one is used, as often as asked on average, and which one is a function of the number."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from animator.training.packing import PackedSamples, unpacked
from animator.training.reuse import ReusedSamples
from animator.training.sample_folder import SampleFolder
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


@given(block=st.integers(1, 12), lanes=st.integers(1, 8), number=st.integers(0, 10**5))
def test_neighbours_of_a_block_belong_to_one_lane(block: int, lanes: int, number: int) -> None:
    samples = reused(Counted(), block=block, lanes=lanes)
    assert samples.which(number) // block % lanes == number // 3 % lanes


def test_in_blocks_too_every_sample_is_made_once_and_used_as_often_as_asked() -> None:
    source = Counted()
    samples = reused(source, block=5)
    used = Counter(int(samples.sample(number)["number"]) for number in range(2400))
    assert set(source.made.values()) == {1}
    assert sum(used.values()) / len(used) == pytest.approx(4, rel=0.05)
    assert sorted(used) == list(range(len(used)))


def test_from_a_folder_an_interrupted_training_goes_on_without_making_them_again(tmp_path: Path) -> None:
    through = [int(reused(Counted()).sample(number)["number"]) for number in range(300)]
    first, second = Counted(), Counted()
    for number in range(200):
        reused_from(first, tmp_path).sample(number)
    kept = reused_from(second, tmp_path)
    assert [int(kept.sample(number)["number"]) for number in range(200, 300)] == through[200:]
    assert set(first.made.values()) == {1}
    assert not set(first.made) & set(second.made)
    assert len(list(tmp_path.iterdir())) <= 2 * 8  # lanes, window
    assert not list(tmp_path.glob(".*"))


def reused_from(source: Counted, folder: Path) -> ReusedSamples:
    """As by a process that has just begun."""
    return ReusedSamples(source, times=4, window=8, lanes=2, batch=3, kept=SampleFolder(folder))


def test_a_folder_holds_samples_as_they_were(tmp_path: Path) -> None:
    folder = SampleFolder(tmp_path / "kept")
    assert len(folder) == 0
    sample = {"a": torch.arange(3), "b": torch.rand(2, 2).T}
    folder[7] = sample
    again = SampleFolder(tmp_path / "kept")
    assert list(again) == [7]
    assert 7 in again
    assert all(torch.equal(again[7][name], each) for name, each in sample.items())
    del again[7]
    assert not list((tmp_path / "kept").iterdir())
    with pytest.raises(KeyError):
        again[7]


def test_packed_pairs_come_back_within_half_a_step_and_a_third_as_large() -> None:
    shapes = {"photo": (3, 8, 8), "warped": (3, 8, 8), "coverage": (8, 8), "repair": (8, 8), "importance": (8, 8)}

    class Pairs:
        def sample(self, number: int) -> Sample:
            draws = torch.Generator().manual_seed(number)
            made = {name: torch.rand(shape, generator=draws) for name, shape in shapes.items()}
            return {**made, "photo": (255 * made["photo"]).byte(), "importance": 1 + 3 * made["importance"]}

    plain, packed = Pairs().sample(3), PackedSamples(Pairs()).sample(3)
    again = unpacked(packed)
    assert {name: each.dtype for name, each in again.items()} == {name: each.dtype for name, each in plain.items()}
    for name, each in plain.items():
        assert float((again[name].float() - each.float()).abs().max()) <= 0.5 / 255 + 1e-6, name
    sizes = [sum(each.nbytes for each in sample.values()) for sample in (plain, packed)]
    assert sizes[1] < 0.45 * sizes[0]
    assert unpacked(plain) == plain
