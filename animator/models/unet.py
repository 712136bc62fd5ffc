"""The denoising network: a Stable Diffusion UNet whose first layer also sees poses and the warped photo.

Source: DreamPose (Karras et al. 2023, section 3.3).

Legend: O output channels, I input channels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from animator.errors import ModelError

if TYPE_CHECKING:
    from diffusers import UNet2DConditionModel


def widen_conv_in(unet: UNet2DConditionModel, extra_channels: int) -> UNet2DConditionModel:
    """Let `unet` take `extra_channels` more input channels, in place.

    Pretrained weights and bias are kept and the new weights are zero: until it is trained, the widened network
    gives what it gave before, whatever the new channels hold.

    Raises:
        ModelError: fewer than one channel, or a network that was widened before.
    """
    if extra_channels < 1:
        raise ModelError(f"a UNet is widened by at least one channel, got {extra_channels}")
    old = unet.conv_in
    if old.in_channels != unet.config.in_channels or old.in_channels != unet.config.out_channels:
        raise ModelError(
            f"this UNet takes {old.in_channels} channels and gives {unet.config.out_channels}: it was widened "
            "before. Start from the unchanged base."
        )
    new = torch.nn.Conv2d(
        old.in_channels + extra_channels,
        old.out_channels,
        kernel_size=old.kernel_size,
        padding=old.padding,
        bias=old.bias is not None,
        device=old.weight.device,
        dtype=old.weight.dtype,
    )
    with torch.no_grad():
        new.weight.zero_()
        new.weight[:, : old.in_channels] = old.weight
        if old.bias is not None:
            assert new.bias is not None
            new.bias.copy_(old.bias)
    unet.conv_in = new
    unet.register_to_config(in_channels=new.in_channels)
    return unet


def conditioning_channels(*, num_poses: int, pose_channels: int, warp: bool, latent_channels: int = 4) -> int:
    """How many channels stand behind the noisy latents: five poses, and latents + coverage of the warped photo."""
    return num_poses * pose_channels + (latent_channels + 1 if warp else 0)
