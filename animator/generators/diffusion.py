"""The network behind the photo: dual-guided diffusion on pose windows, held to the warped photo where that is good.

Source: DreamPose (Karras et al. 2023); the repair mask is blended diffusion (Avrahami et al. 2022).

Legend: B frames in a batch, N window, C h w latents, H W pixels.
"""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from einops import rearrange
from torch.nn import functional as F  # noqa: N812

from animator.conditioning.conditioning import Conditioner, Conditioning
from animator.conditioning.inputs import picture_tensor, subject_warp, uv_window, window_tensors
from animator.conditioning.refinement import WarpRefinement
from animator.conditioning.warp import PhotoWarp, WarpedPhoto
from animator.device import DevicePlan, is_out_of_memory, one_thread, warp_device
from animator.errors import DeviceError, ModelError
from animator.generators.batching import aligned, slots
from animator.generators.branches import branch_predictor
from animator.generators.cover import subject_cover
from animator.generators.memory import CPU_BATCH, GPU_BATCH, num_branches
from animator.generators.painting import Painting
from animator.generators.parallel import Turns, frame_workers, in_order
from animator.generators.portion import Portion, ShrinkingPortion
from animator.models.reference import PhotoMemory
from animator.models.subject_model import SubjectModel
from animator.models.vae import LatentCodec, has_preview
from animator.sampling.config import DEFAULT_REPAIR, DEFAULT_STEPS, SamplerConfig
from animator.sampling.denoise import NotFiniteError, denoise
from animator.sampling.guidance import Guidance
from animator.sampling.noise import frame_noise
from animator.sampling.repair import Known, freedom
from animator.sampling.schedulers import open_scheduler
from animator.subject import Subject
from pose_tracking.frame import Frame
from pose_tracking.trackers.densepose import DensePoseSequence, open_densepose
from temporal.windows import PoseWindow

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Scene:
    """What is made once per subject."""

    tokens_1LD: torch.Tensor
    photo: PhotoMemory | None
    background_3HW: torch.Tensor
    painting: Painting
    warp: PhotoWarp
    refinement: WarpRefinement | None
    densepose: DensePoseSequence | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Asked:
    """What the network is asked for one batch, and what its answer is laid into."""

    told: Conditioning
    warped: WarpedPhoto
    shown_B3HW: torch.Tensor
    known: Known | None


