"""`animator animate` and `animator render`: from a photo and a clip to a moving picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from animator.commands.choices import Overrides, typed_job, with_choices
from animator.commands.console import Console
from animator.commands.jobs import ExecutorName, PolicyFile, Trust, Workers, open_named_executor, tell_plan
from animator.commands.option import written
from animator.commands.reporting import tell_report

if TYPE_CHECKING:
    from animator.config import RenderJob
    from animator.jobs.executors.protocol import Executor

KeptJob = Annotated[
    Path | None,
    typer.Option("--job", "-j", metavar="DIR", help="Keep the job in this folder; go on with it if it is there."),
]
JobOut = Annotated[Path | None, written("--job-out", metavar="FILE", text="Write the job as TOML, too.")]


@with_choices()
def animate(
    context: typer.Context,
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="Picture of the person: JPEG, PNG, WebP, ...")],
    clip: Annotated[Path, typer.Argument(metavar="CLIP", help="Video of the motion: MP4, MOV, WebM, GIF, ...")],
    output: Annotated[Path, written("--output", "-o", text="The result: .mp4, .gif, .webp, or a folder for PNG.")],
    job_out: JobOut = None,
    keep: KeptJob = None,
    executor: ExecutorName = None,
    workers: Workers = None,
    policy: PolicyFile = None,
    overrides: Overrides = None,
    trust: Trust = False,
    *,
    changes: Mapping[str, Any],
) -> None:
    """Animate the person in PHOTO with the motion in CLIP."""
    values = {"photo": str(photo), "clip": str(clip), "output": str(output)}
    job = typed_job(values, overrides or (), changes=changes, trust=trust)
    chosen = open_named_executor(executor, workers) if executor or workers else None
    _run(context, job, job_out, policy, keep, chosen, trust=trust)


@with_choices()
def render(
    context: typer.Context,
    job_files: Annotated[
        list[Path],
        typer.Argument(metavar="JOB...", help="What to render: job files, and tables of many jobs (.csv, .toml)."),
    ],
    job_out: JobOut = None,
    keep: KeptJob = None,
    keep_jobs: Annotated[
        bool, typer.Option("--keep-jobs", help="Of several jobs: leave the folders OUTPUT.job of those that are done.")
    ] = False,
    executor: ExecutorName = None,
    workers: Workers = None,
    policy: PolicyFile = None,
    overrides: Overrides = None,
    trust: Trust = False,
    *,
    changes: Mapping[str, Any],
) -> None:
    """Render job files, see docs/job-file.md; options and --set go before what the files say."""
    from animator.jobs.batches import read_batch

    jobs = read_batch(job_files, overrides or (), changes=changes, trust=trust)
    chosen = open_named_executor(executor, workers) if executor or workers else None
    if len(jobs) == 1 and not keep_jobs:
        _run(context, jobs[0], job_out, policy, keep, chosen, trust=trust)
        return
    if job_out is not None or keep is not None:
        raise typer.BadParameter(f"--job-out and --job go with one job, these are {len(jobs)}")
    _run_all(context, jobs, policy, chosen, keep=keep_jobs, trust=trust)


def _run_all(
    context: typer.Context,
    jobs: list[RenderJob],
    policy: Path | None,
    executor: Executor | None,
    *,
    keep: bool,
    trust: bool,
) -> None:
    """Plan or render several jobs."""
    from animator.commands.batches import plan_all, render_all
    from animator.provenance import require_compliance

    console = Console.of(context)
    for job in jobs:
        require_compliance(job.provenance, policy)
    if console.dry_run:
        plan_all(console, jobs, keep=keep, trust=trust)
    else:
        render_all(console, jobs, executor, keep=keep, trust=trust)


def _run(
    context: typer.Context,
    job: RenderJob,
    job_out: Path | None,
    policy: Path | None,
    keep: Path | None,
    executor: Executor | None,
    *,
    trust: bool,
) -> None:
    """Plan or render, report, and end with the right code."""
    from animator.models.source import refuse_unknown
    from animator.provenance import require_compliance

    console = Console.of(context)
    require_compliance(job.provenance, policy)
    if job.generator == "diffusion":
        refuse_unknown(job.model, job.image_encoder)
    if job_out is not None:
        from animator.destinations import check_job_place

        check_job_place(job, job_out)
    if console.dry_run:
        tell_plan(console, job, folder=keep, trust=trust)
        return
    from animator.pipeline import animate as animate_job

    if job_out is not None:
        from animator.job_file import write_job
        from animator.plan import plan_render

        plan_render(job, trust=trust)  # only a job that has proved sound is written down
        write_job(job, job_out)
    progress = console.progress()
    asked = {"folder": keep, "executor": executor}
    kept: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    report = animate_job(job, progress=progress, trust=trust, **kept)
    tell_report(console, report, progress)
