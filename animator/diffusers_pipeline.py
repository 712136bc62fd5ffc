"""A face for people who live in diffusers: our model and sampler as a `DiffusionPipeline`.

Arguments are named as in diffusers' `WanAnimatePipeline` and `StableVideoDiffusionPipeline`.

Legend: T frames, H W pixels.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from diffusers import AutoencoderKL, DiffusionPipeline, UNet2DConditionModel
from diffusers.utils import BaseOutput
from einops import rearrange
from PIL import Image
from pydantic import ValidationError
from transformers import CLIPVisionModel

from animator.canvas import CanvasConfig
from animator.errors import JobError, ModelError, PhotoError
from animator.generators.diffusion import DiffusionGenerator
from animator.job_schema import complain
from animator.models.adapter import AppearanceAdapter
from animator.models.manifest import Manifest
from animator.models.patch_autoencoder import PatchAutoencoder
from animator.models.reference import ReferenceAttention
from animator.models.subject_model import SubjectModel
from animator.models.warp_refiner import WarpRefiner
from animator.photo import Photo
from animator.sampling.config import SamplerConfig
from animator.sampling.schedulers import NOISE_SCHEDULE_KEYS, open_scheduler
from animator.subject import Subject
from pose_tracking.errors import TrackingError
from pose_tracking.retargeting import retarget
from pose_tracking.sequence import PoseSequence
from pose_tracking.tracking import TrackerConfig
from temporal.windows import pose_windows

OutputType = Literal["pil", "np", "pt"]
# Our names of what diffusers' pipelines call otherwise, so that a complaint speaks of what was given.
_ARGUMENTS = {
    "steps": "num_inference_steps",
    "guidance_image": "guidance_scale",
    "guidance_pose": "pose_guidance_scale",
    "batch": "decode_chunk_size",
}


@dataclass
class AnimatorPipelineOutput(BaseOutput):
    """Frames of one video.

    Attributes:
        frames: PIL images, or an array [T, H, W, 3] (float, [0, 1]), or a tensor [T, 3, H, W] (the same).
    """

    frames: list[Image.Image] | np.ndarray | torch.Tensor


class AnimatorPipeline(DiffusionPipeline):
    """Animates the person of one image with a motion.

    Args:
        unet, adapter, vae, image_encoder: parts of a `SubjectModel`.
        scheduler: any of diffusers' that samples without noise of its own.
        manifest: facts of the model, always given; the default tells diffusers that it is no network.
        reference: of a model whose self-attention looks at the photo.
        refiner: of a model that corrects where the warped photo lies.
    """

    model_cpu_offload_seq = "image_encoder->adapter->unet->vae"
    _optional_components = ["reference", "refiner"]  # noqa: RUF012  # as diffusers declares it

    def __init__(
        self,
        unet: UNet2DConditionModel,
        adapter: AppearanceAdapter,
        vae: AutoencoderKL | PatchAutoencoder,
        image_encoder: CLIPVisionModel,
        scheduler: Any,
        manifest: dict[str, Any] | None = None,
        reference: ReferenceAttention | None = None,
        refiner: WarpRefiner | None = None,
    ) -> None:
        super().__init__()
        if manifest is None:
            raise ModelError("this pipeline has no manifest: make it with AnimatorPipeline.from_subject_model")
        nets = {"unet": unet, "adapter": adapter, "vae": vae, "image_encoder": image_encoder}
        self.register_modules(**nets, scheduler=scheduler, reference=reference, refiner=refiner)
        self.register_to_config(manifest=manifest)

    @classmethod
    def from_subject_model(cls, model: SubjectModel) -> AnimatorPipeline:
        """The pipeline of a model at hand; networks are shared, not copied."""
        scheduler = open_scheduler("dpm++", model.noise_schedule)
        return cls(**model.nets, scheduler=scheduler, manifest=model.manifest.model_dump(mode="json"))

    @property
    def subject_model(self) -> SubjectModel:
        """The model behind the pipeline; networks are shared, not copied."""
        settings = self.scheduler.config
        return SubjectModel(
            unet=self.unet,
            adapter=self.adapter,
            vae=self.vae,
            image_encoder=self.image_encoder,
            noise_schedule={key: settings[key] for key in NOISE_SCHEDULE_KEYS if settings.get(key) is not None},
            manifest=Manifest.model_validate(dict(self.config.manifest)),
            reference=self.reference,
            refiner=self.refiner,
        )

    @torch.no_grad()
    def __call__(
        self,
        image: Image.Image | Subject,
        pose_video: PoseSequence,
        num_inference_steps: int | None = None,
        guidance_scale: float = 1.0,
        pose_guidance_scale: float = 1.0,
        guidance_rescale: float = 0.0,
        repair: float | None = None,
        decode_chunk_size: int | None = None,
        generator: torch.Generator | None = None,
        output_type: OutputType = "pil",
        return_dict: bool = True,
        background: Literal["keep", "generate"] | Image.Image = "keep",
    ) -> AnimatorPipelineOutput | tuple[list[Image.Image] | np.ndarray | torch.Tensor]:
        """Make one frame per pose.

        Args:
            image: picture of the person, transparent where its background is, or a subject that was prepared before.
            pose_video: poses of the driving video, in its px; put on the person's proportions here.
            num_inference_steps: evaluations per frame and branch; none: as many as the model says it needs.
            guidance_scale: how strongly the image steers; 1 leaves it as trained.
            pose_guidance_scale: how strongly the pose steers; 1 leaves it as trained.
            guidance_rescale: 0 ... 1, brings strong guidance back to natural spread.
            repair: 0 keeps the warped photo, 1 repaints everything; none: as the model says, else 0.5.
            decode_chunk_size: frames computed at once; none chooses by the device.
            generator: its initial seed is the seed of all frames.
            output_type: see `AnimatorPipelineOutput`.
            return_dict: a plain tuple if false.
            background: behind the person: keep, the image's own, filled in; generate, the network may paint it, too; or
                another picture, which fills the canvas.

        Raises:
            PipelineError: an argument of the wrong kind or size, which it names; nobody in the image, or another canvas
                than the model's.
        """
        _check_kinds(image, pose_video, generator, output_type, background)
        config = _sampler(
            steps=num_inference_steps,
            guidance_image=guidance_scale,
            guidance_pose=pose_guidance_scale,
            guidance_rescale=guidance_rescale,
            repair=repair,
            batch=decode_chunk_size,
        )
        model = self.subject_model
        subject = _subject(image, model.manifest.canvas, background)
        seed = 0 if generator is None else generator.initial_seed()
        frames = DiffusionGenerator(
            model, config, seed=seed, scheduler=self.scheduler, lock_background=background != "generate"
        )
        driving = retarget(pose_video, onto=subject.pose, canvas_size=model.manifest.canvas)
        pictures = []
        with self.progress_bar(total=len(driving)) as progress:
            for frame in frames.generate(pose_windows(driving), subject):
                pictures.append(frame.pixels_HWC)
                progress.update()
        result = _as_output(np.stack(pictures), output_type)
        return AnimatorPipelineOutput(frames=result) if return_dict else (result,)


def _check_kinds(image: object, pose_video: object, generator: object, output_type: object, background: object) -> None:
    """Refuse what Python would take and misread, before any work."""
    if not isinstance(image, Image.Image | Subject):
        raise PhotoError(
            f"image: got {_kind(image)}, expected one PIL picture or a Subject. Open a file with PIL.Image.open, turn "
            "an array [H, W, 3] of uint8 into a picture with PIL.Image.fromarray."
        )
    if not isinstance(pose_video, PoseSequence):
        raise TrackingError(
            f"pose_video: got {_kind(pose_video)}, expected a PoseSequence. Make one with "
            "pose_tracking.tracking.track, or load one that `animator track` wrote with PoseSequence.load."
        )
    if generator is not None and not isinstance(generator, torch.Generator):
        raise JobError(
            f"generator: got {_kind(generator)}, expected one torch.Generator, such as torch.Generator().manual_seed(7)"
        )
    if not isinstance(output_type, str) or output_type not in get_args(OutputType):
        raise JobError(f"output_type: got {output_type!r}, expected {', '.join(get_args(OutputType))}")
    is_name = isinstance(background, str)
    if not (isinstance(background, Image.Image) or (is_name and background in ("keep", "generate"))):
        got = repr(background) if is_name else _kind(background)
        raise PhotoError(f"background: got {got}, expected 'keep', 'generate', or a PIL picture")


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def _sampler(**settings: Any) -> SamplerConfig:
    try:
        return SamplerConfig(**settings)
    except ValidationError as error:
        text = complain(error, model=SamplerConfig)
        named = re.sub(r"(^|; )(\w+):", lambda found: f"{found[1]}{_ARGUMENTS.get(found[2], found[2])}:", text)
        raise JobError(named) from error


def _subject(image: Image.Image | Subject, canvas: tuple[int, int], background: str | Image.Image) -> Subject:
    """Found in the image unless it was before, in front of the background that is a picture."""
    if not isinstance(image, Subject):
        size = CanvasConfig(width=canvas[0], height=canvas[1])
        image = Subject.from_photo(Photo.of(image), size, TrackerConfig())
    if isinstance(background, Image.Image):
        return image.before(Photo.of(background, name="background").image)
    return image


def _as_output(pixels_THWC: np.ndarray, output_type: str) -> list[Image.Image] | np.ndarray | torch.Tensor:
    if output_type == "pil":
        return [Image.fromarray(pixels) for pixels in pixels_THWC]
    floats = pixels_THWC.astype(np.float32) / 255
    return floats if output_type == "np" else rearrange(torch.from_numpy(floats), "t h w c -> t c h w")
