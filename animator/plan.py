"""What a render would do, found out before it is done: inputs checked, sizes and lengths known, time estimated."""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from animator.config import RenderJob, RenderReport
from animator.destinations import check_destinations
from animator.generators.registry import ChosenGenerator, choose_generator
from animator.jobs.beginning import check_begin
from animator.jobs.folder import JobFolder
from animator.jobs.plan import DEFAULT_BATCH, chunk_size
from animator.paths import told
from animator.photo import read_photo
from animator.progress import Progress, SilentProgress
from animator.rendering import Render
from animator.stopwatch import Stopwatch
from pose_tracking.clip import DrivingClip
from pose_tracking.errors import AbsenceError
from pose_tracking.frame import ClipInfo
from pose_tracking.sequence import PoseSequence

# Enough to see the pace of every stage, few enough to wait for.
TRIAL_FRAMES = 12
# A network on a CPU takes seconds a frame, and the pace of two is the pace of all.
SLOW_TRIAL_FRAMES = 3
# How much larger than the first ones the frames of a job may become as PNG, before it says too little of the disk.
_FRAMES_VARY = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderPlan:
    """A render that has not happened yet.

    Attributes:
        output: where the result will be.
        photo_size: (width, height) of the photo in px, upright.
        canvas_size: (width, height) of the result in px.
        clip: facts of the driving clip, trimmed.
        fps: rate of the result.
        num_frames: frames of the result; None where the clip does not tell its length.
        has_sound: whether the clip's sound goes along.
        generator: what makes the pictures.
        estimated_s: wall time in seconds, going by a trial of the first frames; None where there was none.
        memory_bytes: the most that the trial took, which does not grow with the length; None without a trial.
        result_bytes: of the result and its previews, going by the trial.
        passing_bytes: what lies on the disk only until the result is written, such as the frames of a GIF.
        folder_bytes: of the job's folder, going by the trial and a tenth more; 0 where none is kept.
    """

    output: Path
    photo_size: tuple[int, int]
    canvas_size: tuple[int, int]
    clip: ClipInfo
    fps: Fraction
    num_frames: int | None
    has_sound: bool
    generator: ChosenGenerator
    estimated_s: float | None = None
    memory_bytes: int | None = None
    result_bytes: int | None = None
    passing_bytes: int | None = None
    folder_bytes: int | None = None

    @property
    def disk_bytes(self) -> int | None:
        """The most that the render takes of the disk at any time."""
        parts = (self.result_bytes, self.passing_bytes, self.folder_bytes)
        known = [part for part in parts if part is not None]
        return sum(known) if len(known) == len(parts) else None

    @property
    def num_chunks(self) -> int | None:
        """Parts that a job is shared out in."""
        if self.num_frames is None:
            return None
        sampler = self.generator.sampler
        return -(-self.num_frames // chunk_size((sampler.batch if sampler else None) or DEFAULT_BATCH))

    @property
    def trial_frames(self) -> int:
        """How many frames are tried."""
        slow = self.generator.evaluations and self.generator.device == "cpu"
        return SLOW_TRIAL_FRAMES if slow else TRIAL_FRAMES

    def as_dict(self) -> dict[str, Any]:
        """The plan in JSON's own types."""
        return {
            "output": str(self.output),
            "photo_size": list(self.photo_size),
            "canvas_size": list(self.canvas_size),
            "clip_size": [self.clip.width, self.clip.height],
            "clip_frames": self.clip.num_frames or None,
            "fps": float(self.fps),
            "num_frames": self.num_frames,
            "num_chunks": self.num_chunks,
            "duration_s": self.clip.duration_s or None,
            "has_sound": self.has_sound,
            **self.generator.as_dict(),
            "estimated_s": self.estimated_s,
            "memory_bytes": self.memory_bytes,
            "disk_bytes": self.disk_bytes,
        }

    def lines(self) -> list[str]:
        """The plan in sentences."""
        width, height = self.canvas_size
        sound = "with the clip's sound" if self.has_sound else "without sound"
        length = "as many frames as the clip turns out to have"
        if self.num_frames is not None:
            length = f"{self.num_frames} frames, {self.clip.duration_s:.1f} s"
        lines = [
            f"{told(self.output)}: {length}, {width}x{height} px at {float(self.fps):.5g} frames/s, {sound}",
            f"from a photo of {self.photo_size[0]}x{self.photo_size[1]} px "
            f"and a clip of {self.clip.width}x{self.clip.height} px",
            self.generator.line(),
        ]
        if self.memory_bytes is not None and self.disk_bytes is not None:
            chunks = "1 chunk" if self.num_chunks == 1 else f"{self.num_chunks} chunks"
            lines.append(
                f"{chunks}; {self.memory_bytes / 1e9:.1f} GB of memory, {_megabytes(self.disk_bytes)} of disk"
                + (f", {_megabytes(self.folder_bytes)} of it for the job's folder" if self.folder_bytes else "")
            )
        if self.estimated_s is not None:
            each = min(self.trial_frames, self.num_frames or self.trial_frames)
            lines.append(
                f"about {self.estimated_s:.0f} s on this machine, as "
                + ("all" if self.num_frames == each else f"the first {each}")
                + " frames went"
            )
        return lines


def plan_render(job: RenderJob, *, folder: Path | None = None, trust: bool = False) -> RenderPlan:
    """Check a job's inputs and output as far as that goes without decoding the clip.

    Args:
        job: what to render.
        folder: where the job would be kept; whether it could be begun there, or gone on with, is found out, too.
        trust: allow the job to name Python code.

    Raises:
        PipelineError: what `animate` would raise for the same reason.
    """
    clip = DrivingClip.open(job.clip, start_s=job.start_s or None, end_s=job.end_s)
    fps = job.motion.fps or clip.info.fps
    check_destinations(job, fps=fps)
    chosen = choose_generator(job.generator, job.generator_settings(), trust=trust)
    if folder is not None:
        _check_folder(job, folder, trust=trust)
    photo = read_photo(job.photo)
    if job.background_picture is not None:
        read_photo(job.background_picture, role="background")
    num_frames = round(clip.info.duration_s * fps) if clip.info.duration_s else None
    return RenderPlan(
        output=job.output,
        photo_size=photo.original_size,
        canvas_size=chosen.canvas.size,
        clip=clip.info,
        fps=fps,
        num_frames=num_frames,
        has_sound=clip.info.has_audio and job.encode.keep_audio,
        generator=chosen,
    )


def try_out(
    job: RenderJob, plan: RenderPlan, *, keep: bool = False, progress: Progress, trust: bool = False
) -> RenderPlan:
    """Render the first frames into a folder that vanishes, and estimate from them what all will take.

    A clip whose poses are kept from before is not tracked, neither here nor in the render.

    Args:
        job: what to render.
        plan: what is known of it.
        keep: the render will keep a job's folder, and so does the trial.
        progress: told about stages.
        trust: allow the job to name Python code.

    Returns:
        The plan with `estimated_s` and bytes, which stay None where the clip does not tell its length, or where the
        first frames show nobody.

    Raises:
        PipelineError: what `animate` would raise, a clip without people apart.
    """
    from animator.pipeline import animate, kept_poses

    stopwatch = Stopwatch(progress)
    clip = DrivingClip.open(job.clip, start_s=job.start_s or None, end_s=job.end_s)
    if clip.shortfall is not None:
        progress.warn(clip.shortfall)
        job = job.model_copy(update={"end_s": None})  # is said once
    kept = kept_poses(job, clip)
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="animator-trial-") as folder:
        trial = _first_frames(job, plan, kept, Path(folder))
        kept_job = Path(folder) / "job" if keep else None
        try:
            report = animate(trial, progress=stopwatch, trust=trust, folder=kept_job)
        except AbsenceError as error:  # the person may come later; nobody at all is for the render to find out
            progress.warn(f"no time estimate from the first {plan.trial_frames} frames: {error}")
            return plan
        if plan.num_frames is None:
            return plan
        weighed = _weighed(plan, report, kept_job)
    num_tracked = 0 if kept is not None else round(plan.clip.duration_s * plan.clip.fps)
    rest_s = stopwatch.rest_s({"track": num_tracked, "render": plan.num_frames, "assemble": plan.num_frames})
    return replace(weighed, estimated_s=round(time.monotonic() - began_s + rest_s, 1), memory_bytes=_most_memory())


