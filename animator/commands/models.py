"""`animator models`: which models there are, and what they are. `animator import-dreampose`: weights made elsewhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from animator.commands.console import Console, Group, Verb
from animator.commands.option import size_of, written

if TYPE_CHECKING:
    from animator.models.listing import ModelFacts

group = typer.Typer(cls=Group, name="models", help="List models, look at one, read its licence.")

Name = Annotated[str, typer.Argument(metavar="MODEL", help="Model folder, Stable Diffusion 1.x folder, or embedded.")]


@group.callback(invoke_without_command=True)
def overview(context: typer.Context) -> None:
    """List models, look at one, read its licence; alone it lists those of the current folder."""
    if context.invoked_subcommand is None:
        _list(context, [Path.cwd()])


def list_(
    context: typer.Context,
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[DIR]...", help="Models, or folders that hold some.", show_default="this folder"),
    ] = None,
) -> None:
    """List the embedded base, and the models that lie in folders."""
    _list(context, folders or [Path.cwd()])


def inspect(context: typer.Context, model: Name) -> None:
    """Say what a model is made of, and compare every file with its hash."""
    from animator.errors import ModelError
    from animator.models.listing import examine_model

    facts = examine_model(model)
    Console.of(context).result("model", facts.as_dict(), _description(facts))
    if facts.problem is not None:
        raise ModelError(facts.problem)


def licence(context: typer.Context, model: Name) -> None:
    """Print the licence of a model's weights, and of the base they were tuned from."""
    from animator.models.listing import ModelFacts, licence_texts
    from animator.models.source import look_up

    facts = ModelFacts(source=look_up(model), parts=())
    texts = licence_texts(facts.source)
    manifest = facts.source.manifest
    lines = [f"{model}: {facts.licence}"]
    if manifest is not None:
        lines.append(f"made from {_origin(facts)}, licence {manifest.base.licence}")
    for name, text in texts.items():
        lines += ["", f"--- {name} ---", *text.expandtabs().rstrip().splitlines()]
    if not texts:
        origin = model if manifest is None else manifest.base.name
        where = f"read it on the hub, under {origin}" if "/" in origin else "ask where the model came from"
        lines.append(f"its text does not lie in the folder: {where}")
    base = None if manifest is None else manifest.base.model_dump(mode="json")
    Console.of(context).result("licence", {"licence": facts.licence, "base": base, "texts": texts}, lines)


def _list(context: typer.Context, folders: list[Path]) -> None:
    from animator.models.listing import list_models

    console = Console.of(context)
    models, problems = list_models(folders)
    lines = [*_table(models)] if models else ["no model here; animator finetune makes one of a photo"]
    console.result("models", {"models": [facts.as_dict() for facts in models], "problems": problems}, lines)
    progress = console.progress()
    for problem in problems:
        progress.warn(problem)


