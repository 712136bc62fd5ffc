"""What every executor does: the plan and the frames' bytes are the job's, who makes them is not."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from animator.jobs.folder import JobFolder
from animator.jobs.worker import GeneratorOpener


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What there is to render; small, and fit to be sent to another process or machine that sees the folder.

    Attributes:
        folder: of the job, prepared.
        open_generator: opens the job's generator, wherever the work is done.
        devices: one worker each, as torch calls them; empty: as the job says.
        trust: allow the job to name Python code.
    """

    folder: JobFolder
    open_generator: GeneratorOpener
    devices: tuple[str, ...] = ()
    trust: bool = False


class Crew(Protocol):
    """Those who work on one job, as seen from one of the processes that take part."""

    def once(self, name: str, do: Callable[[], None], *, is_done: Callable[[], bool]) -> None:
        """Have a step done by one of all that take part; return when it is done.

        Args:
            name: of the step.
            do: does it; called in at most one process at a time.
            is_done: whether the folder says that it is done.
        """

    def render(self, work: Work, *, on_frame: Callable[[int], None]) -> None:
        """Have every frame made or given up; return when the ledger has no chunk open.

        Args:
            work: what to render.
            on_frame: told of frames that are there, some of them more than once.

        Raises:
            PipelineError: nothing can be made here, such as a model that is missing, or a full disk. What was made
                stays.
        """


class Executor(Protocol):
    """A way to get a job's frames made."""

    name: str

    def on(self, folder: JobFolder) -> AbstractContextManager[Crew]:
        """Begin to take part in a job; the folder's places exist.

        Raises:
            JobError: somebody is at work who must not be disturbed.
        """
