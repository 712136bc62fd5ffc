"""The product against the published method, one rung at a time, with the price in quality beside each.

    python benchmarks/bench_ladder.py [--model embedded] [--frames 8] [--reference-frames 2] [-o RESULTS.md]

The reference loop uses all threads inside a frame; the product makes frames side by side, one core each. Every rung of
steps keeps what the rungs before it changed; the others change one thing about the model's own steps. Frames per second
and PSNR/SSIM are those of the same run; PSNR and SSIM are against the reference loop's own frames
(`reference_loop.py`), flicker is of the rung's frames. Photo and tracking are not timed: they are the same for all.
"""

from __future__ import annotations

import argparse
import math
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bench_denoise import scene
from deep_reuse import DeepReuse
from reference_loop import REFERENCE_STEPS, ReferenceLoop

from animator.device import pick_device
from animator.evaluation.metrics import frame_tensor, psnr, similarity_pyramid, ssim
from animator.generators import diffusion as diffusion_module
from animator.generators.diffusion import DiffusionGenerator
from animator.generators.protocol import FrameGenerator
from animator.models.bases import open_base
from animator.models.subject_model import SubjectModel
from animator.sampling.config import SamplerConfig
from animator.sampling.guidance import Guidance
from animator.subject import Subject
from pose_tracking.frame import Frame
from temporal.flicker import flicker_score
from temporal.windows import PoseWindow

ROUNDS = 3


