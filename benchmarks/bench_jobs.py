"""What a render job gains by a second worker, and whether a long one grows.

    python benchmarks/bench_jobs.py scaling [--frames 1200] [--canvas 256x320] [--rounds 5] [--executor processes ...]
    python benchmarks/bench_jobs.py soak [--frames 3000] [--canvas 64x80]

Both prepare the figure of examples/media dancing to and fro for as long as asked, and render it with the puppet.

scaling: one worker and two, in turn, every stage of them on one thread, with each executor that is named. Counted are
the frames that are committed while all workers are at work and after the first chunk of each: starting programs,
preparing the scene before and assembling the film after are not what is asked. Beside it, the same pictures made by
bare processes without a job (`bare`): what the machine itself gives, two of its cores being perhaps less than twice
one. Prints for each the ratio of every round and their median; `with_start` is of the whole, from the call to the
last frame.
soak: one process from the first frame to the finished film; resident memory, and how it grows per 100 frames while
frames are made and while they are put together, after the first tenth.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

# Before torch: a worker of one thread is what is scaled.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import psutil
from PIL import Image

from animator.benchmarking.machine import machine
from animator.canvas import CanvasConfig
from animator.config import PreviewConfig, RenderJob
from animator.generators.puppet import PuppetGenerator
from animator.jobs.executors import open_executor
from animator.jobs.executors.protocol import Work
from animator.jobs.folder import JobFolder
from animator.jobs.ledger import read_entry
from animator.jobs.record import read_record
from animator.jobs.scene import load_scene, save_scene
from animator.pipeline import prepare_scene, resume, submit
from animator.progress import SilentProgress, Stage
from animator.rendering import open_generator_of
from pose_tracking.clip import DrivingClip
from pose_tracking.sequence import PoseSequence
from temporal.windows import pose_windows

# Frames of a worker before it counts: one chunk, with everything loaded and every buffer in its place.
WARM_UP = 24
# Less time together than this is noise.
LEAST_S = 5.0
MEDIA = Path(__file__).parents[1] / "examples" / "media"


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("scaling", "soak"))
    parser.add_argument("--frames", type=int)
    parser.add_argument("--canvas", help="WIDTHxHEIGHT px")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--executor", nargs="+", choices=tuple(CREWS), default=["processes"])
    options = parser.parse_args()
    is_soak = options.what == "soak"
    frames = options.frames or (3000 if is_soak else 1200)
    width, height = map(int, (options.canvas or ("64x80" if is_soak else "256x320")).split("x"))
    with tempfile.TemporaryDirectory() as place:
        job = long_job(Path(place) / "job", frames, (width, height))
        result = soak(job) if is_soak else scaling(job, rounds=options.rounds, kinds=options.executor)
    print(json.dumps({"machine": machine(), "frames": frames, "canvas": f"{width}x{height}", **result}, indent=1))


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


def scaling(job: JobFolder, *, rounds: int, kinds: Sequence[str]) -> dict[str, object]:
    """Frames per second with one worker and with two, in turns, so that a machine that slows down slows both."""
    num_frames = read_record(job).ready.num_frames
    steady: dict[tuple[str, int], list[float]] = defaultdict(list)
    whole: dict[tuple[str, int], list[float]] = defaultdict(list)
    for turn in range(rounds):
        for kind in ("bare", *kinds):
            for workers in (1, 2) if turn % 2 == 0 else (2, 1):
                began_s = time.time()
                made_s = bare_times(job, workers) if kind == "bare" else job_times(job, CREWS[kind], workers)
                steady[kind, workers].append(rate_together(made_s, workers))
                whole[kind, workers].append(num_frames / (max(map(max, made_s.values())) - began_s))
                print(f"round {turn + 1}, {kind}, {workers}: {steady[kind, workers][-1]:.2f}/s", file=sys.stderr)
    return {"rounds": rounds, **{kind: ratios(steady, whole, kind) for kind in ("bare", *kinds)}}


def ratios(
    steady: dict[tuple[str, int], list[float]], whole: dict[tuple[str, int], list[float]], kind: str
) -> dict[str, object]:
    """What a second worker gave, round by round and in the median."""
    paired = [two / one for one, two in zip(steady[kind, 1], steady[kind, 2], strict=True)]
    started = [two / one for one, two in zip(whole[kind, 1], whole[kind, 2], strict=True)]
    return {
        "ratio": round(statistics.median(paired), 3),
        "ratios": [round(each, 3) for each in paired],
        "frames_per_s": {workers: round(statistics.median(steady[kind, workers]), 2) for workers in (1, 2)},
        "ratio_with_start": round(statistics.median(started), 3),
    }


def rate_together(made_s: dict[str, list[float]], workers: int) -> float:
    """Frames/s while every worker is at work, each after its first chunk."""
    everything_s = np.sort(np.concatenate(list(made_s.values())))
    warm_s = max(sorted(each)[min(WARM_UP, len(each)) - 1] for each in made_s.values())
    one_ended_s = min(map(max, made_s.values()))
    if len(made_s) < workers or one_ended_s - warm_s < LEAST_S:
        raise SystemExit(f"all workers were at work together for less than {LEAST_S} s; give more --frames")
    return float(np.count_nonzero((everything_s > warm_s) & (everything_s <= one_ended_s)) / (one_ended_s - warm_s))


def job_times(job: JobFolder, run: Callable[[JobFolder, int], None], workers: int) -> dict[str, list[float]]:
    """Render a copy of the job; when each worker's frames were committed, as their files say."""
    copy = JobFolder(job.path.with_name(f"{workers}-{time.monotonic_ns()}"))
    shutil.copytree(job.path, copy.path)
    run(copy, workers)
    made_s: dict[str, list[float]] = defaultdict(list)
    for chunk in read_record(copy).chunks:
        worker = read_entry(copy, chunk).sittings[-1].worker
        made_s[worker] += [copy.frame(index).stat().st_mtime for index in chunk.frames]
    shutil.rmtree(copy.path)
    return made_s


