"""The published method, plainly: what every speed-up is measured against.

One frame at a time, three branches whatever their weights, 100 PNDM steps, float32, nothing at the same time as
anything else (DreamPose, Karras et al. 2023, section 4 and its release). Weights, noise, warp and repair mask are the
product's own, so frames can be compared with the product's frames.

Legend: B = 1 frame, C h w latents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from diffusers import PNDMScheduler
from einops import rearrange
from torch.nn import functional as F  # noqa: N812

from animator.conditioning.conditioning import Conditioner, Conditioning, predict
from animator.conditioning.inputs import picture_tensor, subject_warp, window_tensors
from animator.generators.painting import reach
from animator.models.subject_model import SubjectModel
from animator.sampling.guidance import Branch, Guidance, guide
from animator.sampling.noise import frame_noise
from animator.sampling.repair import freedom, trust
from animator.subject import Subject
from temporal.windows import PoseWindow

REFERENCE_STEPS = 100
BRANCHES: tuple[Branch, ...] = ("none", "image", "both")


class ReferenceLoop:
    """Renders as the release of DreamPose does.

    Args:
        model: float32, on the device to compute on.
        guidance: strengths; all three branches are computed even where they cancel.
        repair: as in the product.
        seed: of the noise, which all frames share.
        steps: of PNDM.
        on_step: called after every step.
    """

    def __init__(
        self,
        model: SubjectModel,
        *,
        guidance: Guidance,
        repair: float,
        seed: int = 0,
        steps: int = REFERENCE_STEPS,
        on_step: Callable[[], None] = lambda: None,
    ) -> None:
        self.model, self.guidance, self.repair, self.seed, self.steps = model, guidance, repair, seed, steps
        self._on_step = on_step
        self._conditioner = Conditioner(model)

    @torch.inference_mode()
    def render(self, windows: Sequence[PoseWindow], subject: Subject) -> Iterator[np.ndarray]:
        """uint8 [H, W, 3] per window."""
        device = self.model.device
        photo = picture_tensor(subject.photo_HWC, device)
        background = picture_tensor(subject.background_HWC, device)
        warp = subject_warp(subject, device)
        features = self._conditioner.features(photo[None])
        tokens = self._conditioner.tokens(features)
        memory = self._conditioner.photo_memory(features, tokens)
        for window in windows:
            keypoints, confidence = window_tensors([window], self.model.manifest.num_poses, device)
            middle = self.model.manifest.num_poses // 2
            warped = warp(keypoints[:, middle], confidence[:, middle])
            channels = self._conditioner.warp_channels(warped.over(background), warped.coverage_BHW)
            maps = self._conditioner.keypoint_map(keypoints, confidence)
            told = self._conditioner.condition(tokens, maps, channels, memory)
            need = F.adaptive_max_pool2d(warped.repair_BHW[:, None], channels.shape[-2:])
            latents = self._sample(told, channels[:, :-1], freedom(need, self.repair))
            pictures = self.model.codec.decode(latents)
            lost = warped.over(background) - self.model.codec.decode(channels[:, :-1])
            pictures = pictures + lost * trust(warped.repair_BHW, self.repair)[:, None]
            pictures = torch.lerp(background[None], pictures, reach(warped)[:, None])
            pixels = pictures.mul(255).add(0.5).clamp(0, 255).to(torch.uint8)
            yield rearrange(pixels, "1 c h w -> h w c").cpu().numpy()

    def _sample(self, told: Conditioning, known_BChw: torch.Tensor, free_B1hw: torch.Tensor) -> torch.Tensor:
        scheduler = _pndm(self.model.noise_schedule)
        scheduler.set_timesteps(self.steps, device=known_BChw.device)
        alphas = scheduler.alphas_cumprod.to(known_BChw.device)
        without_pose = told.without_pose()
        conditions = {"none": without_pose.without_image(), "image": without_pose, "both": told}
        width, height = self.model.latent_size
        noise = frame_noise([0], (known_BChw.shape[1], height, width), seed=self.seed, kind="shared").to(known_BChw)
        latents = noise
        for index, timestep in enumerate(scheduler.timesteps):
            outputs = {}
            for branch in BRANCHES:
                outputs[branch] = predict(
                    self.model.unet, latents, timestep, conditions[branch], residual=self.model.manifest.residual
                ).float()
            guided = guide(
                {branch: outputs[branch] for branch in self.guidance.weights(0.5)}, self.guidance, progress=0.5
            )
            if self.model.noise_schedule.get("prediction_type") == "sample":  # which PNDM does not know
                alpha = alphas[timestep]
                guided = (latents - alpha.sqrt() * guided) / (1 - alpha).sqrt()
            latents = scheduler.step(guided, timestep, latents, return_dict=False)[0]
            done = (index + 1) / len(scheduler.timesteps)
            kept = (free_B1hw == 0) | (done < 1 - free_B1hw)
            following = scheduler.timesteps[index + 1 : index + 2]
            held = scheduler.add_noise(known_BChw, noise, following) if len(following) else known_BChw
            latents = torch.where(kept, held, latents)
            self._on_step()
        return latents


def _pndm(noise_schedule: dict) -> PNDMScheduler:  # type: ignore[type-arg]
    """The scheduler of the release, on the model's own noise schedule (Liu et al. 2022, without Runge-Kutta steps)."""
    from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr

    plain = {key: noise_schedule[key] for key in ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule")}
    kind = noise_schedule.get("prediction_type", "epsilon")
    scheduler = PNDMScheduler(
        **plain, skip_prk_steps=True, steps_offset=1, prediction_type="epsilon" if kind == "sample" else kind
    )
    if noise_schedule.get("rescale_betas_zero_snr"):
        betas = rescale_zero_terminal_snr(scheduler.betas)
        scheduler = PNDMScheduler(
            trained_betas=betas.numpy(),
            skip_prk_steps=True,
            steps_offset=1,
            prediction_type=scheduler.config.prediction_type,
        )
    return scheduler
