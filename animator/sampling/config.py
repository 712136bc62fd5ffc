"""How frames are sampled, as written in a job file. Imports no torch, so that jobs can be checked quickly."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

SchedulerName = Literal["ddim", "dpm++", "unipc", "euler", "lcm", "tcd"]
NoiseKind = Literal["shared", "independent", "mixed"]
Quality = Literal["draft", "standard", "best"]
Decoder = Literal["full", "preview"]

# Models for LCM and TCD are distilled to skip along this many steps (diffusers' `original_inference_steps`).
DISTILLED_STEPS = 50
DEFAULT_REPAIR, DEFAULT_REFINE = 0.5, 1.0
DEFAULT_STEPS = 20
# Steps of each quality, as a multiple of what the model needs. A draft spares deep layers and not steps: at the same
# price its pictures are closer to those of the other qualities than pictures of a single whole step are.
QUALITIES: dict[Quality, float] = {"draft": 1.0, "standard": 1.0, "best": 2.5}
DRAFT_REUSE = 4


class SamplerConfig(BaseModel):
    """Every choice of the `diffusion` generator but the model and the seed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    quality: Quality = Field(
        default="standard",
        description="draft: deep layers in a quarter of the steps and the preview decoder; standard: the steps a model "
        "needs; best: 2.5 times as many",
    )
    steps: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="evaluations of the network per frame and branch; by quality: 20 unless the model says",
    )
    scheduler: SchedulerName = Field(
        default="dpm++", description="dpm++ (2M), unipc, euler, ddim; lcm and tcd for models distilled for them"
    )
    reuse: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="compute the network's deep layers in every so many steps only, and keep what they gave in "
        "between; none: 4 for drafts, else 1",
    )
    guidance_image: float = Field(default=1.0, ge=0, le=50, description="how strongly the photo steers; 1 as trained")
    guidance_pose: float = Field(default=1.0, ge=0, le=50, description="how strongly the pose steers; 1 as trained")
    guidance_rescale: float = Field(default=0.0, ge=0, le=1, description="bring strong guidance back to natural spread")
    guidance_interval: tuple[float, float] = Field(
        default=(0.0, 1.0), description="share of the steps in which guidance applies, 0 = most noise"
    )
    repair: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="0 keeps the warped photo, 0.5 frees what needs repair, 1 lets the network repaint everything; "
        "none: as the model says, else 0.5",
    )
    refine: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="how far the warped photo is shifted to where the model's refiner says that it belongs; 0 leaves "
        "it where the bones carry it, and so do models without a refiner; none: as the model says, else 1",
    )
    keep_detail: bool = Field(
        default=True, description="where the warped photo needs no repair, keep what the autoencoder would blur"
    )
    decoder: Decoder | None = Field(
        default=None,
        description="what makes pictures of latents: full, the model's own decoder, or preview, a quick one where the "
        "model has it; none: preview for drafts",
    )
    noise: NoiseKind = Field(default="shared", description="starting noise of the frames: the same, its own, or mixed")
    noise_shared: float = Field(default=0.5, ge=0, le=1, description="share that all frames have in common, when mixed")
    batch: int | None = Field(default=None, ge=1, le=256, description="frames at once; none chooses by the device")
    densepose: Path | None = Field(
        default=None, description="folder of U,V arrays (.npy, one per frame), for models trained on DensePose"
    )

    @model_validator(mode="after")
    def _check_interval(self) -> SamplerConfig:
        first, last = self.guidance_interval
        if not 0 <= first <= last <= 1:
            raise ValueError(f"guidance_interval {self.guidance_interval} must rise within 0 ... 1")
        return self

    @model_validator(mode="after")
    def _check_steps(self) -> SamplerConfig:
        if self.scheduler in {"lcm", "tcd"} and self.steps is not None and self.steps > DISTILLED_STEPS:
            raise ValueError(f"{self.scheduler} takes at most {DISTILLED_STEPS} steps, got {self.steps}")
        return self

    def completed(
        self, model_steps: int | None = None, model_repair: float | None = None, model_refine: float | None = None
    ) -> SamplerConfig:
        """With steps, reuse, decoder, repair and refine set: as written, else by `quality` and by what the model says,
        or `DEFAULT_STEPS`, `DEFAULT_REPAIR` and `DEFAULT_REFINE`."""
        repair = next(each for each in (self.repair, model_repair, DEFAULT_REPAIR) if each is not None)
        refine = next(each for each in (self.refine, model_refine, DEFAULT_REFINE) if each is not None)
        reuse, decoder = (DRAFT_REUSE, "preview") if self.quality == "draft" else (1, "full")
        most = DISTILLED_STEPS if self.scheduler in {"lcm", "tcd"} else 1000
        steps = round((model_steps or DEFAULT_STEPS) * QUALITIES[self.quality])
        return self.model_copy(
            update={
                "steps": self.steps or min(max(1, steps), most),
                "reuse": self.reuse or reuse,
                "decoder": self.decoder or decoder,
                "repair": repair,
                "refine": refine,
            }
        )
