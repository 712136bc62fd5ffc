"""`animator evaluate`: how close generated pictures come to real ones, beside the baselines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from animator.commands.choices import Overrides, typed_job, with_choices
from animator.commands.console import PARTIAL, Console
from animator.commands.jobs import Trust
from animator.commands.option import written

if TYPE_CHECKING:
    from animator.canvas import CanvasConfig
    from animator.config import RenderJob
    from animator.evaluation.runs import EvaluationSettings


_GENERATOR = ("generator", "model", "image_encoder", "device", "seed")
_SAMPLER = ("quality", "steps", "scheduler", "repair", "noise", "guidance_image", "guidance_pose")
_MOTION = ("start", "end", "person", "tracker", "smoother", "fps")


@with_choices("canvas", "fit", "photo_person", "background", *_GENERATOR, *_SAMPLER, *_MOTION)
def evaluate(
    context: typer.Context,
    clip: Annotated[Path, typer.Option(help="The driving clip; without --photo also the subject and the truth.")],
    photo: Annotated[
        Path | None, typer.Option(help="Another person's photo.", show_default="the clip's best frame")
    ] = None,
    output: Annotated[
        Path | None, written("--output", "-o", metavar="FOLDER", text="Where to write the JSON and HTML reports.")
    ] = None,
    overrides: Overrides = None,
    trust: Trust = False,
    *,
    changes: Mapping[str, Any],
) -> None:
    """Measure generated pictures, beside the baselines hold (the photo, standing still) and puppet."""
    values = {"photo": str(photo or clip), "clip": str(clip), "output": str(output or "evaluation")}
    job = typed_job(values, overrides or (), changes=changes, trust=trust)
    if photo is None and job.background_picture is not None:
        raise typer.BadParameter(
            "--background FILE goes with --photo: a clip held against its own frames keeps its background"
        )
    console = Console.of(context)
    if output is not None:
        from animator.encoding.atomic_file import check_file_place

        check_file_place(output / "evaluation.json")
    progress = console.progress()
    from animator.generators.registry import choose_generator

    chosen = choose_generator(job.generator, job.generator_settings(on_note=progress.warn), trust=trust)
    if console.dry_run:
        _print_plan(console, job, photo, chosen.canvas)
        return

    from animator.evaluation.report import table, to_json
    from animator.evaluation.runs import evaluate_cross, evaluate_self, write_reports

    for note in (*chosen.notes, *(() if photo is None else chosen.about_photo(job.photo))):
        progress.warn(note)
    settings, generators = _settings(job, chosen.canvas, trust=trust), [chosen.open()]
    if photo is None:
        evaluation = evaluate_self(job.clip, generators=generators, settings=settings, progress=progress)
    else:
        evaluation = evaluate_cross(job.photo, job.clip, generators=generators, settings=settings, progress=progress)
    written = [] if output is None else [str(path) for path in write_reports(evaluation, output)]
    fields = {**json.loads(to_json(evaluation)), "written": written}
    console.result("evaluation", fields, [*table(evaluation).splitlines(), *written])
    if evaluation.partial:
        raise typer.Exit(PARTIAL)


def _settings(job: RenderJob, canvas: CanvasConfig, *, trust: bool) -> EvaluationSettings:
    from animator.evaluation.runs import EvaluationSettings

    return EvaluationSettings(
        canvas=canvas,
        tracker=job.tracker,
        photo_person=job.photo_person,
        motion=job.motion,
        retarget=job.retarget,
        start_s=job.start_s,
        end_s=job.end_s,
        trust_plugins=trust,
        background=job.background_picture,
    )


def _print_plan(console: Console, job: RenderJob, photo: Path | None, canvas: CanvasConfig) -> None:
    from pose_tracking.clip import DrivingClip

    info = DrivingClip.open(job.clip, start_s=job.start_s or None, end_s=job.end_s).info
    if photo is not None:
        from animator.photo import read_photo

        read_photo(photo)
        if job.background_picture is not None:
            read_photo(job.background_picture, role="background")
    mode = "self" if photo is None else "cross"
    systems = list(dict.fromkeys([job.generator, "puppet", "hold"]))
    width, height = canvas.size
    frames = str(info.num_frames or "an unknown number of")
    lines = [f"{job.clip.name}: {mode}, {frames} clip frames on {width}x{height} px with {', '.join(systems)}"]
    fields = {"mode": mode, "num_frames": info.num_frames or None, "canvas": [width, height], "systems": systems}
    console.result("plan", fields, lines)
