"""What overlapping the stages of a render is worth: whole `animate` over the sum of its stages, one after another.

    python benchmarks/bench_pipeline.py [--generator diffusion] [--seconds 10] [--rounds 3] [--canvas 512x640]

Every round runs, one after another and each for itself: the stages (model, photo, track, motion and place, frames,
previews, result); the whole render without kept poses; and the whole render again with them. Medians and the ratio
round by round. Frames are made twice over in the stages: by one worker, and by as many as a render takes. With
`--generator diffusion` also the share of the render's wall time in which an evaluation of the UNet is under way, and
the share of the workers' own seconds that goes into the UNet.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from animator.benchmarking.machine import machine
from animator.config import RenderJob
from animator.encoding import encode
from animator.generators import branches, diffusion
from animator.generators.registry import choose_generator
from animator.photo import read_photo
from animator.pipeline import animate, place_subject, prepare_motion, track_clip
from animator.preview.previews import Previews
from animator.progress import SilentProgress
from animator.subject import Portrait
from pose_tracking.clip import DrivingClip
from pose_tracking.frame import Frame
from pose_tracking.retargeting import retarget
from temporal.windows import pose_windows

MEDIA = Path(__file__).parents[1] / "examples" / "media"
SILENT = SilentProgress()
SERIAL = ("open model", "photo", "track", "motion and place", "frames, one worker", "previews", "result")


def stages(job: RenderJob) -> dict[str, float]:
    """Seconds of each stage, run alone."""
    took: dict[str, float] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        began_s = time.perf_counter()
        result = work()
        took[name] = time.perf_counter() - began_s
        return result

    clip = DrivingClip.open(job.clip, start_s=job.start_s or None, end_s=job.end_s)
    alone = timed("open model", lambda: open_generator(job.model_copy(update={"workers": 1})))
    portrait = timed("photo", lambda: Portrait.from_photo(read_photo(job.photo), job.photo_tracker()))
    tracked = timed("track", lambda: track_clip(clip, job.tracker, progress=SILENT))

    def placed() -> Any:
        motion, fps, _ = prepare_motion(clip, tracked, job.motion)
        subject = place_subject(portrait, motion, canvas=job.canvas, config=job.retarget)
        return retarget(motion, onto=subject.pose, config=job.retarget, canvas_size=job.canvas.size), subject, fps

    driving, subject, fps = timed("motion and place", placed)

    def all_frames(generator: Any) -> list[Frame]:
        return list(generator.generate(pose_windows(driving), subject))

    frames = timed("frames, one worker", lambda: all_frames(alone))
    timed("frames, side by side", lambda: all_frames(open_generator(job)))
    previews = Previews(
        job.output,
        contact_sheet=True,
        side_by_side=True,
        subject=subject,
        clip=clip,
        tracked=tracked,
        num_frames=len(driving),
        fps=fps,
    )

    def look() -> None:
        with previews:
            for _ in previews.watch(frames):
                pass

    timed("previews", look)
    timed("result", lambda: encode(frames, job.output, job.encode, fps=fps))
    return took


def open_generator(job: RenderJob) -> Any:
    """The job's generator, ready."""
    return choose_generator(job.generator, job.generator_settings()).open()


@contextmanager
def watched(owner: Any, name: str) -> Iterator[list[tuple[float, float]]]:
    """From when to when each call of `owner.name` runs within the block, in whichever thread."""
    original, spans = getattr(owner, name), []

    def call(*arguments: Any, **options: Any) -> Any:
        began_s = time.perf_counter()
        try:
            return original(*arguments, **options)
        finally:
            spans.append((began_s, time.perf_counter()))

    setattr(owner, name, call)
    try:
        yield spans
    finally:
        setattr(owner, name, original)


def covered_s(spans: list[tuple[float, float]]) -> float:
    """Seconds in which at least one span is under way."""
    total, reached = 0.0, float("-inf")
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return total


def summed_s(spans: list[tuple[float, float]]) -> float:
    """Seconds of all spans, those side by side each for itself."""
    return sum(end - begin for begin, end in spans)


def whole(job: RenderJob) -> dict[str, float]:
    """Seconds of a render without kept poses, and of the next one with them."""
    began_s = time.perf_counter()
    with watched(branches, "predict") as unet, watched(diffusion.DiffusionGenerator, "_frames") as workers:
        animate(job.model_copy(update={"pose_cache": False}))
    took = {"animate": time.perf_counter() - began_s}
    if unet:
        first, last = min(begin for begin, _ in unet), max(end for _, end in unet)
        took["share of animate with a UNet evaluation under way"] = covered_s(unet) / took["animate"]
        took["share of the rendering with a UNet evaluation under way"] = covered_s(unet) / (last - first)
        took["share of the workers' seconds in the UNet"] = summed_s(unet) / summed_s(workers)
    animate(job)  # keeps the poses
    began_s = time.perf_counter()
    animate(job)
    took["animate again"] = time.perf_counter() - began_s
    return took


def compared(took: dict[str, float]) -> dict[str, float]:
    """The same seconds, and what a whole render takes of the sum of its stages."""
    sequential = sum(took[stage] for stage in SERIAL)
    beside = sequential - took["frames, one worker"] + took["frames, side by side"]
    return {
        **took,
        "stages one after another": sequential,
        "animate over stages one after another": took["animate"] / sequential,
        "animate over the same with frames side by side": took["animate"] / beside,
        "animate again over animate": took["animate again"] / took["animate"],
    }


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photo", type=Path, default=MEDIA / "portrait.png")
    parser.add_argument("--clip", type=Path, default=MEDIA / "dance.mp4")
    parser.add_argument("--generator", default="puppet")
    parser.add_argument("--canvas", default=None, metavar="WxH")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    canvas = (
        {} if given.canvas is None else dict(zip(("width", "height"), map(int, given.canvas.split("x")), strict=True))
    )
    rounds: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as name:
        os.environ["ANIMATOR_CACHE"] = str(Path(name) / "cache")
        job = RenderJob(
            photo=given.photo,
            clip=given.clip,
            output=Path(name) / "out.mp4",
            generator=given.generator,
            canvas=canvas,
            end_s=given.seconds,
        )
        chosen = choose_generator(job.generator, job.generator_settings())
        job = job.model_copy(update={"canvas": chosen.canvas})
        animate(job.model_copy(update={"end_s": 1.0, "pose_cache": False}))  # imports and kernels are nobody's stage
        for _ in range(given.rounds):
            rounds.append(compared({**stages(job), **whole(job)}))
    result = {
        "machine": machine(),
        "workers": torch.get_num_threads(),
        "canvas": f"{job.canvas.width}x{job.canvas.height}",
        "rounds": given.rounds,
        "medians": {key: round(statistics.median(each[key] for each in rounds), 3) for key in rounds[0]},
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
