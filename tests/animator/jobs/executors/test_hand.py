"""A worker that is asked what is new: chunks go in, and what becomes of them is told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from animator.errors import JobError, ModelError
from animator.jobs.executors.hand import Hand
from animator.jobs.executors.protocol import Work
from animator.jobs.folder import JobFolder
from animator.jobs.ledger import read_entry
from animator.jobs.plan import Chunk
from animator.jobs.record import read_record, write_record
from animator.jobs.worker import OpenedGenerator
from pose_tracking.frame import Frame
from tests.animator.jobs.job_folder import prepared_job
from tests.faults.patience import HANG_S, await_that

FIRST, SECOND = Chunk(first=0, stop=24), Chunk(first=24, stop=48)


class Plain:
    """Draws a frame's number as a grey; slow enough to be interrupted."""

    name = "plain"

    def generate(self, windows: Any, subject: Any) -> Iterator[Frame]:
        for window in windows:
            time.sleep(0.01)
            pixels = np.full(subject.photo_HWC.shape, window.center, np.uint8)
            yield Frame(pixels_HWC=pixels, time_s=window.time_s, index=window.center)


def open_plain(*_: Any, **__: Any) -> OpenedGenerator:
    return OpenedGenerator(generator=Plain(), device="cpu")


def open_nothing(*_: Any, **__: Any) -> OpenedGenerator:
    raise ModelError("no such weights here")


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    return prepared_job(tmp_path / "job", num_frames=48)


def told_until(hand: Hand, kind: str) -> list[tuple[str, Any]]:
    told: list[tuple[str, Any]] = []
    until_s = time.monotonic() + HANG_S
    while not told or told[-1][0] != kind:
        assert time.monotonic() < until_s, told
        told += hand.news()
    return told


def test_chunks_go_in_and_every_frame_is_told_of(folder: JobFolder) -> None:
    hand = Hand(Work(folder=folder, open_generator=open_plain), device=None)
    assert told_until(hand, "idle") == [("idle", None)]
    hand.give(FIRST)
    first = told_until(hand, "want")
    hand.give(SECOND)
    second = told_until(hand, "want")
    hand.give(None)
    rest = told_until(hand, "idle")
    news = first + second + rest
    assert sorted(content for kind, content in news if kind == "frame") == list(range(48))
    assert [content for kind, content in news if kind == "chunk"] == [FIRST, SECOND]
    assert not read_entry(folder, SECOND).pending


def test_told_to_end_it_finishes_the_frame_in_hand_and_writes_the_ledger(folder: JobFolder) -> None:
    hand = Hand(Work(folder=folder, open_generator=open_plain), device=None)
    told_until(hand, "idle")
    hand.give(FIRST)
    await_that(folder.frame(3).exists)
    hand.end()
    told_until(hand, "ended")
    made = read_entry(folder, FIRST).frames
    assert 4 <= len(made) < 24
    assert set(made) == {int(path.stem) for path in folder.frames.glob("*.png")}


def test_told_to_end_it_ends_when_nothing_is_in_hand_too(folder: JobFolder) -> None:
    hand = Hand(Work(folder=folder, open_generator=open_plain), device=None)
    told_until(hand, "idle")
    hand.end()
    told_until(hand, "ended")


def test_what_keeps_it_from_working_is_told_with_its_kind(folder: JobFolder) -> None:
    (kind, (_, error)) = told_until(Hand(Work(folder=folder, open_generator=open_nothing), device=None), "failed")[-1]
    assert kind == "failed"
    assert isinstance(error, ModelError)


def test_a_folder_that_this_node_does_not_see_is_told_as_that(folder: JobFolder, tmp_path: Path) -> None:
    work = replace(Work(folder=folder, open_generator=open_plain), folder=JobFolder(tmp_path / "elsewhere"))
    (_, (_, error)) = told_until(Hand(work, device=None), "failed")[-1]
    assert isinstance(error, JobError)
    assert "not to be seen here" in str(error)


def test_another_version_of_the_program_makes_no_frames_of_a_job(folder: JobFolder) -> None:
    write_record(folder, read_record(folder).model_copy(update={"software": "pose-animator 0.0.0"}))
    (_, (_, error)) = told_until(Hand(Work(folder=folder, open_generator=open_plain), device=None), "failed")[-1]
    assert "was begun with pose-animator 0.0.0" in str(error)
