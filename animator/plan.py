"""What a render would do, found out without doing it: inputs opened, sizes and lengths known, nothing written."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from animator.config import RenderJob
from animator.encoding import open_encoder
from animator.errors import JobError
from animator.generators.registry import GENERATORS, open_generator
from animator.photo import read_photo
from pose_tracking.clip import DrivingClip
from pose_tracking.frame import ClipInfo


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
        estimated_s: wall time on two cores without a GPU, seconds; None where it cannot be told.
    """

    output: Path
    photo_size: tuple[int, int]
    canvas_size: tuple[int, int]
    clip: ClipInfo
    fps: Fraction
    num_frames: int | None
    has_sound: bool
    estimated_s: float | None

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
            "duration_s": self.clip.duration_s or None,
            "has_sound": self.has_sound,
            "estimated_s": self.estimated_s,
        }

    def lines(self) -> list[str]:
        """The plan in sentences."""
        width, height = self.canvas_size
        sound = "with the clip's sound" if self.has_sound else "without sound"
        length = "as many frames as the clip turns out to have"
        if self.num_frames is not None:
            length = f"{self.num_frames} frames, {self.clip.duration_s:.1f} s"
        lines = [
            f"{self.output}: {length}, {width}x{height} px at {float(self.fps):.5g} frames/s, {sound}",
            f"from a photo of {self.photo_size[0]}x{self.photo_size[1]} px "
            f"and a clip of {self.clip.width}x{self.clip.height} px",
        ]
        if self.estimated_s is not None:
            lines.append(f"about {self.estimated_s:.0f} s on two cores without a GPU")
        return lines


def plan_render(job: RenderJob, *, trust: bool = False) -> RenderPlan:
    """Check a job's inputs and output as far as that goes without decoding the clip.

    Raises:
        PipelineError: what `animate` would raise for the same reason.
    """
    if job.output.exists() and not job.overwrite:
        raise JobError(f"{job.output}: exists already. Choose another --output, or allow it to be overwritten.")
    if job.generator not in GENERATORS:
        open_generator(job.generator, trust=trust)
    clip = DrivingClip.open(job.clip, start_s=job.start_s or None, end_s=job.end_s)
    if job.start_s:
        next(clip.frames())  # only decoding tells whether there is anything after the start
    fps = job.motion.fps or clip.info.fps
    open_encoder(job.output, job.encode, fps=fps, inputs=(job.photo, job.clip))  # opens nothing before its block
    photo = read_photo(job.photo)
    num_frames = round(clip.info.duration_s * fps) if clip.info.duration_s else None
    return RenderPlan(
        output=job.output,
        photo_size=photo.original_size,
        canvas_size=job.canvas.size,
        clip=clip.info,
        fps=fps,
        num_frames=num_frames,
        has_sound=clip.info.has_audio and job.encode.keep_audio,
        estimated_s=None,
    )
