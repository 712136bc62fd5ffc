"""Who makes a job's frames: this process, several, or any number of machines; the same plan and the same bytes."""

from __future__ import annotations

from animator.errors import JobError
from animator.jobs.executors.protocol import Executor

EXECUTORS = ("local", "processes", "files", "ray")


def open_executor(
    name: str = "local", *, workers: int | None = None, address: str | None = None, allow_open_cluster: bool = False
) -> Executor:
    """The executor called `name`.

    Args:
        name: `local`, `processes`, `files` or `ray`.
        workers: processes or actors to start, for `processes` and `ray`; None: one per GPU, or per two cores.
        address: of a Ray cluster, see `RayExecutor`.
        allow_open_cluster: see `RayExecutor`.

    Raises:
        JobError: no such executor, or a choice that it does not have.
    """
    from animator.jobs.executors.files import FilesExecutor
    from animator.jobs.executors.local import LocalExecutor
    from animator.jobs.executors.processes import ProcessesExecutor

    if workers is not None and name not in ("processes", "ray"):
        raise JobError(f"--workers belongs to --executor processes or ray; {name} works in this process alone")
    if (address is not None or allow_open_cluster) and name != "ray":
        raise JobError("--address and --allow-open-cluster belong to --executor ray")
    if name == "local":
        return LocalExecutor()
    if name == "processes":
        return ProcessesExecutor(workers=workers)
    if name == "files":
        return FilesExecutor()
    if name == "ray":
        from animator.jobs.executors.actors import RayExecutor

        return RayExecutor(address=address, workers=workers, allow_open_cluster=allow_open_cluster)
    raise JobError(f"executor {name!r} is unknown; there is {', '.join(EXECUTORS)}")
