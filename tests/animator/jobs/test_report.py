"""A job as a page: what is in it, what is missing, and nothing of a stranger's that would run."""

from __future__ import annotations

import os
from html.parser import HTMLParser
from pathlib import Path

from animator.config import RenderReport
from animator.jobs.ledger import ChunkEntry, Sitting, write_entry
from animator.jobs.record import read_record
from animator.jobs.report import report_page, write_report
from tests.animator.jobs.job_folder import prepared_job

EVIL = '<script>alert("&")</script>'


class Tags(HTMLParser):
    """Which elements a page holds."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)


def test_the_page_tells_who_made_what_and_what_is_missing(tmp_path: Path) -> None:
    job = prepared_job(tmp_path / "job", num_frames=30)
    record = read_record(job)
    entry = ChunkEntry(first=0, stop=24).made(dict.fromkeys(range(1, 24), "x"))
    for _ in range(3):
        entry = entry.failed(0, EVIL)
    sitting = Sitting(worker="host:7", device="cuda:1", batch=4, num_frames=23, seconds=11.5, notes=("batch halved",))
    write_entry(job, record.chunks[0], entry.after(sitting))
    result = RenderReport(
        path=job.path / "out.mp4",
        num_frames=30,
        duration_s=1.5,
        seconds=12,
        fingerprint="0",
        gaps=(0,),
        warnings=(EVIL,),
    )
    page = report_page(job, record, result)
    for words in ("0-23", "host:7", "cuda:1", "2.00", "batch halved", "frame 0: ", "30 at 20/s", "out.mp4"):
        assert words in page
    assert "script" not in Tags(page).seen
    assert {"table", "li", "span"} <= Tags(page).seen


def test_a_job_without_a_result_has_a_page_and_its_name_is_only_text(tmp_path: Path) -> None:
    job = prepared_job(tmp_path / os.fsdecode(b"<img src=x>\xff"), num_frames=3)
    write_report(job, read_record(job), None)
    page = job.report.read_text()
    assert "img" not in Tags(page).seen
    assert "What to know" not in page
    assert not list(job.path.glob(".*"))
