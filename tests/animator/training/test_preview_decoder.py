"""The preview decoder learns to make the decoder's pictures, and nothing else changes."""

from __future__ import annotations

import copy

import pytest
import torch

from animator.errors import ModelError
from animator.models.patch_autoencoder import PatchAutoencoder
from animator.models.vae import has_preview
from animator.training.decoder import DecoderStage
from animator.training.preview_decoder import PreviewDecoderStage, add_new_preview
from tests.animator.models.tiny import tiny_model


def pictures(count: int = 4) -> torch.Tensor:
    """Smooth pictures, uint8 [count, 3, 32, 48]."""
    coarse = torch.rand(count, 3, 5, 7, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(coarse, (32, 48), mode="bicubic", align_corners=True)
    return (smooth.clamp(0, 1) * 255).to(torch.uint8)


@pytest.fixture
def vae() -> PatchAutoencoder:
    """Its decoder is more than the linear transform."""
    torch.manual_seed(0)
    vae = PatchAutoencoder(latent_channels=8, widths=(8, 16, 16)).eval().requires_grad_(False)
    vae.start_from(pictures().float() / 127.5 - 1)
    torch.nn.init.normal_(vae.decoder[-2].weight, std=0.05)
    vae.add_preview(16)
    return vae


def test_it_comes_close_to_the_decoder_and_nothing_else_is_trained(vae: PatchAutoencoder) -> None:
    before = {name: each.clone() for name, each in vae.state_dict().items()}
    stage, rng = PreviewDecoderStage(vae, held_out=pictures()), torch.Generator().manual_seed(1)
    start = stage.check()
    optimizer = torch.optim.Adam(stage.nets["preview_decoder"].parameters(), lr=3e-3)
    for _ in range(60):
        batch = {"picture": pictures()}
        optimizer.zero_grad()
        stage.losses({**batch, **stage.draws(batch, rng)}, stage.nets)["loss"].backward()
        optimizer.step()
    assert stage.check() < start - 3  # decibels
    changed = {name for name, each in vae.state_dict().items() if not torch.equal(each, before[name])}
    assert changed
    assert all(name.startswith("preview_decoder.") for name in changed)


def test_an_autoencoder_without_one_is_refused(vae: PatchAutoencoder) -> None:
    vae.drop_preview()
    with pytest.raises(ModelError, match="no preview decoder"):
        PreviewDecoderStage(vae)


def test_a_new_one_is_the_same_again_and_draws_no_random_number_of_others(vae: PatchAutoencoder) -> None:
    state = torch.get_rng_state()
    one, another = copy.deepcopy(vae), copy.deepcopy(vae)
    for each in (one, another):
        add_new_preview(each, width=8, seed=5)
    assert torch.equal(torch.get_rng_state(), state)
    assert one.config.preview_width == 8
    weights = another.preview_decoder.state_dict()
    assert all(torch.equal(each, weights[name]) for name, each in one.preview_decoder.state_dict().items())


def test_whoever_trains_the_decoder_itself_drops_what_imitates_it(vae: PatchAutoencoder) -> None:
    model = tiny_model()
    object.__setattr__(model, "vae", copy.deepcopy(vae))
    DecoderStage(model)
    assert not has_preview(model.vae)