def _table(models: list[ModelFacts]) -> Iterator[str]:
    rows = [("model", "phase", "canvas", "parameters", "size", "base", "licence")]
    for facts in models:
        manifest = facts.source.manifest
        assert manifest is not None  # only folders with one are listed
        rows.append(
            (
                facts.source.title,
                manifest.phase,
                "x".join(map(str, manifest.canvas)),
                f"{facts.num_parameters / 1e6:.1f} M",
                f"{facts.num_bytes / 1e6:.1f} MB",
                _origin(facts),
                facts.licence,
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def _description(facts: ModelFacts) -> Iterator[str]:
    manifest = facts.source.manifest
    kind = "a Stable Diffusion folder, not trained on poses" if manifest is None else f"a model, {manifest.phase}"
    yield f"{facts.source.name}: {kind}"
    told: dict[str, object] = {"licence": facts.licence}
    if manifest is not None:
        told["made from"] = _origin(facts)
        told |= manifest.model_dump(exclude={"base", "files", "ranges", "licence", "phase", "format"})
        # Their hashes: as many digits as tell photos apart, all of them with --json.
        told["subject_photos"] = ", ".join(sha256[:12] for sha256 in manifest.subject_photos) or "not told"
        told["canvas"] = "x".join(map(str, manifest.canvas)) + " px"
        ranges = manifest.ranges
        told |= {f"{name} sees": pair for name, pair in ranges.model_dump(exclude={"image_encoder_fit"}).items()}
        told["image_encoder sees"] = f"{_words(ranges.image_encoder)}, {ranges.image_encoder_fit}"
    for part in facts.parts:
        words = f"{part.num_parameters / 1e6:.2f} M parameters, {part.num_bytes / 1e6:.1f} MB, {', '.join(part.dtypes)}"
        told[part.name] = words
    if manifest is not None and facts.problem is None:
        told["hashes"] = f"all {len(manifest.files)} files are as the manifest says"
    width = max(map(len, told))
    for name, value in told.items():
        yield f"  {name.replace('_', ' '):<{width}}  {_words(value)}"


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " to ".join(f"{each:g}" for each in value)
    return str(value)


def _origin(facts: ModelFacts) -> str:
    manifest = facts.source.manifest
    if manifest is None:
        return facts.source.title
    return f"{manifest.base.name}@{manifest.base.revision}" if manifest.base.revision else manifest.base.name


def import_dreampose(
    context: typer.Context,
    release: Annotated[Path, typer.Argument(help="Folder with unet_epoch_E.pth, adapter_E.pth and perhaps vae_E.pth.")],
    output: Annotated[Path, written("--output", "-o", metavar="MODEL", text="The model folder to make.")],
    base: Annotated[str, typer.Option(help="Stable Diffusion 1.x folder or hub id the weights were tuned from.")],
    clip: Annotated[
        str | None,
        typer.Option("--image-encoder", "--clip", help="CLIP ViT-B/32 folder or hub id, if the base has none."),
    ] = None,
    epoch: Annotated[int | None, typer.Option(min=0, help="Which epoch.", show_default="the last")] = None,
    canvas: Annotated[str, typer.Option(help="Canvas of the training, WIDTHxHEIGHT.")] = "512x640",
    appearance_range: Annotated[
        str, typer.Option(metavar="LOW,HIGH", help="Black and white before the autoencoder, for the tokens.")
    ] = "0,255",
    clip_range: Annotated[str, typer.Option(metavar="LOW,HIGH", help="Black and white before CLIP.")] = "0,1",
    pose_range: Annotated[str, typer.Option(metavar="LOW,HIGH", help="What U,V of 0 and 1 become.")] = "-1,1",
    half: Annotated[bool, typer.Option("--half", help="Write float16: half the size.")] = False,
) -> None:
    """Turn DreamPose's released .pth files into a model folder; pickles are read in a process with limits."""
    ranges = {
        "appearance": _pair("--appearance-range", appearance_range),
        "image_encoder": _pair("--clip-range", clip_range),
        "pose": _pair("--pose-range", pose_range),
    }
    size = size_of("--canvas", canvas)

    from animator.encoding.atomic_file import check_folder_place

    check_folder_place(output)  # before torch is loaded, which takes seconds

    from animator.models.dreampose_import import RELEASE_RANGES, find_files
    from animator.models.dreampose_import import import_dreampose as run_import

    console = Console.of(context)
    files = find_files(release, epoch=epoch)
    if console.dry_run:
        names = [path.name for path in (files.unet, files.adapter, files.vae) if path is not None]
        console.result("plan", {"files": names, "output": str(output)}, [f"{', '.join(names)} -> {output}"])
        return
    import torch

    reports = run_import(
        files,
        output,
        base=base,
        clip=clip,
        canvas=size,
        ranges=RELEASE_RANGES.model_copy(update=ranges),
        dtype=torch.float16 if half else None,
    )
    fields = {"path": str(output), "parts": [dataclasses.asdict(report) for report in reports]}
    console.result("report", fields, [f"{output}: written", *(f"  {report.line()}" for report in reports)])


def _pair(option: str, text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError as error:
        raise typer.BadParameter(f"{option}: got {text!r}, expected two numbers, for example -1,1") from error
    if not low < high:
        raise typer.BadParameter(f"{option}: got {text!r}, the first number must be the smaller one")
    return low, high


_EXAMPLES: dict[Callable[..., None], str] = {
    list_: "animator models list models/",
    inspect: "animator models inspect me-model",
    licence: "animator models licence embedded",
}
for _verb, _example in _EXAMPLES.items():
    group.command(name=_verb.__name__.rstrip("_"), cls=Verb, epilog=f"Example: {_example}")(_verb)
