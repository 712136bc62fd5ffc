from __future__ import annotations

from pathlib import Path

import pytest

from animator.errors import JobError
from animator.jobs.executors.dispatch import Dispatch
from animator.jobs.folder import JobFolder
from animator.jobs.ledger import ATTEMPTS, read_entry, write_entry
from animator.jobs.plan import Chunk, plan_chunks

CHUNKS = plan_chunks(12, 4)


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    place = JobFolder(tmp_path / "job")
    place.make()
    return place


def make(folder: JobFolder, chunk: Chunk, *, without: int | None = None) -> None:
    frames = {index: "x" for index in chunk.frames if index != without}
    write_entry(folder, chunk, read_entry(folder, chunk).made(frames))


def test_chunks_go_out_in_order_and_come_back_once(folder: JobFolder) -> None:
    dispatch = Dispatch(folder, CHUNKS, num_workers=2)
    for worker, chunk in zip("aba", CHUNKS, strict=True):
        assert dispatch.next_for(worker) == chunk
    assert dispatch.next_for("b") is None
    assert not dispatch.is_done
    for worker, chunk in zip("aba", CHUNKS, strict=True):
        make(folder, chunk)
        dispatch.finished(worker, chunk)
    assert dispatch.is_done


def test_what_failed_with_one_worker_goes_to_another_first(folder: JobFolder) -> None:
    dispatch = Dispatch(folder, CHUNKS[:2], num_workers=2)
    first, second = dispatch.next_for("a"), dispatch.next_for("b")
    assert first == CHUNKS[0]
    assert second == CHUNKS[1]
    make(folder, CHUNKS[0], without=2)
    make(folder, CHUNKS[1], without=5)
    dispatch.finished("a", CHUNKS[0])
    dispatch.finished("b", CHUNKS[1])
    assert dispatch.next_for("a") == CHUNKS[1]
    assert dispatch.next_for("a") == CHUNKS[0]  # better the same worker than none


def test_the_dead_leave_their_chunks_and_the_frame_in_hand_is_blamed(folder: JobFolder) -> None:
    dispatch = Dispatch(folder, CHUNKS, num_workers=2)
    dispatch.next_for("a")
    dispatch.next_for("a")
    folder.frame(0).touch()
    dispatch.died("a", "signal 9")
    assert read_entry(folder, CHUNKS[0]).failures == {1: ("signal 9",)}
    assert read_entry(folder, CHUNKS[1]).failures == {}
    assert [dispatch.next_for("b") for _ in range(3)] == list(CHUNKS)


def test_a_frame_that_kills_three_workers_is_given_up(folder: JobFolder) -> None:
    dispatch = Dispatch(folder, CHUNKS[:1], num_workers=2)
    for worker in range(ATTEMPTS):
        assert dispatch.next_for(worker) == CHUNKS[0]
        dispatch.died(worker, "signal 11")
        dispatch.made_frame()
    assert read_entry(folder, CHUNKS[0]).gaps == [0]
    assert dispatch.next_for(9) == CHUNKS[0]


def test_workers_that_die_in_a_row_without_a_frame_end_it_all(folder: JobFolder) -> None:
    dispatch = Dispatch(folder, CHUNKS, num_workers=1)
    with pytest.raises(JobError, match=r"3 workers ended one after the other without a frame.*no driver"):  # noqa: PT012
        for worker in range(ATTEMPTS):
            dispatch.next_for(worker)
            dispatch.died(worker, "no driver")
