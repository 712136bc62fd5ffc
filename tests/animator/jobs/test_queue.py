"""Jobs of one machine in order: the folders are the truth, the index only answers quickly."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from animator.config import RenderReport
from animator.errors import DiskError, JobError, PhotoError
from animator.jobs.folder import JobFolder, write_json
from animator.jobs.locks import BusyError, locked
from animator.jobs.queue import JobQueue, job_state
from animator.jobs.session import _plain
from animator.jobs.shift import work_shift
from tests.animator.jobs.job_folder import prepared_job

Submit = Callable[..., JobFolder]


@pytest.fixture
def queue(tmp_path: Path) -> JobQueue:
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
    return {job.folder.name: job.state for job in queue.jobs()}


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


@pytest.mark.parametrize("harm", ["deleted", "emptied", "overwritten", "torn", "stripped"])
def test_an_index_that_is_gone_or_damaged_is_made_anew_from_the_folders(
    queue: JobQueue, submit: Submit, harm: str
) -> None:
    submit("first", priority=1)
    for number in range(40):
        submit(f"job{number:02}")
    finish(submit("finished"))
    index = queue.path / "queue.sqlite"
    with sqlite3.connect(index) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    whole = index.read_bytes()
    if harm == "deleted":
        index.unlink()
    elif harm == "emptied":
        index.write_bytes(b"")
    elif harm == "overwritten":
        index.write_bytes(os.urandom(len(whole)))
    elif harm == "torn":
        index.write_bytes(whole[:4096] + bytes(len(whole) - 4096))
    else:
        with sqlite3.connect(index) as connection:
            connection.execute("DROP TABLE jobs")
        connection.close()
    job = queue.claim("me")
    assert job is not None
    assert job.path.name == "first"
    told = states(queue)
    assert len(told) == 42
    assert told["first"] == "running"
    assert told["finished"] == "done"


def test_after_the_index_was_lost_a_worker_that_beats_has_its_job_again(queue: JobQueue, submit: Submit) -> None:
    job = submit("job")
    queue.claim("me")
    (queue.path / "queue.sqlite").unlink()
    queue.beat("me", job)
    assert [(each.state, each.worker) for each in queue.jobs()] == [("running", "me")]


def test_folders_that_came_or_went_by_hand_are_found_by_making_the_index_anew(queue: JobQueue, submit: Submit) -> None:
    job = submit("one")
    shutil.copytree(job.path, queue.path / "copied")
    (queue.path / "no-job").mkdir()
    (queue.path / "linked").symlink_to(job.path)
    assert queue.rebuild() == 2
    shutil.rmtree(job.path)
    taken = queue.claim("me")
    assert taken is not None
    assert taken.path.name == "copied"
    assert queue.claim("me") is None
    assert states(queue) == {"copied": "running"}


def test_names_in_the_index_lead_nowhere_else(queue: JobQueue, submit: Submit, tmp_path: Path) -> None:
    submit("job")
    with sqlite3.connect(queue.path / "queue.sqlite") as index:
        for name in ("../model", str(tmp_path / "model"), "..", "job/../../model"):
            index.execute("INSERT INTO jobs (name, priority, queued_s, state) VALUES (?, 9, 0, 'waiting')", (name,))
    taken = queue.claim("me")
    assert taken is not None
    assert taken.path == queue.path / "job"
    assert queue.claim("me") is None


def test_an_index_that_is_a_link_leaves_alone_what_it_leads_to(queue: JobQueue, submit: Submit, tmp_path: Path) -> None:
    submit("job")
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE precious (thing)")
    before = other.read_bytes()
    (queue.path / "queue.sqlite").unlink()
    (queue.path / "queue.sqlite").symlink_to(other)
    assert queue.claim("me") is not None
    assert other.read_bytes() == before
    assert not (queue.path / "queue.sqlite").is_symlink()


@pytest.mark.parametrize("ticket", ["", "[]", '{"priority": "high", "queued_s": 1}', '{"priority": 1e400}'])
def test_a_damaged_ticket_is_as_if_nobody_had_chosen(queue: JobQueue, submit: Submit, ticket: str) -> None:
    (submit("job", priority=7).path / "queued.json").write_text(ticket)
    queue.rebuild()
    assert [job.priority for job in queue.jobs()] == [0]


def test_a_damaged_job_is_failed_and_the_others_go_on(queue: JobQueue, submit: Submit) -> None:
    submit("bad", priority=1).record.write_text("{")
    submit("good")
    taken = queue.claim("me")
    assert taken is not None
    assert taken.path.name == "good"
    assert states(queue)["bad"] == "failed"


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


def test_a_job_that_somebody_only_looked_at_too_long_is_not_failed(queue: JobQueue, submit: Submit) -> None:
    job, turns = submit("job"), []

    def run(_: JobFolder) -> RenderReport:
        turns.append("")
        if len(turns) == 1:
            raise BusyError("job: is being rendered already")  # and when the queue looks, nobody is there any more
        return finish(job)

    assert [turn.state for turn in work_shift(queue, run, until_empty=True, beat_s=0.01)] == ["done"]
    assert not job.failure.exists()


def test_a_folder_elsewhere_is_refused(queue: JobQueue, tmp_path: Path) -> None:
    with pytest.raises(JobError, match="outside of the queue"):
        queue.add(prepared_job(tmp_path / "elsewhere", num_frames=3))


def test_a_shift_brings_every_job_to_its_end_whatever_becomes_of_single_ones(queue: JobQueue, submit: Submit) -> None:
    for name in ("good", "bad", "broken", "partial"):
        submit(name)

    def run(job: JobFolder) -> RenderReport:
        if job.path.name == "bad":
            raise PhotoError("wall.png: nobody was found")
        if job.path.name == "broken":
            raise ZeroDivisionError("division by zero")
        return finish(job, partial=job.path.name == "partial")

    turns = {turn.job.path.name: turn.state for turn in work_shift(queue, run, until_empty=True)}
    assert turns == {"good": "done", "bad": "failed", "broken": "failed", "partial": "partial"}
    assert states(queue) == turns
    assert json.loads((queue.path / "bad" / "failure.json").read_text())["message"] == "wall.png: nobody was found"


@pytest.mark.parametrize("end", [DiskError("no space left"), KeyboardInterrupt()])
def test_what_ends_a_shift_puts_the_job_in_hand_back(queue: JobQueue, submit: Submit, end: BaseException) -> None:
    submit("job")

    def run(_: JobFolder) -> RenderReport:
        raise end

    with pytest.raises(type(end)):
        next(work_shift(queue, run, until_empty=True))
    assert states(queue) == {"job": "waiting"}


def test_a_worker_that_finds_a_job_taken_under_its_hands_goes_on_to_the_next(queue: JobQueue, submit: Submit) -> None:
    first = submit("first", priority=1)
    submit("second")

    with ExitStack() as somebody:

        def run(job: JobFolder) -> RenderReport:
            if job.path == first.path:
                somebody.enter_context(locked(first))
                raise BusyError("first: is being rendered already")
            finish(first)
            somebody.close()
            return finish(job)

        turns = [turn.job.path.name for turn in work_shift(queue, run, until_empty=True, beat_s=0.01)]
    assert turns == ["second"]
    assert states(queue) == {"first": "done", "second": "done"}


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
