"""Pictures to latents and back, with the scaling factor in one place.

Legend: B batch, H W pixels, C h w latents (h = H / factor).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeAlias, TypeGuard

import torch
from diffusers import AutoencoderKL

from animator.errors import ModelError
from animator.models.loading import load_net
from animator.models.patch_autoencoder import REDUCTION, SPREAD_CELLS, PatchAutoencoder

Autoencoder: TypeAlias = AutoencoderKL | PatchAutoencoder
_KINDS: dict[str, type[Autoencoder]] = {"AutoencoderKL": AutoencoderKL, "PatchAutoencoder": PatchAutoencoder}


# What black and white are to the autoencoder itself.
PICTURE_RANGE = (-1.0, 1.0)


class LatentCodec:
    """Wraps an autoencoder; pictures are [0, 1], latents are scaled to unit spread.

    Args:
        vae: any AutoencoderKL or PatchAutoencoder; its config holds the scaling factor.
        preview: decode with the preview decoder; the full one where there is no other.
    """

    def __init__(self, vae: Autoencoder, *, preview: bool = False) -> None:
        self.vae = vae
        self._is_preview = preview

    @property
    def scaling_factor(self) -> float:
        """Latents leave the encoder multiplied by this (0.18215 for Stable Diffusion 1.x)."""
        return float(self.vae.config.scaling_factor)

    @property
    def reduction(self) -> int:
        """Pixels per latent cell along one side."""
        if isinstance(self.vae, PatchAutoencoder):
            return REDUCTION
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))

    @property
    def spread_cells(self) -> int | None:
        """How far a change in a picture or in latents is felt, in cells; none where all is felt everywhere: Stable
        Diffusion's autoencoders normalise over the whole picture and attend to all of it."""
        return SPREAD_CELLS if isinstance(self.vae, PatchAutoencoder) else None

    def latent_shape(self, pictures_B3HW: torch.Tensor) -> tuple[int, int, int, int]:
        """(B, C, h, w) that the latents of these pictures have."""
        height, width = (side // self.reduction for side in pictures_B3HW.shape[-2:])
        return len(pictures_B3HW), int(self.vae.config.latent_channels), height, width

    def encode(self, pictures_B3HW: torch.Tensor, *, value_range: tuple[float, float] = PICTURE_RANGE) -> torch.Tensor:
        """Pictures in [0, 1] to latents [B, C, h, w], float32: the posterior's mean, the same for the same picture.

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
        encoded = self.vae.encode(pictures)
        # Ours has no posterior, its latents are exact.
        latents: torch.Tensor = encoded.latent_dist.mean if "latent_dist" in encoded else encoded.latent
        return latents.float() * self.scaling_factor

    def decode(self, latents_BChw: torch.Tensor) -> torch.Tensor:
        """Latents to pictures [B, 3, H, W], float32, near [0, 1]; training needs them unclamped."""
        low, high = PICTURE_RANGE
        decode = self.vae.decode_preview if self._is_preview and has_preview(self.vae) else self.vae.decode
        pictures: torch.Tensor = decode((latents_BChw / self.scaling_factor).to(self.vae.dtype)).sample
        return (pictures.float() - low) / (high - low)


def has_preview(vae: Autoencoder) -> TypeGuard[PatchAutoencoder]:
    """Whether there is a second, quicker decoder."""
    return isinstance(vae, PatchAutoencoder) and vae.preview_decoder is not None


def load_autoencoder(folder: Path) -> Autoencoder:
    """Read an autoencoder of the class its configuration names.

    Raises:
        ModelError: a folder of more than an autoencoder, another class, or what `load_net` says.
    """
    inner = folder / "vae"
    if not (folder / "config.json").exists() and (inner / "config.json").is_file():
        raise ModelError(f"{folder}: a whole model, expected the folder of an autoencoder; its own is {inner}")
    try:
        named = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("_class_name")
    except (OSError, ValueError, AttributeError, RecursionError):
        named = "AutoencoderKL"  # what is wrong with the file, load_net says best
    if not isinstance(named, str) or named not in _KINDS:
        raise ModelError(f"{folder}: an autoencoder of class {named!r}; expected one of {', '.join(_KINDS)}")
    return load_net(_KINDS[named], folder)
