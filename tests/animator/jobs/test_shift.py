"""A shift takes one job after the other, whatever becomes of single ones."""

from __future__ import annotations

import json
from contextlib import ExitStack

import pytest

from animator.config import RenderReport
from animator.errors import DiskError, PhotoError
from animator.jobs.folder import JobFolder
from animator.jobs.locks import BusyError, locked
from animator.jobs.queue import JobQueue
from animator.jobs.shift import work_shift
from tests.animator.jobs.queued_jobs import Submit, finish, states


def test_a_job_that_somebody_only_looked_at_too_long_is_not_failed(queue: JobQueue, submit: Submit) -> None:
    job, turns = submit("job"), []

    def run(_: JobFolder) -> RenderReport:
        turns.append("")
        if len(turns) == 1:
            raise BusyError("job: is being rendered already")  # and when the queue looks, nobody is there any more
        return finish(job)

    assert [turn.state for turn in work_shift(queue, run, until_empty=True, beat_s=0.01)] == ["done"]
    assert not job.failure.exists()


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
