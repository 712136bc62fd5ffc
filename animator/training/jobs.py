"""What trainings are asked for, as written by a person. Imports no torch."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from animator.models.source import EMBEDDED
from animator.training.config import TrainConfig
from pose_tracking.tracking import TrackerConfig

# Below this many parameters a UNet is a small one, which learns with larger steps.
_SMALL_UNET = 100_000_000


class _Job(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    output: Path = Field(description="the model folder to be written; must not exist")
    device: str = Field(default="auto", description="auto, cpu, cuda, cuda:1, mps")


class FinetuneJob(_Job):
    """The subject phase: one base, a few photos of one person, one model of that person."""

    photos: tuple[Path, ...] = Field(min_length=1, max_length=100, description="of the same person in the same clothes")
    base: str = Field(default=EMBEDDED, min_length=1, description="embedded, a folder, or a hub id")
    image_encoder: str | None = Field(default=None, min_length=1, description="for a base that has none")
    flip: bool = Field(default=True, description="learn from mirrored crops, too; not for clothes with writing")
    lora_rank: int = Field(default=0, ge=0, le=256, description="train small additions of this rank; 0 trains it all")
    denoise: TrainConfig | None = Field(default=None, description="UNet and adapter; what is not set suits the base")
    decoder: TrainConfig | None = Field(default=None, description="then the decoder; what is not set suits the base")
    tracker: TrackerConfig = Field(default_factory=TrackerConfig)
    seed: int = Field(default=0, ge=0, lt=2**31)

    def completed(self, *, unet_parameters: int) -> FinetuneJob:
        """With both halves set: as asked for, else as suits a base whose UNet has so many parameters."""
        denoise, decoder = subject_phase(unet_parameters < _SMALL_UNET)
        halves = {"denoise": overlaid(denoise, self.denoise), "decoder": overlaid(decoder, self.decoder)}
        return self.model_copy(update=halves)


class TrainBaseJob(_Job):
    """The base phase: many people in motion."""

    base: str = Field(default=EMBEDDED, min_length=1, description="what to start from; `new` an untrained small one")
    autoencoder: Path | None = Field(default=None, description="for `new`: folder of a trained autoencoder")
    image_encoder: str | None = Field(default=None, min_length=1)
    reference: bool = Field(default=False, description="let self-attention look at the photo, if it does not yet")
    clips: Path | None = Field(default=None, description="folder of clips, one person in each; none: rendered people")
    wardrobe: Path | None = Field(default=None, description="MakeHuman assets for rendered people")
    motions: Path | None = Field(default=None, description="BVH and DeepMimic files for rendered people")
    cache: Path | None = Field(default=None, description="keep encoded samples here and use them again")
    cache_size: int = Field(default=20_000, ge=1, description="samples kept")
    train: TrainConfig = Field(default_factory=lambda: TrainConfig(steps=100_000, batch=16, checkpoint_every=1000))
    tracker: TrackerConfig = Field(default_factory=TrackerConfig)

    @model_validator(mode="after")
    def _check_sources(self) -> TrainBaseJob:
        if self.clips is not None and (self.wardrobe is not None or self.motions is not None):
            raise ValueError("wardrobe and motions belong to rendered people: leave them out with clips")
        if (self.base == "new") != (self.autoencoder is not None):
            raise ValueError("base = new needs autoencoder = FOLDER (animator train autoencoder), and only it does")
        return self


class TrainAutoencoderJob(_Job):
    """The autoencoder of a new small base."""

    wardrobe: Path | None = None
    motions: Path | None = None
    latent_channels: int = Field(default=16, ge=1, le=64)
    train: TrainConfig = Field(
        default_factory=lambda: TrainConfig(steps=20_000, batch=16, learning_rate=5e-4, weight_decay=1e-4)
    )
    preview_width: int = Field(default=64, ge=0, le=1024, description="channels of the preview decoder; 0: no such")
    preview: TrainConfig = Field(
        default_factory=lambda: TrainConfig(
            steps=2000, batch=16, learning_rate=2e-3, weight_decay=0.0, check_every=500
        ),
        description="of the preview decoder, after the autoencoder",
    )
    seed: int = Field(default=0, ge=0, lt=2**31)


def subject_phase(base_is_small: bool) -> tuple[TrainConfig, TrainConfig]:
    """Settings of both halves that suit a base: (UNet and adapter, decoder).

    Those for Stable Diffusion are DreamPose's (Karras et al. 2023, section 4.1); those for the embedded base were
    chosen so that one photo takes two to three minutes of one core.
    """
    if base_is_small:
        small = TrainConfig(warmup=5, ema=0.9, checkpoint_every=10)
        return (
            small.model_copy(update={"steps": 60, "batch": 4, "learning_rate": 1e-4, "check_every": 20}),
            small.model_copy(update={"steps": 20, "batch": 2, "learning_rate": 3e-4, "check_every": 10}),
        )
    return (
        TrainConfig(
            steps=500, batch=4, learning_rate=1e-5, warmup=20, ema=0.99, checkpoint_every=50, check_every=50, patience=3
        ),
        TrainConfig(
            steps=1500,
            batch=2,
            learning_rate=5e-5,
            warmup=20,
            ema=0.99,
            checkpoint_every=100,
            check_every=150,
            patience=3,
        ),
    )


def overlaid(suited: TrainConfig, asked: TrainConfig | None) -> TrainConfig:
    """What suits the base, but for what was asked for."""
    if asked is None:
        return suited
    return suited.model_copy(update={key: getattr(asked, key) for key in asked.model_fields_set})
