"""The embedded base's own autoencoder: trained before anything else, for nothing pretrained is shipped.

Legend: B batch, C h w latents, H W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from animator.models.patch_autoencoder import PatchAutoencoder
from animator.models.vae import LatentCodec
from animator.training.losses import reconstruction_loss, structural_dissimilarity
from animator.training.samples import Batch

# What the decoder must forgive, in spreads of the latents: a network's latents are never exact.
LATENT_NOISE = 0.05


class AutoencoderStage:
    """Pictures through the latents and back. A `Stage`.

    Batches hold `picture`, uint8 [B, 3, H, W].

    Args:
        vae: trained in place.
        held_out: uint8 [n, 3, H, W] for checks; none makes none.
    """

    name = "autoencoder"

    def __init__(self, vae: PatchAutoencoder, held_out: torch.Tensor | None = None) -> None:
        self.vae, self._held_out = vae, held_out
        vae.requires_grad_(True)
        self._round_trip = _RoundTrip(vae)

    @property
    def nets(self) -> Mapping[str, nn.Module]:
        return {"round_trip": self._round_trip}

    def draws(self, batch: Batch, rng: torch.Generator) -> Batch:
        """Noise on the latents."""
        return {"noise": torch.randn(LatentCodec(self.vae).latent_shape(batch["picture"]), generator=rng)}

    def losses(self, batch: Batch, nets: Mapping[str, nn.Module]) -> dict[str, torch.Tensor]:
        pictures = batch["picture"].float() / 255
        made = nets["round_trip"](pictures, batch["noise"]).float()
        rebuilt, unlike = reconstruction_loss(made, pictures), structural_dissimilarity(made, pictures)
        return {"loss": rebuilt + 0.1 * unlike, "rebuilt": rebuilt, "dissimilar": unlike}

    @torch.no_grad()
    def check(self) -> float | None:
        """Mean error on the held-out pictures in decibels: PSNR with the sign turned, smaller is better."""
        if self._held_out is None:
            return None
        codec, errors = LatentCodec(self.vae), []
        for picture in self._held_out.to(self.vae.device).float() / 255:
            made = codec.decode(codec.encode(picture[None])).clamp(0, 1)
            errors.append(10 * torch.log10((made[0] - picture).square().mean()))
        return float(torch.stack(errors).mean())


class _RoundTrip(nn.Module):
    """Encoder and decoder as one module, so that several processes can share its gradients."""

    def __init__(self, vae: PatchAutoencoder) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, pictures_B3HW: torch.Tensor, noise_BChw: torch.Tensor) -> torch.Tensor:
        """Rebuilt pictures in [0, 1], not clamped, from latents with a little noise."""
        codec = LatentCodec(self.vae)
        latents = codec.encode(pictures_B3HW)
        return codec.decode(latents + LATENT_NOISE * latents.detach().std() * noise_BChw)


@torch.no_grad()
def set_unit_spread(vae: PatchAutoencoder, pictures_B3HW: torch.Tensor) -> None:
    """Set the scaling factor so that latents of typical pictures (0 to 1) have a spread of one."""
    vae.register_to_config(scaling_factor=1.0)
    spread = float(LatentCodec(vae).encode(pictures_B3HW).std())
    vae.register_to_config(scaling_factor=round(1 / spread, 5))
