"""The photo as tokens for cross-attention: CLIP's view of it joined with its VAE latents.

Source: DreamPose (Karras et al. 2023, section 3.2, "split CLIP-VAE encoder").

Legend: B batch, L tokens, D token width, C h w latents.
"""

from __future__ import annotations

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from einops import rearrange
from torch import nn
from torch.nn import functional as F  # noqa: N812

from animator.errors import ModelError


class AppearanceAdapter(ModelMixin, ConfigMixin):
    """CLIP tokens [B, L, D] and latents [B, C, h, w] → tokens [B, L, D].

    The latents are max-pooled 2 x 2 and each channel becomes one more token; a linear map over the token axis
    brings L + C back to L. It starts as the identity on the CLIP tokens and zero on the others.

    Args:
        num_tokens: L, 50 for ViT-B/32.
        token_dim: D, 768 for ViT-B/32.
        latent_channels: C.
        latent_height, latent_width: h and w of the canvas the adapter was made for.
    """

    @register_to_config
    def __init__(
        self,
        num_tokens: int = 50,
        token_dim: int = 768,
        latent_channels: int = 4,
        latent_height: int = 80,
        latent_width: int = 64,
    ) -> None:
        super().__init__()
        self.vae2clip = nn.Linear((latent_height // 2) * (latent_width // 2), token_dim)
        self.linear1 = nn.Linear(num_tokens + latent_channels, num_tokens)
        with torch.no_grad():
            self.linear1.weight.zero_()
            self.linear1.weight[:, :num_tokens] = torch.eye(num_tokens)
            self.linear1.bias.zero_()

    def forward(self, clip_BLD: torch.Tensor, latents_BChw: torch.Tensor) -> torch.Tensor:
        """Join both views of the photo.

        Raises:
            ModelError: shapes that do not fit the adapter's configuration.
        """
        settings = self.config
        wanted = (settings.latent_channels, settings.latent_height, settings.latent_width)
        if tuple(clip_BLD.shape[1:]) != (settings.num_tokens, settings.token_dim):
            raise ModelError(
                f"the photo's tokens have shape {list(clip_BLD.shape[1:])}, this adapter takes "
                f"[{settings.num_tokens}, {settings.token_dim}]: image encoder and adapter belong to different models"
            )
        if tuple(latents_BChw.shape[1:]) != wanted:
            raise ModelError(
                f"the photo's latents have shape {list(latents_BChw.shape[1:])}, this adapter takes {list(wanted)}: "
                "render on the canvas the model was made for"
            )
        pooled = rearrange(F.max_pool2d(latents_BChw, 2), "b c h w -> b c (h w)")
        tokens = torch.cat([clip_BLD, self.vae2clip(pooled)], dim=1)
        return rearrange(self.linear1(rearrange(tokens, "b l d -> b d l")), "b d l -> b l d")
