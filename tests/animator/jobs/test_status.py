"""How far a job is, as its folder says, whatever became of the files in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from animator.config import RenderReport
from animator.jobs.folder import JobFolder, write_json
from animator.jobs.frame_files import commit_frame
from animator.jobs.ledger import ChunkEntry, write_entry
from animator.jobs.locks import locked
from animator.jobs.record import read_record
from animator.jobs.session import _plain, find_result, is_delivered, read_state
from animator.jobs.status import read_status
from tests.animator.jobs.job_folder import SIZE, prepared_job

WHITE_HWC = np.full((SIZE[1], SIZE[0], 3), 255, np.uint8)


@pytest.fixture
def job(tmp_path: Path) -> JobFolder:
    """Of 30 frames in chunks of 24."""
    return prepared_job(tmp_path / "job", num_frames=30)


def deliver(job: JobFolder, **facts: object) -> Path:
    film = job.path / "out.mp4"
    film.write_bytes(b"a film")
    report = RenderReport(path=film, num_frames=30, duration_s=1.5, seconds=1.0, fingerprint="0", **facts)  # type: ignore[arg-type]
    write_json(job.result, _plain(report))
    return film


def test_a_job_is_prepared_rendering_and_done(job: JobFolder) -> None:
    assert read_state(job) == "prepared"
    commit_frame(job, 0, WHITE_HWC, job="0" * 64)
    status = read_status(job)
    assert (status.state, status.made, status.total, status.open_chunks) == ("rendering", 1, 30, 2)
    assert status.lines() == [f"{job.path}: rendering, 1 of 30 frames"]
    deliver(job)
    assert read_status(job).as_dict()["state"] == "done"


def test_gaps_and_whoever_is_at_work_are_told(job: JobFolder) -> None:
    chunk = read_record(job).chunks[0]
    entry = ChunkEntry(first=chunk.first, stop=chunk.stop)
    for index in (3, 4, 5, 9) * 3:
        entry = entry.failed(index, "NaN")
    write_entry(job, chunk, entry)
    with locked(job):
        assert read_status(job).lines() == [f"{job.path}: prepared, 0 of 30 frames, at work", "  not made: 3-5, 9"]
    deliver(job, partial=True)
    assert read_state(job) == "partial"


def test_why_a_job_failed_is_told(job: JobFolder) -> None:
    write_json(job.failure, {"error": "PhotoError", "message": "nobody was found"})
    assert read_status(job).lines()[1:] == ["  nobody was found"]
    write_json(job.cancelled, {})
    assert read_state(job) == "cancelled"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"message": {}}', '{"path": 5}', "\x00"])
def test_damaged_notes_keep_nobody_from_seeing_and_going_on(job: JobFolder, text: str) -> None:
    job.failure.write_text(text)
    assert read_status(job).state == "failed"
    film = deliver(job)
    assert is_delivered(job, film)
    job.result.write_text(text)
    assert find_result(job) is None
    assert not is_delivered(job, film)
    assert read_status(job).state == "failed"


def test_a_result_that_is_gone_or_elsewhere_is_none(job: JobFolder) -> None:
    film = deliver(job)
    assert not is_delivered(job, film.with_name("other.mp4"))
    film.unlink()
    assert not is_delivered(job, film)
