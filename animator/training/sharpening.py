"""The last phase of a base for few steps: what squared error leaves blurred, a critic asks to be sharp.

A network that answers with the mean of what may be true is right on average and blurred everywhere. Here it is trained
at the very noise levels at which a short sampling asks it, its answer becomes a picture as in rendering, and a critic
that sees the warped photo beside it judges patch by patch whether it could be real (pix2pix, Isola et al. 2017; for
few-step diffusion, Sauer et al. 2023, "Adversarial diffusion distillation"). The hinge is that of Lim & Ye 2017.

Legend: B batch, C h w latents, H W pixels, P patches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F  # noqa: N812

from animator.errors import ModelError
from animator.models.subject_model import SubjectModel
from animator.sampling.repair import trust
from animator.sampling.schedulers import open_scheduler
from animator.training.denoising import NO_DROPOUT, DenoisingStage, encoded
from animator.training.losses import reconstruction_loss, structural_dissimilarity
from animator.training.samples import Batch

# Shares of the loss beside the colours' error, which counts 1.
STRUCTURE, LATENTS, ADVERSARIAL = 0.2, 0.1, 0.05
# The critic judges patches of about this side, px: garment edges, eyes, fingers.
_CRITIC_WIDTHS = (48, 96, 192)


class PatchCritic(nn.Module):
    """Scores [B, 1, P, P] of overlapping patches of 46 px; sees the picture and the warped photo it came from."""

    def __init__(self, widths: tuple[int, ...] = _CRITIC_WIDTHS) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 6
        for width in widths:
            convolution = nn.Conv2d(before, width, 4, stride=2, padding=1)
            layers += [nn.utils.parametrizations.spectral_norm(convolution), nn.LeakyReLU(0.2)]
            before = width
        self.net = nn.Sequential(*layers, nn.Conv2d(before, 1, 4, padding=1))

    def forward(self, pictures_B3HW: torch.Tensor, warped_B3HW: torch.Tensor) -> torch.Tensor:
        """Larger where a patch looks real; pictures in [0, 1]."""
        scores: torch.Tensor = self.net(torch.cat([pictures_B3HW, warped_B3HW], 1) * 2 - 1)
        return scores


class SharpeningStage:
    """UNet and adapter learn to answer sharply in `steps` steps. A `Stage` on batches of `pair_sample`.

    Args:
        model: a residual model that predicts clean latents, trained before by `DenoisingStage`; trained in place.
        steps: of the sampling it is trained for.
        held_out: batches for checks.
        adversarial: share of the critic in the loss; 0 trains without one.

    Raises:
        ModelError: the model predicts something else than clean latents, or does not see the warped photo.
    """

    name = "sharpening"

    def __init__(
        self,
        model: SubjectModel,
        *,
        steps: int,
        held_out: Iterable[Batch] = (),
        adversarial: float = ADVERSARIAL,
        train_image_encoder: bool = False,
    ) -> None:
        if model.noise_schedule["prediction_type"] != "sample" or not model.manifest.warp:
            raise ModelError("sharpening needs a model that sees the warped photo and predicts clean latents")
        self.model, self._adversarial = model, adversarial
        self._held_out = list(held_out)
        self._denoising = DenoisingStage(model, dropout=NO_DROPOUT, train_image_encoder=train_image_encoder)
        self._scheduler = open_scheduler("dpm++", model.noise_schedule)
        self._scheduler.set_timesteps(steps)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self._critic = PatchCritic()

    @property
    def nets(self) -> Mapping[str, nn.Module]:
        return {**self._denoising.nets, "critic": self._critic}

    def draws(self, batch: Batch, rng: torch.Generator) -> Batch:
        """Noise, and at which of the steps each sample is asked."""
        drawn = self._denoising.draws(batch, rng)
        chosen = torch.randint(len(self._scheduler.timesteps), drawn["levels"].shape, generator=rng)
        return {**drawn, "levels": self._scheduler.timesteps[chosen].long()}

    def losses(self, batch: Batch, nets: Mapping[str, nn.Module]) -> dict[str, torch.Tensor]:
        given = {**batch, **encoded(batch, self._denoising.conditioner)}
        made, latents = self._made(given, nets)
        real, warped = batch["target"].float() / 255, batch["warped"].float()
        losses = self._likeness(made, real, latents, given)
        if self._adversarial:
            critic = nets["critic"]
            judged = critic(made.detach(), warped)
            losses["critic"] = (F.relu(1 - critic(real, warped)) + F.relu(1 + judged)).mean() / 2
            # Weights that are constants: what pleases the critic must not make it easier to please.
            frozen = {name: each.detach() for name, each in self._critic.named_parameters()}
            losses["pleased"] = -functional_call(self._critic, frozen, (made, warped)).mean()
            losses["loss"] = losses["loss"] + self._adversarial * losses["pleased"] + losses["critic"]
        return losses

    @torch.no_grad()
    def check(self) -> float | None:
        """Likeness to the held-out truth at fixed noise, the critic left out."""
        if not self._held_out:
            return None
        total, count = 0.0, 0
        for number, batch in enumerate(self._held_out):
            rng = torch.Generator().manual_seed(number)
            drawn = self.draws(batch, rng)
            for place in range(len(batch["photo"])):
                sample = {name: each[place : place + 1].to(self.model.device) for name, each in (batch | drawn).items()}
                given = {**sample, **encoded(sample, self._denoising.conditioner)}
                made, latents = self._made(given, self.nets)
                total += float(self._likeness(made, sample["target"].float() / 255, latents, given)["loss"])
                count += 1
        return total / count

    def _made(self, given: Batch, nets: Mapping[str, nn.Module]) -> tuple[torch.Tensor, torch.Tensor]:
        """Pictures [B, 3, H, W] as rendering would show them after this step, and their latents."""
        clean, noise, levels = given["target_latents"].float(), given["noise"], given["levels"]
        latents = nets["denoiser"](given, self._denoising.noised(clean, noise, levels)).float()
        codec = self.model.codec
        with torch.no_grad():
            lost = given["warped"].float() - codec.decode(given["warp"][:, :-1].float())
        pictures = codec.decode(latents) + lost * trust(given["repair"].float(), 0.5)[:, None]
        return pictures.clamp(-0.5, 1.5), latents

    def _likeness(
        self, made: torch.Tensor, real: torch.Tensor, latents: torch.Tensor, given: Batch
    ) -> dict[str, torch.Tensor]:
        rebuilt = reconstruction_loss(made, real, given["importance"][:, None].float())
        unlike = structural_dissimilarity(made, real)
        error = (latents - given["target_latents"].float()).square().mean()
        return {
            "loss": rebuilt + STRUCTURE * unlike + LATENTS * error,
            "rebuilt": rebuilt,
            "dissimilar": unlike,
            "error": error,
        }