def by_head(name: str, job: JobFolder, workers: int) -> None:
    """An executor that starts its workers itself."""
    with open_executor(name, workers=workers).on(job) as crew:
        crew.render(Work(folder=job, open_generator=open_generator_of), on_frame=lambda _: None)


def by_files(job: JobFolder, workers: int) -> None:
    """As many processes that know nothing of each other but the folder."""
    side_by_side(share_job, [(job,)] * workers)


def share_job(job: JobFolder) -> None:
    """One of them."""
    with open_executor("files").on(job) as crew:
        crew.render(Work(folder=job, open_generator=open_generator_of), on_frame=lambda _: None)


CREWS: dict[str, Callable[[JobFolder, int], None]] = {
    "processes": partial(by_head, "processes"),
    "files": by_files,
    "ray": partial(by_head, "ray"),
}


def bare_times(job: JobFolder, workers: int) -> dict[str, list[float]]:
    """When each of so many bare processes had made its share of the pictures, packed as a job packs them."""
    pipes = [get_context("spawn").Pipe(duplex=False) for _ in range(workers)]
    side_by_side(make_share, [(job, number, workers, ours) for number, (_, ours) in enumerate(pipes)], wait=False)
    return {str(number): theirs.recv() for number, (theirs, _) in enumerate(pipes)}


def make_share(job: JobFolder, number: int, workers: int, tell: Connection) -> None:
    """Make every so-manieth picture, and tell when each was there."""
    scene = load_scene(job, read_record(job))
    made_s = []
    for frame in PuppetGenerator().generate(islice(pose_windows(scene.driving), number, None, workers), scene.subject):
        Image.fromarray(frame.pixels_HWC).save(io.BytesIO(), format="PNG", compress_level=1)
        made_s.append(time.time())
    tell.send(made_s)


def side_by_side(work: Callable[..., None], shares: Sequence[tuple[Any, ...]], *, wait: bool = True) -> None:
    """One process for each share; ends when they have ended, if that is waited for."""
    processes = [get_context("spawn").Process(target=work, args=share, daemon=True) for share in shares]
    for process in processes:
        process.start()
    for process in processes if wait else ():
        process.join()
        if process.exitcode:
            raise SystemExit(f"a process ended with code {process.exitcode}")


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
