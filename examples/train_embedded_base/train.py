"""Train the embedded base from nothing: autoencoder, preview decoder, the warp's refiner, UNet and adapter, sharpness.

    python examples/train_embedded_base/train.py RUN [--config base.toml] [--minutes 9] [--device auto]

People are rendered by worker processes while the device trains. All state lies in RUN: ended by the clock and started
again, the training goes on with the next update, so it fits stretches of a few minutes; losses, checks and sheets of
held-out people tell after each how it stands. After a stretch RUN/so-far is the model as it is by then; the finished
base is RUN/model, a folder like animator/weights.

Without MakeHuman's assets (`wardrobe`) people wear what the project sews itself; see README.md beside this file.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import torch
from recipe import Data, PhaseConfig, Recipe, read_recipe
from sheets import Sheets
from stretch import Stretch

from animator.models.bases import with_refiner
from animator.models.embedded import new_base
from animator.models.loading import load_net
from animator.models.patch_autoencoder import PatchAutoencoder
from animator.models.subject_model import SubjectModel
from animator.models.vae import load_autoencoder
from animator.models.warp_refiner import WarpRefiner
from animator.synthesis.dataset import DatasetOptions, Joints, RenderedPeople
from animator.synthesis.motions.library import read_motion_files
from animator.synthesis.take import TakeOptions
from animator.training.autoencoder import AutoencoderStage, set_unit_spread
from animator.training.base import write_base
from animator.training.denoising import DenoisingStage
from animator.training.films import OPEN_TAKES, PER_TAKE, FilmPairs
from animator.training.loop import fit
from animator.training.packing import PackedSamples
from animator.training.pictures import Pictures
from animator.training.preview_decoder import PreviewDecoderStage, add_new_preview
from animator.training.processes import training_device
from animator.training.refinement import RefinementStage
from animator.training.rendered import RefinementPairs, RenderedPairs
from animator.training.reuse import ReusedSamples
from animator.training.sample_folder import SampleFolder
from animator.training.samples import Batch, SampleSource, batches
from animator.training.sharpening import SharpeningStage
from animator.training.stage import Stage
from pose_tracking.errors import PipelineError

HERE = Path(__file__).parent
HELD_OUT_SEED = 1_000_003


def people(
    data: Data, split: str, seed: int, *, noise: float = 1.0, joints: Joints = "drawn", run: Path | None = None
) -> RenderedPeople:
    """Rendered people of one part of the wardrobe, the bodies and the motions.

    Args:
        noise: of their joints, where errors are drawn.
        joints: where these come from.
        run: where tracked ones are kept; none: nowhere.
    """
    take = TakeOptions(
        split=split,
        width=256,
        height=320,
        wardrobe=data.wardrobe,
        motions=None if data.motions is None else read_motion_files(data.motions),
    )
    options = DatasetOptions(
        take=take,
        samples_per_take=data.per_person,
        targets_per_reference=data.per_photo,
        joints=joints,
        noise=noise,
        poses=None if run is None else run / "poses",
    )
    return RenderedPeople(seed, options)


def pairs(data: Data, split: str, seed: int, refiner: WarpRefiner | None, run: Path) -> RenderedPairs:
    """A photo, the same person in another pose, and the refined warp between them."""
    shown = people(data, split, seed, joints=data.joints, run=run)
    return RenderedPairs(shown, seed=seed, refiner=refiner, cut=data.cut)


def displacements(data: Data, split: str, seed: int, run: Path) -> SampleSource:
    """What the refiner learns from."""
    # Less than a tracker's errors: what they displace cannot be seen in the warp, and only hides what can be learned.
    shown = people(data, split, seed, noise=data.refiner_noise, joints=data.joints, run=run)
    if data.refiner_from == "films":
        return FilmPairs(shown.options.take, seed=seed)
    return RefinementPairs(shown, seed=seed, cut=data.cut)


def run_phase(
    name: str, stage: Stage, source: SampleSource, recipe: Recipe, run: Path, device: torch.device, stretch: Stretch
) -> bool:
    """Train one phase as long as it may; whether it is over. Its networks end as their averages, so far or for good."""
    config: PhaseConfig = getattr(recipe, name)
    options = people(recipe.data, "train", 0).options
    together = options.samples_per_take * options.open_takes
    if name == "refiner" and recipe.data.refiner_from == "films":
        together = PER_TAKE * OPEN_TAKES
    samples = ReusedSamples(
        source,
        times=config.times,
        window=recipe.data.window,
        lanes=max(1, config.workers),
        batch=config.batch,
        # The people that a source draws from in turn stay with one worker.
        block=together,
        seed=config.seed,
        kept=SampleFolder(run / "samples" / name),
    )
    place = run / "state" / name
    with stretch.phase(place / "clock.json", minutes=config.minutes) as phase:
        report = fit(
            stage, samples, config.train, place, device=device, progress=stretch.progress, is_time_up=phase.is_time_up
        )
    is_over = phase.is_over or report.steps >= config.steps
    if is_over:
        shutil.rmtree(run / "samples" / name, ignore_errors=True)
    return is_over


def train_autoencoder(recipe: Recipe, run: Path, device: torch.device, stretch: Stretch) -> bool:
    """Pictures to latents and back; writes RUN/autoencoder and says so."""
    data = recipe.data
    source = Pictures(people(data, "train", data.seed), seed=data.seed)
    typical = _pictures(source, data.typical, workers=recipe.autoencoder.workers)
    torch.manual_seed(data.seed)
    vae = PatchAutoencoder(latent_channels=recipe.latent_channels)
    vae.start_from(typical * 2 - 1)
    stage = AutoencoderStage(vae, held_out=_unseen(data))
    if not run_phase("autoencoder", stage, source, recipe, run, device, stretch):
        return False
    set_unit_spread(vae.cpu(), typical)
    vae.requires_grad_(False).save_pretrained(run / "autoencoder")
    return True


def train_preview(recipe: Recipe, run: Path, device: torch.device, stretch: Stretch) -> bool:
    """The quick decoder of drafts, taught by the full one on the same pictures; writes RUN/vae and says so."""
    data = recipe.data
    vae = load_autoencoder(run / "autoencoder")
    assert isinstance(vae, PatchAutoencoder)  # written by train_autoencoder
    add_new_preview(vae, width=recipe.preview_width, seed=data.seed)
    source = Pictures(people(data, "train", data.seed), seed=data.seed)
    stage = PreviewDecoderStage(vae.to(device), held_out=_unseen(data))
    if not run_phase("preview", stage, source, recipe, run, device, stretch):
        return False
    vae.cpu().requires_grad_(False).save_pretrained(run / "vae")
    return True


def train_refiner(recipe: Recipe, run: Path, device: torch.device, stretch: Stretch) -> bool:
    """Where the warped photo belongs, learned from the pictures that are wanted; writes RUN/refiner and says so."""
    data = recipe.data
    torch.manual_seed(data.seed)
    others = displacements(data, "held-out", HELD_OUT_SEED, run)
    stage = RefinementStage(
        WarpRefiner().to(device), held_out=list(batches(others, start=0, stop=1, batch=data.held_out))
    )
    # Not the people that the base learns from later: theirs it is to get as wrong as a stranger's.
    source = PackedSamples(displacements(data, "train", data.seed + 2, run))
    if not run_phase("refiner", stage, source, recipe, run, device, stretch):
        return False
    stage.refiner.cpu().requires_grad_(False).save_pretrained(run / "refiner")
    return True


def _unseen(data: Data) -> torch.Tensor:
    """Pictures of held-out people, uint8."""
    others = Pictures(people(data, "held-out", HELD_OUT_SEED), seed=HELD_OUT_SEED)
    return _pictures(others, data.held_out).mul(255).to(torch.uint8)


def _pictures(source: Pictures, count: int, *, workers: int = 0) -> torch.Tensor:
    # The first one here: what is compiled for it, worker processes inherit.
    source.sample(0)
    at_once = max(1, count // max(1, workers))
    made = batches(source, start=0, stop=-(-count // at_once), batch=at_once, workers=workers)
    return torch.cat([batch["picture"] for batch in made])[:count].float() / 255


def train_base(recipe: Recipe, model: SubjectModel, held_out: list[Batch], run: Path, stretch: Stretch) -> bool:
    """UNet, adapter and image encoder learn to denoise; writes RUN/base and says so."""
    source = PackedSamples(pairs(recipe.data, "train", recipe.data.seed, model.refiner, run))
    stage = DenoisingStage(model, train_image_encoder=True, held_out=held_out)
    is_over = run_phase("base", stage, source, recipe, run, model.device, stretch)
    write_base(model, _free(run / ("base" if is_over else "so-far")), texts=_texts())
    return is_over


def sharpen(recipe: Recipe, model: SubjectModel, held_out: list[Batch], run: Path, stretch: Stretch) -> bool:
    """Few steps, sharp; writes RUN/model, which says how many steps it was made for, and says so."""
    source = PackedSamples(pairs(recipe.data, "train", recipe.data.seed + 1, model.refiner, run))
    stage = SharpeningStage(
        model,
        steps=recipe.sharpening_steps,
        held_out=held_out,
        adversarial=recipe.adversarial,
        train_image_encoder=True,
    )
    is_over = run_phase("sharpening", stage, source, recipe, run, model.device, stretch)
    finished = replace(model, manifest=model.manifest.model_copy(update={"steps": recipe.sharpening_steps}))
    write_base(finished, _free(run / ("model" if is_over else "so-far")), texts=_texts())
    return is_over


def _free(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def _texts() -> dict[str, str]:
    return {"LICENSE": (HERE.parents[1] / "LICENSE").read_text(encoding="utf-8")}


def go_on(recipe: Recipe, run: Path, device: torch.device, *, limit_s: float) -> bool:
    """Whatever comes next, until the time is up; whether all is done."""
    run.mkdir(parents=True, exist_ok=True)
    stretch = Stretch(limit_s)
    if not (run / "vae").is_dir():
        if not (run / "autoencoder").is_dir() and not train_autoencoder(recipe, run, device, stretch):
            return False
        if not train_preview(recipe, run, device, stretch):
            return False
    if not (run / "refiner").is_dir() and not train_refiner(recipe, run, device, stretch):
        return False
    refiner = load_net(WarpRefiner, run / "refiner")
    others = pairs(recipe.data, "held-out", HELD_OUT_SEED, refiner, run)
    held_out = list(batches(others, start=0, stop=1, batch=recipe.data.held_out))
    for name, train in (("base", train_base), ("model", sharpen)):
        if (run / name).is_dir():
            continue
        # From the disk, where weights are rounded: a stretch that begins here is to begin with the same bits.
        begun = SubjectModel.load(run / "base", device=device) if (run / "base").is_dir() else _new(recipe, run, device)
        sheets = Sheets(begun, held_out[0], run / "sheets", every_s=60 * recipe.data.sheet_minutes)
        stretch.now_and_then = sheets.draw_when_due
        is_over = train(recipe, begun, held_out, run, stretch)
        sheets.draw()
        if not is_over:
            return False
    return True


def _new(recipe: Recipe, run: Path, device: torch.device) -> SubjectModel:
    base = new_base(load_autoencoder(run / "vae"), seed=recipe.data.seed, reference=recipe.reference)
    return with_refiner(base, load_net(WarpRefiner, run / "refiner")).to(device)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--config", type=Path, default=HERE / "base.toml")
    parser.add_argument("--wardrobe", type=Path)
    parser.add_argument("--motions", type=Path)
    parser.add_argument("--minutes", type=float, default=1e6, help="end this stretch after so long")
    parser.add_argument(
        "--no-reference", dest="reference", action="store_false", help="ablation: tokens and warp alone"
    )
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    try:
        is_done = go_on(read_recipe(given), given.run, training_device(given.device), limit_s=60 * given.minutes)
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    if not is_done:
        print("time is up; run again to go on", file=sys.stderr)
        return 75  # "try again later"
    print(given.run / "model")
    return 0


if __name__ == "__main__":
    sys.exit(main())
