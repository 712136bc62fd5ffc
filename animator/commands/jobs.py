"""`animator jobs`: renders that are kept as a folder, and go on from what lies there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from animator.commands.choices import Overrides, with_choices
from animator.commands.console import Console, Group, Verb, overview
from animator.commands.reporting import tell_report
from animator.paths import told
from pose_tracking.errors import PipelineError

if TYPE_CHECKING:
    from animator.config import RenderJob
    from animator.jobs.executors.protocol import Executor
    from animator.jobs.folder import JobFolder

group = typer.Typer(cls=Group, name="jobs", help="Renders that are kept as a folder: made, watched, gone on with.")
group.callback(invoke_without_command=True)(overview)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The job's folder.")]
Trust = Annotated[bool, typer.Option("--trust", help="Allow my_pkg.mod:Thing, which runs that code.")]
PolicyFile = Annotated[
    Path | None,
    typer.Option("--policy", metavar="FILE", help="What every render must do, see docs/guides/provenance.md."),
]
ExecutorName = Annotated[
    str | None,
    typer.Option(
        "--executor",
        metavar="NAME",
        help="Who makes the frames: local (this process), processes, files (every machine that runs this on a "
        "shared folder), or ray (a cluster).",
    ),
]
Delivery = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Deliver the same frames otherwise (encode, preview, provenance), or say where photo, clip or model lie "
        "now; repeatable.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, max=4096, help="Processes, or actors of a cluster; else processes is meant."),
]
Address = Annotated[
    str | None,
    typer.Option("--address", metavar="auto|HOST:PORT", help="Of a Ray cluster; without it, one of our own."),
]
OpenCluster = Annotated[
    bool, typer.Option("--allow-open-cluster", help="Work on a cluster that asks nobody for a token.")
]


@with_choices()
def submit(
    context: typer.Context,
    job_file: Annotated[Path, typer.Argument(metavar="JOB.toml", help="What to render, see docs/job-file.md.")],
    folder: Annotated[
        Path | None,
        typer.Option("--job", "-j", metavar="DIR", help="The job's folder.", show_default="OUTPUT.job"),
    ] = None,
    queue: Annotated[
        Path | None, typer.Option("--queue", metavar="QUEUE", help="Put the job's folder here, for animator worker.")
    ] = None,
    priority: Annotated[int, typer.Option("--priority", help="In a queue: higher ones come first.")] = 0,
    policy: PolicyFile = None,
    overrides: Overrides = None,
    trust: Trust = False,
    *,
    changes: Mapping[str, Any],
) -> None:
    """Make a job's folder of a job file, to be rendered later, here or elsewhere."""
    from animator.job_file import read_job
    from animator.jobs.folder import JobFolder
    from animator.jobs.session import read_state
    from animator.pipeline import submit as submit_job
    from animator.provenance import require_compliance

    console = Console.of(context)
    job = read_job(job_file, overrides or (), changes=changes, trust=trust)
    require_compliance(job.provenance, policy)
    path = folder or job_folder_beside(job.output)
    place = JobFolder(path if queue is None else queue / path.name)
    was_there = place.record.is_file()
    if was_there:
        _refuse_another_ending(place, job)
    if console.dry_run:
        tell_plan(console, job, folder=place.path, trust=trust)
        return
    submit_job(job, place.path, progress=console.progress(), trust=trust)
    if queue is not None:
        from animator.jobs.queue import JobQueue

        JobQueue(queue).add(place, priority=priority)
    state = read_state(place)
    line = f"{told(place.path)}: is there already, {state}" if was_there else f"{told(place.path)}: {state}"
    console.result("job", {"folder": str(place.path), "state": state, "was_there": was_there}, [line])


def run(
    context: typer.Context,
    folder: Folder,
    executor: ExecutorName = None,
    workers: Workers = None,
    address: Address = None,
    allow_open_cluster: OpenCluster = False,
    policy: PolicyFile = None,
    trust: Trust = False,
) -> None:
    """Render a job's folder, from wherever it is; what is done is not done again."""
    chosen = open_named_executor(executor, workers, address, allow_open_cluster)
    _finish(context, folder, chosen, policy=policy, trust=trust)


def resume(
    context: typer.Context,
    folder: Folder,
    executor: ExecutorName = None,
    workers: Workers = None,
    address: Address = None,
    allow_open_cluster: OpenCluster = False,
    policy: PolicyFile = None,
    overrides: Delivery = None,
    trust: Trust = False,
) -> None:
    """Go on with a job that was stopped, cancelled, or failed; frames that were given up are tried again."""
    chosen = open_named_executor(executor, workers, address, allow_open_cluster)
    _finish(context, folder, chosen, policy=policy, trust=trust, overrides=overrides or (), anew=True)


