"""The network behind the photo: dual-guided diffusion on pose windows, held to the warped photo where that is good.

Source: DreamPose (Karras et al. 2023); the repair mask is blended diffusion (Avrahami et al. 2022).

Legend: B frames in a batch, N window, C h w latents, H W pixels.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from einops import rearrange
from torch.nn import functional as F  # noqa: N812

from animator.conditioning.conditioning import Conditioner, Conditioning, predict
from animator.conditioning.inputs import picture_tensor, subject_warp, window_tensors
from animator.conditioning.warp import PhotoWarp, WarpedPhoto
from animator.device import is_out_of_memory, one_thread
from animator.errors import DeviceError, ModelError
from animator.models.subject_model import SubjectModel
from animator.sampling.config import DEFAULT_STEPS, SamplerConfig
from animator.sampling.denoise import NotFiniteError, Predict, check_finite, denoise
from animator.sampling.guidance import Branch, Guidance
from animator.sampling.noise import frame_noise
from animator.sampling.repair import Known, freedom
from animator.sampling.schedulers import open_scheduler
from animator.subject import Subject
from pose_tracking.frame import Frame
from pose_tracking.trackers.densepose import DensePoseSequence, open_densepose
from temporal.windows import PoseWindow

_LOG = logging.getLogger(__name__)
# A GPU is idle with less; a CPU gains little from more, and every frame is out sooner.
GPU_BATCH, CPU_BATCH = 8, 1
# How far around the warped person the network may still paint, as a share of the canvas height.
REACH = 0.03


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Scene:
    """What is made once per subject."""

    tokens_1LD: torch.Tensor
    background_3HW: torch.Tensor
    warp: PhotoWarp
    densepose: DensePoseSequence | None


class DiffusionGenerator:
    """Makes frames with a `SubjectModel`. A `FrameGenerator`.

    Args:
        model: on the device to compute on, in the precision to compute in.
        config: steps, guidance, repair, noise, batch.
        seed: of the render.
        scheduler: a diffusers scheduler to step with instead of the one that `config` names.
        on_note: told in one line what the person should know, such as a batch that was halved.
    """

    name = "diffusion"

    def __init__(
        self,
        model: SubjectModel,
        config: SamplerConfig | None = None,
        *,
        seed: int = 0,
        scheduler: Any | None = None,
        on_note: Callable[[str], None] = _LOG.warning,
    ) -> None:
        self.model = model
        self.config = (config or SamplerConfig()).completed(model.manifest.steps)
        self._seed = seed
        self._note = on_note
        self._conditioner = Conditioner(model)
        self._scheduler = scheduler or open_scheduler(self.config.scheduler, model.noise_schedule)
        self._batch = self.config.batch or (CPU_BATCH if model.device.type == "cpu" else GPU_BATCH)
        # With a single branch there is nothing to take apart.
        self._branches_together = (self.config.guidance_image, self.config.guidance_pose) != (1.0, 1.0)

    @torch.inference_mode()
    def generate(self, windows: Iterable[PoseWindow], subject: Subject) -> Iterator[Frame]:
        """Yield the subject in each window's middle pose.

        Raises:
            ModelError: the model does not fit the canvas or the poses, or computed NaN.
            DeviceError: out of memory even with one frame at a time.
        """
        scene = self._prepare(subject)
        for chunk in aligned(windows, self._batch):
            yield from self._frames(chunk, scene)

    def _prepare(self, subject: Subject) -> _Scene:
        facts, device = self.model.manifest, self.model.device
        if facts.phase == "untrained":
            self._note(f"the model ({facts.base.name}) was never trained on poses: it will not follow the motion")
        photo = picture_tensor(subject.photo_HWC, device)
        return _Scene(
            tokens_1LD=self._conditioner.tokens(self._conditioner.features(photo[None])),
            background_3HW=picture_tensor(subject.background_HWC, device),
            warp=subject_warp(subject, device),
            densepose=None if self.config.densepose is None else open_densepose(self.config.densepose),
        )

    def _frames(self, windows: list[PoseWindow], scene: _Scene) -> Iterator[Frame]:
        """The frames of one batch, in parts if the memory does not suffice for the whole."""
        waiting = [windows]
        while waiting:
            # Cut anew every time: the batch may have become smaller meanwhile.
            chunk, *rest = aligned(waiting.pop(0), self._batch)
            waiting[:0] = rest
            pixels = self._pixels_or_none(chunk, scene)
            if pixels is None:
                self._use_less_memory()
                waiting.insert(0, chunk)
                continue
            for window in chunk:
                picture = pixels[window.center % self._batch]
                yield Frame(pixels_HWC=picture, time_s=window.time_s, index=window.center)

    def _pixels_or_none(self, chunk: list[PoseWindow], scene: _Scene) -> np.ndarray | None:
        """uint8 [batch, H, W, 3]; none when out of memory."""
        try:
            return self._pixels(slots(chunk, self._batch), scene)
        except NotFiniteError as error:
            raise ModelError(
                f"frames {chunk[0].center}-{chunk[-1].center}: {error.stage} holds NaN or infinity. Lower the "
                "guidance; if that does not help, the weights are damaged or need full precision (--device cpu)."
            ) from error
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # Outside the handler: the exception held on to the tensors it died of.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return None

    def _use_less_memory(self) -> None:
        """One branch after the other first, then half as many frames.

        Raises:
            DeviceError: nothing left to halve.
        """
        if self._branches_together:
            self._branches_together = False
            self._note("out of memory: the branches of the guidance are computed one after the other from here on")
        elif self._batch > 1:
            self._note(f"out of memory with {self._batch} frames at once: going on with {self._batch // 2}")
            self._batch //= 2
        else:
            width, height = self.model.manifest.canvas
            raise DeviceError(
                f"out of memory with one frame of {width}x{height} px on {self.model.device}: use --device cpu, or a "
                "model for a smaller canvas"
            )

    def _pixels(self, windows: list[PoseWindow], scene: _Scene) -> np.ndarray:
        facts, device, settings = self.model.manifest, self.model.device, self.config
        keypoints, confidence = window_tensors(windows, facts.num_poses, device)
        middle = facts.num_poses // 2
        with one_thread():
            warped = scene.warp(keypoints[:, middle], confidence[:, middle])
        maps = self._pose_maps(windows, keypoints, confidence, scene.densepose)
        channels = None
        if facts.warp:
            channels = self._conditioner.warp_channels(warped.over(scene.background_3HW), warped.coverage_BHW)
        frames = [window.center for window in windows]
        latents = denoise(
            self._predictor(self._conditioner.condition(scene.tokens_1LD, maps, channels)),
            self._noise(frames, "start").to(device),
            scheduler=self._scheduler,
            steps=settings.steps or DEFAULT_STEPS,
            guidance=Guidance(
                image=settings.guidance_image,
                pose=settings.guidance_pose,
                rescale=settings.guidance_rescale,
                interval=settings.guidance_interval,
            ),
            known=None if channels is None else self._known(channels, warped),
            step_noise=lambda step: self._noise(frames, f"step {step}"),
        )
        pictures = self.model.codec.decode(latents)
        check_finite(pictures, "the decoded picture")
        if settings.lock_background:
            pictures = torch.lerp(scene.background_3HW[None], pictures, reach(warped)[:, None])
        pixels = pictures.mul(255).add(0.5).clamp(0, 255).to(torch.uint8)
        return rearrange(pixels, "b c h w -> b h w c").cpu().numpy()

    def _pose_maps(
        self,
        windows: list[PoseWindow],
        keypoints: torch.Tensor,
        confidence: torch.Tensor,
        densepose: DensePoseSequence | None,
    ) -> torch.Tensor:
        if densepose is None:
            return self._conditioner.keypoint_map(keypoints, confidence)
        arrays = [uv_window(densepose, window.center, self.model.manifest.num_poses) for window in windows]
        return self._conditioner.densepose_map(torch.from_numpy(np.stack(arrays)).to(keypoints.device))

    def _noise(self, frames: list[int], stream: str) -> torch.Tensor:
        width, height = self.model.latent_size
        return frame_noise(
            frames,
            (int(self.model.vae.config.latent_channels), height, width),
            seed=self._seed,
            kind=self.config.noise,
            shared_share=self.config.noise_shared,
            stream=stream,
        )

    def _known(self, channels_BChw: torch.Tensor, warped: WarpedPhoto) -> Known:
        """The warp's latents; a cell needs repair as much as the worst of its pixels."""
        need = F.adaptive_max_pool2d(warped.repair_BHW[:, None], channels_BChw.shape[-2:])
        return Known(latents_BChw=channels_BChw[:, :-1], freedom_B1hw=freedom(need, self.config.repair))

    def _predictor(self, told: Conditioning) -> Predict:
        without_pose = told.without_pose()
        conditions: dict[Branch, Conditioning] = {
            "none": without_pose.without_image(),
            "image": without_pose,
            "both": told,
        }

        def predict_branches(
            latents: torch.Tensor, timestep: torch.Tensor, branches: tuple[Branch, ...]
        ) -> dict[Branch, torch.Tensor]:
            unet, residual = self.model.unet, self.model.manifest.residual
            if not self._branches_together:
                return {
                    branch: predict(unet, latents, timestep, conditions[branch], residual=residual)
                    for branch in branches
                }
            joined = Conditioning.joined([conditions[branch] for branch in branches])
            outputs = predict(unet, latents.repeat(len(branches), 1, 1, 1), timestep, joined, residual=residual)
            return dict(zip(branches, outputs.chunk(len(branches)), strict=True))

        return predict_branches