class DiffusionGenerator:
    """Makes frames with a `SubjectModel`. A `FrameGenerator`.

    Args:
        model: on the device to compute on, in the precision to compute in.
        config: steps, guidance, repair, noise, batch.
        seed: of the render.
        scheduler: a diffusers scheduler to step with instead of the one that `config` names.
        on_note: told in one line what the person should know, such as a batch that was halved.
        workers: batches made side by side on a CPU; none: as many as torch may use threads. Changes no bit.
        plan: how much is computed at once, from `plan_model`; none: all branches, and batches by the device.
        lock_background: away from the person, show the subject's background whatever the network paints there.
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
        workers: int | None = None,
        plan: DevicePlan | None = None,
        lock_background: bool = True,
    ) -> None:
        self.model, self._seed = model, seed
        asked = config or SamplerConfig()
        self.config = asked.completed(model.manifest.steps, model.manifest.repair, model.manifest.refine)
        self._repair = DEFAULT_REPAIR if self.config.repair is None else self.config.repair
        self._is_preview_asked = asked.decoder == "preview"  # for drafts it is a matter of course, where there is one
        self._lock_background, self._note = lock_background, on_note
        self._conditioner = Conditioner(model)
        self._scheduler = scheduler or open_scheduler(self.config.scheduler, model.noise_schedule)
        plan = plan or DevicePlan(
            batch=self.config.batch or (CPU_BATCH if model.device.type == "cpu" else GPU_BATCH),
            branches_together=True,
            workers=frame_workers(model.device, workers),
        )
        self._workers, self._offload = plan.workers, plan.offload
        # With a single branch there is nothing to take apart.
        portion = Portion(
            batch=plan.batch,
            branches_together=plan.branches_together and num_branches(self.config) > 1,
            workers=self._workers,
        )
        self._shrinking, self._turns = ShrinkingPortion(portion, on_note), Turns()
        # Workers that began together would all warp, then all denoise: half of them have to be at the network's.
        beside = self._workers if self._repair == 0 else (self._workers + 1) // 2
        self._beside_network = threading.BoundedSemaphore(beside)

    @property
    def batch(self) -> int:
        """Frames at once, as far as memory suffices."""
        return self._shrinking.now.batch

    @torch.inference_mode()
    def generate(self, windows: Iterable[PoseWindow], subject: Subject) -> Iterator[Frame]:
        """Yield the subject in each window's middle pose.

        Raises:
            ModelError: the model does not fit the canvas or the poses, or computed NaN.
            DeviceError: out of memory even with one frame at a time.
        """
        device = self.model.device
        with one_thread() if device.type == "cpu" else nullcontext():
            scene = self._prepare(subject)
        chunks = aligned(windows, self.batch)
        made = in_order(lambda chunk: self._frames(chunk, scene), chunks, workers=self._workers, device=device)
        with closing(made):
            for frames in made:
                yield from frames

    def _prepare(self, subject: Subject) -> _Scene:
        facts, device = self.model.manifest, self.model.device
        if facts.phase == "untrained":
            self._note(f"the model ({facts.base.name}) was never trained on poses: it will not follow the motion")
        if self._is_preview_asked and not has_preview(self.model.vae):
            what, why = f"the model ({facts.base.name})", ""
            if facts.phase == "subject":
                what, why = f"this model of one person (from {facts.base.name})", " (tuning the decoder drops it)"
            self._note(f"{what} has no preview decoder{why}: its own one is used")
        photo = picture_tensor(subject.photo_HWC, device)
        once = [net for net in (self.model.image_encoder, self.model.reference) if net is not None]
        for net in once:
            net.to(device)
        self._conditioner.null_tokens()  # encodes the empty photo, once for all threads
        features = self._conditioner.features(photo[None])
        tokens = self._conditioner.tokens(features)
        memory = self._conditioner.photo_memory(features, tokens)
        if self._offload:
            for net in once:
                net.to("cpu")
        background = picture_tensor(subject.background_HWC, device)
        warp = subject_warp(subject, warp_device(device))
        return _Scene(
            tokens_1LD=tokens,
            photo=memory,
            background_3HW=background,
            painting=Painting(
                LatentCodec(self.model.vae, preview=self.config.decoder == "preview"),
                background,
                repair=self._repair,
                keep_detail=self.config.keep_detail,
                lock_background=self._lock_background,
                covered=subject_cover(subject, device),
            ),
            warp=warp,
            refinement=self._refinement(subject, warp, background),
            densepose=None if self.config.densepose is None else open_densepose(self.config.densepose),
        )

    def _refinement(self, subject: Subject, warp: PhotoWarp, background_3HW: torch.Tensor) -> WarpRefinement | None:
        refiner, strength = self.model.refiner, self.config.refine
        if refiner is None or not strength:
            return None
        return WarpRefinement(refiner, subject, warp, background_3HW, strength=strength)

    def _frames(self, windows: list[PoseWindow], scene: _Scene) -> list[Frame]:
        """The frames of one batch, in parts if the memory does not suffice for the whole."""
        waiting, frames = [windows], []
        while waiting:
            portion = self._shrinking.now
            # Cut anew every time: the batch may have become smaller meanwhile.
            chunk, *rest = aligned(waiting.pop(0), portion.batch)
            waiting[:0] = rest
            pixels = self._pixels_or_none(chunk, scene, portion)
            if pixels is None:
                if not self._shrinking.shrink(portion):
                    width, height = self.model.manifest.canvas
                    raise DeviceError(
                        f"out of memory with one frame of {width}x{height} px on {self.model.device}: use --device "
                        "cpu, or a model for a smaller canvas"
                    )
                waiting.insert(0, chunk)
                continue
            for window in chunk:
                picture = pixels[window.center % portion.batch]
                frames.append(Frame(pixels_HWC=picture, time_s=window.time_s, index=window.center))
        return frames

    def _pixels_or_none(self, chunk: list[PoseWindow], scene: _Scene, portion: Portion) -> np.ndarray | None:
        """uint8 [batch, H, W, 3]; none when out of memory."""
        try:
            with self._turns.taken(alone=portion.workers == 1):
                return self._pixels(slots(chunk, portion.batch), scene, portion)
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

    def _pixels(self, windows: list[PoseWindow], scene: _Scene, portion: Portion) -> np.ndarray:
        device, settings, frames = scene.background_3HW.device, self.config, [window.center for window in windows]
        with self._beside_network:
            asked = self._asked(windows, scene)
        latents = denoise(
            branch_predictor(self.model, asked.told, together=portion.branches_together, reuse=settings.reuse or 1),
            self._noise(frames, "start").to(device),
            scheduler=copy.deepcopy(self._scheduler),  # it keeps the state of one sampling
            steps=settings.steps or DEFAULT_STEPS,
            guidance=Guidance(
                image=settings.guidance_image,
                pose=settings.guidance_pose,
                rescale=settings.guidance_rescale,
                interval=settings.guidance_interval,
            ),
            known=asked.known,
            step_noise=lambda step: self._noise(frames, f"step {step}"),
        )
        with self._beside_network:
            pixels = scene.painting.pixels(latents, asked.warped, asked.shown_B3HW, asked.known)
        return rearrange(pixels, "b c h w -> b h w c").cpu().numpy()

    def _asked(self, windows: list[PoseWindow], scene: _Scene) -> _Asked:
        """The warped photo, and the conditions it takes part in."""
        facts, device = self.model.manifest, scene.background_3HW.device
        keypoints, confidence = window_tensors(windows, facts.num_poses, device)
        middle, carried = facts.num_poses // 2, warp_device(device)
        warped = scene.warp(keypoints[:, middle].to(carried), confidence[:, middle].to(carried)).to(device)
        if scene.refinement is not None:
            warped = scene.refinement(warped, keypoints[:, middle], confidence[:, middle])
        maps = self._pose_maps(windows, keypoints, confidence, scene.densepose)
        shown, channels, known = warped.over(scene.background_3HW), None, None
        if facts.warp:
            channels = self._conditioner.warp_channels(
                shown, warped.coverage_BHW, latents_BChw=scene.painting.latents(shown, warped.coverage_BHW)
            )
            known = self._known(channels, warped)
        told = self._conditioner.condition(scene.tokens_1LD, maps, channels, scene.photo)
        return _Asked(told=told, warped=warped, shown_B3HW=shown, known=known)

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
        return Known(latents_BChw=channels_BChw[:, :-1], freedom_B1hw=freedom(need, self._repair))
