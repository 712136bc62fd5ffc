"""Frames for which the network's deep layers are computed in some steps only."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from animator.generators import diffusion
from animator.generators.diffusion import DiffusionGenerator
from animator.models.subject_model import SubjectModel
from animator.sampling.config import SamplerConfig
from temporal.windows import PoseWindow, pose_windows
from tests.animator.generators.scene import drawn_subject, figure_warp, waving
from tests.animator.models.tiny import CANVAS, tiny_model


@pytest.fixture(autouse=True)
def one_warp_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cutting the drawn figure out takes longer than everything else here."""
    monkeypatch.setattr(diffusion, "subject_warp", lambda *_: figure_warp(CANVAS))


def windows(first: int, last: int) -> list[PoseWindow]:
    return list(pose_windows(waving(CANVAS, 8)))[first:last]


def frames(model: SubjectModel, first: int = 0, last: int = 2, workers: int = 1, **settings: object) -> np.ndarray:
    config = SamplerConfig(**{"steps": 4, "repair": 1.0, **settings})
    generator = DiffusionGenerator(model, config, seed=4, on_note=lambda _: None, workers=workers)
    return np.stack([frame.pixels_HWC for frame in generator.generate(windows(first, last), drawn_subject(CANVAS))])


def deep_calls(model: SubjectModel) -> list[int]:
    """Batch sizes that reach the middle of the network, as it happens."""
    sizes: list[int] = []
    model.unet.mid_block.resnets[0].register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    return sizes


GUIDED = {"guidance_image": 2.0, "guidance_pose": 3.0}


@pytest.mark.parametrize(("reuse", "expected"), [(1, [3] * 4), (2, [3] * 2), (4, [3])])
def test_deep_layers_are_computed_in_every_so_many_steps(reuse: int, expected: list[int]) -> None:
    model = tiny_model()
    calls = deep_calls(model)
    frames(model, 0, 1, reuse=reuse, **GUIDED)
    assert calls == expected


def test_branches_of_an_interval_bring_deep_layers_of_their_own() -> None:
    model = tiny_model()
    calls = deep_calls(model)
    frames(model, 0, 1, reuse=4, guidance_interval=(0.3, 1.0), **GUIDED)
    assert calls == [1, 3]


def test_pictures_change_only_where_something_is_reused() -> None:
    model = tiny_model()
    whole, reused = frames(model), frames(model, reuse=2)
    assert np.array_equal(frames(model, reuse=1), whole)
    assert np.abs(reused.astype(int) - whole).max() > 0


@pytest.mark.parametrize("reference", [None, "trained"])
def test_any_part_is_made_to_the_bits_of_the_whole_by_any_number_of_workers(reference: str | None) -> None:
    model = tiny_model(reference=reference)
    whole = frames(model, 0, 6, reuse=2, batch=2, **GUIDED)
    assert np.array_equal(frames(model, 3, 6, workers=2, reuse=2, batch=2, **GUIDED), whole[3:6])


def test_branch_by_branch_it_is_the_same_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model(reference="trained")
    together = frames(model, reuse=2, **GUIDED)
    monkeypatch.setattr(diffusion, "num_branches", lambda _: 1)  # which takes them apart
    calls = deep_calls(model)
    in_turn = frames(model, reuse=2, **GUIDED)
    assert set(calls) == {1}
    assert np.abs(in_turn.astype(int) - together).max() <= 1


@pytest.mark.parametrize(
    ("asked", "phase", "said"),
    [
        ({"decoder": "preview"}, "base", ["has no preview decoder: its own one is used"]),
        ({"decoder": "preview", "quality": "draft"}, "base", ["has no preview decoder: its own one is used"]),
        (
            {"decoder": "preview"},
            "subject",
            ["this model of one person (from tiny) has no preview decoder (tuning the decoder drops it): its own one"],
        ),
        ({"quality": "draft"}, "base", []),
    ],
)
def test_a_decoder_that_was_asked_for_and_the_model_has_not_is_told_and_its_own_one_is_used(
    asked: dict[str, str], phase: str, said: list[str]
) -> None:
    model, notes = tiny_model(), []
    model = replace(model, manifest=model.manifest.model_copy(update={"phase": phase}))
    generator = DiffusionGenerator(model, SamplerConfig(steps=1, **asked), seed=4, on_note=notes.append)
    made = next(generator.generate(windows(0, 1), drawn_subject(CANVAS))).pixels_HWC
    told = [note for note in notes if "preview decoder" in note]
    assert len(told) == len(said)
    assert all(part in line for part, line in zip(said, told, strict=True))
    assert np.array_equal(made, frames(model, 0, 1, steps=1, repair=0.5)[0])


def test_of_two_workers_one_is_left_to_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once: list[int] = []
    inside: list[None] = []
    prepare = DiffusionGenerator._asked

    def watched(self: DiffusionGenerator, *given: object) -> object:
        inside.append(None)
        time.sleep(0.02)  # the other one would come in meanwhile
        at_once.append(len(inside))
        asked = prepare(self, *given)
        inside.pop()
        return asked

    monkeypatch.setattr(DiffusionGenerator, "_asked", watched)
    frames(tiny_model(), 0, 6, workers=2, batch=1)
    assert at_once == [1] * 6
