"""`animator worker` and the verbs of a queue: many jobs in order, by any number of workers of one machine."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from animator.commands.console import PARTIAL, Console, Verb
from animator.commands.jobs import (
    Address,
    ExecutorName,
    OpenCluster,
    PolicyFile,
    Trust,
    Workers,
    group,
    open_named_executor,
    refuse_dry_run,
)
from animator.commands.reporting import counted, report_fields, report_lines

if TYPE_CHECKING:
    from animator.config import RenderReport
    from animator.jobs.folder import JobFolder
    from animator.jobs.queue import JobQueue
    from animator.jobs.shift import Turn
    from animator.progress import Progress

QueueFolder = Annotated[Path, typer.Argument(metavar="QUEUE", help="Folder with the jobs' folders.")]


def worker(
    context: typer.Context,
    queue: QueueFolder,
    until_empty: Annotated[
        bool, typer.Option("--until-empty", help="End when every job is over, instead of waiting for more.")
    ] = False,
    executor: ExecutorName = None,
    workers: Workers = None,
    address: Address = None,
    allow_open_cluster: OpenCluster = False,
    policy: PolicyFile = None,
    trust: Trust = False,
) -> None:
    """Render the jobs of QUEUE, the most urgent one first; as many of these may run as the machine can feed."""
    from animator.jobs.heap import share_arenas

    share_arenas()  # before anything heavy is imported, which may start threads
    from animator.jobs.record import read_record
    from animator.jobs.shift import work_shift
    from animator.pipeline import resume
    from animator.provenance import require_compliance

    console = Console.of(context)
    refuse_dry_run(console, instead="animator jobs list QUEUE")
    progress = console.progress()
    chosen = open_named_executor(executor, workers, address, allow_open_cluster)

    def run(job: JobFolder) -> RenderReport:
        require_compliance(read_record(job).render_job(trust=trust).provenance, policy)
        return resume(job.path, progress=progress, trust=trust, executor=chosen)

    held = _existing(queue)
    _warn_of_unlisted(console, held)
    all_well = True
    for turn in work_shift(held, run, until_empty=until_empty):
        _tell(console, progress, turn)
        all_well = all_well and turn.state == "done"
    if not all_well:
        raise typer.Exit(PARTIAL)


def list_jobs(context: typer.Context, queue: QueueFolder) -> None:
    """Say which jobs a queue holds: those at work, those that wait in their order, those that are over."""
    held = _existing(queue)
    jobs = held.jobs()
    _warn_of_unlisted(Console.of(context), held)
    if not jobs:
        Console.of(context).result("queue", {"queue": str(queue), "jobs": 0}, [f"{queue}: no jobs"])
    for job in jobs:
        fields = {"folder": str(job.folder), "priority": job.priority, "state": job.state, "worker": job.worker}
        notes = [f"  {text}" for text in (job.worker, job.message) if text]
        line = f"{job.state:<9} {job.priority:>4}  {job.folder.name}"
        Console.of(context).result("queued", {**fields, "message": job.message}, [line + "".join(notes)])


def reindex(context: typer.Context, queue: QueueFolder) -> None:
    """Make a queue's index anew from the folders of its jobs, such as after copying some there by hand."""
    refuse_dry_run(Console.of(context), instead="animator jobs list QUEUE")
    num_jobs = _existing(queue).rebuild()
    line = f"{queue}: {counted(num_jobs, 'job')}"
    Console.of(context).result("queue", {"queue": str(queue), "jobs": num_jobs}, [line])


def _existing(queue: Path) -> JobQueue:
    from animator.errors import JobError
    from animator.jobs.queue import JobQueue

    if queue.exists() and not queue.is_dir():
        raise JobError(f"{queue}: is a file; a queue is a folder of job folders")
    if not queue.is_dir():
        raise JobError(f"{queue}: no such folder; animator jobs submit JOB.toml --queue {quote(str(queue))} makes it")
    return JobQueue(queue)


def _warn_of_unlisted(console: Console, queue: JobQueue) -> None:
    names = queue.unlisted()
    if names:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        console.progress().warn(
            f"{', '.join(names[:3])}{more}: came here by hand and will not be rendered; take in what lies here with: "
            f"animator jobs reindex {quote(str(queue.path))}"
        )


def _tell(console: Console, progress: Progress, turn: Turn) -> None:
    name = turn.job.path.name
    if turn.report is None:
        message = f"{name}: {turn.state}: {' '.join(str(turn.error).split()) or type(turn.error).__name__}"
        progress.warn(message)
        console.result("turn", {"folder": str(turn.job.path), "state": turn.state, "message": message}, [])
        return
    for warning in turn.report.warnings:
        progress.warn(f"{name}: {warning}")
    fields = {"folder": str(turn.job.path), "state": turn.state, **report_fields(turn.report)}
    console.result("turn", fields, report_lines(turn.report))


_EXAMPLES = {list_jobs: ("list", "animator jobs list night"), reindex: ("reindex", "animator jobs reindex night")}
for _command, (_name, _example) in _EXAMPLES.items():
    group.command(_name, cls=Verb, epilog=f"Example: {_example}")(_command)
