"""What each stage of a render costs on this machine, each measured on its own.

Stages overlap in a real render; here they run one after another, so that each has its price.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import torch

from animator.benchmarking.clock import Clock
from animator.benchmarking.roofline import Load, Roof, measure_load, measure_roof
from animator.conditioning.conditioning import Conditioner, predict
from animator.conditioning.inputs import picture_tensor, window_tensors
from animator.config import RenderJob
from animator.device import pick_device, working_dtype
from animator.encoding import encode
from animator.generators import branches
from animator.generators.diffusion import DiffusionGenerator
from animator.generators.parallel import most_workers
from animator.generators.protocol import FrameGenerator
from animator.generators.puppet import PuppetGenerator
from animator.generators.registry import ChosenGenerator, choose_generator
from animator.generators.weights import open_weights
from animator.models.subject_model import SubjectModel
from animator.models.vae import has_preview
from animator.photo import read_photo
from animator.pipeline import TRACKING_SIDE_PX, place_subject, prepare_motion, track_clip
from animator.progress import Progress
from animator.sampling.config import DEFAULT_REPAIR
from animator.subject import Portrait, Subject
from pose_tracking.clip import DrivingClip
from pose_tracking.frame import Frame
from pose_tracking.retargeting import retarget
from temporal.windows import PoseWindow, pose_windows


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCost:
    """One stage.

    Attributes:
        name: of the stage.
        seconds: per output frame, or once per render.
        per_frame: which of both.
    """

    name: str
    seconds: float
    per_frame: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchReport:
    """What a short run on this machine found.

    Attributes:
        device: where the network computes.
        canvas_size: (width, height) of the frames, px.
        num_frames: of the run.
        stages: in the order a render takes them.
        frames_per_s: of the whole generators as `animate` uses them, without encoding, by name.
        roof: what the device reaches at best.
        loads: the networks under it.
    """

    device: str
    canvas_size: tuple[int, int]
    num_frames: int
    stages: tuple[StageCost, ...]
    frames_per_s: dict[str, float]
    roof: Roof
    loads: tuple[Load, ...]


def measure(job: RenderJob, *, num_frames: int, progress: Progress) -> BenchReport:
    """Take a job's photo and the beginning of its clip through every stage.

    Args:
        job: photo, clip, model, device, canvas; nothing is written to its output.
        num_frames: of the clip to use; generators render fewer where they are slow.
        progress: told about stages.

    Raises:
        PipelineError: what `animate` would raise for the same reason.
    """
    device = pick_device(job.device)
    chosen = choose_generator("diffusion", job.generator_settings())
    assert chosen.model is not None  # the network's
    model = open_weights(chosen.model, chosen.canvas, device, precision=job.precision)
    bench = _Bench(job=job, chosen=chosen, device=device, model=model, clock=Clock(device), progress=progress)
    subject, windows = bench.front_end(num_frames)
    with progress.stage("generators", 4) as stage:
        frames = bench.puppet(subject, windows)
        stage.advance()
        bench.encode(frames, job.motion.fps or Fraction(25))
        stage.advance()
        slow = windows[: max(2, num_frames // 4)]
        bench.diffusion(subject, slow)
        stage.advance()
        # A GPU makes several at once, and a CPU's workers each make one: all of them have to have something to do.
        enough = num_frames if device.type != "cpu" else max(len(slow), 2 * most_workers(job.workers))
        bench.delivered(subject, windows[:enough])
        stage.advance()
    with progress.stage("roofline", 1) as stage:
        roof = measure_roof(device, working_dtype(device, job.precision))
        loads = bench.loads(subject, windows[:1])
        stage.advance()
    return BenchReport(
        device=str(device),
        canvas_size=chosen.canvas.size,
        num_frames=len(windows),
        stages=tuple(bench.stages),
        frames_per_s=bench.frames_per_s,
        roof=roof,
        loads=loads,
    )


class _Bench:
    """The stages in their order; each leaves its cost in `stages`."""

    def __init__(
        self,
        *,
        job: RenderJob,
        chosen: ChosenGenerator,
        device: torch.device,
        model: SubjectModel,
        clock: Clock,
        progress: Progress,
    ) -> None:
        self.job, self.chosen, self.device, self.model = job, chosen, device, model
        self.clock, self.progress = clock, progress
        self.stages: list[StageCost] = []
        self.frames_per_s: dict[str, float] = {}

    def front_end(self, num_frames: int) -> tuple[Subject, list[PoseWindow]]:
        """Photo, decoding, tracking, motion."""
        job = self.job
        with self.clock.measured("photo"):
            portrait = Portrait.from_photo(read_photo(job.photo), job.photo_tracker())
        self._once("photo: person and matte", self.clock.total("photo"))
        whole = DrivingClip.open(job.clip, start_s=job.start_s or None, end_s=job.end_s)
        clip = DrivingClip.open(
            job.clip, start_s=job.start_s or None, end_s=job.start_s + num_frames / float(whole.info.fps)
        )
        with self.clock.measured("decode"):
            decoded = sum(1 for _ in clip.frames(max_side_px=TRACKING_SIDE_PX))
        with self.clock.measured("track"):
            # A pose cache would make this free; `animate` may have filled it, the price is asked for here.
            tracked = track_clip(clip, job.tracker, progress=self.progress)
        self._each("decode", self.clock.total("decode"), decoded)
        self._each("track (decoding included)", self.clock.total("track"), decoded)
        with self.clock.measured("motion"):
            motion, _, _ = prepare_motion(clip, tracked, job.motion)
            subject = place_subject(portrait, motion, canvas=self.chosen.canvas, config=job.retarget)
            driving = retarget(motion, onto=subject.pose, config=job.retarget, canvas_size=self.chosen.canvas.size)
        self._once("motion: clean, retarget, place", self.clock.total("motion"))
        return subject, list(itertools.islice(pose_windows(driving), num_frames))

    def puppet(self, subject: Subject, windows: list[PoseWindow]) -> list[Frame]:
        """The warp, which the network is given too."""
        frames, seconds = paced(PuppetGenerator(device=self.device), windows, subject)
        self._each("warp", seconds, len(frames))
        return frames

    def encode(self, frames: list[Frame], fps: Fraction) -> None:
        """Writing the video."""
        with tempfile.TemporaryDirectory(prefix="animator-bench-") as folder, self.clock.measured("encode"):
            encode(frames, Path(folder) / "bench.mp4", self.job.encode, fps=fps)
        self._each("encode the video", self.clock.total("encode"), len(frames))

    def diffusion(self, subject: Subject, windows: list[PoseWindow]) -> None:
        """The network's parts, one worker alone, of frames that need the network."""
        sampler = self.job.sampler
        if sampler.repair is None:  # where a base is to repair little, hardly a frame of so few may need it
            sampler = sampler.model_copy(update={"repair": DEFAULT_REPAIR})
        generator = DiffusionGenerator(self.model, sampler, seed=self.job.seed, on_note=lambda _: None)
        list(generator.generate(windows[:1], subject))
        vae, decode = self.model.vae, "net decode"
        # Where deep layers are used again the network is called through views of it: its own call would miss them.
        watched = [(branches, "predict", "net predict"), (vae, "encode", "net encode"), (vae, "decode", decode)]
        watched += [(vae, "decode_preview", decode)] if has_preview(vae) else []
        with ExitStack() as stack:
            for thing, method, name in watched:
                stack.enter_context(self.clock.watching(thing, method, name))
            count = sum(1 for _ in generator.generate(windows, subject))
        calls = len(self.clock.seconds.get("net predict", ())) / count
        self._each("latents of the warp", self.clock.total("net encode"), count)
        self._each(f"UNet ({calls:.3g} calls)", self.clock.total("net predict"), count)
        self._each("pictures of the latents", self.clock.total(decode), count)

    def delivered(self, subject: Subject, windows: list[PoseWindow]) -> None:
        """Both generators as `animate` uses them."""
        for name in ("puppet", "diffusion"):
            generator = choose_generator(name, self.job.generator_settings(on_note=lambda _: None)).open()
            frames, seconds = paced(generator, windows, subject)
            self.frames_per_s[name] = len(frames) / seconds

    @torch.inference_mode()
    def loads(self, subject: Subject, windows: list[PoseWindow]) -> tuple[Load, ...]:
        """FLOP, traffic and time of one call of each network."""
        model, conditioner = self.model, Conditioner(self.model)
        photo = picture_tensor(subject.photo_HWC, self.device)[None]
        latents = model.codec.encode(photo)
        channels = conditioner.warp_channels(photo, torch.ones_like(photo[:, 0]))
        features = conditioner.features(photo)
        tokens = conditioner.tokens(features)
        told = conditioner.condition(
            tokens,
            conditioner.keypoint_map(*window_tensors(windows, model.manifest.num_poses, self.device)),
            channels if model.manifest.warp else None,
            conditioner.photo_memory(features, tokens),
        )
        timestep = torch.tensor(500, device=self.device)

        def unet() -> None:
            predict(model.unet, latents, timestep, told, residual=model.manifest.residual)

        return (
            measure_load("UNet", model.unet, unet, self.device),
            measure_load("encoder", model.vae, lambda: model.codec.encode(photo), self.device),
            measure_load("decoder", model.vae, lambda: model.codec.decode(latents), self.device),
        )

    def _each(self, name: str, seconds: float, count: int) -> None:
        self.stages.append(StageCost(name=name, seconds=seconds / max(count, 1), per_frame=True))

    def _once(self, name: str, seconds: float) -> None:
        self.stages.append(StageCost(name=name, seconds=seconds, per_frame=False))


def paced(generator: FrameGenerator, windows: list[PoseWindow], subject: Subject) -> tuple[list[Frame], float]:
    """All frames, and the seconds from when the first pose was asked for: until then the photo is prepared, once.

    Not from the first frame on: those made beside it come with it, and would have cost nothing.
    """
    began_s: list[float] = []

    def asked_for() -> Iterator[PoseWindow]:
        began_s.append(time.perf_counter())
        yield from windows

    list(generator.generate(windows[:1], subject))  # warming up is paid once, too
    frames = list(generator.generate(asked_for(), subject))
    return frames, time.perf_counter() - began_s[0]


def peaks(report: BenchReport) -> Iterator[tuple[Load, float]]:
    """Each network and the share of the matrix-product peak that it reaches."""
    for load in report.loads:
        yield load, load.flops_per_s / report.roof.flops_per_s
