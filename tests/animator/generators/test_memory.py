"""How much a model computes at once: planned from a trial, within what is free."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
import torch

from animator import device
from animator.device import DevicePlan
from animator.generators import diffusion, memory
from animator.generators.diffusion import DiffusionGenerator
from animator.generators.memory import _evaluate, num_branches, plan_model, run_once
from animator.models.deep_features import DeepReuse
from animator.sampling.config import SamplerConfig
from temporal.windows import pose_windows
from tests.animator.generators.scene import drawn_subject, figure_warp, waving
from tests.animator.models.tiny import CANVAS, tiny_model

GUIDED = SamplerConfig(guidance_image=3.0, guidance_pose=5.0)


def test_branches_are_those_that_count() -> None:
    assert num_branches(SamplerConfig()) == 1
    assert num_branches(SamplerConfig(guidance_pose=5.0)) == 2
    assert num_branches(GUIDED) == 3


def test_the_trial_takes_more_with_more_frames_and_more_branches() -> None:
    model, cpu = tiny_model(), torch.device("cpu")
    one, two, many = (
        device.peak_bytes(lambda given=given: run_once(model, *given), cpu) for given in ((1, 1), (2, 1), (1, 48))
    )
    assert one < two
    assert one < many  # decoding takes more than a few branches


@pytest.mark.parametrize(("frames", "branches", "in_turn"), [(1, 1, False), (2, 1, False), (1, 3, False), (1, 3, True)])
def test_the_trial_takes_what_a_sampling_takes_that_keeps_deep_features(
    frames: int, branches: int, in_turn: bool
) -> None:
    model, cpu = tiny_model(), torch.device("cpu")
    names = ["none", "image", "both"][:branches]

    def sample() -> None:
        deep = DeepReuse(model.unet, every=2)
        for _ in range(3):
            deep.begin_step(names)
            for group in [[name] for name in names] if in_turn else [names]:
                _evaluate(model, deep.network(group), frames * len(group))
        height, width = model.latent_size[::-1]
        model.codec.decode(torch.zeros(frames, model.vae.config.latent_channels, height, width))

    taken = device.peak_bytes(sample, cpu)
    at_once = 1 if in_turn else branches
    told = device.peak_bytes(lambda: run_once(model, frames, at_once, kept_branches=branches), cpu)
    assert told == pytest.approx(taken, rel=0.01)
    assert told > device.peak_bytes(lambda: run_once(model, frames, at_once), cpu)


def test_a_plan_reckons_with_deep_features_where_they_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(memory, "run_once", lambda *_, kept_branches: seen.append(kept_branches))
    for settings in ({}, {"reuse": 1}, {"reuse": 3}, {"quality": "draft"}):
        plan_model(tiny_model(), GUIDED.model_copy(update=settings), workers=2)
    assert seen == [0, 0, 3, 3]


@pytest.mark.parametrize(("frames_that_fit", "workers"), [(8.5, 4), (2.2, 2), (0.1, 1)])
def test_a_cpu_makes_as_many_frames_side_by_side_as_fit(
    frames_that_fit: float, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "peak_bytes", lambda *_: 1000)
    monkeypatch.setattr(memory, "free_bytes", lambda _: int(frames_that_fit * 1000 / device.USABLE_SHARE))
    assert plan_model(tiny_model(), SamplerConfig(), workers=4).workers == workers


def test_a_lone_worker_on_a_cpu_needs_no_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "peak_bytes", lambda *_: pytest.fail("there is nothing to find out"))
    assert plan_model(tiny_model(), GUIDED) == DevicePlan(batch=1, branches_together=True)


def test_low_vram_computes_one_branch_of_one_frame_after_the_other_and_keeps_no_encoder() -> None:
    plan = plan_model(tiny_model(), GUIDED, workers=4, low_vram=True)
    assert plan == DevicePlan(batch=1, branches_together=False, workers=1, offload=True)


def test_a_model_of_which_nothing_fits_is_tried_at_its_smallest(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model()
    monkeypatch.setattr(type(model), "device", torch.device("cuda"))
    monkeypatch.setattr(memory, "measure_footprint", lambda *_, **__: None)
    assert plan_model(model, GUIDED) == DevicePlan(batch=1, branches_together=False, offload=True)


def test_a_plan_changes_no_more_than_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diffusion, "subject_warp", lambda *_: figure_warp(CANVAS))
    model, subject = tiny_model(), drawn_subject(CANVAS)
    settings = SamplerConfig(steps=2, repair=1.0, guidance_image=2.0, guidance_pose=3.0)

    def pixels(plan: DevicePlan) -> np.ndarray:
        generator = DiffusionGenerator(model, settings, plan=plan, lock_background=False)
        frames = generator.generate(pose_windows(waving(CANVAS, 4)), subject)
        return np.stack([frame.pixels_HWC for frame in frames]).astype(int)

    small = DevicePlan(batch=1, branches_together=False, offload=True)
    assert np.abs(pixels(small) - pixels(replace(small, batch=2, branches_together=True, workers=2))).max() <= 2


@pytest.mark.gpu
def test_a_gpu_s_plan_stays_within_what_is_free() -> None:
    if not torch.cuda.is_available():
        if os.environ.get("FAIL_WITHOUT_GPU") == "1":
            pytest.fail("FAIL_WITHOUT_GPU=1, and torch sees no GPU")
        pytest.skip("torch sees no GPU")
    model = tiny_model().to("cuda", torch.float16)
    plan = plan_model(model, GUIDED)
    free = device.free_bytes(model.device)
    taken = device.peak_bytes(lambda: run_once(model, plan.batch, num_branches(GUIDED)), model.device)
    assert 0 < taken < free
