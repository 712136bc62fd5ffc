"""Several workers at one queue: every job is made once, and a worker that dies takes no job along."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from animator.jobs.folder import JobFolder
from animator.jobs.queue import JobQueue
from tests.faults.patience import await_that
from tests.faults.tiny_job import decoded, left_behind, only_prepared, rounds
from tests.faults.warm import Warm

NUM_JOBS = 4


@pytest.fixture
def queue(finished: Path, tmp_path: Path) -> JobQueue:
    """Jobs that are prepared, waiting for their frames."""
    queue = JobQueue(tmp_path / "night")
    queue.path.mkdir()
    for number in range(NUM_JOBS):
        queue.add(JobFolder(only_prepared(finished, queue.path / f"job{number}")))
    return queue


def start_worker(warm: Warm, queue: JobQueue, log: Path) -> int:
    return warm.start(["worker", queue.path, "--until-empty", "--quiet"], log=log, inject="fast_leases")


def frames_made(job: Path) -> int:
    entries = [json.loads(path.read_text()) for path in job.glob("chunks/*.json")]
    return sum(sitting["num_frames"] for entry in entries for sitting in entry["sittings"])


def num_pictures(queue: JobQueue) -> int:
    return len(list(queue.path.glob("job*/frames/0*.png")))


def is_complete(queue: JobQueue, undisturbed: np.ndarray) -> bool:
    jobs = queue.jobs()
    assert [job.state for job in jobs] == ["done"] * NUM_JOBS
    return all(np.array_equal(decoded(job.folder / "out.mp4"), undisturbed) for job in jobs)


def test_two_workers_at_one_queue_make_every_job_once(
    warm: Warm, queue: JobQueue, undisturbed: np.ndarray, tmp_path: Path
) -> None:
    workers = [start_worker(warm, queue, tmp_path / f"log{each}") for each in range(2)]
    assert [warm.wait(pid) for pid in workers] == [0, 0], (tmp_path / "log0").read_text()
    assert is_complete(queue, undisturbed)
    assert [frames_made(job.folder) for job in queue.jobs()] == [len(undisturbed)] * NUM_JOBS
    assert left_behind(queue.path) == []


def test_a_worker_killed_over_a_job_leaves_it_to_another_one(
    warm: Warm, queue: JobQueue, undisturbed: np.ndarray, tmp_path: Path
) -> None:
    times = rounds(2, 10)
    for number in range(times):
        first = start_worker(warm, queue, tmp_path / f"log{number}")
        wanted = num_pictures(queue) + 5
        await_that(lambda first=first, wanted=wanted: num_pictures(queue) >= wanted or warm.has_ended(first))
        if not warm.has_ended(first):
            os.kill(first, signal.SIGKILL)
            warm.wait(first)
    assert any(job.state == "running" for job in queue.jobs())
    second = start_worker(warm, queue, tmp_path / "log")
    assert warm.wait(second) == 0, (tmp_path / "log").read_text()
    assert is_complete(queue, undisturbed)
    assert left_behind(queue.path) == []
    print(f"\nworkers of a queue: {times} killed, {NUM_JOBS} jobs complete, pictures equal")


def test_a_worker_asked_to_end_puts_its_job_back_and_the_next_one_goes_on(
    warm: Warm, queue: JobQueue, undisturbed: np.ndarray, tmp_path: Path
) -> None:
    worker = start_worker(warm, queue, tmp_path / "log")
    await_that(lambda: num_pictures(queue))
    os.kill(worker, signal.SIGTERM)
    assert warm.wait(worker) == 128 + signal.SIGTERM
    assert all(job.state in ("waiting", "done") for job in queue.jobs())
    assert warm.wait(start_worker(warm, queue, tmp_path / "log")) == 0, (tmp_path / "log").read_text()
    assert is_complete(queue, undisturbed)


def test_the_index_may_vanish_under_workers(
    warm: Warm, queue: JobQueue, undisturbed: np.ndarray, tmp_path: Path
) -> None:
    workers = [start_worker(warm, queue, tmp_path / f"log{each}") for each in range(2)]
    vanished = 0
    while not all(map(warm.has_ended, workers)):
        for ending in ("", "-wal", "-shm"):
            (queue.path / f"queue.sqlite{ending}").unlink(missing_ok=True)
        vanished += 1
        time.sleep(0.3)
    assert [warm.wait(pid) for pid in workers] == [0, 0], (tmp_path / "log0").read_text()
    assert vanished > 1
    assert is_complete(queue, undisturbed)
