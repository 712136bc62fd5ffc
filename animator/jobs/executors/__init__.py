"""Who makes a job's frames: this process, several, or any number of machines; the same plan and the same bytes."""

from __future__ import annotations

from animator.errors import JobError
from animator.jobs.executors.protocol import Executor

EXECUTORS = ("local", "processes", "files")


def open_executor(name: str = "local", *, workers: int | None = None) -> Executor:
    """The executor called `name`.

    Args:
        name: `local`, `processes` or `files`.
        workers: processes to start, for `processes`; None: one per GPU, or per two cores.

    Raises:
        JobError: no such executor, or workers where there are none to choose.
    """
    from animator.jobs.executors.files import FilesExecutor
    from animator.jobs.executors.local import LocalExecutor
    from animator.jobs.executors.processes import ProcessesExecutor

    if workers is not None and name != "processes":
        raise JobError(f"--workers belongs to --executor processes; {name} works in this process alone")
    if name == "local":
        return LocalExecutor()
    if name == "processes":
        return ProcessesExecutor(workers=workers)
    if name == "files":
        return FilesExecutor()
    raise JobError(f"executor {name!r} is unknown; there is {', '.join(EXECUTORS)}")
