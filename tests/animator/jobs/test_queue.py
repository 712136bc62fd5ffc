"""Jobs of one machine in order: the folders are the truth, the index only answers quickly."""

from __future__ import annotations

import multiprocessing
import shutil
import sqlite3
from pathlib import Path

import pytest

from animator.errors import JobError
from animator.jobs.folder import JobFolder, write_json
from animator.jobs.locks import locked
from animator.jobs.queue import JobQueue, job_state
from tests.animator.jobs.job_folder import prepared_job
from tests.animator.jobs.queued_jobs import Submit, fall_silent, finish, states


def test_the_most_urgent_job_comes_first_and_then_the_one_that_waited_longest(queue: JobQueue, submit: Submit) -> None:
    for name, priority in (("b", 0), ("a", 0), ("urgent", 5), ("later", -1)):
        submit(name, priority=priority)
    queue.add(JobFolder(queue.path / "later"), priority=3)
    taken = []
    while job := queue.claim("me"):
        taken.append(job.path.name)
    assert taken == ["urgent", "later", "b", "a"]


def test_a_job_that_is_over_is_what_its_folder_says(queue: JobQueue, submit: Submit) -> None:
    jobs = {name: submit(name) for name in ("done", "partial", "failed", "cancelled", "stopped", "full")}
    while queue.claim("me"):
        pass
    finish(jobs["done"])
    finish(jobs["partial"], partial=True)
    write_json(jobs["failed"].failure, {"error": "PhotoError", "message": "nobody was found"})
    write_json(jobs["full"].failure, {"error": "DiskError", "message": "the disk took no more data"})
    write_json(jobs["cancelled"].cancelled, {})
    for job in jobs.values():
        queue.give_back("me", job)
    waiting = {"stopped": "waiting", "full": "waiting"}
    assert (
        states(queue) == {"done": "done", "partial": "partial", "failed": "failed", "cancelled": "cancelled"} | waiting
    )
    assert next(job.message for job in queue.jobs() if job.state == "failed") == "nobody was found"


def test_what_was_done_to_jobs_by_hand_is_seen_at_once(queue: JobQueue, submit: Submit) -> None:
    jobs = {name: submit(name) for name in ("cancelled", "removed", "made", "resumed", "left")}
    write_json(jobs["resumed"].failure, {"error": "PhotoError", "message": "nobody was found"})
    assert states(queue)["resumed"] == "failed"
    write_json(jobs["cancelled"].cancelled, {})
    shutil.rmtree(jobs["removed"].path)
    finish(jobs["made"])
    jobs["resumed"].failure.unlink()
    finish(jobs["resumed"])
    assert states(queue) == {"cancelled": "cancelled", "made": "done", "resumed": "done", "left": "waiting"}


def test_the_job_of_a_worker_that_falls_silent_goes_to_another(queue: JobQueue, submit: Submit) -> None:
    submit("job")
    assert queue.claim("one") is not None
    assert queue.claim("two") is None
    fall_silent(queue)
    assert queue.claim("two") is not None
    queue.give_back("one", JobFolder(queue.path / "job"))  # it only slept, and has lost the job
    assert [job.worker for job in queue.jobs()] == ["two"]


def test_beats_from_before_the_machine_started_anew_are_no_signs_of_life(queue: JobQueue, submit: Submit) -> None:
    submit("job")
    queue.claim("one")
    with sqlite3.connect(queue.path / "queue.sqlite") as index:
        index.execute("UPDATE jobs SET beat_s = beat_s + 1000000")
    assert queue.claim("two") is not None


def test_a_worker_that_beats_keeps_its_job(queue: JobQueue, submit: Submit) -> None:
    job = submit("job")
    queue.claim("one")
    fall_silent(queue)
    queue.beat("one", job)
    assert queue.claim("two") is None


def test_a_job_that_goes_on_between_deaths_is_not_given_up(queue: JobQueue, submit: Submit) -> None:
    job = submit("long")
    for number in range(5):
        assert queue.claim(f"worker {number}") is not None
        job.frames.mkdir(exist_ok=True)
        (job.frames / f"{number:06d}.png").touch()
        fall_silent(queue)
    assert queue.claim("the last one") is not None


def test_a_job_over_which_worker_after_worker_dies_is_given_up(queue: JobQueue, submit: Submit) -> None:
    job = submit("deadly")
    for worker in ("one", "two", "three"):
        assert queue.claim(worker) is not None
        fall_silent(queue)
    assert queue.claim("four") is None
    assert job_state(job) == "failed"
    assert "3 workers died over it without a frame, the last one was three" in queue.jobs()[0].message
    queue.add(job)
    assert queue.claim("five") is not None


def test_a_job_that_somebody_renders_by_hand_is_left_alone(queue: JobQueue, submit: Submit) -> None:
    job = submit("job")
    with locked(job):
        assert queue.claim("me") is None
    assert queue.claim("me") is not None


def test_a_job_that_is_removed_under_its_worker_is_forgotten_by_beats_and_in_the_end(
    queue: JobQueue, submit: Submit
) -> None:
    job = submit("job")
    queue.claim("me")
    shutil.rmtree(job.path)
    queue.rebuild()
    queue.beat("me", job)
    assert states(queue) == {}
    queue.give_back("me", job)
    assert states(queue) == {}


def test_a_folder_elsewhere_is_refused(queue: JobQueue, tmp_path: Path) -> None:
    with pytest.raises(JobError, match="outside of the queue"):
        queue.add(prepared_job(tmp_path / "elsewhere", num_frames=3))


def _claim_all(folder: Path, name: str) -> list[str]:
    queue, taken = JobQueue(folder), []
    while job := queue.claim(name):
        taken.append(job.path.name)
    return taken


def test_workers_that_claim_at_once_never_get_the_same_job(queue: JobQueue, submit: Submit) -> None:
    names = [submit(f"job{number:03}").path.name for number in range(60)]
    (queue.path / "queue.sqlite").unlink()  # and all of them find no index
    with multiprocessing.get_context("fork").Pool(4) as pool:
        taken = pool.starmap(_claim_all, [(queue.path, f"worker{number}") for number in range(4)])
    assert sorted(name for each in taken for name in each) == names
