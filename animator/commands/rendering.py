"""`animator animate` and `animator render`: from a photo and a clip to a moving picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from animator.commands.choices import Overrides, typed_job, with_choices
from animator.commands.console import PARTIAL, Console

if TYPE_CHECKING:
    from animator.config import RenderJob, RenderReport

Trust = Annotated[bool, typer.Option("--trust", help="Allow my_pkg.mod:Thing, which runs that code.")]
JobOut = Annotated[Path | None, typer.Option("--job-out", metavar="FILE", help="Write the job as TOML, too.")]


@with_choices()
def animate(
    context: typer.Context,
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="Picture of the person: JPEG, PNG, WebP, ...")],
    clip: Annotated[Path, typer.Argument(metavar="CLIP", help="Video of the motion: MP4, MOV, WebM, GIF, ...")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The result: .mp4, .gif, .webp, or a folder for PNG.")],
    job_out: JobOut = None,
    overrides: Overrides = None,
    trust: Trust = False,
    *,
    changes: Mapping[str, Any],
) -> None:
    """Animate the person in PHOTO with the motion in CLIP."""
    values = {"photo": str(photo), "clip": str(clip), "output": str(output)}
    job = typed_job(values, overrides or (), changes=changes, trust=trust)
    _run(context, job, job_out, trust=trust)


@with_choices()
def render(
    context: typer.Context,
    job_file: Annotated[Path, typer.Argument(metavar="JOB.toml", help="What to render, see docs/job-file.md.")],
    job_out: JobOut = None,
    overrides: Overrides = None,
    trust: Trust = False,
    *,
    changes: Mapping[str, Any],
) -> None:
    """Render a job file; options and --set go before what the file says."""
    from animator.job_file import read_job

    job = read_job(job_file, overrides or (), changes=changes, trust=trust)
    _run(context, job, job_out, trust=trust)


def _run(context: typer.Context, job: RenderJob, job_out: Path | None, *, trust: bool) -> None:
    """Plan or render, report, and end with the right code."""
    console = Console.of(context)
    if job_out is not None:
        from animator.destinations import check_job_place

        check_job_place(job, job_out)
    if console.dry_run:
        from animator.plan import plan_render, try_out

        plan = plan_render(job, trust=trust)
        plan = try_out(job, plan, progress=console.progress(), trust=trust)
        console.result("plan", plan.as_dict(), plan.lines())
        return
    from animator.pipeline import animate as animate_job

    if job_out is not None:
        from animator.job_file import write_job
        from animator.plan import plan_render

        plan_render(job, trust=trust)  # only a job that has proved sound is written down
        write_job(job, job_out)
    progress = console.progress()
    report = animate_job(job, progress=progress, trust=trust)
    for warning in report.warnings:
        progress.warn(warning)
    console.result("report", _fields(report), _lines(report))
    if report.partial:
        raise typer.Exit(PARTIAL)


def _fields(report: RenderReport) -> dict[str, Any]:
    return {
        "path": str(report.path),
        "num_frames": report.num_frames,
        "duration_s": round(report.duration_s, 3),
        "seconds": round(report.seconds, 3),
        "fingerprint": report.fingerprint,
        "previews": [str(path) for path in report.previews],
        "warnings": list(report.warnings),
        "partial": report.partial,
    }


def _lines(report: RenderReport) -> list[str]:
    speed = report.num_frames / report.seconds if report.seconds else 0.0
    facts = f"{report.num_frames} frames, {report.duration_s:.1f} s, made in {report.seconds:.1f} s ({speed:.1f}/s)"
    return [f"{report.path}: {facts}", *(str(path) for path in report.previews)]
