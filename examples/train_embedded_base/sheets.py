"""What the network makes of held-out people while it learns: photo, truth, warp and its own answer, side by side."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from einops import rearrange
from PIL import Image

from animator.conditioning.conditioning import Conditioner, PhotoFeatures, predict
from animator.models.subject_model import SubjectModel
from animator.sampling.repair import trust
from animator.sampling.schedulers import open_scheduler
from animator.training.denoising import encoded
from animator.training.samples import Batch

_PEOPLE = 6


class Sheets:
    """Draws a sheet every so often.

    Args:
        model: as it stands when a sheet is drawn.
        held_out: one batch of `pair_sample`.
        folder: for the sheets, numbered.
        every_s: between two of them.
    """

    def __init__(self, model: SubjectModel, held_out: Batch, folder: Path, *, every_s: float) -> None:
        self._model, self._folder, self._every_s = model, folder, every_s
        self._batch = {name: tensor[:_PEOPLE] for name, tensor in held_out.items()}
        self._last_s = time.monotonic()

    def draw_when_due(self) -> None:
        """Draw, if it is time."""
        if time.monotonic() - self._last_s > self._every_s:
            self.draw()

    @torch.no_grad()
    def draw(self) -> None:
        """One answer from pure noise, in one step: the hardest question, and the fastest."""
        self._last_s = time.monotonic()
        model, batch = self._model, {name: each.to(self._model.device) for name, each in self._batch.items()}
        given = {**batch, **encoded(batch, Conditioner(model))}
        answer = one_step(model, given)
        lost = given["warped"] - model.codec.decode(given["warp"][:, :-1])
        made = model.codec.decode(answer) + lost * trust(given["repair"], 0.5)[:, None]
        columns = [batch["photo"] / 255, batch["target"] / 255, batch["warped"], made]
        sheet = rearrange(torch.stack(columns).clamp(0, 1), "c b k h w -> (b h) (c w) k")
        self._folder.mkdir(parents=True, exist_ok=True)
        number = len(list(self._folder.glob("*.png")))
        Image.fromarray(sheet.mul(255).byte().cpu().numpy()).save(self._folder / f"{number:03d}.png")


def one_step(model: SubjectModel, given: Batch) -> torch.Tensor:
    """Clean latents [B, C, h, w] as the network sees them behind pure noise."""
    conditioner = Conditioner(model)
    scheduler = open_scheduler("dpm++", model.noise_schedule)
    scheduler.set_timesteps(1)
    photo = PhotoFeatures(
        clip_BLD=conditioner.clip_states(given["photo"].float() / 255), latents_BChw=given["photo_latents"].float()
    )
    tokens = conditioner.tokens(photo)
    told = conditioner.condition(
        tokens,
        conditioner.keypoint_map(given["keypoints"], given["confidence"]),
        given["warp"],
        conditioner.photo_memory(photo, tokens),
    )
    noise = torch.randn(given["target_latents"].shape, generator=torch.Generator().manual_seed(0))
    noise = noise.to(given["target_latents"])
    return predict(model.unet, noise, scheduler.timesteps[0].to(noise.device), told, residual=model.manifest.residual)