def _check_folder(job: RenderJob, folder: Path, *, trust: bool) -> None:
    from animator.pipeline import prepare_scene

    render = Render.of(job, prepare_scene, progress=SilentProgress(), trust=trust)
    check_begin(JobFolder(folder), render.record())


def _first_frames(job: RenderJob, plan: RenderPlan, kept: PoseSequence | None, folder: Path) -> RenderJob:
    """The job of a trial, with its result in `folder`, and poses that are kept from before."""
    end_s = job.start_s + plan.trial_frames / float(plan.clip.fps)
    changes: dict[str, Any] = {"output": folder / job.output.name}
    if not 0 < plan.clip.duration_s <= end_s - job.start_s:  # a clip that ends before is tried whole
        changes["end_s"] = min(end_s, job.end_s or end_s)
    changes["pose_cache"] = False  # a trial leaves nothing behind, and measures the tracking
    if kept is not None:
        recorded = kept.save(folder / "poses.npz")
        changes["tracker"] = job.tracker.model_copy(update={"recorded": recorded})
    return job.model_copy(update=changes)


def _weighed(plan: RenderPlan, report: RenderReport, job: Path | None) -> RenderPlan:
    """The plan with the bytes that a trial wrote; what grows with the length, as long as the render will be."""
    growth = (plan.num_frames or 0) / report.num_frames
    # A contact sheet is as large for a long film as for a short one, and so is what a job knows of photo and clip.
    fixed = sum(_bytes_in(path) for path in report.previews if path.suffix == ".png")
    films = sum(_bytes_in(path) for path in (report.path, *report.previews)) - fixed
    width, height = plan.canvas_size
    is_film_of_pillow = plan.output.suffix.lower() in (".gif", ".webp")
    frames = 0 if job is None else _bytes_in(job / "frames")
    return replace(
        plan,
        result_bytes=round(fixed + films * growth),
        passing_bytes=width * height * 3 * (plan.num_frames or 0) if is_film_of_pillow else 0,
        folder_bytes=0 if job is None else round(_bytes_in(job) + frames * (growth * (1 + _FRAMES_VARY) - 1)),
    )


def _bytes_in(path: Path) -> int:
    """Of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(each.stat().st_size for each in files if each.is_file())


def _megabytes(num_bytes: int) -> str:
    return f"{num_bytes / 1e6:.0f} MB" if num_bytes >= 10e6 else f"{num_bytes / 1e6:.1f} MB"


def _most_memory() -> int | None:
    """Bytes that this process had at its largest."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
