"""A job may be as long as it likes: memory does not grow with its frames."""

from __future__ import annotations

from pathlib import Path

from animator.config import RenderJob
from animator.pipeline import resume, submit
from benchmarks.bench_jobs import MemoryWatch
from tests.faults.tiny_job import TinyJob, rounds

MAX_GROWTH_MB_PER_100_FRAMES = 1.0


def test_memory_does_not_grow_with_the_frames(tmp_path: Path) -> None:
    num_frames = rounds(300, 3000)
    job = RenderJob(**TinyJob.make(tmp_path, num_frames).values, output=tmp_path / "out.mp4")
    watch = MemoryWatch()
    report = resume(submit(job, tmp_path / "job").path, progress=watch)
    assert report.num_frames == num_frames
    growth = {stage: watch.growth(stage) for stage in ("render", "assemble")}
    assert len(watch.resident_bytes["render"]) == num_frames
    assert max(growth.values()) < MAX_GROWTH_MB_PER_100_FRAMES
    print(f"\nsoak: {num_frames} frames, MB per 100 frames: " + ", ".join(f"{k} {v:.3f}" for k, v in growth.items()))


def test_growth_is_seen_where_there_is_some() -> None:
    watch = MemoryWatch()
    watch.resident_bytes["render"] = [10**8 + 20_000 * step for step in range(300)]
    assert round(watch.growth("render"), 3) == 2.0
