"""The training stream: pure function of its seed, sharded without overlap, reference and target of one person."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from animator.errors import JobError
from animator.synthesis import dataset
from animator.synthesis.dataset import DatasetOptions, RenderedPeople, Sample
from animator.synthesis.take import TakeOptions

SMALL = DatasetOptions(
    take=TakeOptions(height=128, width=96, num_frames=20), samples_per_take=3, open_takes=1, lens=False
)


@pytest.fixture(scope="module", autouse=True)
def _takes_made_once() -> Iterator[None]:
    """A take is a function of its arguments, see `test_take`: to make one takes longer than all that is done here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "random_take", lru_cache(maxsize=8)(dataset.random_take))
        yield


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return list(islice(RenderedPeople(1, SMALL), 6))


def test_sample_has_pictures_poses_mattes_and_surface(samples: list[Sample]) -> None:
    shapes = {name: tuple(value.shape) for name, value in samples[0].items()}
    assert shapes["reference_CHW"] == shapes["target_CHW"] == (3, 128, 96)
    assert shapes["keypoints_NK2"] == (5, 33, 2)
    assert shapes["confidence_NK"] == (5, 33)
    assert shapes["reference_keypoints_K2"] == (33, 2)
    assert shapes["target_uv_HW2"] == (128, 96, 2)
    assert samples[0]["target_CHW"].dtype == torch.uint8


def test_reference_and_target_are_different_frames(samples: list[Sample]) -> None:
    for sample in samples:
        assert not torch.equal(sample["reference_CHW"], sample["target_CHW"])


def test_window_is_centred_on_the_target(samples: list[Sample]) -> None:
    for sample in samples:
        off = (sample["keypoints_NK2"] - sample["true_target_K2"]).nan_to_num().abs().mean((1, 2))
        torso = 12.0
        assert off[2] < 0.25 * torso


def test_stream_repeats_with_its_seed(samples: list[Sample]) -> None:
    for one, two in zip(islice(RenderedPeople(1, SMALL), 4), samples, strict=False):
        for name in one:
            assert torch.equal(one[name].nan_to_num(), two[name].nan_to_num()), name


def test_shards_together_give_the_whole_stream(samples: list[Sample]) -> None:
    parts = [list(islice(RenderedPeople(1, SMALL, shard=shard, num_shards=2), 3)) for shard in range(2)]
    found = {int(sample["number"]): sample for part in parts for sample in part}
    assert sorted(found) == [int(sample["number"]) for sample in samples]
    for sample in samples:
        assert torch.equal(found[int(sample["number"])]["target_CHW"], sample["target_CHW"])


@pytest.mark.slow
def test_workers_of_a_loader_render_nothing_twice(samples: list[Sample]) -> None:
    # No batch is made ahead beyond the next one: every batch here is another person.
    loader = DataLoader(
        RenderedPeople(1, SMALL), batch_size=3, num_workers=2, multiprocessing_context="spawn", prefetch_factor=1
    )
    iterator = iter(loader)
    numbers = [int(number) for _ in range(2) for number in next(iterator)["number"]]
    del iterator
    assert sorted(numbers) == [int(sample["number"]) for sample in samples]


def test_without_noise_the_seen_joints_are_the_true_ones() -> None:
    clean = DatasetOptions(take=SMALL.take, samples_per_take=1, open_takes=1, noise=0.0, lens=False)
    sample = next(iter(RenderedPeople(2, clean)))
    tracked, true = sample["keypoints_NK2"][2].numpy(), sample["true_target_K2"].numpy()
    seen = np.isfinite(tracked)
    assert seen.mean() > 0.7
    np.testing.assert_allclose(tracked[seen], true[seen], atol=1e-3)


def test_impossible_shard_is_refused() -> None:
    with pytest.raises(JobError, match="shard 2 of 2"):
        RenderedPeople(0, shard=2, num_shards=2)


def test_a_sample_asked_for_by_number_is_the_streams(samples: list[Sample]) -> None:
    people = RenderedPeople(1, SMALL)
    for number in (4, 0):
        assert torch.equal(people.sample(number)["target_CHW"], samples[number]["target_CHW"])


def test_neighbours_can_share_their_reference() -> None:
    options = DatasetOptions(take=SMALL.take, samples_per_take=4, targets_per_reference=2, open_takes=1)
    people = RenderedPeople(1, options)
    first, second, third = (people.sample(number) for number in range(3))
    assert torch.equal(first["reference_CHW"], second["reference_CHW"])
    assert torch.equal(first["reference_keypoints_K2"].nan_to_num(), second["reference_keypoints_K2"].nan_to_num())
    assert not torch.equal(first["target_CHW"], second["target_CHW"])
    assert not torch.equal(second["reference_CHW"], third["reference_CHW"])
    with pytest.raises(JobError, match="divisor"):
        DatasetOptions(samples_per_take=4, targets_per_reference=3)
