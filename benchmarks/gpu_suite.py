"""The rows that need a GPU, filled in by one script in under eight minutes.

    PYTHONPATH=. python benchmarks/gpu_suite.py [-o gpu_suite.json] [--small]

Needs torch, diffusers and safetensors, and this checkout; no network, no weights: the UNet has the shape of Stable
Diffusion 1.5 widened for five poses and a warped photo, its weights are random. `--small` goes through the same steps
with a tiny network on any device, which is how the script itself is tested.

Every row is a ratio inside this run or a time with its spread: matmul peak, UNet TFLOP/s over that peak by batch,
memory format and compilation, its time by attention kernel, seconds per frame of the product's own denoising loop,
what reuse of deep layers saves, peak memory of a short and of a long clip, and how far bfloat16 strays from float32.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from gpu_sizes import FULL, NOISE_SCHEDULE, SMALL, Size, new_unet, unet_inputs
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from animator.models.deep_features import DeepReuse
from animator.sampling.denoise import denoise
from animator.sampling.guidance import Branch, Guidance
from animator.sampling.noise import frame_noise
from animator.sampling.schedulers import open_scheduler

BUDGET_S = 460.0
DUAL = Guidance(image=4.0, pose=2.0)


@dataclass(kw_only=True)
class Suite:
    """Runs the sections, keeps what they find, and stops before the time is up."""

    device: torch.device
    size: Size
    rows: list[dict[str, Any]] = field(default_factory=list)
    began_s: float = field(default_factory=time.monotonic)
    best: Callable[..., Any] | None = None
    best_share: float = 0.0

    def add(self, section: str, what: str, value: float, unit: str, **more: Any) -> None:
        """Keep one figure and print it."""
        self.rows.append({"section": section, "what": what, "value": value, "unit": unit, **more})
        extra = "".join(f"  {name}={each}" for name, each in more.items())
        print(f"{section:<9} {what:<58} {value:12.4g} {unit}{extra}", flush=True)

    def left_s(self) -> float:
        return BUDGET_S - (time.monotonic() - self.began_s)

    def run(self, section: str, work: Callable[[], None]) -> None:
        """A section that fails is a row, not the end."""
        if self.left_s() < 20:
            self.add(section, "left out: time is up", 0.0, "")
            return
        try:
            work()
        except Exception as error:  # every later section is still worth having
            traceback.print_exc()
            self.add(section, f"failed: {type(error).__name__}: {str(error)[:120]}", float("nan"), "")
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def seconds(self, call: Callable[[], Any], *, rounds: int = 7, warm: int = 3) -> float:
        """Median seconds of `call`, the device waited for."""
        taken = []
        for number in range(rounds + warm):
            self.wait()
            began = time.perf_counter()
            call()
            self.wait()
            if number >= warm:
                taken.append(time.perf_counter() - began)
        return statistics.median(taken)

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def matmul_peak(suite: Suite) -> float:
    """TFLOP/s of one square bfloat16 product, the yardstick of this run."""
    side = suite.size.matmul
    left, right = (torch.randn(side, side, device=suite.device, dtype=torch.bfloat16) for _ in range(2))
    seconds = suite.seconds(lambda: left @ right, rounds=15, warm=5)
    peak = 2 * side**3 / seconds / 1e12
    suite.add("matmul", f"{side}^3 bfloat16", peak, "TFLOP/s")
    return peak


@torch.inference_mode()
def unet_shares(suite: Suite, peak: float) -> None:
    """UNet TFLOP/s over the matmul peak: batches (frames x 3 branches), memory formats, compilation."""
    unet = new_unet(suite.size, suite.device, torch.bfloat16)
    with FlopCounterMode(display=False) as counter:
        unet(*unet_inputs(suite.size, 1, suite.device, torch.bfloat16))
    flops = counter.get_total_flops()
    suite.add("unet", "of one sample", flops / 1e12, "TFLOP", canvas=f"{8 * suite.size.width}x{8 * suite.size.height}")
    formats = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}
    for mode, (name, memory_format) in itertools.product((None, *suite.size.compiled), formats.items()):
        if mode is not None and (name == "contiguous" or suite.left_s() < 200):
            continue
        unet.to(memory_format=memory_format)
        net = unet if mode is None else compiled(unet, mode, suite)
        for frames in suite.size.batches if mode is None else suite.size.batches[-1:]:
            given = unet_inputs(suite.size, 3 * frames, suite.device, torch.bfloat16)
            began = time.monotonic()
            seconds = suite.seconds(lambda: net(*given, return_dict=False))  # noqa: B023  # called at once
            share = 3 * frames * flops / seconds / 1e12 / peak
            what = f"{name}, {'eager' if mode is None else 'compile ' + mode}, {frames} frames x 3 branches"
            suite.add(
                "unet", what, share, "of peak", ms=round(1000 * seconds, 3), set_up_s=round(time.monotonic() - began, 1)
            )
            if share > suite.best_share:
                suite.best, suite.best_share = net, share
    suite.add("unet", "best share of the matmul peak (asked 0.45)", suite.best_share, "of peak")


@torch.inference_mode()
def attention(suite: Suite) -> None:
    """The same network with each of torch's attention kernels that this device has for it."""
    unet = new_unet(suite.size, suite.device, torch.bfloat16)
    given = unet_inputs(suite.size, 3 * suite.size.batches[-1], suite.device, torch.bfloat16)
    for name in ("FLASH_ATTENTION", "EFFICIENT_ATTENTION", "CUDNN_ATTENTION", "MATH"):
        try:
            with sdpa_kernel(SDPBackend.__members__[name]):
                seconds = suite.seconds(lambda: unet(*given, return_dict=False))
        except RuntimeError as error:
            suite.add("attention", f"{name.lower()}: none for it here", float("nan"), "", why=str(error)[:60])
        else:
            suite.add("attention", name.lower(), 1000 * seconds, "ms")


