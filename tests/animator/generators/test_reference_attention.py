"""Frames of a model whose self-attention looks at the photo: read once, seen in every frame, blind without."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from animator.device import DevicePlan
from animator.generators import diffusion
from animator.generators.diffusion import DiffusionGenerator
from animator.generators.memory import plan_model, run_once
from animator.models.subject_model import SubjectModel
from animator.sampling.config import SamplerConfig
from temporal.windows import PoseWindow, pose_windows
from tests.animator.generators.scene import drawn_subject, figure_warp, waving
from tests.animator.models.tiny import CANVAS, tiny_model

GUIDED = SamplerConfig(steps=2, repair=1.0, guidance_image=2.0, guidance_pose=3.0)


@pytest.fixture(autouse=True)
def one_warp_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cutting the drawn figure out takes longer than everything else here."""
    monkeypatch.setattr(diffusion, "subject_warp", lambda *_: figure_warp(CANVAS))


def windows(first: int, last: int) -> list[PoseWindow]:
    return list(pose_windows(waving(CANVAS, 8)))[first:last]


def frames(model: SubjectModel, first: int = 0, last: int = 3, **options: object) -> np.ndarray:
    generator = DiffusionGenerator(model, GUIDED, seed=4, on_note=lambda _: None, **options)
    return np.stack([frame.pixels_HWC for frame in generator.generate(windows(first, last), drawn_subject(CANVAS))])


def test_before_training_not_a_bit_of_a_frame_differs() -> None:
    assert np.array_equal(frames(tiny_model(reference="untrained")), frames(tiny_model()))


def test_the_photo_is_read_once_and_seen_in_every_frame() -> None:
    model = tiny_model(reference="trained")
    sizes: list[int] = []
    model.unet.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    seen = frames(model)
    assert sizes == [1] + [3] * 6  # three frames, two steps, three branches
    assert np.abs(seen.astype(int) - frames(tiny_model())).max(axis=(1, 2, 3)).min() > 2


@pytest.mark.parametrize("workers", [1, 2])
def test_any_part_is_made_to_the_bits_of_the_whole(workers: int) -> None:
    model = tiny_model(reference="trained")
    assert np.array_equal(frames(model, 1, 3, workers=workers), frames(model, workers=1)[1:3])


def test_branch_by_branch_and_with_the_networks_put_aside_it_is_the_same_picture() -> None:
    model = tiny_model(reference="trained")
    plan = plan_model(model, GUIDED, workers=4, low_vram=True)
    assert plan == DevicePlan(batch=1, branches_together=False, workers=1, offload=True)
    assert np.abs(frames(model, plan=plan).astype(int) - frames(model)).max() <= 1


def test_the_trial_looks_at_a_photo_too() -> None:
    model = tiny_model(reference="trained")
    calls: list[int] = []
    model.unet.register_forward_pre_hook(lambda _, inputs: calls.append(len(inputs[0])))
    with torch.inference_mode():
        run_once(model, 2, 3)
    assert calls == [1, 6]


def test_in_half_precision_it_gives_nearly_the_same_picture() -> None:
    half = tiny_model(reference="trained").to(dtype=torch.bfloat16)
    assert np.abs(frames(half).astype(int) - frames(tiny_model(reference="trained"))).mean() < 4
