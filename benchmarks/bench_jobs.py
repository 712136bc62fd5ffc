"""What a render job gains by a second worker, and whether a long one grows.

    python benchmarks/bench_jobs.py scaling [--frames 1200] [--canvas 256x320] [--rounds 3] [--executor processes]
    python benchmarks/bench_jobs.py soak [--frames 3000] [--canvas 64x80]

Both prepare the figure of examples/media dancing to and fro for as long as asked, and render it with the puppet.

scaling: one worker and two, in turn, every stage of them on one thread; frames/s while all are at work (starting two
programs at once is not what is asked), and of the whole, start included. Prints the ratio.
soak: one process from the first frame to the finished film; resident memory, and how it grows per 100 frames while
frames are made and while they are put together, after the first tenth.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import shutil
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Before torch: a worker of one thread is what is scaled.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import psutil

from animator.canvas import CanvasConfig
from animator.config import PreviewConfig, RenderJob
from animator.jobs.executors import open_executor
from animator.jobs.executors.protocol import Work
from animator.jobs.folder import JobFolder
from animator.jobs.ledger import read_entry
from animator.jobs.record import read_record
from animator.jobs.scene import save_scene
from animator.pipeline import prepare_scene, resume, submit
from animator.progress import SilentProgress, Stage
from animator.rendering import open_generator_of
from pose_tracking.clip import DrivingClip
from pose_tracking.sequence import PoseSequence

MEDIA = Path(__file__).parents[1] / "examples" / "media"


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("scaling", "soak"))
    parser.add_argument("--frames", type=int)
    parser.add_argument("--canvas", help="WIDTHxHEIGHT px")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--executor", choices=("processes", "ray"), default="processes")
    options = parser.parse_args()
    is_soak = options.what == "soak"
    frames = options.frames or (3000 if is_soak else 1200)
    width, height = map(int, (options.canvas or ("64x80" if is_soak else "256x320")).split("x"))
    with tempfile.TemporaryDirectory() as place:
        job = long_job(Path(place) / "job", frames, (width, height))
        result = soak(job) if is_soak else scaling(job, rounds=options.rounds, executor=options.executor)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(json.dumps({"machine": machine, "frames": frames, "canvas": f"{width}x{height}", **result}, indent=1))


def long_job(place: Path, num_frames: int, size: tuple[int, int]) -> JobFolder:
    """A prepared job of so many frames: the dance of the examples, to and fro."""
    job = RenderJob(
        photo=MEDIA / "portrait.png",
        clip=MEDIA / "dance.mp4",
        output=place.with_name("out.mp4"),
        canvas=CanvasConfig(width=size[0], height=size[1]),
        preview=PreviewConfig(contact_sheet=False, side_by_side=False),
    )
    folder = submit(job, place)
    scene = prepare_scene(job, DrivingClip.open(job.clip), progress=SilentProgress(), note=lambda *_: None)
    save_scene(folder, read_record(folder), dataclasses.replace(scene, driving=to_and_fro(scene.driving, num_frames)))
    return folder


def to_and_fro(motion: PoseSequence, num_frames: int) -> PoseSequence:
    """A motion forwards and backwards until there are enough frames, at the rate it has."""
    turn = np.concatenate([np.arange(len(motion)), np.arange(len(motion) - 2, 0, -1)])
    order = np.resize(turn, num_frames)
    step_s = float(np.median(np.diff(motion.times_s_T)))
    return dataclasses.replace(
        motion,
        keypoints_TK2=motion.keypoints_TK2[order],
        confidence_TK=motion.confidence_TK[order],
        times_s_T=np.arange(num_frames) * step_s,
    )


def scaling(job: JobFolder, *, rounds: int, executor: str) -> dict[str, object]:
    """Frames per second with one worker and with two."""
    steady: dict[int, list[float]] = {1: [], 2: []}
    whole: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(rounds):
        for workers in (1, 2):
            rates = frame_rates(job, executor, workers)
            steady[workers].append(rates[0])
            whole[workers].append(rates[1])
    return {
        "executor": executor,
        "frames_per_s": {workers: round(statistics.median(rates), 2) for workers, rates in steady.items()},
        "frames_per_s_with_start": {workers: round(statistics.median(rates), 2) for workers, rates in whole.items()},
        "ratios": [round(two / one, 3) for one, two in zip(steady[1], steady[2], strict=True)],
        "ratio": round(statistics.median(steady[2]) / statistics.median(steady[1]), 3),
        "ratio_with_start": round(statistics.median(whole[2]) / statistics.median(whole[1]), 3),
    }


def frame_rates(job: JobFolder, executor: str, workers: int) -> tuple[float, float]:
    """Frames/s while every worker is at work, and from the start to the end."""
    copy = JobFolder(job.path.with_name(f"{workers}-{time.monotonic_ns()}"))
    shutil.copytree(job.path, copy.path)
    began_s = time.monotonic()
    with open_executor(executor, workers=workers).on(copy) as crew:
        crew.render(Work(folder=copy, open_generator=open_generator_of), on_frame=lambda _: None)
    whole_s = time.monotonic() - began_s
    made_s = times_by_worker(copy)
    shutil.rmtree(copy.path)
    all_s = np.sort(np.concatenate(list(made_s.values())))
    all_began_s, one_ended_s = max(map(min, made_s.values())), min(map(max, made_s.values()))
    if len(made_s) < workers or one_ended_s <= all_began_s:
        raise SystemExit("the job was over before every worker had begun; give more --frames")
    together = np.count_nonzero((all_s > all_began_s) & (all_s <= one_ended_s))
    return float(together / (one_ended_s - all_began_s)), len(all_s) / whole_s


def times_by_worker(job: JobFolder) -> dict[str, list[float]]:
    """When each worker's frames were committed, as their files say."""
    made_s: dict[str, list[float]] = defaultdict(list)
    for chunk in read_record(job).chunks:
        worker = read_entry(job, chunk).sittings[-1].worker
        made_s[worker] += [job.frame(index).stat().st_mtime for index in chunk.frames]
    return made_s


