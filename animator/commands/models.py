"""`animator import-dreampose`: weights made elsewhere as a model folder of ours."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Annotated

import typer

from animator.commands.console import Console


def import_dreampose(
    context: typer.Context,
    release: Annotated[Path, typer.Argument(help="Folder with unet_epoch_E.pth, adapter_E.pth and perhaps vae_E.pth.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="MODEL", help="The model folder to make.")],
    base: Annotated[str, typer.Option(help="Stable Diffusion 1.x folder or hub id the weights were tuned from.")],
    clip: Annotated[str | None, typer.Option(help="CLIP ViT-B/32 folder or hub id, if the base has none.")] = None,
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
    size = _size(canvas)

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


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,5})[xX×](\d{1,5})", text.strip())
    if match is None:
        raise typer.BadParameter(f"--canvas: got {text!r}, expected WIDTHxHEIGHT in px, for example 512x640")
    return int(match[1]), int(match[2])
