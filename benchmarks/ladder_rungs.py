"""What `bench_ladder.py` measures: the product's settings one by one, and ways to be fast that it does not take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from neighbour_frames import PairedGenerator
from reference_loop import REFERENCE_STEPS

from animator.generators.diffusion import DiffusionGenerator
from animator.generators.memory import GPU_BATCH
from animator.generators.parallel import frame_workers
from animator.generators.protocol import FrameGenerator
from animator.models.bases import open_base
from animator.models.subject_model import SubjectModel
from animator.models.vae import has_preview
from animator.sampling.config import SamplerConfig
from animator.sampling.guidance import Guidance
from animator.subject import Subject
from pose_tracking.frame import Frame
from temporal.windows import PoseWindow

# Both conditions twice as strong as trained: all three branches count.
DUAL = Guidance(image=2.0, pose=3.0)


@dataclass(frozen=True, kw_only=True)
class Rung:
    """One way to make frames.

    Attributes:
        name: for the table.
        open: makes the generator.
        at_once: frames that are under way at the same time.
        is_guided: to be compared with the reference of `DUAL`.
        is_slow: one round of as few frames as there can be.
        reads_anew: preparing the subject is part of a frame.
    """

    name: str
    open: Callable[[], FrameGenerator]
    at_once: int
    is_guided: bool = False
    is_slow: bool = False
    reads_anew: bool = False


def rungs(model_name: str, device: torch.device) -> Iterator[Rung]:
    """The ladder that holds on this device; weights are read anew where a rung changes them."""
    plain = open_base(model_name).to(device)
    steps = plain.manifest.steps or SamplerConfig().completed().steps or 20

    cores = frame_workers(device)

    def rung(name: str, model: SubjectModel = plain, *, workers: int = cores, batch: int = 1, **settings: Any) -> Rung:
        config = SamplerConfig.model_validate({"steps": steps, "batch": batch, **settings})
        return Rung(name=name, open=lambda: DiffusionGenerator(model, config, workers=workers), at_once=workers * batch)

    yield replace(
        rung(f"branches that count nothing left out, {REFERENCE_STEPS} steps", steps=REFERENCE_STEPS), is_slow=True
    )
    for count in sorted({20, 8, 4, 2, 1, steps}, reverse=True):
        yield rung(f"{count} steps of dpm++", steps=count)
    for count, every in ((20, 2), (20, 4), (steps, 2), (steps, 4)):
        yield rung(f"{count} steps, deep layers in 1 of {every} (`reuse`)", steps=count, reuse=every)
    yield Rung(
        name=f"{steps} steps, deep layers of every 2nd frame from the frame before (not in the product)",
        open=lambda: PairedGenerator(plain, steps=steps),
        at_once=2 * cores,
    )
    if has_preview(plain.vae):
        yield rung(f"{steps} steps, preview decoder", decoder="preview")
    yield rung(f"{steps} steps, without the warp's detail", keep_detail=False)
    yield rung(f"{steps} steps, one frame after the other", workers=1)
    yield Rung(
        name=f"{steps} steps, one frame after the other, the photo read anew for each",
        open=lambda: ReadingAnew(plain, steps=steps),
        at_once=1,
        reads_anew=True,
    )
    dual: dict[str, Any] = {"guidance_image": DUAL.image, "guidance_pose": DUAL.pose}
    for name, more in (
        ("dual guidance", dict[str, Any]()),
        ("dual guidance in the first half of the steps", {"guidance_interval": (0.0, 0.5)}),
        ("dual guidance, deep layers in 1 of 2", {"reuse": 2}),
    ):
        yield replace(rung(f"{steps} steps, {name}", **dual, **more), is_guided=True)
    for batch in (2, 4):
        yield rung(f"{steps} steps, {batch} frames at once", batch=batch)
    channels_last = open_base(model_name).to(device)
    for net in (channels_last.unet, channels_last.vae):
        net.to(memory_format=torch.channels_last)
    yield rung(f"{steps} steps, channels last", channels_last)
    if device.type == "cpu":
        yield rung(f"{steps} steps, linear layers in int8", replace(plain, unet=quantized(plain.unet)))
    yield rung(f"{steps} steps, bfloat16", open_base(model_name).to(device, torch.bfloat16))
    at_once = cores if device.type == "cpu" else GPU_BATCH
    yield Rung(name="as delivered", open=as_delivered(model_name, device, "standard"), at_once=at_once)
    yield Rung(name="as delivered, --quality draft", open=as_delivered(model_name, device, "draft"), at_once=at_once)


class ReadingAnew:
    """The product without the reuse of what the encoders see in the photo. A `FrameGenerator`."""

    name = "reading anew"

    def __init__(self, model: SubjectModel, *, steps: int) -> None:
        self._generator = DiffusionGenerator(model, SamplerConfig(steps=steps, batch=1), workers=1)

    def generate(self, windows: Iterable[PoseWindow], subject: Subject) -> Iterator[Frame]:
        """Every frame as if it were the first."""
        for window in windows:
            yield from self._generator.generate([window], subject)


def quantized(unet: torch.nn.Module) -> Any:
    """A copy with linear layers in int8, scaled by what passes through them (torch's dynamic quantisation)."""
    return torch.ao.quantization.quantize_dynamic(unet, {torch.nn.Linear}, dtype=torch.qint8)


def as_delivered(model_name: str, device: torch.device, quality: str) -> Callable[[], FrameGenerator]:
    """What `animate` uses, with everything it decides by itself."""
    from animator.generators.registry import GeneratorSettings, choose_generator

    sampler = SamplerConfig.model_validate({"quality": quality})
    settings = GeneratorSettings(model=model_name, device=str(device), sampler=sampler)
    return lambda: choose_generator("diffusion", settings).open()