def aligned(windows: Iterable[PoseWindow], batch: int) -> Iterator[list[PoseWindow]]:
    """Batches cut at multiples of `batch` in the numbering of the whole clip, wherever the windows begin."""
    for _, group in itertools.groupby(windows, key=lambda window: window.center // batch):
        yield list(group)


def slots(chunk: list[PoseWindow], batch: int) -> list[PoseWindow]:
    """Each window at the place it has in the whole clip's batch; free places are filled with the first one.

    Sums in a network depend in their last bits on the batch's size and on the place within it: this way any part
    of a clip is rendered to the same bits as the whole.
    """
    places = [chunk[0]] * batch
    for window in chunk:
        places[window.center % batch] = window
    return places


def reach(warped: WarpedPhoto) -> torch.Tensor:
    """[B, H, W] in [0, 1]: where the person is or may come to be, with a soft edge."""
    person = torch.maximum(warped.coverage_BHW, warped.repair_BHW)[:, None]
    margin = max(1, round(person.shape[-2] * REACH / 2))
    wide = F.max_pool2d(person, 4 * margin + 1, stride=1, padding=2 * margin)
    soft = F.avg_pool2d(wide, 2 * margin + 1, stride=1, padding=margin, count_include_pad=False)
    return soft[:, 0]


def uv_window(densepose: DensePoseSequence, center: int, num_poses: int) -> np.ndarray:
    """U and V [N, 2, H, W] around one frame; the ends are repeated.

    Raises:
        ModelError: fewer arrays than frames.
    """
    if center >= len(densepose):
        raise ModelError(
            f"{len(densepose)} DensePose arrays, but frame {center} is to be made: one per frame is needed"
        )
    places = np.clip(np.arange(center - num_poses // 2, center + num_poses // 2 + 1), 0, len(densepose) - 1)
    return np.stack([densepose.uv_frame(int(place))[-2:] for place in places])
