from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from animator.jobs import leases
from animator.jobs.folder import JobFolder
from animator.jobs.leases import Attendance


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    place = JobFolder(tmp_path / "job")
    place.make()
    return place


def attend(folder: JobFolder, *, beat_s: float = 0.02, stale_s: float = 0.3) -> Attendance:
    return Attendance(folder, beat_s=beat_s, stale_s=stale_s)


class Clock:
    """This machine's, which moves when a test says so."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(leases, "time", made)
    return made


def await_beat(attendance: Attendance) -> None:
    """Until it has said once more that it is alive."""
    before = attendance._read_beat(attendance.me)
    while attendance._read_beat(attendance.me) in ("", before):
        time.sleep(0.005)


def test_of_many_who_claim_at_once_one_gets_the_lease(folder: JobFolder) -> None:
    crowd = [attend(folder) for _ in range(8)]
    for each in crowd:
        each.__enter__()
    got: list[str] = []
    gate = threading.Barrier(len(crowd))

    def claim(each: Attendance, name: str) -> None:
        gate.wait()
        if each.claim(name) is not None:
            got.append(name)

    for number in range(20):
        threads = [threading.Thread(target=claim, args=(each, f"chunk{number}")) for each in crowd]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for each in crowd:
        each.__exit__(None, None, None)
    assert sorted(got) == sorted(f"chunk{number}" for number in range(20))


def test_a_living_holder_keeps_its_lease_however_long_it_takes(folder: JobFolder, clock: Clock) -> None:
    with attend(folder) as one, attend(folder) as other:
        assert one.claim("chunk") == ""
        assert one.claim("chunk") == ""
        for _ in range(10):
            assert other.claim("chunk") is None
            await_beat(one)
            clock.now_s += 10


def test_what_is_given_back_or_left_behind_in_order_is_free_at_once(folder: JobFolder) -> None:
    with attend(folder, stale_s=60) as other:
        with attend(folder, stale_s=60) as one:
            assert (one.claim("first"), one.claim("second")) == ("", "")
            one.release("first")
            assert other.claim("first") == ""
        assert other.claim("second") == ""


def test_a_silent_holder_is_taken_over_once_and_named(folder: JobFolder, clock: Clock) -> None:
    dead = attend(folder)
    dead._say("17")
    assert dead._make("chunk", 0, dead.me)
    with attend(folder) as one, attend(folder) as other:
        for passed_s in (0.0, 0.29):
            clock.now_s += passed_s
            assert {each.me: each.claim("chunk") for each in (one, other)} == {one.me: None, other.me: None}
        clock.now_s += 0.02
        assert one.claim("chunk") == dead.me
        for _ in range(3):
            assert other.claim("chunk") is None
            await_beat(one)
            clock.now_s += 0.31


def test_clocks_of_other_machines_do_not_matter(folder: JobFolder, clock: Clock) -> None:
    with attend(folder) as one, attend(folder) as other:
        one.claim("chunk")
        for _ in range(5):  # files from the far past and the far future
            for place in folder.leases.iterdir():
                with suppress(FileNotFoundError):
                    os.utime(place, (0, 0) if place.suffix == ".beat" else (4e9, 4e9))
            assert other.claim("chunk") is None
            await_beat(one)
            clock.now_s += 0.31


def test_a_lease_that_cannot_be_read_is_taken_over_in_time(folder: JobFolder, clock: Clock) -> None:
    (folder.leases / "chunk.0.lease").write_bytes(b"")
    with attend(folder) as one:
        assert one.claim("chunk") is None
        clock.now_s += 0.31
        assert one.claim("chunk") is not None


def test_file_systems_without_links_serve_too(folder: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_: object) -> None:
        raise OSError(leases.errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(leases.os, "link", link)
    with attend(folder) as one, attend(folder) as other:
        assert one.claim("chunk") == ""
        assert other.claim("chunk") is None
        one.release("chunk")
        assert other.claim("chunk") == ""
    assert not [place for place in folder.leases.iterdir() if place.name.endswith(".tmp")]
