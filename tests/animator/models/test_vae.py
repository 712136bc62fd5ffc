"""The autoencoder's wrapper owns scale and range."""

from __future__ import annotations

import pytest
import torch

from animator.errors import ModelError
from animator.models.vae import LatentCodec
from tests.animator.models.tiny import tiny_vae


def picture() -> torch.Tensor:
    return torch.rand(2, 3, 64, 128, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_latents_are_the_scaled_mean_of_a_picture_from_minus_one_to_one() -> None:
    vae = tiny_vae()
    latents = LatentCodec(vae).encode(picture())
    assert latents.shape == (2, 4, 8, 16)
    assert torch.allclose(latents, vae.encode(picture() * 2 - 1).latent_dist.mean * 0.5)


@torch.no_grad()
def test_other_ranges_reach_the_autoencoder_as_asked() -> None:
    vae = tiny_vae()
    latents = LatentCodec(vae).encode(picture(), value_range=(0.0, 255.0))
    assert torch.allclose(latents, vae.encode(picture() * 255).latent_dist.mean * 0.5, rtol=1e-4)


@torch.no_grad()
def test_decoding_undoes_scale_and_range() -> None:
    vae = tiny_vae()
    latents = torch.randn(1, 4, 8, 16, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(LatentCodec(vae).decode(latents), vae.decode(latents / 0.5).sample / 2 + 0.5)


def test_the_reduction_follows_the_number_of_levels() -> None:
    assert LatentCodec(tiny_vae()).reduction == 8


def test_sides_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ModelError, match="multiples of 8"):
        LatentCodec(tiny_vae()).encode(torch.zeros(1, 3, 60, 64))
