"""The subject phase's stage: it learns where a render will show it, and is judged by what a render would show.

Outside the repair mask a render keeps the warped photo whatever the network says (`sampling/repair.py`). What is
learned or measured there says nothing of the pictures that people get.

Legend: B batch, C h w latents, H W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from animator.conditioning.conditioning import Conditioner, Conditioning, predict
from animator.models.subject_model import SubjectModel
from animator.sampling.config import DEFAULT_REPAIR, DEFAULT_STEPS
from animator.sampling.denoise import NotFiniteError, denoise
from animator.sampling.guidance import Branch, Guidance
from animator.sampling.noise import frame_noise
from animator.sampling.repair import Known, freedom, trust
from animator.sampling.schedulers import open_scheduler
from animator.training.decoder import DecoderStage
from animator.training.denoising import NO_DROPOUT, DenoisingStage
from animator.training.losses import reconstruction_loss
from animator.training.samples import Batch

# What cells count that a render does not show: enough to keep a network from forgetting what it knows of them.
_UNSEEN = 0.1


def painted(batch: Batch, model: SubjectModel) -> torch.Tensor:
    """[B, 1, H, W]: 1 in the cells that a render leaves to the network, else 0."""
    return F.interpolate((_freedom(batch, model) > 0).float(), scale_factor=float(model.codec.reduction))


class SubjectStage(DenoisingStage):
    """UNet and adapter learn one person. A `Stage` on batches of `SubjectPhotos`.

    Args:
        model: trained in place.
        held_out: batches for checks.
    """

    def __init__(self, model: SubjectModel, *, held_out: Iterable[Batch] = ()) -> None:
        kept = list(held_out)
        super().__init__(model, name="subject", dropout=NO_DROPOUT, held_out=kept)
        self._render = RenderedError(model, kept)

    def losses(self, batch: Batch, nets: Mapping[str, nn.Module]) -> dict[str, torch.Tensor]:
        if self.model.manifest.warp:
            seen = painted(batch, self.model)[:, 0]
            batch = {**batch, "importance": batch["importance"] * (_UNSEEN + (1 - _UNSEEN) * seen)}
        return super().losses(batch, nets)

    def noised_from(self, given: Batch) -> torch.Tensor:
        """As in a render: around what is painted anew stands the warped photo, not the true one."""
        truth = super().noised_from(given)
        if "warp" not in given:
            return truth
        return torch.where(_freedom(given, self.model) > 0, truth, given["warp"][:, :-1].float())

    @torch.no_grad()
    def check(self) -> float | None:
        """Error of rendered held-out photos; that of denoising where the warp leaves a render nothing to paint."""
        return self._render() if self._render.is_telling else super().check()


class SubjectDecoderStage(DecoderStage):
    """The decoder learns one person, judged by the same renders as UNet and adapter."""

    def __init__(self, model: SubjectModel, *, held_out: Iterable[Batch] = ()) -> None:
        kept = list(held_out)
        super().__init__(model, held_out=kept)
        self._render = RenderedError(model, kept)

    @torch.no_grad()
    def check(self) -> float | None:
        """Error of rendered held-out photos; that of encoding and decoding them where there is nothing to paint."""
        return self._render() if self._render.is_telling else super().check()


class RenderedError:
    """How far renders are from the photo they should be, in the cells that the network paints.

    Args:
        model: as it is when it is asked.
        batches: of `SubjectPhotos`.
    """

    def __init__(self, model: SubjectModel, batches: Iterable[Batch]) -> None:
        self.model, self._conditioner = model, Conditioner(model)
        split = [
            {name: each[n : n + 1] for name, each in batch.items()} for batch in batches for n in range(_len(batch))
        ]
        # Photos that the warp carries without a fault say nothing.
        self._samples = [one for one in split if model.manifest.warp and bool(painted(one, model).any())]

    @property
    def is_telling(self) -> bool:
        """Whether there is anything to paint in the samples."""
        return bool(self._samples)

    @torch.no_grad()
    def __call__(self) -> float:
        """The weighted error, each painted cell counting as much; infinity where a render would end with an error."""
        try:
            return self._mean()
        except NotFiniteError:
            return math.inf

    def _mean(self) -> float:
        total, cells = 0.0, 0.0
        for sample in self._samples:
            given = {name: each.to(self.model.device) for name, each in sample.items()}
            weight = painted(given, self.model)
            error = reconstruction_loss(self.rendered(given), given["target"].float() / 255, weight)
            total, cells = total + float(error * weight.sum()), cells + float(weight.sum())
        return total / cells

    @torch.no_grad()
    def rendered(self, batch: Batch) -> torch.Tensor:
        """Picture [1, 3, H, W] near [0, 1] of a batch of one, as the generator makes it by default."""
        model = self.model
        told = _told(batch, self._conditioner)
        assert told.warp_BChw is not None
        known = Known(latents_BChw=told.warp_BChw[:, :-1], freedom_B1hw=_freedom(batch, model))

        def answer(latents: torch.Tensor, timestep: torch.Tensor, _: tuple[Branch, ...]) -> dict[Branch, torch.Tensor]:
            return {"both": predict(model.unet, latents, timestep, told, residual=model.manifest.residual)}

        latents = denoise(
            answer,
            _noise(model),
            scheduler=open_scheduler("dpm++", model.noise_schedule),
            steps=model.manifest.steps or DEFAULT_STEPS,
            guidance=Guidance(),
            known=known,
        )
        codec, warped = model.codec, batch["warped"].float()
        # What the autoencoder loses is carried past it where the warp is right: `Painting` does the same.
        lost = warped - codec.decode(known.latents_BChw)
        return codec.decode(latents) + lost * trust(batch["repair"].float(), _repair(model))[:, None]


def _told(batch: Batch, conditioner: Conditioner) -> Conditioning:
    features = conditioner.features(batch["photo"].float() / 255)
    tokens = conditioner.tokens(features)
    wanted = conditioner.model.manifest.num_poses
    first = (batch["keypoints"].shape[1] - wanted) // 2
    middle = slice(first, first + wanted)
    return conditioner.condition(
        tokens,
        conditioner.keypoint_map(batch["keypoints"][:, middle], batch["confidence"][:, middle]),
        conditioner.warp_channels(batch["warped"], batch["coverage"]),
        conditioner.photo_memory(features, tokens),
    )


def _freedom(batch: Batch, model: SubjectModel) -> torch.Tensor:
    """[B, 1, h, w] as a render has it: a cell needs repair as much as the worst of its pixels."""
    repair = batch["repair"].float()[:, None]
    height, width = (side // model.codec.reduction for side in repair.shape[-2:])
    return freedom(F.adaptive_max_pool2d(repair, (height, width)), _repair(model))


def _repair(model: SubjectModel) -> float:
    return DEFAULT_REPAIR if model.manifest.repair is None else model.manifest.repair


def _noise(model: SubjectModel) -> torch.Tensor:
    width, height = model.latent_size
    return frame_noise([0], (int(model.vae.config.latent_channels), height, width), seed=0).to(model.device)


def _len(batch: Batch) -> int:
    return len(batch["photo"])
