"""The embedded base's autoencoder: a linear transform of 8 x 8 patches, corrected by small residual networks.

Principal components of patches (Hotelling 1933) already keep colour and shape; a network that starts from them learns
in minutes on a CPU what one from random weights has not learned in hours. Nothing is computed at full size, so that
decoding does not cost more than denoising.

Legend: B batch, H W pixels, C h w latents.
"""

from __future__ import annotations

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils.outputs import BaseOutput
from einops import rearrange
from torch import nn

REDUCTION = 8
# How far a change is felt, in cells. The layers reach three times as far, but what lies beyond this moves a decoded
# pixel by half a grey level at most.
SPREAD_CELLS = 3


class PatchLatents(BaseOutput):
    """What the encoder gives.

    Attributes:
        latent: [B, C, h, w].
    """

    latent: torch.Tensor


class PatchAutoencoder(ModelMixin, ConfigMixin):
    """Pictures [B, 3, H, W] in [-1, 1] to latents [B, C, H/8, W/8] and back.

    Args:
        latent_channels: C, at most 192.
        widths: channels of the networks at half, quarter and eighth size.
        scaling_factor: latents times this have unit spread; applied by `LatentCodec`.
        preview_width: channels of the preview decoder; none: there is none.
    """

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 16,
        widths: tuple[int, int, int] = (48, 96, 160),
        scaling_factor: float = 1.0,
        preview_width: int | None = None,
    ) -> None:
        super().__init__()
        half, quarter, eighth = widths
        self.analysis = nn.Conv2d(3, latent_channels, REDUCTION, stride=REDUCTION)
        self.synthesis = nn.ConvTranspose2d(latent_channels, 3, REDUCTION, stride=REDUCTION)
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(4),
            nn.Conv2d(48, quarter, 3, padding=1),
            _Residual(quarter),
            nn.PixelUnshuffle(2),
            nn.Conv2d(4 * quarter, eighth, 3, padding=1),
            _Residual(eighth),
            _Residual(eighth),
            _silent(nn.Conv2d(eighth, latent_channels, 3, padding=1)),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(latent_channels, eighth, 3, padding=1),
            _Residual(eighth),
            _Residual(eighth),
            nn.Conv2d(eighth, 4 * quarter, 3, padding=1),
            nn.PixelShuffle(2),
            _Residual(quarter),
            _Residual(quarter),
            nn.Conv2d(quarter, 4 * half, 3, padding=1),
            nn.PixelShuffle(2),
            _Residual(half),
            _silent(nn.Conv2d(half, 12, 3, padding=1)),
            nn.PixelShuffle(2),
        )
        self.preview_decoder = None if preview_width is None else _PreviewDecoder(latent_channels, preview_width)

    def encode(self, pictures_B3HW: torch.Tensor) -> PatchLatents:
        """Latents of pictures."""
        return PatchLatents(latent=self.analysis(pictures_B3HW) + self.encoder(pictures_B3HW))

    def decode(self, latents_BChw: torch.Tensor) -> DecoderOutput:
        """Pictures of latents."""
        return DecoderOutput(sample=self.synthesis(latents_BChw) + self.decoder(latents_BChw))

    def decode_preview(self, latents_BChw: torch.Tensor) -> DecoderOutput:
        """Nearly the pictures that `decode` makes, in a small part of the time.

        Raises:
            ValueError: there is no preview decoder.
        """
        if self.preview_decoder is None:
            raise ValueError("this autoencoder has no preview decoder: it was made without preview_width")
        return DecoderOutput(sample=self.preview_decoder(latents_BChw))

    def add_preview(self, width: int) -> None:
        """An untrained preview decoder, which starts as the linear transform alone."""
        self.preview_decoder = _PreviewDecoder(int(self.config.latent_channels), width).to(self.device, self.dtype)
        self.preview_decoder.synthesis.load_state_dict(self.synthesis.state_dict())
        self.register_to_config(preview_width=width)

    def take_preview(self, decoder: _PreviewDecoder) -> None:
        """A preview decoder that was dropped, back again."""
        self.preview_decoder = decoder
        self.register_to_config(preview_width=decoder.first.out_channels)

    def drop_preview(self) -> None:
        """No preview decoder: for whoever changes the decoder that it imitates."""
        self.preview_decoder = None
        self.register_to_config(preview_width=None)

    def forward(self, pictures_B3HW: torch.Tensor) -> DecoderOutput:
        """There and back."""
        return self.decode(self.encode(pictures_B3HW).latent)

    @torch.no_grad()
    def start_from(self, pictures_B3HW: torch.Tensor) -> None:
        """Set the linear transform to the principal components of these pictures' patches, each of unit spread."""
        patches = rearrange(pictures_B3HW.double(), "b c (h i) (w j) -> (b h w) (c i j)", i=REDUCTION, j=REDUCTION)
        mean = patches.mean(0)
        spreads, components = torch.linalg.eigh(torch.cov((patches - mean).T))
        count = int(self.config.latent_channels)
        spreads, components = spreads[-count:].flip(0).clamp_min(1e-8).sqrt(), components[:, -count:].flip(1).T
        inverse = components / spreads[:, None]
        self.analysis.weight.copy_(rearrange(inverse, "n (c i j) -> n c i j", c=3, i=REDUCTION))
        assert self.analysis.bias is not None
        assert self.synthesis.bias is not None
        self.analysis.bias.copy_(-(inverse @ mean))
        forward = components * spreads[:, None]
        self.synthesis.weight.copy_(rearrange(forward, "n (c i j) -> n c i j", c=3, i=REDUCTION))
        # A transposed convolution has one bias per colour: the mean patch is flat but for noise.
        self.synthesis.bias.copy_(rearrange(mean, "(c p) -> c p", c=3).mean(1))


class _PreviewDecoder(nn.Module):
    """Pictures [B, 3, H, W] of latents, all of it computed at latent size.

    It sees `SPREAD_CELLS` cells far, and a thirtieth of the multiplications that the decoder needs are enough for it.
    """

    def __init__(self, latent_channels: int, width: int) -> None:
        super().__init__()
        self.synthesis = nn.ConvTranspose2d(latent_channels, 3, REDUCTION, stride=REDUCTION)
        self.first = nn.Conv2d(latent_channels, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.last = _silent(nn.Conv2d(width, 3 * REDUCTION**2, 3, padding=1))

    def forward(self, latents_BChw: torch.Tensor) -> torch.Tensor:
        features = nn.functional.silu(self.first(latents_BChw))
        features = features + nn.functional.silu(self.second(features))
        detail = nn.functional.pixel_shuffle(self.last(features), REDUCTION)
        pictures: torch.Tensor = self.synthesis(latents_BChw) + detail
        return pictures


class _Residual(nn.Module):
    """x + conv(silu(conv(x))), as in EDSR (Lim et al. 2017): no normalisation, which would lose brightness."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.normal_(self.second.weight, std=0.1 / (3 * width**0.5))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Same shape."""
        out: torch.Tensor = features + self.second(nn.functional.silu(self.first(features)))
        return out


def _silent(layer: nn.Conv2d) -> nn.Conv2d:
    """Zero: what follows starts as if the network were not there."""
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer
