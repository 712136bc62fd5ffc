"""Fixtures of queues."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from animator.jobs.folder import JobFolder
from animator.jobs.queue import JobQueue
from tests.animator.jobs.job_folder import prepared_job
from tests.animator.jobs.queued_jobs import Submit


@pytest.fixture
def queue(tmp_path: Path) -> JobQueue:
    """A queue without jobs."""
    return JobQueue(tmp_path / "night")


@pytest.fixture
def submit(queue: JobQueue, tmp_path: Path) -> Submit:
    """Puts a job of a name into the queue."""
    model = prepared_job(tmp_path / "model", num_frames=3)

    def put(name: str, *, priority: int = 0) -> JobFolder:
        shutil.copytree(model.path, queue.path / name)
        queue.add(JobFolder(queue.path / name), priority=priority)
        return JobFolder(queue.path / name)

    return put