class MemoryWatch:
    """Looks at this process's resident memory at every step of every stage. A `Progress`."""

    def __init__(self) -> None:
        self.resident_bytes: dict[str, list[int]] = {}
        self._process = psutil.Process()

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        """A stage that is watched."""
        seen = self.resident_bytes.setdefault(name, [])
        yield _Watched(lambda: seen.append(self._process.memory_info().rss))

    def warn(self, message: str) -> None:
        """Nobody is told."""

    def growth(self, stage: str) -> float:
        """MB per 100 steps of a stage after its first tenth: the slope of the line of least squares."""
        seen = np.array(self.resident_bytes[stage], float) / 1e6
        seen = seen[len(seen) // 10 :]
        return float(100 * np.polyfit(np.arange(len(seen)), seen, 1)[0])


@dataclasses.dataclass(frozen=True, slots=True)
class _Watched:
    look: object

    def advance(self, n: int = 1) -> None:
        """One more step."""
        self.look()  # type: ignore[operator]


def soak(job: JobFolder) -> dict[str, object]:
    """Render a job in this process, from its preparation to the film, and watch the memory."""
    watch, began_s = MemoryWatch(), time.monotonic()
    report = resume(job.path, progress=watch)
    return {
        "made": report.num_frames,
        "seconds": round(time.monotonic() - began_s, 1),
        "growth_mb_per_100_frames": {name: round(watch.growth(name), 4) for name in ("render", "assemble")},
        "resident_mb": {
            name: [round(each / 1e6, 1) for each in (seen[0], seen[len(seen) // 10], seen[-1], max(seen))]
            for name, seen in watch.resident_bytes.items()
        },
    }


if __name__ == "__main__":
    main()
