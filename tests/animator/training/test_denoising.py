"""Denoising: dropout by sample, a residual model that starts as the warp, and a loss that training lowers."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
import torch
from torch.utils.data import default_collate

from animator.conditioning.conditioning import Conditioner, predict
from animator.errors import ModelError
from animator.models.embedded import new_base
from animator.models.patch_autoencoder import PatchAutoencoder
from animator.training.config import TrainConfig
from animator.training.denoising import ConditionDropout, DenoisingStage, encoded
from animator.training.gradients import parts
from animator.training.loop import fit
from animator.training.pairs import Reference, pair_sample
from animator.training.samples import Batch, Sample
from tests.animator.generators.scene import drawn_subject, waving
from tests.animator.models.tiny import CANVAS, tiny_model

CPU = torch.device("cpu")


class Waving:
    """The drawn figure, photo and target alike, in some frames of its motion."""

    def __init__(self, canvas: tuple[int, int] = CANVAS) -> None:
        self._subject, self._motion = drawn_subject(canvas), waving(canvas, 12)
        self._reference = Reference.prepare(self._subject)

    def sample(self, number: int) -> Sample:
        first = number % 7
        return pair_sample(
            self._reference,
            self._subject.photo_HWC,
            self._motion.keypoints_TK2[first : first + 5],
            self._motion.confidence_TK[first : first + 5],
        )


def losses(stage: DenoisingStage, batch: Batch) -> dict[str, torch.Tensor]:
    return stage.losses({**batch, **stage.draws(batch, torch.Generator().manual_seed(0))}, stage.nets)


def test_dropout_takes_each_condition_as_often_as_said() -> None:
    image, pose = ConditionDropout(image=0.1, pose=0.2, both=0.05).draw(20_000, torch.Generator().manual_seed(0))
    assert float((image & pose).float().mean()) == pytest.approx(0.05, abs=0.01)
    assert float((image & ~pose).float().mean()) == pytest.approx(0.1, abs=0.01)
    assert float((pose & ~image).float().mean()) == pytest.approx(0.2, abs=0.01)


def test_samples_of_one_batch_lose_different_conditions() -> None:
    image, pose = ConditionDropout(image=0.3, pose=0.3, both=0.1).draw(64, torch.Generator().manual_seed(1))
    assert len({(bool(i), bool(p)) for i, p in zip(image, pose, strict=True)}) == 4


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_training_lowers_the_error_on_what_is_predicted(kind: str, tmp_path: Path) -> None:
    model = tiny_model()
    model.noise_schedule["prediction_type"] = kind
    source = Waving()
    held_out = [default_collate([source.sample(number) for number in range(4)])]
    stage = DenoisingStage(model, held_out=held_out)
    before = stage.check()
    config = TrainConfig(steps=25, batch=2, learning_rate=3e-3, warmup=2, ema=0.0)
    fit(stage, source, config, tmp_path, device=CPU)
    after = stage.check()
    assert before is not None
    assert after is not None
    assert after < 0.8 * before


def test_gradients_reach_unet_and_adapter_but_no_frozen_encoder() -> None:
    model = tiny_model()
    stage = DenoisingStage(model)
    batch = default_collate([Waving().sample(0)])
    losses(stage, batch)["loss"].backward()
    assert model.unet.conv_in.weight.grad is not None
    assert float(model.unet.conv_in.weight.grad.abs().sum()) > 0
    assert model.adapter.linear1.weight.grad is not None
    assert all(parameter.grad is None for parameter in model.image_encoder.parameters())
    assert all(parameter.grad is None for parameter in model.vae.parameters())


def test_image_encoder_that_was_never_trained_learns_along() -> None:
    model = tiny_model()
    stage = DenoisingStage(model, train_image_encoder=True)
    losses(stage, default_collate([Waving().sample(0)]))["loss"].backward()
    assert any(parameter.grad is not None for parameter in model.image_encoder.parameters())


def test_untrained_residual_base_predicts_the_warped_photo_itself() -> None:
    torch.manual_seed(0)
    model = new_base(PatchAutoencoder(latent_channels=4, widths=(8, 8, 8)))
    conditioner = Conditioner(model)
    given = encoded(default_collate([Waving(model.manifest.canvas).sample(0)]), conditioner)
    told = conditioner.condition(
        conditioner.tokens(conditioner.features(given["photo"].float() / 255)),
        conditioner.keypoint_map(given["keypoints"], given["confidence"]),
        given["warp"],
    )
    noisy = torch.randn(given["target_latents"].shape, generator=torch.Generator().manual_seed(0))
    made = predict(model.unet, noisy, torch.tensor([500]), told, residual=True)
    torch.testing.assert_close(made, given["warp"][:, :-1])


@pytest.mark.parametrize("reference", [None, "trained"])
def test_gradient_checkpointing_gives_the_same_gradients(reference: Literal["trained"] | None) -> None:
    def gradients(checkpointing: bool) -> dict[str, torch.Tensor]:
        model = tiny_model(reference=reference)
        stage = DenoisingStage(model)
        for net in stage.nets.values():
            net.train()
            if checkpointing:
                net.enable_gradient_checkpointing()
        assert model.unet.is_gradient_checkpointing == checkpointing
        losses(stage, default_collate([Waving().sample(number) for number in range(2)]))["loss"].backward()
        every = {**dict(model.unet.named_parameters()), **dict((model.reference or model.adapter).named_parameters())}
        return {name: each.grad for name, each in every.items() if each.grad is not None}

    plain, twice = gradients(False), gradients(True)
    assert plain.keys() == twice.keys()
    for name, gradient in plain.items():
        torch.testing.assert_close(twice[name], gradient, msg=name)


def test_gradients_of_the_parts_of_a_batch_add_up_to_the_batch_s() -> None:
    """What a halved batch learns is what the whole one does: noise, levels and dropout stay with their samples."""
    batch = default_collate([Waving().sample(number) for number in range(4)])
    batch["importance"][0] *= 3  # weights that differ between samples
    stages = [DenoisingStage(tiny_model(), dropout=ConditionDropout(image=0.3, pose=0.3, both=0.3)) for _ in range(2)]
    told = {**batch, **stages[0].draws(batch, torch.Generator().manual_seed(0))}
    stages[0].losses(told, stages[0].nets)["loss"].backward()
    for part, share in parts(told, 3):
        (stages[1].losses(part, stages[1].nets)["loss"] * share).backward()
    for whole, halved in zip(stages[0].model.unet.parameters(), stages[1].model.unet.parameters(), strict=True):
        torch.testing.assert_close(halved.grad, whole.grad, rtol=1e-3, atol=1e-6)


def test_a_nan_in_a_latent_ends_the_training(tmp_path: Path) -> None:
    class Spoilt(Waving):
        def sample(self, number: int) -> Sample:
            sample = super().sample(number)
            sample["warped"][0, 0, 0] = float("nan")
            return sample

    with pytest.raises(ModelError, match="not finite at update 0") as caught:
        fit(DenoisingStage(tiny_model()), Spoilt(), TrainConfig(steps=2, batch=1), tmp_path, device=CPU)
    assert caught.value.exit_code == 4
    assert not list(tmp_path.glob("step-*"))


def test_reference_attention_learns_along_and_from_samples_with_a_photo_alone() -> None:
    model = tiny_model(reference="untrained")
    assert model.reference is not None
    stage = DenoisingStage(model)
    batch = default_collate([Waving().sample(number) for number in range(2)])
    drawn = stage.draws(batch, torch.Generator().manual_seed(0))

    def values_gradient(without_image: list[bool]) -> float:
        model.reference.zero_grad()
        given = {**batch, **drawn, "without_image": torch.tensor(without_image)}
        stage.losses(given, stage.nets)["loss"].backward()
        return sum(float(layer.to_v.weight.grad.abs().sum()) for layer in model.reference.layers.values())

    assert values_gradient([False, False]) > 0
    assert values_gradient([True, False]) > 0
    assert values_gradient([True, True]) == 0


def test_interrupted_with_reference_attention_it_ends_with_the_same_bits(tmp_path: Path) -> None:
    config = TrainConfig(steps=4, batch=2, warmup=1, ema=0.9, checkpoint_every=1)

    def trained(place: Path, *, stops_at: int | None = None) -> dict[str, torch.Tensor]:
        model = tiny_model(reference="untrained")
        stage = DenoisingStage(model)
        asked = iter(range(1, 100))
        fit(
            stage,
            Waving(),
            config,
            place,
            device=CPU,
            is_time_up=lambda: next(asked) == stops_at,
        )
        return {name: each.clone() for name, each in stage.nets["denoiser"].state_dict().items()}

    whole = trained(tmp_path / "whole")
    moved = [name for name in whole if "to_v" in name and name.startswith("reference")]
    assert all(float(whole[name].abs().sum()) > 0 for name in moved)
    assert len(moved) == 4
    part = trained(tmp_path / "broken", stops_at=2)
    assert not torch.equal(part[moved[0]], whole[moved[0]])
    resumed = trained(tmp_path / "broken")
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(resumed[name], weight) for name, weight in whole.items())
