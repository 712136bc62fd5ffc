"""What a render needs and what it gives back: `RenderJob` and `RenderReport`.

The parts of a job are described beside their owners (tracker, motion, retargeting, canvas, encoding); this
module only puts them together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, field_validator, model_validator

from animator.canvas import CanvasConfig
from animator.encoding import EncodeConfig
from animator.generators.puppet_config import PuppetConfig
from animator.generators.registry import GENERATORS, GeneratorSettings, log_note
from animator.models.source import EMBEDDED
from animator.provenance import ProvenanceConfig
from animator.sampling.config import SamplerConfig
from pose_tracking.retargeting import RetargetConfig
from pose_tracking.tracking import PersonSetting, TrackerConfig
from temporal.motion import MotionConfig

BackgroundName = Literal["keep", "generate"]


def check_device_name(name: str) -> str:
    """The name of a device, as long as it is one; whether the device is there shows where it is opened.

    Raises:
        ValueError: what was expected.
    """
    if re.fullmatch(r"auto|cpu|mps|cuda(:\d{1,3})?", name) is None:
        raise ValueError(f"got {name!r}, expected auto, cpu, cuda, cuda:1 or mps")
    return name


class PreviewConfig(BaseModel):
    """Pictures for people, written beside the result."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    contact_sheet: bool = Field(
        default=True, description="a sheet of frames: out.contact.png for out.mp4, out.gif.contact.png for out.gif"
    )
    side_by_side: bool = Field(
        default=True, description="photo, clip with skeleton and result: out.side.mp4, or out.gif.side.mp4"
    )


