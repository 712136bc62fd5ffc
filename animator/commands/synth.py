"""`animator synth`: rendered people as clips, folders of clips, and pairs; all of it computed, nothing downloaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from animator.commands.console import Console, Group, Verb, overview
from animator.commands.option import size_of, written
from animator.errors import JobError

if TYPE_CHECKING:
    from animator.synthesis.export import ExportOptions

group = typer.Typer(cls=Group, name="synth", help="Render people that move, with exact ground truth.")
group.callback(invoke_without_command=True)(overview)

Seed = Annotated[int, typer.Option(min=0, help="Everything random follows from it: same seed, same bytes.")]
Seconds = Annotated[float, typer.Option(min=0.04, max=600.0, help="Length of a clip.")]
Fps = Annotated[float, typer.Option(min=1.0, max=240.0, help="Frames per second.")]
Size = Annotated[str, typer.Option(metavar="WxH", help="Size of the pictures, px.")]
Split = Annotated[
    str,
    typer.Option(
        help="train, or held-out: bodies, clothes, hair, backdrops, assets, motion files and combinations of footwork "
        "and arms that training never draws. Colours, patterns and cuts come from the same ranges in both, and so "
        "does each way of stepping or of holding arms on its own."
    ),
]
Wardrobe = Annotated[
    Path | None, typer.Option(metavar="DIR", help="MakeHuman assets (clothes/, hair/); without it all is procedural.")
]
Motions = Annotated[
    Path | None, typer.Option(metavar="DIR", help="BVH or DeepMimic files; without it all motion is procedural.")
]
Crf = Annotated[int, typer.Option(min=1, max=51, help="Quality of the MP4: lower is better and larger.")]
Maps = Annotated[bool, typer.Option(help="Also write part, layer, U,V and depth into the .npz.")]
Count = Annotated[int, typer.Option("--count", "-n", min=1, help="How many.")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes at work; the files do not depend on it.")]
Folder = Annotated[
    Path,
    written("--output", "-o", metavar="DIR", text="Folder to write to; what it holds of the same settings is kept."),
]


def clip(
    context: typer.Context,
    output: Annotated[Path, written("--output", "-o", text="The clip: .mp4; its ground truth goes beside it.")],
    seed: Seed = 0,
    seconds: Seconds = 5.0,
    fps: Fps = 25.0,
    size: Size = "384x480",
    split: Split = "train",
    wardrobe: Wardrobe = None,
    motions: Motions = None,
    crf: Crf = 14,
    maps: Maps = True,
) -> None:
    """Write one person's motion as an MP4, and joints, matte, surface and depth of every frame as an .npz."""
    options = _options(seconds, fps, size, split, wardrobe, motions, crf, maps)
    console = Console.of(context)
    from animator.synthesis.export import check_clip_place, write_clip

    check_clip_place(output)
    if console.dry_run:
        _announce(console, output, 1, "clip", options)
        return
    with console.progress().stage("rendering", options.take.num_frames) as stage:
        paths = write_clip(seed, output, options, advance=stage.advance)
    console.result("clip", {"seed": seed, "files": [str(path) for path in paths]}, [str(path) for path in paths])


def dataset(
    context: typer.Context,
    output: Folder,
    count: Count = 100,
    seed: Seed = 0,
    seconds: Seconds = 5.0,
    fps: Fps = 25.0,
    size: Size = "256x320",
    split: Split = "train",
    wardrobe: Wardrobe = None,
    motions: Motions = None,
    crf: Crf = 14,
    maps: Maps = True,
    jobs: Jobs = 1,
) -> None:
    """Write many clips, one person and motion each, with a manifest; started again, it goes on where it stopped."""
    options = _options(seconds, fps, size, split, wardrobe, motions, crf, maps)
    _write_many(context, "clips", output, count, options, seed=seed, jobs=jobs)


def pairs(
    context: typer.Context,
    output: Folder,
    count: Count = 10,
    seed: Seed = 0,
    seconds: Seconds = 5.0,
    fps: Fps = 25.0,
    size: Size = "384x480",
    split: Split = "held-out",
    wardrobe: Wardrobe = None,
    motions: Motions = None,
    crf: Crf = 14,
    maps: Maps = False,
    jobs: Jobs = 1,
) -> None:
    """Write pairs: a driver's clip, another person's photo, and that person doing the driver's motion.

    Both clips are seen from the same side and height.
    """
    options = _options(seconds, fps, size, split, wardrobe, motions, crf, maps)
    _write_many(context, "pairs", output, count, options, seed=seed, jobs=jobs)


_EXAMPLES: dict[Callable[..., None], str] = {
    clip: "animator synth clip --seed 7 -o walk.mp4",
    dataset: "animator synth dataset -n 200 -o people --jobs 2",
    pairs: "animator synth pairs -n 10 -o pairs",
}
for _verb, _example in _EXAMPLES.items():
    group.command(cls=Verb, epilog=f"Example: {_example}")(_verb)


def _options(
    seconds: float,
    fps: float,
    size: str,
    split: str,
    wardrobe: Path | None,
    motions: Path | None,
    crf: int,
    maps: bool,
) -> ExportOptions:
    """Checked options; whatever is wrong with them was typed here, so it is a matter of usage."""
    try:
        from animator.synthesis.export import ExportOptions
        from animator.synthesis.motions.library import read_motion_files
        from animator.synthesis.take import TakeOptions
        from animator.synthesis.wardrobe import check_wardrobe
    except ModuleNotFoundError as error:
        raise JobError(
            f"{error.name} is missing; install what rendering people needs: pip install 'pose-animator[synthesis]'"
        ) from error
    width, height = size_of("--size", size)
    try:
        if wardrobe is not None:
            check_wardrobe(wardrobe)
        take = TakeOptions(
            split=split,
            height=height,
            width=width,
            num_frames=max(round(seconds * fps), 1),
            fps=fps,
            wardrobe=wardrobe,
            motions=read_motion_files(motions) if motions is not None else None,
        )
        return ExportOptions(take=take, crf=crf, maps=maps)
    except JobError as error:
        raise typer.BadParameter(str(error)) from error


def _write_many(
    context: typer.Context, kind: str, output: Path, count: int, options: ExportOptions, *, seed: int, jobs: int
) -> None:
    console = Console.of(context)
    from animator.synthesis.collection import Collection, write_many

    finished = count - len(Collection.open(kind, output, options).missing(range(seed, seed + count)))
    if console.dry_run:
        _announce(console, output, count, kind, options, finished=finished)
        return
    with console.progress().stage(kind, count) as stage:
        manifest = write_many(kind, output, count, options, seed=seed, jobs=jobs, advance=stage.advance)
    fields = {"manifest": str(manifest), "count": count, "found_done": finished}
    console.result(kind, fields, [str(manifest)])


def _announce(
    console: Console, output: Path, count: int, kind: str, options: ExportOptions, *, finished: int = 0
) -> None:
    take = options.take
    fields = {
        "output": str(output), "kind": kind, "count": count, "found_done": finished, "num_frames": take.num_frames,
        "fps": take.fps,
    }  # fmt: skip
    there = f" ({finished} of them there already)" if finished else ""
    line = f"{output}: {count} {kind}{there} of {take.num_frames} frames, {take.width}x{take.height} px, {take.split}"
    console.result("plan", fields, [line])