def status(
    context: typer.Context, folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Jobs.")]
) -> None:
    """Say how far jobs are. Of several places, files are passed over: a queue's own, in QUEUE/*."""
    from animator.jobs.folder import JobFolder
    from animator.jobs.status import read_status

    console = Console.of(context)
    places = folders if len(folders) == 1 else [each for each in folders if not each.is_file()]
    trouble: PipelineError | None = None
    for place in places:
        try:
            told = read_status(JobFolder(place))
        except PipelineError as error:
            if trouble is not None:
                console.progress().warn(str(trouble))
            trouble = error
            continue
        console.result("status", told.as_dict(), told.lines())
    if trouble is not None:
        raise trouble


def cancel(context: typer.Context, folder: Folder) -> None:
    """End a job: whoever renders it stops at its next chunk. What was made stays, and resume takes it up again."""
    from animator.errors import JobError
    from animator.jobs.folder import JobFolder, write_json
    from animator.jobs.session import read_state

    console, place = Console.of(context), JobFolder(folder)
    refuse_dry_run(console, instead="animator jobs status DIR")
    state = read_state(place)
    if state in ("done", "partial"):
        raise JobError(f"{place.path}: is {state} already; there is nothing to cancel")
    write_json(place.cancelled, {})
    console.result("job", {"folder": str(place.path), "state": "cancelled"}, [f"{told(place.path)}: cancelled"])


def report(context: typer.Context, folder: Folder) -> None:
    """Write report.html anew, from what lies in the folder, and say where it is."""
    from animator.jobs.folder import JobFolder
    from animator.jobs.record import read_record
    from animator.jobs.report import write_report
    from animator.jobs.session import find_result

    place = JobFolder(folder)
    refuse_dry_run(Console.of(context), instead="animator jobs status DIR")
    write_report(place, read_record(place), find_result(place))
    Console.of(context).result("report", {"report": str(place.report)}, [told(place.report)])


def open_named_executor(
    name: str | None, workers: int | None, address: str | None = None, allow_open_cluster: bool = False
) -> Executor:
    """The executor that `--executor`, `--workers` and the options of a cluster ask for."""
    from animator.errors import JobError
    from animator.jobs.executors import open_executor

    try:
        return open_executor(
            name or ("local" if workers is None else "processes"),
            workers=workers,
            address=address,
            allow_open_cluster=allow_open_cluster,
        )
    except JobError as error:
        raise typer.BadParameter(str(error)) from error


def job_folder_beside(output: Path) -> Path:
    """Where a job lies whose place nobody chose: `out.job` beside `out.mp4`."""
    return output.with_name(f"{output.stem}.job")


def refuse_dry_run(console: Console, *, instead: str) -> None:
    """End a verb that does nothing but write, where nothing is to be written.

    Raises:
        BadParameter: --dry-run was given.
    """
    if console.dry_run:
        raise typer.BadParameter(f"--dry-run: there is nothing to try here; {instead} says how things stand")


def tell_plan(console: Console, job: RenderJob, *, folder: Path | None, trust: bool) -> None:
    """Check a job, try its first frames, and say what all of it would take; `folder`: where the job would be kept."""
    from animator.plan import plan_render, try_out

    plan = plan_render(job, folder=folder, trust=trust)
    plan = try_out(job, plan, keep=folder is not None, progress=console.progress(), trust=trust)
    console.result("plan", plan.as_dict(), plan.lines())


def _refuse_another_ending(place: JobFolder, job: RenderJob) -> None:
    from animator.errors import JobError
    from animator.jobs.record import read_record

    if (before := read_record(place).ending) != job.output.suffix:
        raise JobError(
            f"{place.path}: holds a job whose result is {before or 'a folder of PNG'}, and this one's is "
            f"{job.output.suffix or 'a folder of PNG'}; give it a folder of its own with --job"
        )


def _finish(
    context: typer.Context,
    folder: Path,
    executor: Executor,
    *,
    policy: Path | None,
    trust: bool,
    overrides: Sequence[str] = (),
    anew: bool = False,
) -> None:
    """Bring a job to its result and report; `anew`: also one that was cancelled, and frames that were given up."""
    from animator.jobs.folder import JobFolder
    from animator.jobs.record import read_record
    from animator.pipeline import resume as resume_job
    from animator.provenance import require_compliance

    console, place = Console.of(context), JobFolder(folder)
    job = read_record(place).render_job(overrides, trust=trust)
    require_compliance(job.provenance, policy)
    if console.dry_run:
        job = job.model_copy(update={"output": place.path / f"out{job.output.suffix}"})
        status(context, [folder])
        tell_plan(console, job, folder=place.path, trust=trust)
        return
    progress = console.progress()
    made = resume_job(folder, overrides, anew=anew, progress=progress, trust=trust, executor=executor)
    tell_report(console, made, progress)


_EXAMPLES: dict[Callable[..., None], str] = {
    submit: "animator jobs submit job.toml --job night/me",
    run: "animator jobs run night/me --executor files",
    resume: "animator jobs resume night/me",
    status: "animator jobs status night/*",
    cancel: "animator jobs cancel night/me",
    report: "animator jobs report night/me",
}
for _command, _example in _EXAMPLES.items():
    group.command(cls=Verb, epilog=f"Example: {_example}")(_command)
