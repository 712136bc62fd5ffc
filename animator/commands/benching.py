"""`animator bench`: how fast this machine is, and where its time goes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from animator.commands.choices import Overrides, typed_job, with_choices
from animator.commands.console import Console
from animator.commands.option import written
from animator.errors import JobError, OptionError


@with_choices("canvas", "model", "image_encoder", "device", "quality", "steps", "start", "person")
def bench(
    context: typer.Context,
    photo: Annotated[
        Path | None, typer.Argument(metavar="PHOTO", help="A photo to use.", show_default="the example's")
    ] = None,
    clip: Annotated[
        Path | None, typer.Argument(metavar="CLIP", help="A clip to use.", show_default="the example's")
    ] = None,
    output: Annotated[Path, written("--output", "-o", metavar="PNG", text="Where the chart goes.")] = Path("bench.png"),
    frames: Annotated[int, typer.Option(min=4, max=1000, help="Frames of the clip to use.")] = 24,
    overrides: Overrides = None,
    *,
    changes: Mapping[str, Any],
) -> None:
    """Measure every stage of a render on this machine; print a table and draw a chart."""
    from animator.encoding.atomic_file import check_file_place, explained, replacing
    from animator.encoding.encoder import spare_inputs
    from animator.photo import read_photo
    from pose_tracking.clip import DrivingClip

    photo, clip = _media(photo, clip)
    if output.suffix.lower() != ".png":
        raise typer.BadParameter(f"--output: got {str(output)!r}, expected a name ending in .png: the chart is one")
    values = {"photo": str(photo), "clip": str(clip), "output": str(output.with_suffix(".mp4"))}
    job = typed_job(values, overrides or (), changes=changes)
    spare_inputs(output, (photo, clip))
    check_file_place(output)
    read_photo(photo)
    DrivingClip.open(clip)
    console = Console.of(context)
    if console.dry_run:
        console.result("plan", {"output": str(output), "frames": frames}, [f"{output}: {frames} frames of {clip}"])
        return

    from animator.benchmarking.chart import draw_report
    from animator.benchmarking.stages import measure
    from animator.benchmarking.table import as_dict, lines

    report = measure(job, num_frames=frames, progress=console.progress())
    with explained(output), replacing(output) as temporary:
        draw_report(report, temporary)
    console.result("bench", {**as_dict(report), "chart": str(output)}, [*lines(report), f"chart: {output}"])


def _media(photo: Path | None, clip: Path | None) -> tuple[Path, Path]:
    """What to measure with.

    Raises:
        OptionError: one of both is missing.
        JobError: neither is given and there are no examples.
    """
    from animator.benchmarking.media import example_media

    if photo is not None and clip is not None:
        return photo, clip
    if photo is not None:
        raise OptionError("bench takes a photo and a clip, or neither: the clip is missing")
    media = example_media()
    if media is None:
        raise JobError("the examples are not installed here: give a photo and a clip, animator bench PHOTO CLIP")
    return media
