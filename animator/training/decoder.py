"""The second half of the subject phase: the decoder learns this person's face, hands and cloth.

Source: DreamPose (Karras et al. 2023, section 3.4), which used squared error alone; edges and structure count here,
and face and hands more than the rest.

Legend: B batch, C h w latents, H W pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import nn

from animator.models.patch_autoencoder import PatchAutoencoder
from animator.models.subject_model import SubjectModel
from animator.models.vae import LatentCodec
from animator.training.losses import reconstruction_loss, structural_dissimilarity
from animator.training.samples import Batch

# In spreads of the latents, which are scaled to about one.
_LATENT_NOISE = 0.05
_STRUCTURE = 0.2


class DecoderStage:
    """The autoencoder's decoder fits one person's photos. A `Stage` on batches of `pair_sample`.

    Args:
        model: its `vae` is trained in place; the encoder stays as it is, and latents keep their meaning.
        held_out: batches for checks.
    """

    name = "decoder"

    def __init__(self, model: SubjectModel, *, held_out: Iterable[Batch] = ()) -> None:
        self.model, self._held_out = model, list(held_out)
        for net in model.nets.values():
            net.requires_grad_(False)
        model.vae.decoder.requires_grad_(True)
        if isinstance(model.vae, PatchAutoencoder):
            model.vae.drop_preview()  # it imitates the decoder as it was
        if getattr(model.vae, "post_quant_conv", None) is not None:
            model.vae.post_quant_conv.requires_grad_(True)
        self._decoder = _Decoder(model)

    @property
    def nets(self) -> Mapping[str, nn.Module]:
        return {"decoder": self._decoder}

    def draws(self, batch: Batch, rng: torch.Generator) -> Batch:
        """Noise on the latents, which are never exact when a network made them."""
        return {"noise": torch.randn(self.model.codec.latent_shape(batch["target"]), generator=rng)}

    def losses(self, batch: Batch, nets: Mapping[str, nn.Module]) -> dict[str, torch.Tensor]:
        pictures = batch["target"].float() / 255
        with torch.no_grad():
            latents = self.model.codec.encode(pictures)
        made = nets["decoder"](latents + _LATENT_NOISE * batch["noise"]).float()
        rebuilt = reconstruction_loss(made, pictures, batch["importance"][:, None])
        unlike = structural_dissimilarity(made, pictures)
        return {"loss": rebuilt + _STRUCTURE * unlike, "rebuilt": rebuilt, "dissimilar": unlike}

    @torch.no_grad()
    def check(self) -> float | None:
        """Weighted error on held-out crops."""
        if not self._held_out:
            return None
        errors = []
        for batch in self._held_out:
            # One by one: a check is to need less memory than an update of a single sample.
            for target, importance in zip(batch["target"], batch["importance"], strict=True):
                picture = target[None].to(self.model.device).float() / 255
                made = self.model.codec.decode(self.model.codec.encode(picture))
                errors.append(float(reconstruction_loss(made, picture, importance[None, None].to(made))))
        return sum(errors) / len(errors)


class _Decoder(nn.Module):
    """The decoding half as a module, so that several processes can share its gradients."""

    def __init__(self, model: SubjectModel) -> None:
        super().__init__()
        self.vae = model.vae

    def forward(self, latents_BChw: torch.Tensor) -> torch.Tensor:
        """Pictures [B, 3, H, W] near [0, 1]."""
        return LatentCodec(self.vae).decode(latents_BChw)
