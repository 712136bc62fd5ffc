"""Rendered people as a render meets them: pure functions of their number, and near the true answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch

from animator.errors import PhotoError
from animator.synthesis.take import TakeOptions
from animator.training import films
from animator.training.films import KINDS, FilmPairs
from animator.training.samples import Sample

OPTIONS = TakeOptions(split="held-out")


@pytest.fixture(scope="module", autouse=True)
def _short_films_made_once() -> Iterator[None]:
    """A take is a function of its arguments, see `test_take`: to make one takes longer than all that is done here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(films, "_FILMS", ((12.5, 14),))
        patch.setattr(films, "OPEN_TAKES", 1)
        patch.setattr(films, "paired_takes", lru_cache(maxsize=4)(films.paired_takes))
        yield


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    source = FilmPairs(OPTIONS, seed=5)
    return [source.sample(number) for number in range(2 * len(KINDS))]


def equal(one: Sample, two: Sample) -> bool:
    return set(one) == set(two) and all(torch.equal(one[name].nan_to_num(), two[name].nan_to_num()) for name in one)


def test_samples_are_functions_of_their_number(samples: list[Sample]) -> None:
    another = FilmPairs(OPTIONS, seed=5)
    for number in (5, 2):
        assert equal(another.sample(number), samples[number])
    assert not equal(samples[0], samples[len(KINDS)])


def test_a_warped_photo_is_nearer_to_the_true_person_than_to_another_frame_s(samples: list[Sample]) -> None:
    """Of every kind: the pose that was found or carried belongs to the target."""
    overlaps = []
    for number, sample in enumerate(samples):
        other = samples[(number + len(KINDS)) % len(samples)]
        assert sample["target"].dtype == torch.uint8
        assert sample["target"].shape == (3, 320, 256)
        one, wrong = ((sample["coverage"] > 0.5, each["matte"] > 0.5) for each in (sample, other))
        overlaps.append([float((a & b).sum() / (a | b).sum()) for a, b in (one, wrong)])
    mean = np.mean(overlaps, axis=0)
    assert mean[0] > 0.75
    assert mean[0] > mean[1] + 0.05


def test_kinds_differ_in_where_the_photo_s_pose_comes_from(samples: list[Sample]) -> None:
    """Moved by its own film a photo's joints are those of a frame; found as a photo they lie a little aside."""
    itself, still, carried, frame = samples[: len(KINDS)]
    assert len({tuple(each["photo_keypoints"][0].tolist()) for each in (itself, still, carried, frame)}) == len(KINDS)
    for each in (itself, still, carried, frame):
        joints = each["photo_keypoints"][each["photo_confidence"] > 0.5]
        assert len(joints) > 20
        assert (joints >= -20).all()


def test_where_nobody_is_ever_found_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(films, "_TRIES", 1)
    monkeypatch.setattr(films, "find_motion", lambda *_, **__: None)
    monkeypatch.setattr(films, "find_pose", lambda _: None)
    with pytest.raises(PhotoError, match="nobody is found in 1 films of 256x320 px"):
        FilmPairs(replace(OPTIONS), seed=5).sample(0)


def test_what_the_tracker_does_not_find_is_made_up_for_by_the_other_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(films, "find_pose", lambda _: None)
    source = FilmPairs(OPTIONS, seed=5)
    assert len(source._scenes(0)) == 1  # its own film alone
    assert all(source.sample(number)["coverage"].any() for number in (0, 3))
