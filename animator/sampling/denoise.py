"""The denoising loop: from noise to latents, whatever network predicts and whatever scheduler steps.

Legend: B frames, C h w latents.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch

from animator.sampling.guidance import Branch, Guidance, guide
from animator.sampling.repair import Known

# (scaled latents [B, C, h, w], timestep, branches) -> the network's output for each branch
Predict = Callable[[torch.Tensor, torch.Tensor, tuple[Branch, ...]], Mapping[Branch, torch.Tensor]]
# step -> noise [B, C, h, w] on any device
StepNoise = Callable[[int], torch.Tensor]


class NotFiniteError(ArithmeticError):
    """A NaN or an infinity, which would otherwise become a black frame in silence.

    Attributes:
        stage: where it appeared first.
    """

    def __init__(self, stage: str) -> None:
        super().__init__(f"not finite: {stage}")
        self.stage = stage


def denoise(
    predict: Predict,
    noise_BChw: torch.Tensor,
    *,
    scheduler: Any,
    steps: int,
    guidance: Guidance,
    known: Known | None = None,
    step_noise: StepNoise | None = None,
) -> torch.Tensor:
    """Sample clean latents [B, C, h, w], float32.

    Args:
        predict: the network; only branches that count are asked for.
        noise_BChw: standard normal.
        scheduler: from `open_scheduler`; its state is reset.
        steps: how many.
        guidance: strengths of both conditions.
        known: latents to keep where the repair mask says so.
        step_noise: fresh noise for schedulers that add some after every step (LCM).

    Raises:
        NotFiniteError: a NaN or an infinity, with the stage at which it appeared.
        ValueError: more steps than the scheduler can take, or no `step_noise` where it is needed.
    """
    if known is not None and not bool(known.freedom_B1hw.any()):
        check_finite(known.latents_BChw, "the warped photo's latents")
        return known.latents_BChw.float()  # which the last step would bring back, whatever came before
    scheduler.set_timesteps(steps, device=noise_BChw.device)
    timesteps = scheduler.timesteps
    noise = noise_BChw.float()
    latents = _hold(noise * scheduler.init_noise_sigma, noise, known, scheduler, 0)
    for index, timestep in enumerate(timesteps):
        where = f"step {index + 1} of {len(timesteps)}"
        progress = index / max(len(timesteps) - 1, 1)
        scaled = scheduler.scale_model_input(latents, timestep)
        predictions = predict(scaled, timestep, tuple(guidance.weights(progress)))
        prediction = guide({branch: each.float() for branch, each in predictions.items()}, guidance, progress)
        check_finite(prediction, f"the network's prediction at {where}")
        latents, noise = _step(scheduler, prediction, latents, noise, index, step_noise)
        latents = _hold(latents, noise, known, scheduler, index + 1)
        check_finite(latents, f"the latents after {where}")
    return latents


def check_finite(values: torch.Tensor, stage: str) -> None:
    """Refuse NaN and infinity.

    Raises:
        NotFiniteError: naming `stage`.
    """
    if not bool(torch.isfinite(values).all()):
        raise NotFiniteError(stage)


def _step(
    scheduler: Any,
    prediction: torch.Tensor,
    latents: torch.Tensor,
    noise: torch.Tensor,
    index: int,
    step_noise: StepNoise | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents one noise level lower, and the noise that is in them."""
    timesteps = scheduler.timesteps
    accepted = inspect.signature(scheduler.step).parameters
    # TCD's own default adds noise from the global state; every step here is a pure function of its inputs.
    settings: dict[str, Any] = {"eta": 0.0} if "eta" in accepted else {}
    if type(scheduler).__name__ != "LCMScheduler":
        stepped = scheduler.step(prediction, timesteps[index], latents, return_dict=False, **settings)[0]
        ends_noisy = type(scheduler).__name__ == "TCDScheduler" and index + 1 == len(timesteps)
        return (_without_noise(stepped, latents, scheduler) if ends_noisy else stepped), noise
    # LCM draws noise of its own, too. A generator keeps the global state untouched; the draw is then replaced.
    generator = torch.Generator(latents.device).manual_seed(0)
    _, clean = scheduler.step(prediction, timesteps[index], latents, generator=generator, return_dict=False)
    if index + 1 == len(timesteps):
        return clean, noise
    if step_noise is None:
        raise ValueError("LCM adds noise after every step: give step_noise")
    fresh = step_noise(index).to(latents)
    return _noised(clean, fresh, scheduler, index + 1), fresh


def _without_noise(stepped: torch.Tensor, latents: torch.Tensor, scheduler: Any) -> torch.Tensor:
    """The clean latents that TCD's last step predicts.

    The step ends at the lowest noise level instead of at none, which leaves 0.03 of noise in the picture. Latents
    before and after it are mixtures of the same clean latents and the same noise: solved for the former.
    """
    kept_before, kept_after = scheduler.alphas_cumprod[scheduler.timesteps[-1]], scheduler.alphas_cumprod[0]
    noise_before, noise_after = (1 - kept_before).sqrt(), (1 - kept_after).sqrt()
    clean = stepped * noise_before - latents * noise_after
    return clean / (kept_after.sqrt() * noise_before - kept_before.sqrt() * noise_after)


def _hold(latents: torch.Tensor, noise: torch.Tensor, known: Known | None, scheduler: Any, index: int) -> torch.Tensor:
    """Bring the cells that are kept back to the known latents, noised as the others are before step `index`."""
    if known is None:
        return latents
    kept = known.kept(index / len(scheduler.timesteps))
    return torch.where(kept, _noised(known.latents_BChw.to(latents), noise, scheduler, index), latents)


def _noised(clean: torch.Tensor, noise: torch.Tensor, scheduler: Any, index: int) -> torch.Tensor:
    if index == len(scheduler.timesteps):
        return clean
    noised: torch.Tensor = scheduler.add_noise(clean, noise, scheduler.timesteps[index].expand(len(clean)))
    return noised
