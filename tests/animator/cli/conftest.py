"""Fixtures of the command line's tests."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest

from animator.config import RenderJob, RenderReport
from animator.progress import Progress
from tests.animator.cli.stand_in import Animate


@pytest.fixture(autouse=True)
def _same_signal_handlers() -> Iterator[None]:
    """`main` takes SIGINT and SIGTERM; give them back."""
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Callable[[Animate], list[RenderJob]]:
    """Puts a function in the place of `animator.pipeline.animate`; the list gets the jobs it was called with."""

    def install(animate: Animate) -> list[RenderJob]:
        jobs: list[RenderJob] = []

        def watched(job: RenderJob, *, progress: Progress, trust: bool = False) -> RenderReport:
            jobs.append(job)
            return animate(job, progress=progress, trust=trust)

        module = ModuleType("animator.pipeline")
        module.animate = watched  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "animator.pipeline", module)
        return jobs

    return install
