"""An index, tickets and folders that were lost, damaged or tampered with: the queue goes on by the folders."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from animator.jobs.queue import JobQueue
from tests.animator.jobs.queued_jobs import Submit, finish, states


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
