"""The file that answers quickly: one transaction at a time, made anew where it is no good, and never a riddle."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from animator.errors import DiskError, JobError
from animator.jobs import queue_index
from animator.jobs.queue_index import QueueIndex

Index = sqlite3.Connection
PUT = "INSERT INTO jobs (name, priority, queued_s, state) VALUES (?, 0, 0, 'waiting')"


def names(index: Index) -> list[str]:
    return [name for (name,) in index.execute("SELECT name FROM jobs ORDER BY name")]


@pytest.fixture
def fills() -> list[str]:
    """Names that the folders would tell; every time they are asked, one more is there."""
    return []


@pytest.fixture
def queue(tmp_path: Path, fills: list[str]) -> QueueIndex:
    def fill(index: Index) -> int:
        fills.append(f"found{len(fills)}")
        index.executemany(PUT, [(name,) for name in fills])
        return len(fills)

    return QueueIndex(tmp_path / "night", fill)


def put(name: str) -> Callable[[Index], None]:
    def act(index: Index) -> None:
        index.execute(PUT, (name,))

    return act


def test_the_first_call_makes_it_from_the_folders_and_the_next_ones_find_it(
    queue: QueueIndex, fills: list[str], tmp_path: Path
) -> None:
    assert queue.within(names) == ["found0"]
    queue.within(put("added"))
    assert QueueIndex(tmp_path / "night", lambda _: pytest.fail("is there already")).within(names) == [
        "added",
        "found0",
    ]
    assert len(fills) == 1


def test_what_fails_in_the_middle_leaves_nothing(queue: QueueIndex) -> None:
    def half(index: Index) -> None:
        index.execute(PUT, ("half",))
        raise JobError("no")

    with pytest.raises(JobError, match="no"):
        queue.within(half)
    assert queue.within(names) == ["found0"]


def test_one_of_another_version_is_made_anew(queue: QueueIndex, tmp_path: Path) -> None:
    queue.within(put("old"))
    with sqlite3.connect(tmp_path / "night" / "queue.sqlite") as index:
        index.execute("PRAGMA user_version = 1")
    index.close()
    assert queue.within(names) == ["found0", "found1"]


def test_made_anew_on_demand_it_forgets_what_the_folders_do_not_tell(queue: QueueIndex) -> None:
    queue.within(put("gone"))
    assert queue.rebuild() == 2
    assert queue.within(names) == ["found0", "found1"]


def test_one_that_is_damaged_again_and_again_is_said_in_a_line(tmp_path: Path) -> None:
    def damage(_: Index) -> int:
        raise sqlite3.DatabaseError("database disk image is malformed")

    broken = QueueIndex(tmp_path / "night", damage)
    with pytest.raises(JobError, match=r"night: its index does not last \(database disk image is malformed\)"):
        broken.within(names)
    with pytest.raises(JobError, match="its index cannot be made"):
        broken.rebuild()


def test_who_keeps_it_to_himself_is_said_after_a_while(
    queue: QueueIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.within(names)
    monkeypatch.setattr(queue_index, "_BUSY_S", 0.05)
    other = sqlite3.connect(tmp_path / "night" / "queue.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JobError, match="its index cannot be used \\(database is locked\\)"):
        queue.within(put("mine"))
    other.execute("ROLLBACK")
    other.close()
    queue.within(put("mine"))


def test_a_full_disk_is_what_it_is_called(queue: QueueIndex) -> None:
    def fill_up(index: Index) -> None:
        index.execute(f"PRAGMA max_page_count = {index.execute('PRAGMA page_count').fetchone()[0]}")
        for number in range(1000):
            index.execute(PUT, (f"{number} {'x' * 500}",))

    with pytest.raises(DiskError, match="the disk took no more data"):
        queue.within(fill_up)
    assert queue.within(names) == ["found0"]


def test_it_is_not_made_anew_while_somebody_uses_it(queue: QueueIndex, tmp_path: Path) -> None:
    queue.within(names)
    again, order = QueueIndex(tmp_path / "night", lambda _: 0), []
    rebuilding = threading.Thread(target=lambda: (again.rebuild(), order.append("made anew")))

    def use(index: Index) -> None:
        rebuilding.start()
        rebuilding.join(0.2)
        index.execute(PUT, ("mine",))
        order.append("used")

    queue.within(use)
    rebuilding.join()
    assert order == ["used", "made anew"]
    assert queue.within(names) == []
