"""What a generated frame costs: ms per UNet evaluation, evaluations per frame, and where the workers' time goes.

    python benchmarks/bench_denoise.py [--model DIR] [--steps 4] [--frames 12] [--repair 0.5]

Renders the portrait of examples/media in poses of its walking clip; photo and tracking are not timed. Shares are of the
seconds that the workers spend on frames, each in its own thread; the subject's preparation, once per render, is told
apart.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import time
from contextlib import ExitStack
from pathlib import Path

from animator.benchmarking.clock import Clock
from animator.canvas import CanvasConfig
from animator.device import pick_device, working_dtype
from animator.generators import branches
from animator.generators.diffusion import DiffusionGenerator
from animator.generators.parallel import frame_workers
from animator.models.bases import open_base
from animator.photo import read_photo
from animator.pipeline import prepare_motion, track_clip
from animator.progress import SilentProgress
from animator.sampling.config import DEFAULT_REPAIR, SamplerConfig
from animator.subject import Subject
from pose_tracking.clip import DrivingClip
from pose_tracking.retargeting import retarget
from pose_tracking.sequence import PoseSequence
from pose_tracking.tracking import TrackerConfig
from temporal.motion import MotionConfig
from temporal.windows import PoseWindow, pose_windows

MEDIA = Path(__file__).parents[1] / "examples" / "media"
ROUNDS = 3


def scene(canvas: tuple[int, int], frames: int) -> tuple[Subject, list[PoseWindow]]:
    """The portrait, and its first poses of the walk."""
    config = CanvasConfig(width=canvas[0], height=canvas[1])
    subject = Subject.from_photo(read_photo(MEDIA / "portrait.png"), config, TrackerConfig())
    driving = retarget(walk(frames), onto=subject.pose, canvas_size=config.size)
    return subject, list(pose_windows(driving))[:frames]


@functools.cache
def walk(frames: int) -> PoseSequence:
    """At least so many poses of the walking clip, cleaned; tracked once for all canvases."""
    clip = DrivingClip.open(MEDIA / "walk_turn.mp4", end_s=frames / 20 + 1)
    motion, _, _ = prepare_motion(clip, track_clip(clip, TrackerConfig(), progress=SilentProgress()), MotionConfig())
    return motion


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--model", default="embedded")
    arguments.add_argument("--device", default="auto")
    arguments.add_argument("--precision", default="auto", choices=("auto", "float32", "bfloat16", "float16"))
    arguments.add_argument("--steps", type=int, default=SamplerConfig().steps)
    arguments.add_argument("--frames", type=int, default=12)
    arguments.add_argument("--batch", type=int, default=None)
    arguments.add_argument(
        "--repair", type=float, default=DEFAULT_REPAIR, help="as in a job; at a base's own, few frames may need it"
    )
    given = arguments.parse_args()
    device = pick_device(given.device)
    model = open_base(given.model).to(device, working_dtype(device, given.precision))
    subject, windows = scene(model.manifest.canvas, given.frames)
    clock = Clock(device)
    paces = []
    with ExitStack() as watched:
        for thing, method, name in (
            (branches, "predict", "unet"),  # the network itself is called through views of it
            (model.vae, "encode", "encode"),
            (model.vae, "decode", "decode"),
        ):
            watched.enter_context(clock.watching(thing, method, name))
        for round_ in range(ROUNDS + 1):
            config = SamplerConfig(steps=given.steps, batch=given.batch, repair=given.repair)
            generator = DiffusionGenerator(model, config)
            began = time.perf_counter()
            with clock.watching(generator, "_frames", "frames"), clock.watching(generator, "_prepare", "prepare"):
                count = sum(1 for _ in generator.generate(windows, subject))
            if round_ == 0:  # warms caches and kernels up
                clock.seconds.clear()
                continue
            paces.append((time.perf_counter() - began) / count)
    if not clock.total("unet"):
        raise SystemExit(f"with --repair {given.repair:g} nothing of these frames needs the network; give a larger one")
    whole, median = clock.total("frames"), {name: statistics.median(each) for name, each in clock.seconds.items()}
    # Preparing the subject encodes, too: what a frame's encoding takes is told by the median.
    spent = {"unet": clock.total("unet"), "decode": clock.total("decode"), "encode": median["encode"] * ROUNDS * count}
    print(f"{given.model} on {device}, canvas {model.manifest.canvas}, {frame_workers(device)} frames side by side")
    print(f"  {1000 * median['unet']:8.1f} ms per UNet call (median)")
    print(
        f"  {len(clock.seconds['unet']) / (ROUNDS * count):8.2f} UNet calls per frame ({generator.config.steps} steps)"
    )
    print(f"  {1000 * median['prepare']:8.0f} ms to prepare the subject, once per render")
    print(f"  {statistics.median(paces):8.3f} s per frame, preparation included (median of {ROUNDS} rounds of {count})")
    for name, seconds in spent.items():
        print(f"  {seconds / whole:8.1%} of the workers' time in {name}")
    print(
        f"  {1 - sum(spent.values()) / whole:8.1%} of the workers' time in all the rest (warp, maps, putting together)"
    )


if __name__ == "__main__":
    main()