class RenderJob(BaseModel):
    """One photo, one clip, one result, and every choice between them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    photo: Path = Field(description="picture of the person to animate")
    clip: Path = Field(description="video whose motion drives the person")
    output: Path = Field(description="what is written; the ending chooses the format")
    overwrite: bool = Field(default=True, description="replace an output that is already there")
    start_s: FiniteFloat = Field(default=0.0, ge=0, description="where in the clip to begin, seconds")
    end_s: FiniteFloat | None = Field(default=None, gt=0, description="where in the clip to stop, seconds")
    seed: int = Field(default=0, ge=0, lt=2**63, description="same seed, same pictures")
    generator: str = Field(
        default="puppet",
        min_length=1,
        description="puppet; diffusion, which naming a model means; or my_pkg.mod:Thing with --trust",
    )
    model: str = Field(
        default=EMBEDDED,
        min_length=1,
        description="for diffusion: embedded, a folder (model or Stable Diffusion 1.x), or a hub id, owner/name@commit",
    )
    image_encoder: str | None = Field(
        default=None, min_length=1, description="CLIP vision encoder, folder or hub id, for a base that has none"
    )
    device: str = Field(default="auto", description="where to compute: auto, cpu, cuda, cuda:1, mps")
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto", description="number format of the networks; auto: what the device multiplies fastest"
    )
    low_vram: bool = Field(
        default=False, description="compute as little as possible at once: slower, for small graphics cards"
    )
    workers: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="most frames made side by side on a CPU; none: as many as cores, or OMP_NUM_THREADS",
    )
    puppet: PuppetConfig = Field(default_factory=PuppetConfig)
    sampler: SamplerConfig = Field(default_factory=SamplerConfig)
    canvas: CanvasConfig = Field(default_factory=CanvasConfig)
    photo_person: PersonSetting = Field(
        default="largest",
        description="whom of the photo to animate: largest, center, n-th from the left (0 first), "
        "or [x, y] as fractions",
    )
    background: BackgroundName | Path = Field(
        default="keep",
        description="behind the person: keep, the photo's own, filled in; generate, diffusion may paint it, too; "
        "or the file of another picture",
    )
    tracker: TrackerConfig = Field(default_factory=TrackerConfig)
    pose_cache: bool = Field(
        default=True, description="keep the clip's poses, so that the next render of it does not track it again"
    )
    motion: MotionConfig = Field(default_factory=MotionConfig)
    retarget: RetargetConfig = Field(default_factory=RetargetConfig)
    encode: EncodeConfig = Field(default_factory=EncodeConfig)
    preview: PreviewConfig = Field(default_factory=PreviewConfig)
    provenance: ProvenanceConfig = Field(default_factory=ProvenanceConfig)

    @model_validator(mode="before")
    @classmethod
    def _named_model_means_diffusion(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and values.get("model") is not None and "generator" not in values:
            return {**values, "generator": "diffusion"}
        return values

    _check_device = field_validator("device")(check_device_name)

    @field_validator("output")
    @classmethod
    def _refuse_stdout(cls, output: Path) -> Path:
        if output.name == "-":  # what other programs take for stdout would become a folder of that name
            raise ValueError("got '-', but nothing is written to stdout; give it a name")
        return output

    @model_validator(mode="after")
    def _check_trim(self) -> RenderJob:
        if self.end_s is not None and self.end_s <= self.start_s:
            raise ValueError(f"end_s {self.end_s:g} must lie after start_s {self.start_s:g}")
        return self

    @field_validator("generator")
    @classmethod
    def _check_generator(cls, name: str) -> str:
        if name not in GENERATORS and re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", name) is None:
            raise ValueError(f"{name!r} is unknown; there is {', '.join(sorted(GENERATORS))}, or my_pkg.mod:Thing")
        return name

    @field_validator("background")
    @classmethod
    def _check_background(cls, background: BackgroundName | Path) -> BackgroundName | Path:
        if isinstance(background, Path) and background.name == str(background) and not background.suffix:
            near = get_close_matches(str(background), get_args(BackgroundName), n=1)
            advice = f"did you mean {near[0]}?" if near else "a file without an ending is named as ./file"
            raise ValueError(f"got {str(background)!r}, expected keep, generate or a picture's file; {advice}")
        return background

    @model_validator(mode="after")
    def _check_painter(self) -> RenderJob:
        if self.background == "generate" and self.generator == "puppet":
            raise ValueError(
                "background = generate: the puppet paints nothing. Choose --generator diffusion or a --model, keep the "
                "background, or give a picture's file"
            )
        return self

    @property
    def background_picture(self) -> Path | None:
        """The file of the picture behind the person, where it is not the photo's own background."""
        return self.background if isinstance(self.background, Path) else None

    @property
    def inputs(self) -> dict[str, Path]:
        """The files and folders that shape the pictures, by role; those of models that draw apart."""
        files = {
            "photo": self.photo,
            "clip": self.clip,
            "poses": self.tracker.recorded,
            "background": self.background_picture,
            "detector": self.tracker.task_file,
            "densepose": self.sampler.densepose,
        }
        return {role: path for role, path in files.items() if path is not None}

    def photo_tracker(self) -> TrackerConfig:
        """How the person is found in the photo, which has its own choice among several."""
        return self.tracker.model_copy(update={"person": self.photo_person})

    def generator_settings(self, *, on_note: Callable[[str], None] = log_note) -> GeneratorSettings:
        """What the job says to its generator; `on_note` is told what comes up while frames are made."""
        return GeneratorSettings(
            model=self.model,
            image_encoder=self.image_encoder,
            canvas=self.canvas,
            puppet=self.puppet,
            sampler=self.sampler,
            seed=self.seed,
            device=self.device,
            on_note=on_note,
            workers=self.workers,
            precision=self.precision,
            low_vram=self.low_vram,
            lock_background=self.background != "generate",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderReport:
    """What a render made.

    Attributes:
        path: the result; a folder for PNG sequences.
        num_frames: pictures in it.
        duration_s: playing time in seconds.
        seconds: wall time the render took.
        fingerprint: SHA-256 over inputs and settings; equal fingerprints mean equal jobs.
        previews: contact sheet and side-by-side video, if asked for.
        sidecar: JSON that says what was made of what and how, unless switched off.
        warnings: what the person should know, one line each.
        partial: the clip could be read only in part, or frames are missing.
        gaps: frames that could not be made; the picture before is held there.
    """

    path: Path
    num_frames: int
    duration_s: float
    seconds: float
    fingerprint: str
    previews: tuple[Path, ...] = ()
    sidecar: Path | None = None
    warnings: tuple[str, ...] = ()
    partial: bool = False
    gaps: tuple[int, ...] = ()
