"""Low-rank additions to a UNet's attention: little to learn, little to keep (Hu et al. 2021)."""

from __future__ import annotations

import torch
from diffusers import UNet2DConditionModel
from peft import LoraConfig

_TARGETS = ["to_q", "to_k", "to_v", "to_out.0"]
_NAME = "subject"


def add_lora(unet: UNet2DConditionModel, rank: int, *, seed: int) -> None:
    """Give the attention of `unet` trainable additions that start at zero.

    All else is frozen but the first layer, which on an untrained base has yet to learn what poses are.
    """
    unet.requires_grad_(False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        unet.add_adapter(
            LoraConfig(r=rank, lora_alpha=rank, init_lora_weights="gaussian", target_modules=_TARGETS), _NAME
        )
    unet.conv_in.requires_grad_(True)


def merge_lora(unet: UNet2DConditionModel) -> None:
    """Put what was learned into the weights themselves; the network has its old shape again."""
    unet.fuse_lora(adapter_names=[_NAME])
    unet.unload_lora()
