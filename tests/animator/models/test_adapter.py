"""The adapter starts as if it were not there."""

from __future__ import annotations

import pytest
import torch

from animator.errors import ModelError
from animator.models.adapter import AppearanceAdapter

SIZES = {"num_tokens": 5, "token_dim": 32, "latent_channels": 4, "latent_height": 24, "latent_width": 16}


def inputs(batch: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    draws = torch.Generator().manual_seed(0)
    return torch.randn(batch, 5, 32, generator=draws), torch.randn(batch, 4, 24, 16, generator=draws)


def test_it_starts_as_the_identity_on_clip_tokens_whatever_the_latents() -> None:
    clip, latents = inputs()
    adapter = AppearanceAdapter(**SIZES)
    assert torch.allclose(adapter(clip, latents), clip, atol=1e-6)
    assert torch.allclose(adapter(clip, 100 * latents), clip, atol=1e-6)


def test_latents_come_in_once_their_weights_are_trained() -> None:
    clip, latents = inputs()
    adapter = AppearanceAdapter(**SIZES)
    adapter(clip, latents).square().mean().backward()
    assert float(adapter.linear1.weight.grad[:, 5:].abs().max()) > 0
    with torch.no_grad():
        adapter.linear1.weight[:, 5:] = 0.1
    assert not torch.allclose(adapter(clip, latents), adapter(clip, 2 * latents))


def test_the_largest_of_four_latents_is_what_counts() -> None:
    clip, latents = inputs()
    adapter = AppearanceAdapter(**SIZES)
    with torch.no_grad():
        adapter.linear1.weight[:, 5:] = 1.0
    lower = latents.clone()
    blocks = lower.unfold(2, 2, 2).unfold(3, 2, 2)
    blocks[blocks < blocks.amax((-2, -1), keepdim=True)] -= 5.0
    assert torch.allclose(adapter(clip, latents), adapter(clip, lower), atol=1e-5)


def test_the_default_is_dreampose_s_with_its_names() -> None:
    shapes = {name: tuple(weight.shape) for name, weight in AppearanceAdapter().state_dict().items()}
    assert shapes == {
        "vae2clip.weight": (768, 1280),
        "vae2clip.bias": (768,),
        "linear1.weight": (50, 54),
        "linear1.bias": (50,),
    }


def test_it_survives_saving(tmp_path) -> None:
    adapter = AppearanceAdapter(**SIZES)
    torch.nn.init.normal_(adapter.linear1.weight)
    adapter.save_pretrained(tmp_path)
    again = AppearanceAdapter.from_pretrained(tmp_path, use_safetensors=True)
    clip, latents = inputs()
    assert torch.equal(again(clip, latents), adapter(clip, latents))
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "diffusion_pytorch_model.safetensors"}


def test_other_shapes_are_refused_with_a_reason() -> None:
    clip, latents = inputs()
    adapter = AppearanceAdapter(**SIZES)
    with pytest.raises(ModelError, match="image encoder and adapter"):
        adapter(torch.zeros(2, 50, 32), latents)
    with pytest.raises(ModelError, match="canvas"):
        adapter(clip, torch.zeros(2, 4, 16, 24))
