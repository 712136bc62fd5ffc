"""The subject phase on one page: photos in, a model of the person out.

Source: DreamPose (Karras et al. 2023, section 3.4): UNet and adapter first, then the decoder.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from animator.canvas import CanvasConfig
from animator.encoding.atomic_file import check_new_folder
from animator.models.bases import open_base
from animator.models.listing import licence_texts
from animator.models.patch_autoencoder import PatchAutoencoder
from animator.models.source import EMBEDDED, look_up
from animator.models.subject_model import SubjectModel
from animator.models.vae import has_preview
from animator.photo import read_photo
from animator.progress import Progress, SilentProgress
from animator.subject import Subject
from animator.training.config import TrainConfig
from animator.training.jobs import FinetuneJob
from animator.training.loop import fit
from animator.training.lora import add_lora, merge_lora
from animator.training.photos import SubjectPhotos
from animator.training.processes import is_main_process, refuse_densepose, refuse_uneven, training_device
from animator.training.samples import Batch, batches
from animator.training.stage import TrainReport
from animator.training.subject import SubjectDecoderStage, SubjectStage
from pose_tracking.hashing import file_sha256

# Of poses that photos are carried back from, and of crops.
_HELD_OUT = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneReport:
    """What the subject phase came to.

    Attributes:
        path: the model folder.
        denoise, decoder: of both halves.
        seconds: wall time.
        warnings: one line each.
    """

    path: Path
    denoise: TrainReport
    decoder: TrainReport
    seconds: float
    warnings: tuple[str, ...]


def finetune(job: FinetuneJob, *, progress: Progress | None = None) -> FinetuneReport:
    """Make a `SubjectModel` of the person in `job.photos`.

    An interrupted run goes on where it was when it is started again: what it has learned lies in
    `<output>.training` until the model is written; losses stay there.

    Raises:
        PipelineError: one of its leaves.
    """
    progress, began_s = progress or SilentProgress(), time.monotonic()
    check_new_folder(job.output)
    device = training_device(job.device)
    model = open_base(job.base, clip=job.image_encoder)
    refuse_densepose(model)
    job = job.completed(unet_parameters=sum(parameter.numel() for parameter in model.unet.parameters()))
    assert job.denoise is not None
    assert job.decoder is not None
    refuse_uneven(job.denoise, job.decoder)
    subjects = _subjects(job, model, progress)
    notes = [*_notes(job, model), *(warning for subject in subjects for warning in subject.warnings)]
    for note in notes:
        progress.warn(note)
    model.to(device)
    place = job.output.with_name(job.output.name + ".training")
    reports = train_subject(
        model,
        SubjectPhotos(subjects, seed=job.seed, flip=job.flip, refiner=model.refiner),
        _held_out(SubjectPhotos(subjects, seed=job.seed, flip=job.flip, held_out=True, refiner=model.refiner)),
        job.denoise,
        job.decoder,
        place,
        lora_rank=job.lora_rank,
        device=device,
        progress=progress,
        learns_from=_learns_from(job),
    )
    if all(report.kept_start for report in reports):
        notes.append(f"nothing learned renders held-out crops of the photo better: {job.output} is the base as it was")
        progress.warn(notes[-1])
    if is_main_process():
        _written(model, job)
        _forget(place)
    return FinetuneReport(
        path=job.output,
        denoise=reports[0],
        decoder=reports[1],
        seconds=time.monotonic() - began_s,
        warnings=tuple(notes),
    )


def train_subject(
    model: SubjectModel,
    source: SubjectPhotos,
    held_out: list[Batch],
    denoise: TrainConfig,
    decode: TrainConfig,
    place: Path,
    *,
    lora_rank: int = 0,
    device: torch.device,
    progress: Progress | None = None,
    learns_from: str = "",
) -> tuple[TrainReport, TrainReport]:
    """Both halves, in place: UNet and adapter, then the decoder; each stays as it is where nothing better comes.

    Args:
        place: folder for checkpoints and losses.
        lora_rank: of small additions to the UNet's attention, trained in place of it; 0 trains all of it.
    """
    if lora_rank:
        add_lora(model.unet, lora_rank, seed=denoise.seed)
    stage = SubjectStage(model, held_out=held_out)
    how: dict[str, Any] = {"device": device, "progress": progress, "learns_from": learns_from, "keeps_start": True}
    first = fit(stage, source, denoise, place / "denoise", **how)
    if lora_rank:
        merge_lora(model.unet)
    preview = model.vae.preview_decoder if has_preview(model.vae) else None
    second = fit(SubjectDecoderStage(model, held_out=held_out), source, decode, place / "decoder", **how)
    if preview is not None and second.kept_start:  # the decoder is still the one that it imitates
        assert isinstance(model.vae, PatchAutoencoder)
        model.vae.take_preview(preview)
    for net in model.nets.values():
        net.eval().requires_grad_(False)
    return first, second


def _learns_from(job: FinetuneJob) -> str:
    """Photos, base and what is drawn from them; a training of others is not gone on with."""
    digest = hashlib.sha256(look_up(job.base).fingerprint().encode())
    for photo in job.photos:
        digest.update(hashlib.sha256(photo.read_bytes()).digest())
    digest.update(f"{job.flip} {job.seed} {job.lora_rank} {job.tracker.model_dump_json()}".encode())
    return digest.hexdigest()


def _notes(job: FinetuneJob, model: SubjectModel) -> list[str]:
    if model.manifest.phase != "untrained":
        return []
    return [f"{job.base} was never trained on poses: what it learns of one photo will not follow a motion"]


def _subjects(job: FinetuneJob, model: SubjectModel, progress: Progress) -> list[Subject]:
    subjects = []
    with progress.stage("photos", len(job.photos)) as stage:
        for path in job.photos:
            subjects.append(_subject(path, job, model))
            stage.advance()
    return subjects


def _subject(path: Path, job: FinetuneJob, model: SubjectModel) -> Subject:
    width, height = model.manifest.canvas
    return Subject.from_photo(read_photo(path), CanvasConfig(width=width, height=height), job.tracker)


def _held_out(source: SubjectPhotos) -> list[Batch]:
    return list(batches(source, start=0, stop=1, batch=_HELD_OUT))


def _written(model: SubjectModel, job: FinetuneJob) -> None:
    known = tuple(file_sha256(photo) for photo in job.photos)
    changes = {"phase": "subject", "subject_photos": known, "files": {}}
    tuned = replace(model, manifest=model.manifest.model_copy(update=changes))
    half = model.manifest.base.name == EMBEDDED or model.device.type != "cpu"
    # Who has the tuned weights is bound by the base's licence, so its text goes along.
    tuned.save(job.output, dtype=torch.float16 if half else None, texts=licence_texts(look_up(job.base)))


def _forget(place: Path) -> None:
    """Checkpoints are of no use once the model is written; what was measured is."""
    for folder in place.glob("*"):
        for old in [*folder.glob("step-*"), folder / "best"]:
            shutil.rmtree(old, ignore_errors=True)
