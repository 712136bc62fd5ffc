"""Jobs in a queue, without renders."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from animator.config import RenderReport
from animator.jobs.folder import JobFolder, write_json
from animator.jobs.queue import JobQueue
from animator.jobs.session import _plain

Submit = Callable[..., JobFolder]


def finish(job: JobFolder, *, partial: bool = False) -> RenderReport:
    """What a render leaves behind, without one."""
    path = job.path / "out.mp4"
    path.write_bytes(b"a film")
    report = RenderReport(path=path, num_frames=3, duration_s=0.1, seconds=1.0, fingerprint="0", partial=partial)
    write_json(job.result, _plain(report))
    return report


def fall_silent(queue: JobQueue) -> None:
    """All workers have last been heard of long ago."""
    with sqlite3.connect(queue.path / "queue.sqlite") as index:
        index.execute("UPDATE jobs SET beat_s = beat_s - 1000 WHERE state = 'running'")


def states(queue: JobQueue) -> dict[str, str]:
    """Of every job, by its name."""
    return {job.folder.name: job.state for job in queue.jobs()}
