"""Training UNet and adapter to denoise: the base on many people, the subject phase on one.

Sources: DreamPose (Karras et al. 2023, section 3.4); condition dropout per sample (Ho & Salimans 2022); weights over
noise levels after Hang et al. 2023 (min-SNR).

Legend: B batch, N window, L tokens, D token width, C h w latents, H W pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import DDPMScheduler
from torch import nn
from torch.nn import functional as F  # noqa: N812

from animator.conditioning.conditioning import Conditioner, PhotoFeatures, predict
from animator.models.subject_model import SubjectModel
from animator.training.samples import Batch

MIN_SNR_GAMMA = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionDropout:
    """Shares of samples that lose a condition; drawn for each sample by itself, so that guidance has all branches."""

    image: float = 0.05
    pose: float = 0.05
    both: float = 0.05

    def draw(self, batch: int, rng: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """(without image, without pose): bool [B] each."""
        drawn = torch.rand(batch, generator=rng)
        both = drawn < self.both
        image = both | ((drawn >= self.both) & (drawn < self.both + self.image))
        pose = both | ((drawn >= self.both + self.image) & (drawn < self.both + self.image + self.pose))
        return image, pose


NO_DROPOUT = ConditionDropout(image=0, pose=0, both=0)


def encoded(batch: Batch, conditioner: Conditioner) -> Batch:
    """Pictures of a batch as latents: what can be kept where the autoencoder is frozen.

    Args:
        batch: from `pair_sample`, on the model's device.

    Returns:
        photo uint8 [B, 3, H, W]; photo_latents, target_latents [B, C, h, w]; warp [B, C + 1, h, w] where the model
        takes a warped photo; weight [B, 1, h, w]; keypoints and confidence as they were.
    """
    if "target_latents" in batch:
        return batch
    codec = conditioner.model.codec
    out = {name: batch[name] for name in ("photo", "keypoints", "confidence")}
    with torch.no_grad():
        out["photo_latents"] = conditioner.appearance_latents(batch["photo"].float() / 255)
        out["target_latents"] = codec.encode(batch["target"].float() / 255)
        if conditioner.model.manifest.warp:
            out["warp"] = conditioner.warp_channels(batch["warped"], batch["coverage"])
        size = out["target_latents"].shape[-2:]
        out["weight"] = F.interpolate(batch["importance"][:, None], size, mode="area")
    return out


class DenoisingStage:
    """UNet and adapter learn to denoise. A `Stage` on batches of `pair_sample`, encoded or not.

    Args:
        model: trained in place.
        dropout: of conditions; none in the subject phase.
        train_image_encoder: for bases whose image encoder was not pretrained.
        held_out: batches for checks, each with as many noise levels as samples; none makes none.
    """

    def __init__(
        self,
        model: SubjectModel,
        *,
        name: str = "base",
        dropout: ConditionDropout | None = None,
        train_image_encoder: bool = False,
        held_out: Iterable[Batch] = (),
    ) -> None:
        self.model = model
        self._name, self._dropout = name, dropout or ConditionDropout()
        self._schedule = DDPMScheduler.from_config(model.noise_schedule)
        self._held_out = list(held_out)
        # A network that came with trainable parts, such as LoRA's, is trained in these.
        if not any(parameter.requires_grad for parameter in model.unet.parameters()):
            model.unet.requires_grad_(True)
        model.adapter.requires_grad_(True)
        if model.reference is not None:
            model.reference.requires_grad_(True)
        model.image_encoder.requires_grad_(train_image_encoder)
        # Tokens are taken before this layer; several processes wait for gradients of all that is trainable.
        for name, parameter in model.image_encoder.named_parameters():
            if "post_layernorm" in name:
                parameter.requires_grad_(False)
        model.vae.requires_grad_(False)
        self._denoiser = _Denoiser(model)

    @property
    def name(self) -> str:
        return self._name

    @property
    def nets(self) -> Mapping[str, nn.Module]:
        return {"denoiser": self._denoiser}

    @property
    def conditioner(self) -> Conditioner:
        """What makes the conditions; its encoders may be among what is trained."""
        return self._denoiser.conditioner

    def noised(self, clean: torch.Tensor, noise: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
        """Latents [B, C, h, w] at the noise level [B] of each sample."""
        latents: torch.Tensor = self._schedule.add_noise(clean, noise, levels)
        return latents

    def noised_from(self, given: Batch) -> torch.Tensor:
        """Clean latents [B, C, h, w] that the noise is laid over.

        Args:
            given: a batch and what `encoded` and `draws` make of it.
        """
        return given["target_latents"].float()

    def draws(self, batch: Batch, rng: torch.Generator) -> Batch:
        """Noise, its level, and the conditions each sample loses."""
        levels = torch.randint(self._num_levels, (len(batch["photo"]),), generator=rng)
        noise = torch.randn(self._latent_shape(batch), generator=rng)
        without_image, without_pose = self._dropout.draw(len(levels), rng)
        return {"levels": levels, "noise": noise, "without_image": without_image, "without_pose": without_pose}

    def losses(self, batch: Batch, nets: Mapping[str, nn.Module]) -> dict[str, torch.Tensor]:
        given = {**batch, **encoded(batch, self.conditioner)}
        clean, noise, levels = given["target_latents"].float(), given["noise"], given["levels"]
        output = nets["denoiser"](given, self.noised(self.noised_from(given), noise, levels)).float()
        # Normalised sample by sample: what one counts does not depend on its neighbours in the batch.
        weight = given["weight"] / given["weight"].mean((1, 2, 3), keepdim=True)
        error = ((output - self._target(clean, noise, levels)).square() * weight).mean((1, 2, 3))
        return {"loss": (error * self._level_weight(levels)).mean(), "error": error.mean()}

    @torch.no_grad()
    def check(self) -> float | None:
        """Error on the held-out batches at fixed noise and levels, without dropout."""
        if not self._held_out:
            return None
        total = 0.0
        for number, batch in enumerate(self._held_out):
            size = len(batch["photo"])
            kept = torch.zeros(size, dtype=torch.bool)
            fixed = {
                "levels": torch.linspace(self._num_levels / (2 * size), self._num_levels - 1, size).long(),
                "noise": torch.randn(self._latent_shape(batch), generator=torch.Generator().manual_seed(number)),
                "without_image": kept,
                "without_pose": kept,
            }
            # One by one: a check is to need less memory than an update of a single sample.
            for place in range(size):
                sample = {name: each[place : place + 1].to(self.model.device) for name, each in (batch | fixed).items()}
                total += float(self.losses(sample, self.nets)["loss"]) / size
        return total / len(self._held_out)

    @property
    def _num_levels(self) -> int:
        return int(self._schedule.config.num_train_timesteps)

    def _latent_shape(self, batch: Batch) -> tuple[int, ...]:
        if "target_latents" in batch:
            return tuple(batch["target_latents"].shape)
        return self.model.codec.latent_shape(batch["target"])

    def _target(self, clean: torch.Tensor, noise: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
        kind = self.model.noise_schedule["prediction_type"]
        if kind == "sample":
            return clean
        return noise if kind == "epsilon" else self._schedule.get_velocity(clean, noise, levels)

    def _level_weight(self, levels: torch.Tensor) -> torch.Tensor:
        """[B]: how much each noise level counts."""
        alphas = self._schedule.alphas_cumprod.to(levels.device)[levels].float()
        snr = (alphas / (1 - alphas)).clamp(1e-8, 1e8)
        kind = self.model.noise_schedule["prediction_type"]
        if kind == "sample":
            # Strong noise counts fully: with few steps, most is decided there.
            return snr.clamp(1, MIN_SNR_GAMMA)
        return snr.clamp_max(MIN_SNR_GAMMA) / (snr if kind == "epsilon" else snr + 1)


class _Denoiser(nn.Module):
    """All that learns to denoise as one module, so that several processes can share its gradients."""

    def __init__(self, model: SubjectModel) -> None:
        super().__init__()
        self.unet, self.adapter, self.image_encoder = model.unet, model.adapter, model.image_encoder
        self.reference = model.reference
        self.conditioner = Conditioner(model)

    def enable_gradient_checkpointing(self) -> None:
        """Compute activations twice and hold fewer of them."""
        self.unet.enable_gradient_checkpointing()

    def forward(self, given: dict[str, Any], noisy_BChw: torch.Tensor) -> torch.Tensor:
        """What the model predicts, conditions dropped where said.

        Args:
            given: from `encoded` and `DenoisingStage.draws`.
            noisy_BChw: latents at the noise level of each sample.
        """
        photo = PhotoFeatures(
            clip_BLD=self.conditioner.clip_states(given["photo"].float() / 255),
            latents_BChw=given["photo_latents"].float(),
        )
        # Samples hold five poses; a model that looks at fewer gets the middle ones, as when rendering.
        wanted = self.conditioner.model.manifest.num_poses
        first = (given["keypoints"].shape[1] - wanted) // 2
        middle = slice(first, first + wanted)
        tokens = self.conditioner.tokens(photo)
        told = self.conditioner.condition(
            tokens,
            self.conditioner.keypoint_map(given["keypoints"][:, middle], given["confidence"][:, middle]),
            given["warp"].float() if "warp" in given else None,
            self.conditioner.photo_memory(photo, tokens),
        ).dropped(image_B=given["without_image"], pose_B=given["without_pose"])
        return predict(self.unet, noisy_BChw, given["levels"], told, residual=self.conditioner.model.manifest.residual)
