"""The product against the published method, one rung at a time, with the price in quality beside each.

    python benchmarks/bench_ladder.py [--model embedded] [--frames 8] [--reference-frames 3] [-o RESULTS.md]

The reference loop uses all threads inside a frame; the product makes frames side by side, one core each. Every rung of
steps keeps what the rungs before it changed; the others change one thing about the model's own steps. Seconds per frame
are all of a rung's wall time from the first frame's beginning to the last one's end, over all of its frames: as many as
fill every worker's batch the same number of times, so no frame is under way before or after. The subject is prepared
before the clock starts, and photo and tracking are not timed: they are the same for all, but for the rung that says so.
PSNR, SSIM and flicker are of the same frames, PSNR and SSIM against the reference loop's own (`reference_loop.py`),
flicker beside that of the reference. Rungs with guidance are compared with a reference of the same guidance.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from bench_denoise import scene
from ladder_rungs import DUAL, Rung, rungs
from reference_loop import REFERENCE_STEPS, ReferenceLoop

from animator.benchmarking.machine import processor
from animator.device import pick_device
from animator.evaluation.metrics import frame_tensor, psnr, similarity_pyramid, ssim
from animator.generators.diffusion import DiffusionGenerator
from animator.models.bases import open_base
from animator.sampling.config import DEFAULT_REPAIR, SamplerConfig
from animator.sampling.guidance import Guidance
from animator.subject import Subject
from temporal.flicker import flicker_score
from temporal.windows import PoseWindow

ROUNDS = 2


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a rung came to."""

    name: str
    seconds_per_frame: float
    frames: list[np.ndarray]


def timed_reference(name: str, loop: ReferenceLoop, windows: list[PoseWindow], subject: Subject) -> Measured:
    """The reference loop's frames, and the median of the seconds each took; the first one warms up."""
    frames, moments = [], []
    for frame in loop.render(windows, subject):
        frames.append(frame)
        moments.append(time.perf_counter())
    return Measured(name=name, seconds_per_frame=float(np.median(np.diff(moments))), frames=frames)


def timed(rung: Rung, windows: list[PoseWindow], subject: Subject, *, frames: int, rounds: int) -> Measured:
    """A rung's frames, and the median of its pace over the rounds, after as many frames as make the workers warm.

    Args:
        rung: what is measured.
        windows: as many as it makes at once, at least.
        subject: of the frames.
        frames: to be made in a round, as far as they are a multiple of what is under way at once.
        rounds: at least 1.
    """
    generator = rung.open()
    count = rung.at_once * max(1, min(round(frames / rung.at_once), len(windows) // rung.at_once))

    def one_round(many: int) -> tuple[list[np.ndarray], float]:
        with preparation_timed() as prepared:
            began = time.perf_counter()
            made = [frame.pixels_HWC for frame in generator.generate(windows[:many], subject)]
            seconds = time.perf_counter() - began
        return made, (seconds - (0 if rung.reads_anew else sum(prepared))) / many

    if not rung.is_slow:
        one_round(rung.at_once)
    made, paces = zip(*(one_round(count) for _ in range(rounds)), strict=True)
    return Measured(name=rung.name, seconds_per_frame=statistics.median(paces), frames=made[-1])


@contextmanager
def preparation_timed() -> Iterator[list[float]]:
    """The seconds of every preparation of a subject within the block."""
    prepare, seconds = DiffusionGenerator._prepare, []

    def timed_prepare(self: DiffusionGenerator, subject: Subject) -> object:
        began = time.perf_counter()
        prepared = prepare(self, subject)
        seconds.append(time.perf_counter() - began)
        return prepared

    with patch.object(DiffusionGenerator, "_prepare", timed_prepare):
        yield seconds


def row(measured: Measured, reference: Measured) -> str:
    """A line of the table; likeness and flicker are of the frames that the reference has, too."""
    frames = measured.frames[: len(reference.frames)]
    pairs = [(frame_tensor(a), frame_tensor(b)) for a, b in zip(frames, reference.frames, strict=False)]
    level = statistics.mean(psnr(a, b) for a, b in pairs)
    likeness = statistics.mean(ssim(similarity_pyramid(a, b)) for a, b in pairs)
    flicker = flicker_score(frames)
    faster = reference.seconds_per_frame / measured.seconds_per_frame
    return (
        f"| {measured.name} | {measured.seconds_per_frame:.3f} | {faster:.1f} | {level:.1f} | {likeness:.4f} | "
        f"{'' if math.isnan(flicker) else f'{flicker:.5f}'} |"
    )


HEAD = [
    "| rung | s per frame | times its reference | PSNR to it (dB) | SSIM to it | flicker |",
    "|---|---|---|---|---|---|",
]


def lines(given: argparse.Namespace, device: torch.device) -> Iterable[str]:
    """The whole ladder as it is measured, references first."""
    model = open_base(given.model).to(device)
    subject, windows = scene(model.manifest.canvas, max(given.frames, given.reference_frames))
    yield f"{given.model} on {device} ({processor()}), {model.manifest.canvas} px, "
    yield f"{torch.get_num_threads()} threads, torch {torch.__version__}"
    yield from ("", *HEAD)
    few = windows[: given.reference_frames]
    references = []
    settings = SamplerConfig().completed(None, model.manifest.repair)
    repair = DEFAULT_REPAIR if settings.repair is None else settings.repair
    for name, guidance in (("reference loop", Guidance()), ("reference loop, dual guidance", DUAL)):
        loop = ReferenceLoop(model, guidance=guidance, repair=repair, steps=given.reference_steps)
        references.append(timed_reference(name, loop, few, subject))
        yield row(references[-1], references[-1])
    for rung in rungs(given.model, device):
        if given.only and not any(part in rung.name for part in given.only):
            continue
        if rung.at_once > len(windows):
            yield f"| {rung.name} | left out: {rung.at_once} frames at once, of {len(windows)} | | | | |"
            continue
        frames, rounds = (len(few), 1) if rung.is_slow else (given.frames, given.rounds)
        yield row(timed(rung, windows, subject, frames=frames, rounds=rounds), references[rung.is_guided])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--frames", type=int, default=8, help="per rung and round")
    parser.add_argument("--reference-frames", type=int, default=3, help="at least 3: flicker needs as many")
    parser.add_argument("--reference-steps", type=int, default=REFERENCE_STEPS, help="fewer to try the script out")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", nargs="*", default=[], help="rungs whose name holds one of these words")
    parser.add_argument("-o", "--output", type=Path, help="also write the table here")
    given = parser.parse_args()
    if given.reference_frames < 2:
        parser.error("--reference-frames: at least 2, for the first one is not timed")
    written = []
    for line in lines(given, pick_device(given.device)):
        print(line, flush=True)
        written.append(line)
    if given.output is not None:
        given.output.write_text("\n".join([*written, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
