from __future__ import annotations

from pathlib import Path

import pytest

from animator.jobs.folder import JobFolder
from animator.jobs.ledger import ChunkEntry, Sitting, read_entry, read_standing, write_entry
from animator.jobs.plan import Chunk, plan_chunks

CHUNK = Chunk(first=24, stop=28)
SITTING = Sitting(worker="host:7", device="cuda:1", batch=4, num_frames=3, seconds=1.5, notes=("half",))


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    place = JobFolder(tmp_path / "job")
    place.make()
    return place


def test_an_entry_is_read_as_it_was_written(folder: JobFolder) -> None:
    entry = ChunkEntry(first=24, stop=28).made({24: "a", 26: "b"}).failed(25, "NaN").after(SITTING)
    write_entry(folder, CHUNK, entry)
    assert read_entry(folder, CHUNK) == entry
    assert [path.name for path in folder.chunks.iterdir()] == ["000024-000027.json"]


def test_a_frame_is_pending_until_it_is_made_or_has_failed_three_times() -> None:
    entry = ChunkEntry(first=24, stop=28).made({24: "a"})
    assert entry.pending == [25, 26, 27]
    for _ in range(2):
        entry = entry.failed(25, "NaN")
    assert (entry.pending, entry.gaps) == ([25, 26, 27], [])
    entry = entry.failed(25, "NaN")
    assert (entry.pending, entry.gaps) == ([26, 27], [25])
    assert entry.without([25]).pending == [25, 26, 27]
    assert entry.made({25: "c"}).gaps == []


def test_the_standing_adds_up_all_chunks(folder: JobFolder) -> None:
    chunks = plan_chunks(60, 24)
    write_entry(folder, chunks[0], ChunkEntry(first=0, stop=24).made(dict.fromkeys(range(24), "x")))
    entry = ChunkEntry(first=24, stop=48).made(dict.fromkeys(range(25, 48), "x"))
    for _ in range(3):
        entry = entry.failed(24, "NaN in the picture")
    write_entry(folder, chunks[1], entry)
    standing = read_standing(folder, chunks)
    assert (standing.made, standing.gaps, standing.total) == (47, (24,), 60)
    assert standing.open_chunks == (chunks[2],)
    assert standing.message == "NaN in the picture"


@pytest.mark.parametrize(
    "text",
    ["", "[", "[]", '{"first": 0, "stop": 4}', '{"first": 24, "stop": 28, "frames": {"99": "x"}}', '{"first": "x"}'],
)
def test_an_entry_that_is_damaged_or_foreign_is_as_none_and_the_pictures_tell(folder: JobFolder, text: str) -> None:
    folder.entry(CHUNK).write_text(text)
    assert read_entry(folder, CHUNK) == ChunkEntry(first=24, stop=28)
