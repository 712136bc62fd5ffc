"""`animator render` with several jobs: one after the other, and one that fails stops none of the others."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from animator.commands.console import PARTIAL, Console
from animator.commands.jobs import job_folder_beside
from animator.commands.reporting import counted, report_fields, report_lines
from animator.paths import told
from pose_tracking.errors import PipelineError

if TYPE_CHECKING:
    from animator.config import RenderJob
    from animator.jobs.executors.protocol import Executor
    from animator.plan import RenderPlan


def render_all(
    console: Console, jobs: Sequence[RenderJob], executor: Executor | None, *, keep: bool, trust: bool
) -> None:
    """Render jobs in order; what is made already, and from the same inputs, is left alone.

    Every job has a folder beside its output, so that a batch that was stopped goes on where it was; folders of
    complete results are removed.

    Args:
        console: how to speak.
        jobs: what to render.
        executor: who makes the frames; None: this process.
        keep: leave the folders of complete results, too.
        trust: allow jobs to name Python code.

    Raises:
        DiskError: the disk is full; there is no use in going on.
        Exit: some jobs failed, or have gaps.
    """
    from animator.errors import DiskError
    from animator.pipeline import animate, is_made

    progress = console.progress()
    made, skipped, failed = 0, 0, []
    for job in jobs:
        folder = job_folder_beside(job.output)
        try:
            if not folder.exists() and is_made(job, trust=trust):
                skipped += 1
                console.result("skipped", {"path": str(job.output)}, [f"{told(job.output)}: is there already"])
                continue
            report = animate(job, progress=progress, trust=trust, folder=folder, executor=executor)
        except DiskError:
            raise
        except Exception as error:  # one job's trouble, bugs included, is not that of the others
            failed.append(str(job.output))
            _tell_failure(console, job, error)
            continue
        console.result("report", report_fields(report), report_lines(report)[:1])
        made += 1
        if report.partial:
            failed.append(str(job.output))
        elif not keep:
            shutil.rmtree(folder, ignore_errors=True)
    facts = {"jobs": len(jobs), "made": made, "skipped": skipped, "failed_or_partial": failed}
    console.result(
        "batch", facts, [f"{counted(len(jobs), 'job')}: {made} made, {skipped} there already, {len(failed)} to look at"]
    )
    if failed:
        raise typer.Exit(PARTIAL)


def plan_all(console: Console, jobs: Sequence[RenderJob], *, keep: bool, trust: bool) -> None:
    """Say what a batch would take, going by a trial of each job's first frames, and what is wrong with which job.

    Args:
        console: how to speak.
        jobs: what would be rendered.
        keep: the folders of complete results would be left, too.
        trust: allow jobs to name Python code.

    Raises:
        DiskError: the disk is full.
        Exit: some jobs could not be rendered.
    """
    from animator.errors import DiskError
    from animator.plan import plan_render, try_out

    plans: list[RenderPlan] = []
    for job in jobs:
        try:
            plan = plan_render(job, folder=job_folder_beside(job.output), trust=trust)
            plan = try_out(job, plan, keep=True, progress=console.progress(), trust=trust)
        except DiskError:
            raise
        except PipelineError as error:
            _tell_failure(console, job, error)
            continue
        console.result("plan", plan.as_dict(), [plan.lines()[0]])
        plans.append(plan)
    _tell_totals(console, plans, keep=keep)
    if len(plans) < len(jobs):
        console.progress().warn(f"{len(jobs) - len(plans)} of {len(jobs)} jobs could not be rendered")
        raise typer.Exit(PARTIAL)


def _tell_failure(console: Console, job: RenderJob, error: Exception) -> None:
    message = " ".join(str(error).split())
    if not isinstance(error, PipelineError):
        message = f"{type(error).__name__}: {message}"
    console.progress().warn(f"{told(job.output)}: {message}")
    console.result("failed", {"path": str(job.output), "message": message}, [])


def _tell_totals(console: Console, plans: Sequence[RenderPlan], *, keep: bool) -> None:
    facts = _totals(plans, keep=keep)
    time = f"about {facts['estimated_s']:.0f} s" if facts["estimated_s"] is not None else "for a time nobody knows"
    length = "as many frames as the clips turn out to have"
    if facts["num_frames"] is not None:
        length = f"{counted(facts['num_frames'], 'frame')} in {counted(facts['num_chunks'], 'chunk')}"
    line = f"{counted(len(plans), 'job')}: {length}, {time}"
    if facts["memory_bytes"] is not None:
        line += f", with {facts['memory_bytes'] / 1e9:.1f} GB of memory"
    if facts["disk_bytes"] is not None:
        line += f" and {facts['disk_bytes'] / 1e6:.0f} MB of disk"
    console.result("batch", facts, [line])


def _totals(plans: Sequence[RenderPlan], *, keep: bool) -> dict[str, Any]:
    """Sums of what is known of every plan; of what goes before the next job begins, that of the largest."""

    def known(name: str) -> list[Any] | None:
        values = [getattr(plan, name) for plan in plans]
        return None if any(value is None for value in values) else values

    all_bytes, folder_bytes = known("disk_bytes"), known("folder_bytes")
    disk_bytes = None
    if all_bytes is not None and folder_bytes is not None:
        passing = [0 if keep else each for each in folder_bytes]
        passing = [each + (plan.passing_bytes or 0) for each, plan in zip(passing, plans, strict=True)]
        disk_bytes = sum(all_bytes) - sum(passing) + max(passing, default=0)
    return {
        "jobs": len(plans),
        **{
            name: None if (values := known(name)) is None else round(sum(values), 1)
            for name in ("num_frames", "num_chunks", "estimated_s")
        },
        "memory_bytes": None if (values := known("memory_bytes")) is None else max(values, default=0),
        "disk_bytes": disk_bytes,
    }
