"""What `gpu_suite.py` measures: networks of Stable Diffusion 1.5's shape, and tiny ones to try its steps with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from diffusers import UNet2DConditionModel

from animator.models.unet import conditioning_channels, widen_conv_in

NUM_POSES, POSE_CHANNELS = 5, 2
EXTRA = conditioning_channels(num_poses=NUM_POSES, pose_channels=POSE_CHANNELS, warp=True)
NOISE_SCHEDULE = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
}


@dataclass(frozen=True, kw_only=True)
class Size:
    """What is measured: latents [4, height, width], matmul side, tokens."""

    unet: dict[str, Any]
    vae: dict[str, Any]
    height: int
    width: int
    matmul: int
    tokens: tuple[int, int]
    batches: tuple[int, ...]
    clips: tuple[int, int]
    steps: int
    compiled: tuple[str, ...]


FULL = Size(
    unet={"sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8},  # the rest are SD 1.5's defaults
    vae={
        "block_out_channels": (128, 256, 512, 512),
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "layers_per_block": 2,
        "latent_channels": 4,
    },
    height=80,
    width=64,
    matmul=8192,
    tokens=(50, 768),
    batches=(1, 4, 8),
    clips=(100, 3000),
    steps=20,
    compiled=("default", "regional", "max-autotune-no-cudagraphs", "reduce-overhead"),
)
SMALL = Size(
    unet={
        "sample_size": 8,
        "cross_attention_dim": 16,
        "attention_head_dim": 4,
        "block_out_channels": (16, 32),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "layers_per_block": 1,
        "norm_num_groups": 8,
    },
    vae={
        "block_out_channels": (16, 16, 16, 16),
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "layers_per_block": 1,
        "latent_channels": 4,
        "norm_num_groups": 8,
    },
    height=8,
    width=8,
    matmul=256,
    tokens=(5, 16),
    batches=(1, 2),
    clips=(4, 12),
    steps=3,
    compiled=(),
)


def new_unet(size: Size, device: torch.device, dtype: torch.dtype) -> UNet2DConditionModel:
    """Random weights, widened as the product widens."""
    torch.manual_seed(0)
    unet = widen_conv_in(UNet2DConditionModel(**size.unet), EXTRA)
    return unet.to(device, dtype).eval().requires_grad_(False)


def unet_inputs(
    size: Size, batch: int, device: torch.device, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Latents with conditions, a timestep, and tokens."""
    rng = torch.Generator().manual_seed(batch)
    latents = torch.randn(batch, 4 + EXTRA, size.height, size.width, generator=rng)
    tokens = torch.randn(batch, *size.tokens, generator=rng)
    return latents.to(device, dtype), torch.tensor(500, device=device), tokens.to(device, dtype)