def compiled(unet: UNet2DConditionModel, mode: str, suite: Suite) -> Callable[..., Any]:
    """The network compiled as a whole, or `regional`: each kind of repeated block once, for any size."""
    if mode != "regional":
        return torch.compile(unet, mode=mode)
    own = new_unet(suite.size, suite.device, torch.bfloat16).to(memory_format=torch.channels_last)
    own.compile_repeated_blocks(fullgraph=True, dynamic=True)
    return own


def best_unet(suite: Suite) -> Callable[..., Any]:
    """The fastest variant that was measured; compiled modules have no truth value."""
    return new_unet(suite.size, suite.device, torch.bfloat16) if suite.best is None else suite.best


def latents_of(
    suite: Suite,
    net: Callable[..., Any],
    frames: list[int],
    *,
    steps: int,
    guidance: Guidance,
    reuse: DeepReuse | None = None,
) -> torch.Tensor:
    """The product's denoising loop around `net`, or what `reuse` makes of it: noise by frame, branches together,
    DPM-Solver++."""
    size, dtype = suite.size, torch.bfloat16
    given, _, tokens = unet_inputs(size, len(frames), suite.device, dtype)
    conditions = given[:, 4:]

    def predict(latents: torch.Tensor, timestep: torch.Tensor, branches: tuple[Branch, ...]) -> dict[Branch, Any]:
        count, called = len(branches), net
        if reuse is not None:
            reuse.begin_step(branches)
            called = reuse.network(branches)
        inputs = torch.cat([latents.to(dtype), conditions], 1).repeat(count, 1, 1, 1)
        outputs = called(inputs, timestep, tokens.repeat(count, 1, 1), return_dict=False)[0]
        return dict(zip(branches, outputs.chunk(count), strict=True))

    noise = frame_noise(frames, (4, size.height, size.width), seed=0, kind="shared").to(suite.device)
    scheduler = open_scheduler("dpm++", NOISE_SCHEDULE)
    return denoise(predict, noise, scheduler=scheduler, steps=steps, guidance=guidance)


@torch.inference_mode()
def frame_seconds(suite: Suite) -> None:
    """Seconds per frame of denoising and decoding, as published guidance asks and as a distilled model needs."""
    vae = AutoencoderKL(**suite.size.vae).to(suite.device, torch.bfloat16).eval()
    vae.to(memory_format=torch.channels_last)
    net = best_unet(suite)
    batch = list(range(suite.size.batches[-1]))
    asked = {"dual guidance": (suite.size.steps, DUAL, 0.25), "distilled, one branch": (4, Guidance(), 0.05)}
    for name, (steps, guidance, limit_s) in asked.items():

        def render(steps: int = steps, guidance: Guidance = guidance) -> torch.Tensor:
            latents = latents_of(suite, net, batch, steps=steps, guidance=guidance)
            pictures = [vae.decode(one[None].to(torch.bfloat16)).sample for one in latents]
            return torch.cat(pictures).float().clamp(-1, 1).mul(127.5).add(127.5).to(torch.uint8).cpu()

        seconds = suite.seconds(render, rounds=3, warm=1) / len(batch)
        suite.add("frame", f"{name}, {steps} steps (asked {limit_s} s)", seconds, "s/frame", batch=len(batch))


