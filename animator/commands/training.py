"""`animator finetune` and `animator train`: models of a person, and bases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from animator.commands.choice_table import person_of
from animator.commands.console import Console, Group, Verb, overview
from animator.commands.option import written
from animator.progress import Progress, SilentProgress

if TYPE_CHECKING:
    from animator.training.finetuning import FinetuneReport
    from animator.training.jobs import FinetuneJob, TrainAutoencoderJob, TrainBaseJob
    from animator.training.stage import TrainReport

group = typer.Typer(cls=Group, name="train", help="Train a base, or the autoencoder of a new one.")
group.callback(invoke_without_command=True)(overview)

Output = Annotated[Path, written("--output", "-o", metavar="DIR", text="The model folder to write.")]
Base = Annotated[str, typer.Option("--base", help="embedded, a folder, or a hub id (owner/name@commit).")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")]
Steps = Annotated[int | None, typer.Option("--steps", min=1, help="Updates of the weights.", show_default=False)]
Encoder = Annotated[
    str | None,
    typer.Option("--image-encoder", help="CLIP vision encoder for a base that has none.", show_default=False),
]
Wardrobe = Annotated[
    Path | None, typer.Option("--wardrobe", metavar="DIR", help="MakeHuman assets for rendered people.")
]
Motions = Annotated[
    Path | None, typer.Option("--motions", metavar="DIR", help="BVH and DeepMimic files for rendered people.")
]
SubjectSettings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any other setting, such as denoise.batch=2.")
]
BaseSettings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any other setting, such as train.batch=2.")
]


def finetune(
    context: typer.Context,
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO...", help="One or more photos of the person.")],
    output: Output,
    base: Base = "embedded",
    image_encoder: Encoder = None,
    lora: Annotated[int, typer.Option("--lora", metavar="RANK", min=0, help="Train LoRA of this rank; 0: all.")] = 0,
    flip: Annotated[bool, typer.Option("--flip/--no-flip", help="Learn from mirrored crops, too.")] = True,
    photo_person: Annotated[
        str,
        typer.Option("--photo-person", metavar="WHO", help="Whom: largest, center, 0 (leftmost), 1, ... or X,Y."),
    ] = "largest",
    seed: Annotated[int, typer.Option("--seed", min=0)] = 0,
    device: Device = "auto",
    settings: SubjectSettings = None,
) -> None:
    """Tune a base to the person in one or several photos."""
    from animator.encoding.atomic_file import check_new_folder
    from animator.models.source import refuse_unknown
    from animator.photo import read_photo
    from animator.training.jobs import FinetuneJob

    values: dict[str, Any] = {
        "photos": [str(photo) for photo in photos],
        "output": str(output),
        "base": base,
        "image_encoder": image_encoder,
        "lora_rank": lora,
        "tracker": person_of("person", "--photo-person")(photo_person),
        "flip": flip,
        "seed": seed,
        "device": device,
    }
    job = _checked(FinetuneJob, values, settings or ())
    refuse_unknown(job.base, job.image_encoder)
    check_new_folder(job.output)
    for photo in job.photos:
        read_photo(photo)
    console = Console.of(context)
    if console.dry_run:
        _plan_finetune(console, job)
        return
    from animator.training.finetuning import finetune as finetune_job

    progress = _progress(console)
    report = finetune_job(job, progress=progress)
    if not isinstance(progress, SilentProgress):
        _tell_finetune(console, report)


def _plan_finetune(console: Console, job: FinetuneJob) -> None:
    from animator.models.source import look_up, part_sizes

    sizes = {part.name: part.num_parameters for part in part_sizes(look_up(job.base).folder)}
    _plan(console, job.completed(unet_parameters=sizes["unet"]))


def _tell_finetune(console: Console, report: FinetuneReport) -> None:
    fields = {
        "path": str(report.path),
        "seconds": round(report.seconds, 1),
        "denoise": _facts(report.denoise),
        "decoder": _facts(report.decoder),
        "warnings": list(report.warnings),
    }
    lines = [
        f"{report.path}: made in {report.seconds:.0f} s",
        f"use it with: animator animate PHOTO CLIP -o OUT --model {quote(str(report.path))}",
        f"  UNet and adapter: {_line(report.denoise)}",
        f"  decoder: {_line(report.decoder)}",
    ]
    console.result("report", fields, lines)


def base(
    context: typer.Context,
    output: Output,
    base: Base = "embedded",
    autoencoder: Annotated[
        Path | None, typer.Option("--autoencoder", metavar="DIR", help="Trained one, for --base new.")
    ] = None,
    image_encoder: Encoder = None,
    clips: Annotated[
        Path | None, typer.Option("--clips", metavar="DIR", help="Clips of one person each; else rendered people.")
    ] = None,
    wardrobe: Wardrobe = None,
    motions: Motions = None,
    cache: Annotated[
        Path | None, typer.Option("--cache", metavar="DIR", help="Keep encoded samples and use them again.")
    ] = None,
    steps: Steps = None,
    device: Device = "auto",
    settings: BaseSettings = None,
) -> None:
    """Train UNet and adapter on a folder of clips, or on rendered people."""
    from animator.models.source import refuse_unknown
    from animator.training.jobs import TrainBaseJob

    values: dict[str, Any] = {"output": str(output), "base": base, "image_encoder": image_encoder, "device": device}
    values |= {"autoencoder": autoencoder, "clips": clips, "wardrobe": wardrobe, "motions": motions, "cache": cache}
    job = _checked(TrainBaseJob, values, settings or (), steps=steps)
    refuse_unknown(None if job.base == "new" else job.base, job.image_encoder)
    _train(context, job, "train_base")


def autoencoder(
    context: typer.Context,
    output: Output,
    wardrobe: Wardrobe = None,
    motions: Motions = None,
    steps: Steps = None,
    device: Device = "auto",
    settings: BaseSettings = None,
) -> None:
    """Train the autoencoder of a new small base on rendered people."""
    from animator.training.jobs import TrainAutoencoderJob

    values: dict[str, Any] = {"output": str(output), "wardrobe": wardrobe, "motions": motions, "device": device}
    job = _checked(TrainAutoencoderJob, values, settings or (), steps=steps)
    _train(context, job, "train_autoencoder")


group.command(
    cls=Verb, epilog="Example: animator train base --clips my_clips --base CompVis/stable-diffusion-v1-4 -o my_base"
)(base)
group.command(cls=Verb, epilog="Example: animator train autoencoder -o my_autoencoder --steps 20000")(autoencoder)


def _train(context: typer.Context, job: TrainBaseJob | TrainAutoencoderJob, what: str) -> None:
    from animator.encoding.atomic_file import check_new_folder

    console = Console.of(context)
    check_new_folder(job.output)
    _refuse_missing_folders(job)
    if console.dry_run:
        _plan(console, job)
        return
    from animator.training import base as stories

    progress = _progress(console)
    report = getattr(stories, what)(job, progress=progress)
    if isinstance(progress, SilentProgress):
        return
    fields = {"path": str(report.path), "seconds": round(report.seconds, 1), **_facts(report.training)}
    console.result("report", fields, [f"{report.path}: {_line(report.training)}, {report.seconds:.0f} s"])


def _progress(console: Console) -> Progress:
    """One of several processes speaks, the others work in silence."""
    from animator.training.processes import is_main_process

    return console.progress() if is_main_process() else SilentProgress()


_Job = TypeVar("_Job", "FinetuneJob", "TrainBaseJob", "TrainAutoencoderJob")


def _checked(kind: type[_Job], values: dict[str, Any], settings: Sequence[str], *, steps: int | None = None) -> _Job:
    """A job of what was typed; what was not typed keeps its default.

    Raises:
        BadParameter: naming the value that is wrong.
    """
    from animator.config import check_device_name
    from animator.errors import JobError
    from animator.job_file import with_settings

    typed = {key: value for key, value in values.items() if value is not None}
    if steps is not None:
        settings = [*settings, f"train.steps={steps}"]
    try:
        job = with_settings(kind, typed, settings)
    except JobError as error:  # there is no job file: all of it was typed
        raise typer.BadParameter(str(error)) from error
    try:
        check_device_name(job.device)
    except ValueError as error:
        raise typer.BadParameter(f"device: {error}") from error
    return job


def _plan(console: Console, job: FinetuneJob | TrainBaseJob | TrainAutoencoderJob) -> None:
    """Check the device and the base, and print what it would be done with."""
    from animator.device import pick_device
    from animator.models.source import look_up

    pick_device(job.device)
    base = getattr(job, "base", "new")
    if base != "new":
        look_up(base)
    facts = job.model_dump(mode="json")
    console.result("plan", facts, [f"{key}: {_words(value)}" for key, value in facts.items()])


def _refuse_missing_folders(job: TrainBaseJob | TrainAutoencoderJob) -> None:
    """Before torch is loaded, which takes seconds."""
    from animator.errors import JobError

    for name in ("clips", "wardrobe", "motions", "autoencoder"):
        folder = getattr(job, name, None)
        if folder is not None and not folder.is_dir():
            raise JobError(f"{name} = {folder}: {'is a file, not a folder' if folder.exists() else 'no such folder'}")


def _words(value: object) -> str:
    """A setting as docs/job-file.md and `--set` write it."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(each)}" for key, each in value.items())
    if isinstance(value, list):
        return ", ".join(_words(each) for each in value) or "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "none" if value is None else str(value)


def _facts(report: TrainReport) -> dict[str, Any]:
    best = None if report.best is None else {"value": report.best[0], "step": report.best[1]}
    return {"steps": report.steps, "loss": report.loss, "best": best, "stopped_early": report.stopped_early}


def _line(report: TrainReport) -> str:
    best = "" if report.best is None else f", best check {report.best[0]:.4f} at update {report.best[1]}"
    if report.kept_start:
        best = ", left as it was: no check was better"
    early = ", stopped early" if report.stopped_early else ""
    return f"{report.steps} updates, loss {report.loss:.4f}{best}{early}"
