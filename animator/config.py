"""What a render needs and what it gives back: `RenderJob` and `RenderReport`.

The parts of a job are described beside their owners (tracker, motion, retargeting, canvas, encoding); this
module only puts them together.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from animator.canvas import CanvasConfig
from animator.encoding import EncodeConfig
from pose_tracking.retargeting import RetargetConfig
from pose_tracking.tracking import TrackerConfig
from temporal.motion import MotionConfig


class PreviewConfig(BaseModel):
    """Pictures for people, written beside the result."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    contact_sheet: bool = Field(default=True, description="a sheet of frames, <output>.contact.png")
    side_by_side: bool = Field(default=True, description="photo, clip with skeleton and result, <output>.side.mp4")


class RenderJob(BaseModel):
    """One photo, one clip, one result, and every choice between them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    photo: Path = Field(description="picture of the person to animate")
    clip: Path = Field(description="video whose motion drives the person")
    output: Path = Field(description="what is written; the ending chooses the format")
    overwrite: bool = Field(default=True, description="replace an output that is already there")
    start_s: FiniteFloat = Field(default=0.0, ge=0, description="where in the clip to begin, seconds")
    end_s: FiniteFloat | None = Field(default=None, gt=0, description="where in the clip to stop, seconds")
    seed: int = Field(default=0, ge=0, lt=2**63, description="same seed, same pictures")
    generator: str = Field(default="puppet", min_length=1, description="name, or my_pkg.mod:Thing with --trust")
    canvas: CanvasConfig = Field(default_factory=CanvasConfig)
    tracker: TrackerConfig = Field(default_factory=TrackerConfig)
    motion: MotionConfig = Field(default_factory=MotionConfig)
    retarget: RetargetConfig = Field(default_factory=RetargetConfig)
    encode: EncodeConfig = Field(default_factory=EncodeConfig)
    preview: PreviewConfig = Field(default_factory=PreviewConfig)

    @model_validator(mode="after")
    def _check_trim(self) -> RenderJob:
        if self.end_s is not None and self.end_s <= self.start_s:
            raise ValueError(f"end_s {self.end_s:g} must lie after start_s {self.start_s:g}")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderReport:
    """What a render made.

    Attributes:
        path: the result; a folder for PNG sequences.
        num_frames: pictures in it.
        duration_s: playing time in seconds.
        seconds: wall time the render took.
        fingerprint: SHA-256 over inputs and settings; equal fingerprints mean equal jobs.
        previews: contact sheet and side-by-side video, if asked for.
        warnings: what the person should know, one line each.
        partial: the clip could be read only in part.
    """

    path: Path
    num_frames: int
    duration_s: float
    seconds: float
    fingerprint: str
    previews: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()
    partial: bool = False
