"""Sharpening: trained where a short sampling asks, judged by a critic that its own loss does not make lenient."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.utils.data import default_collate

from animator.errors import ModelError
from animator.models.subject_model import SubjectModel
from animator.training.config import TrainConfig
from animator.training.loop import fit
from animator.training.samples import Batch
from animator.training.sharpening import PatchCritic, SharpeningStage
from tests.animator.models.tiny import tiny_model
from tests.animator.training.test_denoising import Waving

CPU = torch.device("cpu")


@pytest.fixture
def model() -> SubjectModel:
    made = tiny_model()
    made.noise_schedule.update(prediction_type="sample", rescale_betas_zero_snr=True)
    return replace(made, manifest=made.manifest.model_copy(update={"residual": True}))


@pytest.fixture(scope="module")
def batch() -> Batch:
    source = Waving()
    return default_collate([source.sample(number) for number in range(3)])


def losses(stage: SharpeningStage, batch: Batch, seed: int = 0) -> dict[str, torch.Tensor]:
    drawn = stage.draws(batch, torch.Generator().manual_seed(seed))
    return stage.losses({**batch, **drawn}, stage.nets)


def test_samples_are_asked_at_the_steps_of_the_sampling_alone(model: SubjectModel, batch: Batch) -> None:
    stage = SharpeningStage(model, steps=2)
    asked = {
        int(level) for seed in range(20) for level in stage.draws(batch, torch.Generator().manual_seed(seed))["levels"]
    }
    assert len(asked) == 2
    assert max(asked) == 999


def test_the_critic_is_not_taught_by_what_pleases_it(model: SubjectModel, batch: Batch) -> None:
    stage = SharpeningStage(model, steps=2)
    losses(stage, batch)["pleased"].backward()
    assert all(each.grad is None for each in stage.nets["critic"].parameters())
    assert float(model.unet.conv_in.weight.grad.abs().sum()) > 0


def test_the_critic_s_own_loss_does_not_reach_the_painter(model: SubjectModel, batch: Batch) -> None:
    stage = SharpeningStage(model, steps=2)
    losses(stage, batch)["critic"].backward()
    assert any(each.grad is not None and each.grad.abs().sum() > 0 for each in stage.nets["critic"].parameters())
    assert model.unet.conv_in.weight.grad is None


def test_without_a_critic_likeness_alone_is_trained(model: SubjectModel, batch: Batch) -> None:
    found = losses(SharpeningStage(model, steps=2, adversarial=0), batch)
    assert "critic" not in found
    assert set(found) == {"loss", "rebuilt", "dissimilar", "error"}


def test_a_short_training_comes_nearer_to_the_held_out_truth(model: SubjectModel, batch: Batch, tmp_path: Path) -> None:
    stage = SharpeningStage(model, steps=2, held_out=[batch])
    before = stage.check()
    config = TrainConfig(steps=20, batch=2, learning_rate=2e-3, warmup=2, ema=0.0)
    fit(stage, Waving(), config, tmp_path, device=CPU)
    after = stage.check()
    assert before is not None
    assert after is not None
    assert after < before


def test_the_critic_scores_patch_by_patch() -> None:
    critic = PatchCritic((4, 8, 8))
    pictures = torch.rand(2, 3, 64, 48)
    scores = critic(pictures, pictures)
    changed = pictures.clone()
    changed[:, :, :4, :4] = 1 - changed[:, :, :4, :4]
    assert scores.shape[:2] == (2, 1)
    critic.eval()
    with torch.no_grad():
        difference = (critic(pictures, pictures) - critic(changed, pictures)).abs()
    assert float(difference[:, :, 0, 0].min()) > 0
    assert float(difference[:, :, -1, -1].max()) == 0


def test_a_model_that_predicts_noise_is_refused() -> None:
    with pytest.raises(ModelError, match="clean latents"):
        SharpeningStage(tiny_model(), steps=2)
