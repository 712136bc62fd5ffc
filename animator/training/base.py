"""The base phase on one page: people in motion in, a base model out; and before it, the autoencoder of a new one.

Source: DreamPose (Karras et al. 2023, section 3.4), with true five-frame windows.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from animator.canvas import CanvasConfig
from animator.conditioning.conditioning import Conditioner
from animator.encoding.atomic_file import check_new_folder, replacing_folder
from animator.errors import JobError
from animator.models.bases import open_base, with_reference
from animator.models.embedded import new_base
from animator.models.listing import licence_texts
from animator.models.patch_autoencoder import PatchAutoencoder
from animator.models.source import look_up
from animator.models.subject_model import SubjectModel
from animator.models.vae import load_autoencoder
from animator.progress import Progress, SilentProgress
from animator.training.autoencoder import AutoencoderStage, set_unit_spread
from animator.training.clips import ClipPairs, track_folder
from animator.training.config import TrainConfig
from animator.training.denoising import DenoisingStage
from animator.training.jobs import TrainAutoencoderJob, TrainBaseJob
from animator.training.latent_cache import LatentCache
from animator.training.loop import fit
from animator.training.preview_decoder import PreviewDecoderStage, add_new_preview
from animator.training.processes import is_main_process, refuse_densepose, refuse_uneven, training_device
from animator.training.reuse import ReusedSamples
from animator.training.samples import Batch, SampleSource, batches
from animator.training.stage import TrainReport
from pose_tracking.hashing import file_sha256

if TYPE_CHECKING:
    from animator.synthesis.dataset import RenderedPeople

NEW = "new"
_HELD_OUT_SEED = 1_000_003
_HELD_OUT = 16
# Pictures from which the linear start and the latents' spread are taken.
_NUM_TYPICAL = 256
# The preview decoder has little to learn, from pictures that are costly to make: each is used so often.
_PREVIEW_TIMES = 16
_PREVIEW_WINDOW = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseReport:
    """What a training came to.

    Attributes:
        path: the folder written.
        training: updates, losses, checks.
        seconds: wall time of this sitting.
        warnings: one line each.
    """

    path: Path
    training: TrainReport
    seconds: float
    warnings: tuple[str, ...] = ()


def train_base(job: TrainBaseJob, *, progress: Progress | None = None) -> BaseReport:
    """Train UNet and adapter on people in motion, and write the model.

    State lies in `<output>.training`; started again, the training goes on from there.

    Raises:
        PipelineError: one of its leaves.
    """
    progress, began_s = progress or SilentProgress(), time.monotonic()
    check_new_folder(job.output)
    device = training_device(job.device)
    refuse_uneven(job.train)
    if job.cache is not None and job.train.workers and device.type == "cuda":
        raise JobError("a cache is filled on the GPU, which worker processes cannot use: set train.workers=0 with it")
    if job.base == NEW:
        assert job.autoencoder is not None  # the job's own check
        model = new_base(load_autoencoder(job.autoencoder), seed=job.train.seed)
    else:
        model = open_base(job.base, clip=job.image_encoder)
        refuse_densepose(model)
    if job.reference and model.reference is None:
        model = with_reference(model)
    place = job.output.with_name(job.output.name + ".training")
    source, held_out, warnings = _sources(job, model, place, progress)
    for warning in warnings:
        progress.warn(warning)
    learns_from = _learns_from(job)
    model.to(device)
    if job.cache is not None:
        source = LatentCache(source, Conditioner(model), job.cache, size=job.cache_size, of=learns_from)
    stage = DenoisingStage(model, train_image_encoder=job.base == NEW, held_out=held_out)
    report = fit(stage, source, job.train, place, device=device, progress=progress, learns_from=learns_from)
    if is_main_process():
        texts = {} if job.base == NEW else licence_texts(look_up(job.base))
        write_base(model, job.output, texts=texts)
    return BaseReport(path=job.output, training=report, seconds=time.monotonic() - began_s, warnings=tuple(warnings))


def write_base(model: SubjectModel, output: Path, *, texts: Mapping[str, str]) -> None:
    """Write a trained base in half precision, its manifest saying that it knows poses."""
    for net in model.nets.values():
        net.eval().requires_grad_(False)
    changes = {"phase": "base", "subject_photos": (), "files": {}}
    trained = replace(model, manifest=model.manifest.model_copy(update=changes))
    trained.save(output, dtype=torch.float16, max_shard_size="15MB", texts=texts)


def train_autoencoder(job: TrainAutoencoderJob, *, progress: Progress | None = None) -> BaseReport:
    """Train a new autoencoder on rendered people and pictures of nothing, then its preview decoder; write both.

    Raises:
        PipelineError: one of its leaves.
    """
    from animator.training.pictures import Pictures

    progress, began_s = progress or SilentProgress(), time.monotonic()
    check_new_folder(job.output)
    device = training_device(job.device)
    refuse_uneven(job.train, *([job.preview] if job.preview_width else []))
    people = _people(job.wardrobe, job.motions, seed=job.seed, split="train", canvas=(256, 320))
    source = Pictures(people, seed=job.seed)
    typical = _pictures(source, _NUM_TYPICAL, progress, "typical pictures")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(job.seed)
        vae = PatchAutoencoder(latent_channels=job.latent_channels)
    vae.start_from(typical * 2 - 1)
    held_out = Pictures(
        _people(job.wardrobe, job.motions, seed=_HELD_OUT_SEED, split="held-out", canvas=(256, 320)),
        seed=_HELD_OUT_SEED,
    )
    unseen = _pictures(held_out, _HELD_OUT, progress, "held-out pictures").mul(255).to(torch.uint8)
    stage = AutoencoderStage(vae, held_out=unseen)
    place = job.output.with_name(job.output.name + ".training")
    shows = _shows(job)
    report = fit(stage, source, job.train, place, device=device, progress=progress, learns_from=shows)
    set_unit_spread(vae.cpu(), typical)
    if job.preview_width:
        add_new_preview(vae, width=job.preview_width, seed=job.seed)
        preview = PreviewDecoderStage(vae.to(device), held_out=unseen)
        # It imitates the autoencoder of so many updates: one that was trained on needs a new one.
        place /= f"preview-{report.steps:08d}"
        again = _reused(source, job.preview)
        fit(preview, again, job.preview, place, device=device, progress=progress, learns_from=shows)
    if is_main_process():
        with replacing_folder(job.output) as temporary:
            vae.cpu().requires_grad_(False).save_pretrained(temporary)
    return BaseReport(path=job.output, training=report, seconds=time.monotonic() - began_s)


def _sources(
    job: TrainBaseJob, model: SubjectModel, place: Path, progress: Progress
) -> tuple[SampleSource, list[Batch], list[str]]:
    """Training samples, held-out batches, and what to say about them."""
    width, height = model.manifest.canvas
    seed, refiner = job.train.seed, model.refiner
    if job.clips is not None:
        tracked, refused = track_folder(job.clips, job.tracker, cache=place / "poses", progress=progress)
        canvas = CanvasConfig(width=width, height=height)
        if len(tracked) == 1:
            return ClipPairs(tracked, canvas, seed=seed, tracker=job.tracker, refiner=refiner), [], refused
        # One clip in ten is held out, and never fewer than one.
        count = max(1, len(tracked) // 10)
        kept = ClipPairs(tracked[:-count], canvas, seed=seed, tracker=job.tracker, refiner=refiner)
        other = ClipPairs(tracked[-count:], canvas, seed=_HELD_OUT_SEED, tracker=job.tracker, refiner=refiner)
        return kept, _batch(other), refused
    from animator.training.rendered import RenderedPairs

    size = (width, height)
    kept_people = _people(job.wardrobe, job.motions, seed=seed, split="train", canvas=size)
    other_people = _people(job.wardrobe, job.motions, seed=_HELD_OUT_SEED, split="held-out", canvas=size)
    return (
        RenderedPairs(kept_people, seed=seed, refiner=refiner),
        _batch(RenderedPairs(other_people, seed=_HELD_OUT_SEED, refiner=refiner)) if job.train.check_every else [],
        [],
    )


def _people(
    wardrobe: Path | None, motions: Path | None, *, seed: int, split: str, canvas: tuple[int, int]
) -> RenderedPeople:
    """Rendered people of one split, without end.

    Raises:
        JobError: the extra that renders people is not installed, or the wardrobe is none.
    """
    try:
        from animator.synthesis.dataset import DatasetOptions, RenderedPeople
        from animator.synthesis.motions.library import read_motion_files
        from animator.synthesis.take import TakeOptions
        from animator.synthesis.wardrobe import check_wardrobe
    except ModuleNotFoundError as error:
        raise JobError(
            f"{error.name} is missing; install what rendering people needs: pip install 'pose-animator[synthesis]', "
            "or train on a folder of clips"
        ) from error
    if wardrobe is not None:
        check_wardrobe(wardrobe)  # else only the first person looks there, when the training's folder is made already
    take = TakeOptions(
        split=split,
        width=canvas[0],
        height=canvas[1],
        wardrobe=wardrobe,
        motions=None if motions is None else read_motion_files(motions),
    )
    options = DatasetOptions(take=take, samples_per_take=12, targets_per_reference=6)
    return RenderedPeople(seed, options)


def _batch(source: SampleSource) -> list[Batch]:
    return list(batches(source, start=0, stop=1, batch=_HELD_OUT))


def _pictures(source: SampleSource, count: int, progress: Progress, name: str) -> torch.Tensor:
    """[count, 3, H, W] in [0, 1]; rendering them takes minutes on a CPU, before the first update."""
    pictures = []
    with progress.stage(name, count) as stage:
        for number in range(count):
            pictures.append(source.sample(number)["picture"])
            stage.advance()
    return torch.stack(pictures).float() / 255


def _reused(source: SampleSource, config: TrainConfig) -> ReusedSamples:
    return ReusedSamples(
        source,
        times=_PREVIEW_TIMES,
        window=_PREVIEW_WINDOW,
        lanes=max(1, config.workers),
        batch=config.batch,
        seed=config.seed,
    )


def _learns_from(job: TrainBaseJob) -> str:
    """The weights a training begins with and where its samples come from."""
    digest = hashlib.sha256(f"{job.train.seed} {job.tracker.model_dump_json()}".encode())
    if job.autoencoder is not None:
        # The scaling of the latents is among the settings.
        for path in sorted(path for path in job.autoencoder.iterdir() if path.suffix in {".json", ".safetensors"}):
            digest.update(file_sha256(path).encode())
    else:
        digest.update(look_up(job.base).fingerprint().encode())
    _add_names(digest, (job.clips, job.wardrobe, job.motions))
    return digest.hexdigest()


def _shows(job: TrainAutoencoderJob) -> str:
    """Where an autoencoder's pictures come from."""
    digest = hashlib.sha256(f"{job.seed}".encode())
    _add_names(digest, (job.wardrobe, job.motions))
    return digest.hexdigest()


def _add_names(digest: hashlib._Hash, folders: tuple[Path | None, ...]) -> None:
    for folder in folders:
        names = (
            [] if folder is None else sorted(f"{p.relative_to(folder)} {p.stat().st_size}" for p in folder.rglob("*"))
        )
        digest.update("\n".join([str(folder is None), *names]).encode())
