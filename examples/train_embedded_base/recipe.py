"""What a training of the embedded base is told: people, phases, and how long each may go on."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from animator.errors import JobError
from animator.job_schema import complain
from animator.synthesis.dataset import Joints
from animator.training.config import TrainConfig
from animator.training.rendered import Cut
from animator.training.sharpening import ADVERSARIAL

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class Data(BaseModel):
    """The people, and how often each picture of them is used."""

    model_config = ConfigDict(extra="forbid")

    wardrobe: Path | None = Field(default=None, description="MakeHuman assets")
    motions: Path | None = Field(default=None, description="BVH and DeepMimic files")
    seed: int = 0
    window: int = Field(default=64, ge=1, description="samples a worker keeps on the disk, 1.1 MB per pair")
    per_person: int = Field(default=12, ge=1, description="pairs of one person and motion before the next")
    per_photo: int = Field(default=6, ge=1, description="of these, with the same photo; divides per_person")
    typical: int = Field(default=256, ge=2, description="pictures for the autoencoder's linear start and its spread")
    joints: Joints = Field(
        default="drawn",
        description="true; drawn: with a tracker's errors, drawn at random; tracked: as the tracker finds them",
    )
    cut: Cut = Field(
        default="found",
        description="how people of photos are cut out: true, as the renderer knows it; found, as a render finds it",
    )
    refiner_from: Literal["films", "frames"] = Field(
        default="films",
        description="what the refiner learns from: films of two people, found, tracked and carried as in a render; or "
        "frames of one take, as the base does",
    )
    refiner_noise: float = Field(
        default=0.5, ge=0, description="strength of drawn errors in frames that the refiner learns from, 1 as measured"
    )
    held_out: int = Field(default=16, ge=1, description="pairs for checks and sheets")
    sheet_minutes: float = Field(default=3.0, gt=0, description="between sheets")


class PhaseConfig(TrainConfig):
    """A phase ends after its updates, or after its minutes over all stretches, whichever comes first."""

    minutes: float | None = Field(default=None, gt=0, description="at most")
    times: int = Field(default=8, ge=1, description="each sample is used")

    @property
    def train(self) -> TrainConfig:
        """What the training loop takes."""
        return TrainConfig(**self.model_dump(include=set(TrainConfig.model_fields)))


class Recipe(BaseModel):
    """All of the training; TOML tables of these names."""

    model_config = ConfigDict(extra="forbid")

    data: Data = Data()
    latent_channels: int = Field(default=16, ge=4, le=192)
    reference: bool = Field(default=True, description="self-attention looks at the photo, too")
    autoencoder: PhaseConfig
    preview_width: int = Field(default=64, ge=1, le=1024, description="channels of the preview decoder")
    preview: PhaseConfig
    refiner: PhaseConfig
    base: PhaseConfig
    sharpening: PhaseConfig
    sharpening_steps: int = Field(default=2, ge=1, le=50, description="of the sampling that the base is made for")
    adversarial: float = Field(default=ADVERSARIAL, ge=0, le=10)


def read_recipe(given: argparse.Namespace) -> Recipe:
    """The recipe of the file, but for what was typed.

    Raises:
        JobError: no such file, no TOML, a key that there is not, or a wrong value.
    """
    try:
        recipe = Recipe.model_validate(tomllib.loads(given.config.read_text(encoding="utf-8")))
    except OSError as error:
        raise JobError(f"{given.config}: the recipe cannot be read ({error.strerror})") from error
    except ValidationError as error:
        raise JobError(f"{given.config}: {complain(error, model=Recipe)}") from error
    except (ValueError, RecursionError) as error:
        raise JobError(f"{given.config}: not TOML: {error}") from error
    places = {name: getattr(given, name) for name in ("wardrobe", "motions") if getattr(given, name) is not None}
    recipe.data = recipe.data.model_copy(update=places)
    recipe.reference = recipe.reference and given.reference
    return recipe