@dataclass(frozen=True, kw_only=True)
class Rung:
    """One change more than the rung before."""

    name: str
    open: Callable[[], FrameGenerator]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a rung came to."""

    name: str
    seconds_per_frame: float
    frames: list[np.ndarray]


def rungs(model_name: str, device: torch.device) -> list[Rung]:
    """The ladder that holds on this device; weights are read anew where a rung changes them."""
    plain = open_base(model_name).to(device)
    steps = plain.manifest.steps or SamplerConfig().completed().steps or 20
    few = [count for count in (20, 8, 4, 2, 1) if count != steps]

    def diffusion(
        model: SubjectModel, *, workers: int | None = None, **settings: object
    ) -> Callable[[], FrameGenerator]:
        return lambda: DiffusionGenerator(model, SamplerConfig.model_validate(settings), workers=workers)

    name = f"branches that count nothing left out, {REFERENCE_STEPS} steps"
    ladder = [Rung(name=name, open=diffusion(plain, steps=REFERENCE_STEPS, batch=1))]
    ladder += [
        Rung(name=f"{count} steps of dpm++", open=diffusion(plain, steps=count, batch=1))
        for count in sorted({*few, steps}, reverse=True)
    ]
    ladder.append(Rung(name=f"{steps} steps, one frame after the other", open=diffusion(plain, steps=steps, workers=1)))
    without = diffusion(plain, steps=steps, batch=1, keep_detail=False)
    ladder.append(Rung(name=f"{steps} steps, without the warp's detail", open=without))
    ladder += [
        Rung(name=f"{steps} steps, {batch} frames at once", open=diffusion(plain, steps=steps, batch=batch))
        for batch in (2, 4)
    ]
    channels_last = open_base(model_name).to(device)
    for net in (channels_last.unet, channels_last.vae):
        net.to(memory_format=torch.channels_last)
    ladder.append(Rung(name=f"{steps} steps, channels last", open=diffusion(channels_last, steps=steps, batch=1)))
    ladder += [
        Rung(
            name=f"{count} steps, deep layers every 2nd step only",
            open=partial(Reusing, model_name, device, count),
        )
        for count in (20, steps)
    ]
    if device.type == "cpu":
        eight = replace(plain, unet=quantized(plain.unet))
        ladder.append(Rung(name=f"{steps} steps, linear layers in int8", open=diffusion(eight, steps=steps, batch=1)))
    half = open_base(model_name).to(device, torch.bfloat16)
    ladder.append(Rung(name=f"{steps} steps, bfloat16", open=diffusion(half, steps=steps, batch=1)))
    return [*ladder, Rung(name="as delivered", open=_as_delivered(model_name, device))]


class Reusing:
    """The product with `DeepReuse` in its UNet. A `FrameGenerator`."""

    name = "reusing"

    def __init__(self, model_name: str, device: torch.device, steps: int) -> None:
        self._model = open_base(model_name).to(device)
        self._generator = DiffusionGenerator(self._model, SamplerConfig(steps=steps, batch=1))

    def generate(self, windows: Iterable[PoseWindow], subject: Subject) -> Iterator[Frame]:
        """Every frame is a sampling: its first evaluation is whole."""
        with DeepReuse(self._model.unet, 2).installed() as reuse, samplings_announced(reuse):
            yield from self._generator.generate(windows, subject)


@contextmanager
def samplings_announced(reuse: DeepReuse) -> Iterator[None]:
    """`reuse` is told of every sampling in the thread that does it."""
    denoise = diffusion_module.denoise

    def announced(*given: Any, **more: Any) -> torch.Tensor:
        reuse.begin()
        return denoise(*given, **more)

    diffusion_module.denoise = announced
    try:
        yield
    finally:
        diffusion_module.denoise = denoise


def quantized(unet: torch.nn.Module) -> Any:
    """A copy with linear layers in int8, scaled by what passes through them (torch's dynamic quantisation)."""
    return torch.ao.quantization.quantize_dynamic(unet, {torch.nn.Linear}, dtype=torch.qint8)


def _as_delivered(model_name: str, device: torch.device) -> Callable[[], FrameGenerator]:
    """What `animate` uses, with everything it decides by itself."""
    from animator.generators.registry import GeneratorSettings, choose_generator

    settings = GeneratorSettings(model=model_name, device=str(device))
    return lambda: choose_generator("diffusion", settings).open()


def timed_reference(model: SubjectModel, windows: list[PoseWindow], subject: Subject) -> Measured:
    """The reference loop's frames, and the seconds each took."""
    loop = ReferenceLoop(model, guidance=Guidance(), repair=SamplerConfig().repair)
    began = time.perf_counter()
    frames = list(loop.render(windows, subject))
    return Measured(name="reference loop", seconds_per_frame=(time.perf_counter() - began) / len(frames), frames=frames)


def timed(rung: Rung, windows: list[PoseWindow], subject: Subject, rounds: int) -> Measured:
    """A rung's frames, and the median of the seconds per frame over the rounds; one more round warms up."""
    generator, seconds = rung.open(), []
    for _ in range(rounds + 1):
        frames, pace = _pace(frame.pixels_HWC for frame in generator.generate(windows, subject))
        seconds.append(pace)
    return Measured(name=rung.name, seconds_per_frame=statistics.median(seconds[1:]), frames=frames)


def _pace(frames: Iterable[np.ndarray]) -> tuple[list[np.ndarray], float]:
    """The frames, and seconds per frame from the first on: the subject is prepared before, once."""
    rest = iter(frames)
    made = [next(rest)]
    began = time.perf_counter()
    made += rest
    return made, (time.perf_counter() - began) / (len(made) - 1)


def row(measured: Measured, reference: Measured) -> str:
    """A line of the table."""
    pairs = [(frame_tensor(a), frame_tensor(b)) for a, b in zip(measured.frames, reference.frames, strict=False)]
    level = statistics.mean(psnr(a, b) for a, b in pairs)
    likeness = statistics.mean(ssim(similarity_pyramid(a, b)) for a, b in pairs)
    flicker = flicker_score(measured.frames)
    faster = reference.seconds_per_frame / measured.seconds_per_frame
    return (
        f"| {measured.name} | {measured.seconds_per_frame:.3f} | {faster:.1f} | {level:.1f} | {likeness:.4f} | "
        f"{'' if math.isnan(flicker) else f'{flicker:.5f}'} |"
    )


def table(measured: Iterable[Measured], reference: Measured) -> list[str]:
    """The whole ladder, reference first."""
    head = [
        "| rung | s per frame | times the reference | PSNR to it (dB) | SSIM to it | flicker |",
        "|---|---|---|---|---|---|",
    ]
    return [*head, *(row(each, reference) for each in (reference, *measured))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--frames", type=int, default=8, help="per rung; the reference renders the first of them")
    parser.add_argument("--reference-frames", type=int, default=2, help="at least 2: the first is not timed")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("-o", "--output", type=Path, help="also write the table here")
    given = parser.parse_args()
    device = pick_device(given.device)
    model = open_base(given.model).to(device)
    subject, windows = scene(model.manifest.canvas, given.frames)
    title = f"{given.model} on {device} ({platform.processor() or platform.machine()}), {model.manifest.canvas} px, "
    print(title + f"{torch.get_num_threads()} threads, torch {torch.__version__}")
    reference = timed_reference(model, windows[: given.reference_frames], subject)
    measured = []
    for rung in rungs(given.model, device):
        rounds = 1 if rung.name.endswith(f"{REFERENCE_STEPS} steps") else given.rounds
        count = given.reference_frames if rounds == 1 else given.frames
        measured.append(timed(rung, windows[:count], subject, rounds))
        print(row(measured[-1], reference), flush=True)
    lines = table(measured, reference)
    print("\n".join(["", *lines]))
    if given.output is not None:
        given.output.write_text("\n".join([title, "", *lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
