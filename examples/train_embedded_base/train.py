"""Train the embedded base from nothing: autoencoder, UNet and adapter, then sharpening for few steps.

    python examples/train_embedded_base/train.py RUN [--config base.toml] [--minutes 9] [--device auto]

People are rendered by worker processes while the device trains. All state lies in RUN: started again, the training goes
on from the last checkpoint, so it fits stretches of a few minutes, and losses, checks and sheets of held-out people
tell after each how it stands. The finished base is RUN/model, a folder like animator/weights.

Without MakeHuman's assets (`wardrobe`) people wear what the project sews itself; see README.md beside this file.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, Field
from sheets import Sheets

from animator.models.embedded import new_base
from animator.models.patch_autoencoder import PatchAutoencoder
from animator.models.subject_model import SubjectModel
from animator.models.vae import load_autoencoder
from animator.progress import Stage, TqdmProgress
from animator.synthesis.dataset import DatasetOptions, RenderedPeople
from animator.synthesis.motions.library import read_motion_files
from animator.synthesis.take import TakeOptions
from animator.training.autoencoder import AutoencoderStage, set_unit_spread
from animator.training.base import write_base
from animator.training.config import TrainConfig
from animator.training.denoising import DenoisingStage
from animator.training.loop import fit
from animator.training.pictures import Pictures
from animator.training.processes import training_device
from animator.training.rendered import RenderedPairs
from animator.training.reuse import ReusedSamples
from animator.training.samples import Batch, SampleSource, batches
from animator.training.sharpening import ADVERSARIAL, SharpeningStage

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).parent
HELD_OUT_SEED = 1_000_003


class Data(BaseModel):
    """The people, and how often each picture of them is used."""

    model_config = ConfigDict(extra="forbid")

    wardrobe: Path | None = Field(default=None, description="MakeHuman assets")
    motions: Path | None = Field(default=None, description="BVH and DeepMimic files")
    seed: int = 0
    times: int = Field(default=8, ge=1, description="each pair is used")
    window: int = Field(default=64, ge=1, description="pairs a worker keeps")
    held_out: int = Field(default=16, ge=1, description="pairs for checks and sheets")
    sheet_minutes: float = Field(default=3.0, gt=0, description="between sheets")


class Recipe(BaseModel):
    """All of the training; TOML tables of these names."""

    model_config = ConfigDict(extra="forbid")

    data: Data = Data()
    latent_channels: int = Field(default=16, ge=4, le=192)
    autoencoder: TrainConfig
    base: TrainConfig
    sharpening: TrainConfig
    sharpening_steps: int = Field(default=2, ge=1, le=50, description="of the sampling that the base is made for")
    adversarial: float = Field(default=ADVERSARIAL, ge=0, le=10)


class TimeIsUpError(Exception):
    """This stretch is over; what was learned since the last checkpoint is learned again in the next."""


class Stretch(TqdmProgress):
    """Bars, and an end after so many seconds; calls `now_and_then` between updates."""

    def __init__(self, limit_s: float, now_and_then: Callable[[], None]) -> None:
        super().__init__()
        self._until, self._now_and_then = time.monotonic() + limit_s, now_and_then

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        with super().stage(name, total) as shown:
            yield _Watched(shown, self)

    def look(self) -> None:
        if time.monotonic() > self._until:
            raise TimeIsUpError
        self._now_and_then()


class _Watched:
    def __init__(self, shown: Stage, stretch: Stretch) -> None:
        self._shown, self._stretch = shown, stretch

    def advance(self, n: int = 1) -> None:
        self._shown.advance(n)
        self._stretch.look()


def people(data: Data, split: str, seed: int) -> RenderedPeople:
    """Rendered people of one part of the wardrobe, the bodies and the motions."""
    take = TakeOptions(
        split=split,
        width=256,
        height=320,
        wardrobe=data.wardrobe,
        motions=None if data.motions is None else read_motion_files(data.motions),
    )
    return RenderedPeople(seed, DatasetOptions(take=take, samples_per_take=12, targets_per_reference=6))


def reused(source: SampleSource, data: Data, train: TrainConfig) -> SampleSource:
    """The same samples several times, dealt to the workers."""
    lanes = max(1, train.workers)
    return ReusedSamples(source, times=data.times, window=data.window, lanes=lanes, batch=train.batch, seed=train.seed)


def train_autoencoder(recipe: Recipe, run: Path, device: torch.device, stretch: Stretch) -> None:
    """Pictures to latents and back; writes RUN/vae."""
    source = Pictures(people(recipe.data, "train", recipe.data.seed), seed=recipe.data.seed)
    typical = _pictures(source, 256)
    torch.manual_seed(recipe.data.seed)
    vae = PatchAutoencoder(latent_channels=recipe.latent_channels)
    vae.start_from(typical * 2 - 1)
    others = Pictures(people(recipe.data, "held-out", HELD_OUT_SEED), seed=HELD_OUT_SEED)
    stage = AutoencoderStage(vae, held_out=_pictures(others, recipe.data.held_out).mul(255).to(torch.uint8))
    samples = reused(source, recipe.data, recipe.autoencoder)
    fit(stage, samples, recipe.autoencoder, run / "state" / "autoencoder", device=device, progress=stretch)
    set_unit_spread(vae.cpu(), typical)
    vae.requires_grad_(False).save_pretrained(run / "vae")


def _pictures(source: Pictures, count: int) -> torch.Tensor:
    return torch.stack([source.sample(number)["picture"] for number in range(count)]).float() / 255


def train_base(recipe: Recipe, model: SubjectModel, held_out: list[Batch], run: Path, stretch: Stretch) -> None:
    """UNet, adapter and image encoder learn to denoise; writes RUN/base."""
    source = RenderedPairs(people(recipe.data, "train", recipe.data.seed), seed=recipe.data.seed)
    stage = DenoisingStage(model, train_image_encoder=True, held_out=held_out)
    samples = reused(source, recipe.data, recipe.base)
    fit(stage, samples, recipe.base, run / "state" / "base", device=model.device, progress=stretch)
    write_base(model, run / "base", texts=_texts())


def sharpen(recipe: Recipe, model: SubjectModel, held_out: list[Batch], run: Path, stretch: Stretch) -> None:
    """Few steps, sharp; writes RUN/model, which says how many steps it was made for."""
    source = RenderedPairs(people(recipe.data, "train", recipe.data.seed + 1), seed=recipe.data.seed + 1)
    stage = SharpeningStage(
        model,
        steps=recipe.sharpening_steps,
        held_out=held_out,
        adversarial=recipe.adversarial,
        train_image_encoder=True,
    )
    samples = reused(source, recipe.data, recipe.sharpening)
    fit(stage, samples, recipe.sharpening, run / "state" / "sharpening", device=model.device, progress=stretch)
    for net in model.nets.values():
        net.requires_grad_(False)
    update = {"steps": recipe.sharpening_steps}
    finished = SubjectModel(
        **model.nets,
        noise_schedule=model.noise_schedule,
        manifest=model.manifest.model_copy(update=update),
    )
    write_base(finished, run / "model", texts=_texts())


def _texts() -> dict[str, str]:
    return {"LICENSE": (HERE.parents[1] / "LICENSE").read_text(encoding="utf-8")}


def go_on(recipe: Recipe, run: Path, device: torch.device, *, limit_s: float) -> None:
    """Whatever comes next, until all is done or the time is up.

    Raises:
        TimeIsUpError: call again.
    """
    run.mkdir(parents=True, exist_ok=True)
    if not (run / "vae").is_dir():
        train_autoencoder(recipe, run, device, Stretch(limit_s, lambda: None))
    began = time.monotonic()
    known = run / "base" if (run / "base").is_dir() else None
    if known is None:
        model = new_base(load_autoencoder(run / "vae"), seed=recipe.data.seed).to(device)
    else:
        model = SubjectModel.load(known, device=device)
    others = RenderedPairs(people(recipe.data, "held-out", HELD_OUT_SEED), seed=HELD_OUT_SEED)
    held_out = list(batches(others, start=0, stop=1, batch=recipe.data.held_out))
    sheets = Sheets(model, held_out[0], run / "sheets", every_s=60 * recipe.data.sheet_minutes)
    stretch = Stretch(limit_s - (time.monotonic() - began), sheets.draw_when_due)
    if known is None:
        train_base(recipe, model, held_out, run, stretch)
    if not (run / "model").is_dir():
        sharpen(recipe, model, held_out, run, stretch)
    sheets.draw()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--config", type=Path, default=HERE / "base.toml")
    parser.add_argument("--wardrobe", type=Path)
    parser.add_argument("--motions", type=Path)
    parser.add_argument("--minutes", type=float, default=1e6, help="end this stretch after so long")
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    recipe = Recipe.model_validate(tomllib.loads(given.config.read_text(encoding="utf-8")))
    places = {name: getattr(given, name) for name in ("wardrobe", "motions") if getattr(given, name) is not None}
    recipe.data = recipe.data.model_copy(update=places)
    try:
        go_on(recipe, given.run, training_device(given.device), limit_s=60 * given.minutes)
    except TimeIsUpError:
        print("time is up; run again to go on", file=sys.stderr)
        return 75  # "try again later"
    print(given.run / "model")
    return 0


if __name__ == "__main__":
    sys.exit(main())
