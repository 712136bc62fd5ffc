"""The preview decoder: imitates an autoencoder's own decoder, as TAESD (Bohan 2023) does Stable Diffusion's.

Legend: B batch, C h w latents, H W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from animator.errors import ModelError
from animator.models.patch_autoencoder import PatchAutoencoder
from animator.models.vae import LatentCodec, has_preview
from animator.training.samples import Batch

# Up to so many spreads of the latents: those that a network makes in one step are far from exact.
LATENT_NOISE = 0.1


def add_new_preview(vae: PatchAutoencoder, *, width: int, seed: int) -> None:
    """An untrained preview decoder, the same one for the same seed: a training goes on from where it began."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        vae.add_preview(width)


class PreviewDecoderStage:
    """What the decoder makes of noisy latents, made by the preview decoder. A `Stage`.

    Batches hold `picture`, uint8 [B, 3, H, W].

    Args:
        vae: its preview decoder is trained in place, all else stays; on the device to train on.
        held_out: uint8 [n, 3, H, W] for checks; none makes none.

    Raises:
        ModelError: there is no preview decoder.
    """

    name = "preview decoder"

    def __init__(self, vae: PatchAutoencoder, held_out: torch.Tensor | None = None) -> None:
        if not has_preview(vae) or vae.preview_decoder is None:
            raise ModelError("this autoencoder has no preview decoder to be trained: call add_preview first")
        self.vae, self._held_out = vae, held_out
        vae.requires_grad_(False)
        self._decoder = vae.preview_decoder.requires_grad_(True)

    @property
    def nets(self) -> Mapping[str, nn.Module]:
        return {"preview_decoder": self._decoder}

    def draws(self, batch: Batch, rng: torch.Generator) -> Batch:
        """Noise on the latents, as strong as it happens to be."""
        shape = LatentCodec(self.vae).latent_shape(batch["picture"])
        strength = LATENT_NOISE * torch.rand(shape[0], 1, 1, 1, generator=rng)
        return {"noise": strength * torch.randn(shape, generator=rng)}

    def losses(self, batch: Batch, nets: Mapping[str, nn.Module]) -> dict[str, torch.Tensor]:
        codec = LatentCodec(self.vae)
        with torch.no_grad():
            latents = codec.encode(batch["picture"].float() / 255)
            latents = (latents + latents.std() * batch["noise"]) / codec.scaling_factor
            wanted = self.vae.decode(latents).sample
        return {"loss": (nets["preview_decoder"](latents) - wanted).square().mean()}

    @torch.no_grad()
    def check(self) -> float | None:
        """Mean difference to the decoder's pictures in decibels: PSNR with the sign turned, smaller is better."""
        if self._held_out is None:
            return None
        full, preview, errors = LatentCodec(self.vae), LatentCodec(self.vae, preview=True), []
        for picture in self._held_out.to(self.vae.device).float() / 255:
            latents = full.encode(picture[None])
            difference = preview.decode(latents).clamp(0, 1) - full.decode(latents).clamp(0, 1)
            errors.append(10 * torch.log10(difference.square().mean()))
        return float(torch.stack(errors).mean())
