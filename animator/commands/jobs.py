"""`animator jobs`: renders that are kept as a folder, and go on from what lies there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from animator.commands.choices import Overrides, with_choices
from animator.commands.console import Console, Verb
from animator.commands.reporting import tell_report

if TYPE_CHECKING:
    from animator.jobs.executors.protocol import Executor
    from animator.jobs.folder import JobFolder

group = typer.Typer(name="jobs", help="Renders that are kept as a folder: made, watched, gone on with.")

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The job's folder.")]
Trust = Annotated[bool, typer.Option("--trust", help="Allow my_pkg.mod:Thing, which runs that code.")]
ExecutorName = Annotated[
    str | None,
    typer.Option(
        "--executor",
        metavar="NAME",
        help="Who makes the frames: local (this process), processes, files (every machine that runs this on a "
        "shared folder), or ray (a cluster).",
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
    overrides: Overrides = None,
    trust: Trust = False,
    *,
    changes: Mapping[str, Any],
) -> None:
    """Make a job's folder of a job file, to be rendered later, here or elsewhere."""
    from animator.job_file import read_job
    from animator.pipeline import submit as submit_job
    from animator.provenance import require_compliance

    console = Console.of(context)
    job = read_job(job_file, overrides or (), changes=changes, trust=trust)
    require_compliance(job.provenance, None)
    if queue is not None:
        folder = queue / (job_folder_beside(job.output) if folder is None else folder).name
    place = submit_job(job, folder or job_folder_beside(job.output), progress=console.progress(), trust=trust)
    if queue is not None:
        from animator.jobs.queue import JobQueue

        JobQueue(queue).add(place, priority=priority)
    console.result("job", {"folder": str(place.path), "state": "created"}, [f"{place.path}: created"])


def run(
    context: typer.Context,
    folder: Folder,
    executor: ExecutorName = None,
    workers: Workers = None,
    address: Address = None,
    allow_open_cluster: OpenCluster = False,
    trust: Trust = False,
) -> None:
    """Render a job's folder, from wherever it is; what is done is not done again."""
    _finish(context, folder, open_named_executor(executor, workers, address, allow_open_cluster), trust=trust)


def resume(
    context: typer.Context,
    folder: Folder,
    executor: ExecutorName = None,
    workers: Workers = None,
    address: Address = None,
    allow_open_cluster: OpenCluster = False,
    trust: Trust = False,
) -> None:
    """Go on with a job that was stopped, cancelled, or failed; frames that were given up are tried again."""
    from animator.jobs.folder import JobFolder
    from animator.jobs.session import retry_gaps

    chosen, place = open_named_executor(executor, workers, address, allow_open_cluster), JobFolder(folder)
    place.check()
    place.cancelled.unlink(missing_ok=True)
    retry_gaps(place)
    _finish(context, folder, chosen, trust=trust)


def status(
    context: typer.Context, folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Jobs.")]
) -> None:
    """Say how far jobs are."""
    from animator.jobs.folder import JobFolder
    from animator.jobs.status import read_status

    for folder in folders:
        told = read_status(JobFolder(folder))
        Console.of(context).result("status", told.as_dict(), told.lines())


def cancel(context: typer.Context, folder: Folder) -> None:
    """End a job: whoever renders it stops at its next chunk. What was made stays, and resume takes it up again."""
    from animator.jobs.folder import JobFolder, write_json

    place = JobFolder(folder)
    place.check()
    write_json(place.cancelled, {})
    Console.of(context).result("job", {"folder": str(place.path), "state": "cancelled"}, [f"{place.path}: cancelled"])


def report(context: typer.Context, folder: Folder) -> None:
    """Write report.html anew, from what lies in the folder, and say where it is."""
    from animator.jobs.folder import JobFolder
    from animator.jobs.record import read_record
    from animator.jobs.report import write_report
    from animator.jobs.session import read_result

    place = JobFolder(folder)
    record = read_record(place)
    write_report(place, record, read_result(place) if place.result.is_file() else None)
    Console.of(context).result("report", {"report": str(place.report)}, [str(place.report)])


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


def _finish(context: typer.Context, folder: Path, executor: Executor, *, trust: bool) -> None:
    from animator.jobs.folder import JobFolder
    from animator.jobs.record import read_record
    from animator.pipeline import resume as resume_job
    from animator.provenance import require_compliance

    console = Console.of(context)
    place: JobFolder = JobFolder(folder)
    require_compliance(read_record(place).render_job(trust=trust).provenance, None)
    progress = console.progress()
    made = resume_job(folder, progress=progress, trust=trust, executor=executor)
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
