"""The embedded base's make: small enough for a CPU and for a package.

Its output is a difference to the warped photo (`Manifest.residual`): untrained, it renders what the warp shows, and
all that training does is repair.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import UNet2DConditionModel
from transformers import CLIPVisionConfig, CLIPVisionModel

from animator.models.bases import EMBEDDED, widen_base, with_reference
from animator.models.manifest import BaseInfo
from animator.models.subject_model import SubjectModel
from animator.models.vae import Autoencoder
from temporal.windows import WINDOW_SIZE

CANVAS = (256, 320)
_TOKEN_WIDTH = 128
UNET: dict[str, Any] = {
    "block_out_channels": (96, 160, 224),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "layers_per_block": 1,
    "norm_num_groups": 16,
    "cross_attention_dim": _TOKEN_WIDTH,
    "attention_head_dim": 8,
}
# Never pretrained, therefore trained along with the UNet.
IMAGE_ENCODER: dict[str, Any] = {
    "hidden_size": _TOKEN_WIDTH,
    "intermediate_size": 2 * _TOKEN_WIDTH,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "image_size": 224,
    "patch_size": 32,
}
NOISE_SCHEDULE: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "sample",
    "rescale_betas_zero_snr": True,
}
# The warp is known and noise decides little: more steps change nothing that shows.
STEPS = 4
LICENCE = "apache-2.0"


def new_base(vae: Autoencoder, *, seed: int = 0, num_poses: int = WINDOW_SIZE, reference: bool = False) -> SubjectModel:
    """An untrained base around a trained autoencoder; a pure function of its arguments.

    Args:
        vae: frozen.
        seed: of the weights.
        num_poses: N of a window.
        reference: whether its self-attention can learn to look at the photo; all other weights are the same then.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        channels = int(vae.config.latent_channels)
        unet = UNet2DConditionModel(sample_size=CANVAS[1] // 8, in_channels=channels, out_channels=channels, **UNET)
        torch.nn.init.zeros_(unet.conv_out.weight)
        torch.nn.init.zeros_(unet.conv_out.bias)
        encoder = CLIPVisionModel(CLIPVisionConfig(**IMAGE_ENCODER))
        base = widen_base(
            unet.eval(),
            vae,
            encoder.eval(),
            dict(NOISE_SCHEDULE),
            info=BaseInfo(name=EMBEDDED, licence=LICENCE),
            canvas=CANVAS,
            num_poses=num_poses,
            residual=True,
            steps=STEPS,
        )
        return with_reference(base) if reference else base
