"""How the time of a render grows: with the number of frames, and with the number of pixels.

    python benchmarks/bench_growth.py [--frames 100 300 1000 3000] [--slow-frames 8 16 32 64] [-o growth.json]

Frames are made and written to a video, from a walk that is gone through to and fro; photo and tracking are not timed.
Growth with frames is a straight line with an offset, fitted by least squares; growth with pixels is an exponent, the
slope of the logarithms. The puppet is drawn on any canvas; the network's base has one canvas, so its exponent is that
of one evaluation of the UNet and of one decoding, on latents of several sizes. About two minutes on two quiet cores.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bench_denoise import scene

from animator.benchmarking.machine import machine
from animator.benchmarking.roofline import median_seconds
from animator.device import working_dtype
from animator.encoding import encode
from animator.generators.diffusion import DiffusionGenerator
from animator.generators.protocol import FrameGenerator
from animator.generators.puppet import PuppetGenerator
from animator.models.bases import open_base
from animator.models.subject_model import SubjectModel
from animator.subject import Subject
from temporal.windows import PoseWindow

CPU = torch.device("cpu")
POSES = 24
SMALL, CANVASES = (128, 160), ((128, 160), (256, 320), (512, 640))
LATENTS = ((16, 20), (32, 40), (64, 80))


def walk(windows: Sequence[PoseWindow], count: int) -> Iterator[PoseWindow]:
    """As many windows as asked for, to and fro through those there are."""
    there_and_back = [*windows, *windows[-2:0:-1]]
    for index in range(count):
        yield replace(there_and_back[index % len(there_and_back)], center=index, time_s=index / 25)


def seconds_of(generator: FrameGenerator, subject: Subject, windows: Sequence[PoseWindow], count: int) -> float:
    """Wall time of making and writing so many frames."""
    with tempfile.TemporaryDirectory(prefix="growth-") as folder:
        began_s = time.perf_counter()
        encode(generator.generate(walk(windows, count), subject), Path(folder) / "out.mp4", fps=25)
        return time.perf_counter() - began_s


def line(counts: Sequence[int], seconds: Sequence[float]) -> dict[str, float]:
    """Slope, offset and R² of a straight line."""
    slope, offset = np.polyfit(counts, seconds, 1)
    left = np.asarray(seconds) - (slope * np.asarray(counts) + offset)
    return {
        "ms_per_frame": 1000 * float(slope),
        "offset_s": float(offset),
        "r_squared": 1 - float((left**2).sum() / np.var(seconds) / len(seconds)),
    }


def exponent(pixels: Sequence[int], seconds: Sequence[float]) -> float:
    """Slope of the logarithms: 1 is linear."""
    return float(np.polyfit(np.log(pixels), np.log(seconds), 1)[0])


def by_frames(name: str, generator: FrameGenerator, canvas: tuple[int, int], counts: Sequence[int]) -> dict[str, Any]:
    """The line through renders of so many frames."""
    subject, windows = scene(canvas, POSES)
    seconds_of(generator, subject, windows, min(counts[0], 8))  # imports and kernels are nobody's frames
    seconds = []
    for count in counts:
        seconds.append(seconds_of(generator, subject, windows, count))
        print(f"{name:<28} {count:7d} frames {seconds[-1]:9.2f} s", flush=True)
    found = line(counts, seconds)
    print(
        f"{name:<28} {found['ms_per_frame']:.1f} ms per frame and {found['offset_s']:.2f} s, "
        f"R² {found['r_squared']:.5f} (asked 0.99)"
    )
    return {"what": name, "canvas": canvas, "frames": list(counts), "seconds": seconds, **found}


def by_pixels(name: str, sizes: Sequence[tuple[int, int]], measure: Callable[[int, int], float]) -> dict[str, Any]:
    """The exponent through pictures of these sizes (width, height)."""
    seconds = [measure(*size) for size in sizes]
    for (width, height), each in zip(sizes, seconds, strict=True):
        print(f"{name:<28} {width:4d}x{height:<4d} {1000 * each:11.1f} ms", flush=True)
    found = exponent([width * height for width, height in sizes], seconds)
    print(f"{name:<28} grows with pixels to the power of {found:.2f}")
    return {"what": name, "sizes": sizes, "seconds": seconds, "exponent": found}


def puppet_seconds(width: int, height: int) -> float:
    """Per frame, encoding included."""
    subject, windows = scene((width, height), POSES)
    generator = PuppetGenerator()
    seconds_of(generator, subject, windows, 2)
    short, long = (seconds_of(generator, subject, windows, count) for count in (4, 4 + POSES))
    return (long - short) / POSES


@torch.inference_mode()
def network_seconds(model: SubjectModel, part: str, width: int, height: int) -> float:
    """One evaluation of the UNet, or one decoding, of one frame of width x height cells."""
    settings, dtype = model.unet.config, model.unet.dtype
    inputs = torch.randn(1, settings.in_channels, height, width).to(dtype)
    tokens = torch.randn(1, model.adapter.config.num_tokens, settings.cross_attention_dim).to(dtype)
    latents = torch.randn(1, model.vae.config.latent_channels, height, width)
    if part == "decoding":
        return median_seconds(lambda: model.codec.decode(latents), CPU)
    return median_seconds(
        lambda: model.unet(inputs, torch.tensor(500), encoder_hidden_states=tokens, return_dict=False), CPU
    )


def main() -> None:
    """Measure, print, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, nargs="+", default=[100, 300, 1000, 3000], help="of the puppet")
    parser.add_argument(
        "--slow-frames", type=int, nargs="*", default=[8, 16, 32, 64], help="of diffusion; none: left out"
    )
    parser.add_argument("-o", "--output", type=Path, help="also write what was found as JSON")
    given = parser.parse_args()
    began_s, rows = time.perf_counter(), []
    rows.append(by_frames("puppet", PuppetGenerator(), SMALL, given.frames))
    rows.append(by_pixels("puppet, a frame", CANVASES, puppet_seconds))
    model = open_base("embedded").to(CPU, working_dtype(CPU))
    if given.slow_frames:
        rows.append(by_frames("diffusion", DiffusionGenerator(model), model.manifest.canvas, given.slow_frames))
    for part in ("UNet evaluation", "decoding"):
        rows.append(
            by_pixels(f"{part} (cells)", LATENTS, lambda width, height: network_seconds(model, part, width, height))  # noqa: B023  # called at once
        )
    facts = {
        "machine": machine(),
        "torch": torch.__version__,
        "seconds": round(time.perf_counter() - began_s, 1),
        "rows": rows,
    }
    print(f"{facts['machine']}, torch {facts['torch']}, {facts['seconds']} s in all")
    if given.output is not None:
        given.output.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