@torch.inference_mode()
def deep_reuse(suite: Suite) -> None:
    """What it saves, and how far it strays, to compute the deep layers in every second step only; eager."""
    unet = new_unet(suite.size, suite.device, torch.bfloat16).to(memory_format=torch.channels_last)
    batch, steps = list(range(suite.size.batches[-1])), suite.size.steps
    seconds, latents = {}, {}
    for every in (1, 2):

        def render(every: int = every) -> torch.Tensor:
            reuse = DeepReuse(unet, every=every)
            return latents_of(suite, unet, batch, steps=steps, guidance=DUAL, reuse=reuse)

        latents[every] = render()
        seconds[every] = suite.seconds(render, rounds=3, warm=1) / len(batch)
        suite.add("reuse", f"{steps} steps of dual guidance, deep layers every {every}", seconds[every], "s/frame")
    strayed = (latents[2] - latents[1]).float().square().mean().sqrt() / latents[1].float().std()
    suite.add("reuse", "whole over reusing", seconds[1] / seconds[2], "times", rms_over_std=round(float(strayed), 4))


@torch.inference_mode()
def clip_memory(suite: Suite) -> None:
    """Peak memory of a short and of a long clip, rendered batch after batch as the product does."""
    if suite.device.type != "cuda":
        suite.add("memory", "peak memory is read on CUDA only", 0.0, "")
        return
    net = best_unet(suite)
    batch = suite.size.batches[-1]
    peaks = []
    for length in suite.size.clips:
        torch.cuda.reset_peak_memory_stats()
        for frames in batches(length, batch):
            latents_of(suite, net, frames, steps=1, guidance=DUAL).cpu()
        peaks.append(torch.cuda.max_memory_allocated() / 2**30)
        suite.add("memory", f"peak of {length} frames", peaks[-1], "GiB")
    suite.add("memory", "long clip over short (asked 0.95-1.05)", peaks[1] / peaks[0], "")


def batches(length: int, batch: int) -> Iterator[list[int]]:
    """Full batches of frame numbers: the last one is filled up, as `slots` does."""
    for first in range(0, length, batch):
        yield [min(number, length - 1) for number in range(first, first + batch)]


@torch.inference_mode()
def parity(suite: Suite) -> None:
    """How far bfloat16 on this device strays from float32 on the CPU, as a share of the output's spread."""
    exact = new_unet(suite.size, torch.device("cpu"), torch.float32)
    given = unet_inputs(suite.size, 1, torch.device("cpu"), torch.float32)
    wanted = exact(*given).sample
    half = new_unet(suite.size, suite.device, torch.bfloat16)
    got = half(*unet_inputs(suite.size, 1, suite.device, torch.bfloat16)).sample.float().cpu()
    error = float((got - wanted).square().mean().sqrt() / wanted.std())
    suite.add("parity", "bfloat16 here against float32 on the CPU, one evaluation", error, "rms/std")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("gpu_suite.json"))
    parser.add_argument("--small", action="store_true", help="a tiny network, on any device")
    given = parser.parse_args()
    if not torch.cuda.is_available() and not given.small:
        print("no GPU here: --small goes through the steps without one", file=sys.stderr)
        return 3
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    suite = Suite(device=device, size=SMALL if given.small else FULL)
    name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    print(f"{name}, torch {torch.__version__}")
    peak = matmul_peak(suite)
    suite.run("parity", lambda: parity(suite))
    suite.run("unet", lambda: unet_shares(suite, peak))
    suite.run("attention", lambda: attention(suite))
    suite.run("frame", lambda: frame_seconds(suite))
    suite.run("reuse", lambda: deep_reuse(suite))
    suite.run("memory", lambda: clip_memory(suite))
    suite.add("suite", "whole run", time.monotonic() - suite.began_s, "s")
    facts = {"device": name, "torch": torch.__version__, "small": given.small, "rows": suite.rows}
    given.output.write_text(json.dumps(facts, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
