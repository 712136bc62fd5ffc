"""Pictures to latents and back, with the scaling factor in one place.

Legend: B batch, H W pixels, C h w latents (h = H / factor).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from animator.errors import ModelError

if TYPE_CHECKING:
    from diffusers import AutoencoderKL


# What black and white are to the autoencoder itself.
PICTURE_RANGE = (-1.0, 1.0)


class LatentCodec:
    """Wraps an autoencoder; pictures are [0, 1], latents are scaled to unit spread.

    Args:
        vae: any AutoencoderKL; its config holds the scaling factor.
    """

    def __init__(self, vae: AutoencoderKL) -> None:
        self.vae = vae

    @property
    def scaling_factor(self) -> float:
        """Latents leave the encoder multiplied by this (0.18215 for Stable Diffusion 1.x)."""
        return float(self.vae.config.scaling_factor)

    @property
    def reduction(self) -> int:
        """Pixels per latent cell along one side."""
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))

    def encode(self, pictures_B3HW: torch.Tensor, *, value_range: tuple[float, float] = PICTURE_RANGE) -> torch.Tensor:
        """Pictures in [0, 1] to latents [B, C, h, w], float32: the mean, so that the same photo gives the same.

        Args:
            pictures_B3HW: [0, 1].
            value_range: what 0 and 1 become before the autoencoder.

        Raises:
            ModelError: sides that are no multiple of the reduction.
        """
        height, width = pictures_B3HW.shape[-2:]
        if height % self.reduction or width % self.reduction:
            raise ModelError(f"{width}x{height} px: both sides must be multiples of {self.reduction}")
        low, high = value_range
        pictures = (low + pictures_B3HW * (high - low)).to(self.vae.dtype)
        latents: torch.Tensor = self.vae.encode(pictures).latent_dist.mean.float() * self.scaling_factor
        return latents

    def decode(self, latents_BChw: torch.Tensor) -> torch.Tensor:
        """Latents to pictures [B, 3, H, W], float32, near [0, 1]; training needs them unclamped."""
        low, high = PICTURE_RANGE
        pictures: torch.Tensor = self.vae.decode((latents_BChw / self.scaling_factor).to(self.vae.dtype)).sample
        return (pictures.float() - low) / (high - low)
