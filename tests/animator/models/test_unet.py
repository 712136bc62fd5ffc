"""Widening keeps what the base could do."""

from __future__ import annotations

import pytest
import torch
from diffusers import UNet2DConditionModel

from animator.errors import ModelError
from animator.models.unet import conditioning_channels, widen_conv_in
from tests.animator.models.tiny import WIDTH, tiny_unet


@torch.no_grad()
def run(unet: UNet2DConditionModel, latents: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    return unet(latents, torch.tensor(500), encoder_hidden_states=tokens).sample


def test_the_widened_network_equals_the_base_for_any_pose_and_warp() -> None:
    draws = torch.Generator().manual_seed(0)
    latents = torch.randn(2, 4, 24, 16, generator=draws)
    tokens = torch.randn(2, 5, WIDTH, generator=draws)
    unet = tiny_unet()
    before = run(unet, latents, tokens)
    widen_conv_in(unet, 50)
    for scale in (0.0, 1.0, 100.0):
        more = scale * torch.randn(2, 50, 24, 16, generator=draws)
        assert torch.allclose(run(unet, torch.cat([latents, more], 1), tokens), before, atol=1e-5)


def test_the_first_layer_keeps_weights_and_bias_and_starts_at_zero() -> None:
    unet = tiny_unet()
    weight, bias = unet.conv_in.weight.clone(), unet.conv_in.bias.clone()
    widen_conv_in(unet, 10)
    assert unet.conv_in.weight.shape == (16, 14, 3, 3)
    assert torch.equal(unet.conv_in.weight[:, :4], weight)
    assert torch.equal(unet.conv_in.bias, bias)
    assert not bool(unet.conv_in.weight[:, 4:].any())
    assert unet.config.in_channels == 14


def test_new_channels_receive_gradients() -> None:
    unet = widen_conv_in(tiny_unet(), 3)
    inputs = torch.randn(1, 7, 24, 16, generator=torch.Generator().manual_seed(0))
    unet(inputs, torch.tensor(500), encoder_hidden_states=torch.zeros(1, 5, WIDTH)).sample.square().mean().backward()
    assert float(unet.conv_in.weight.grad[:, 4:].abs().max()) > 0


def test_a_widened_network_survives_saving(tmp_path) -> None:
    unet = widen_conv_in(tiny_unet(), 6)
    with torch.no_grad():
        unet.conv_in.weight[:, 4:] = 0.5
    unet.save_pretrained(tmp_path)
    again = UNet2DConditionModel.from_pretrained(tmp_path, use_safetensors=True)
    assert torch.equal(again.conv_in.weight, unet.conv_in.weight)


def test_widening_twice_or_by_nothing_is_refused() -> None:
    unet = widen_conv_in(tiny_unet(), 2)
    with pytest.raises(ModelError, match="widened before"):
        widen_conv_in(unet, 2)
    with pytest.raises(ModelError, match="at least one"):
        widen_conv_in(tiny_unet(), 0)


def test_channels_are_counted_as_dreampose_counts_them() -> None:
    assert conditioning_channels(num_poses=5, pose_channels=2, warp=False) == 10
    assert conditioning_channels(num_poses=5, pose_channels=2, warp=True) == 15


@pytest.mark.slow
def test_the_stable_diffusion_shape_widens_and_makes_a_step() -> None:
    """The architecture of Stable Diffusion 1.5, with random weights: 860 million of them."""
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=64,
        block_out_channels=(320, 640, 1280, 1280),
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        layers_per_block=2,
        cross_attention_dim=768,
        attention_head_dim=8,
    ).eval()
    latents, tokens = torch.randn(1, 4, 16, 8), torch.randn(1, 50, 768)
    before = run(unet, latents, tokens)
    widen_conv_in(unet, conditioning_channels(num_poses=5, pose_channels=2, warp=True))
    assert unet.conv_in.weight.shape == (320, 19, 3, 3)
    after = run(unet, torch.cat([latents, torch.randn(1, 15, 16, 8)], 1), tokens)
    assert torch.allclose(after, before, atol=1e-4)
