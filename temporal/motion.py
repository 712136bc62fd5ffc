"""From tracked numbers to motion: swaps, outliers, gaps, smoothing, picture, even grid and flips, in one call.

Legend: T frames, K keypoints.
"""

from __future__ import annotations

import re
import reprlib
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, WithJsonSchema, field_validator

from pose_tracking.sequence import PoseSequence
from temporal.facing import hold_facing
from temporal.gaps import fill_gaps
from temporal.metrics import foot_slide, jitter, lag_s
from temporal.outliers import reject_outliers
from temporal.resampling import resample
from temporal.smoothing import SMOOTHERS, Smoother, smooth_positions, smoother_by_name
from temporal.swaps import repair_swaps
from temporal.swings import swing_through
from temporal.tying import tie_to_picture

MAX_FPS = 240
# Bounded on purpose: to write 1e999999999 out takes for ever.
_RATE = re.compile(r"[+-]?\d{0,9}(\.\d{0,20})?(e[+-]?\d{1,2})?|\d{1,9}/\d{1,9}", re.ASCII | re.IGNORECASE)


def _as_rate(value: object) -> Fraction | None:
    """A frame rate as people write it: 24, 23.976, "30000/1001"; floats are taken by their decimal digits."""
    if value is None:
        return None
    try:
        text = str(value).strip()
        if not isinstance(value, Fraction) and not _RATE.fullmatch(text):
            raise ValueError(text)
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise ValueError(
            f'{reprlib.repr(value)} is no frame rate; expected a number, such as 24, or "30000/1001"'
        ) from None
    if not 0 < rate <= MAX_FPS:
        raise ValueError(f"{text} frames per second; expected more than 0 and at most {MAX_FPS}")
    return rate


Rate = Annotated[
    Fraction | None,
    PlainValidator(_as_rate),
    PlainSerializer(lambda rate: None if rate is None else str(rate), return_type=str | None),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}, {"type": "null"}]}),
]


class MotionConfig(BaseModel):
    """How tracked keypoints are cleaned; every field has a default that suits dance and everyday motion."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    smoother: str = Field(
        default="savitzky-golay",
        min_length=1,
        description=f"{', '.join(SMOOTHERS)}, or my_pkg.mod:Thing where plugins are trusted",
    )
    window_s: float = Field(
        default=0.45,
        gt=0,
        le=5,
        description="smoothing window in seconds; longer is calmer and flattens fast moves",
    )
    max_gap_s: float = Field(
        default=0.5, ge=0, le=10, description="lost joints are filled in across gaps up to this many seconds"
    )
    reject_outliers: bool = Field(default=True, description="drop detections that no human motion explains")
    picture_weight: float = Field(
        default=300.0,
        ge=0,
        le=1e6,
        description="how strongly limbs rest and move as the picture around them does, not as tracked; 0: not at all",
    )
    repair_swaps: bool = Field(default=True, description="put left and right back where the tracker swapped them")
    repair_flips: bool = Field(
        default=True,
        description="let limbs that point at the camera swing round, and let a body in profile keep its side, where "
        "both would flip",
    )
    fps: Rate = Field(
        default=None, description='output frames per second, 24 or "30000/1001"; the clip\'s own if unset'
    )

    @field_validator("smoother")
    @classmethod
    def _check_smoother(cls, name: str) -> str:
        if name not in SMOOTHERS and ":" not in name:
            raise ValueError(
                f"smoother {name!r} is unknown; choose one of {', '.join(SMOOTHERS)}, or name module:Class"
            )
        return name


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionReport:
    """What the cleaning changed, and what it cost.

    Attributes:
        jitter_before: `metrics.jitter` of the cleaned motion on the output grid without smoothing, torso lengths.
        jitter_after: the same with smoothing.
        lag_ms: by how much smoothing delays the motion; None where nothing moves.
        foot_slide: `metrics.foot_slide` of the result, torso lengths / s; None where no foot is seen standing.
        num_rejected: keypoints dropped as outliers.
        num_swapped_frames: frames in which left and right were exchanged.
        filled_fraction: share of all keypoints of all clip frames that were filled in.
        unseen_fraction: share of all keypoints of all output frames that are still unseen.
    """

    jitter_before: float | None
    jitter_after: float | None
    lag_ms: float | None
    foot_slide: float | None
    num_rejected: int
    num_swapped_frames: int
    filled_fraction: float
    unseen_fraction: float


def clean_motion(
    sequence: PoseSequence,
    config: MotionConfig,
    *,
    fps: Fraction,
    duration_s: float | None = None,
    smoother: Smoother | None = None,
    trust_plugins: bool = False,
) -> tuple[PoseSequence, MotionReport]:
    """Swaps, outliers, gaps, smoothing, tie to the picture, grid, flips: each on what the one before leaves.

    Shots are cleaned each by itself, as clips of their own would be, and put on one grid.

    Args:
        sequence: the tracked motion at the clip's own frame times.
        config: what to do.
        fps: the clip's own rate, which the output takes unless `config.fps` is set.
        duration_s: how long the clip is shown; the output covers it to the nearest frame.
        smoother: an object to use instead of `config.smoother`.
        trust_plugins: whether a smoother named as outside code may be imported and run.

    Returns:
        The motion at times 0, 1/fps, ..., with NaN left in long gaps, and what was done to it.

    Raises:
        MotionError: a sequence without frames, a rate or duration that is not positive, an unusable smoother.
    """
    if smoother is None:
        smoother = smoother_by_name(config.smoother, window_s=config.window_s, trust_plugins=trust_plugins)
    output_fps = config.fps or fps
    # Swaps first: the jump that gives a swap away is an outlier too, and once rejected it tells nothing.
    repaired = sequence.map_shots(repair_swaps) if config.repair_swaps else sequence
    kept = repaired.map_shots(reject_outliers) if config.reject_outliers else repaired
    filled = kept.map_shots(partial(fill_gaps, max_gap_s=config.max_gap_s))
    unsmoothed = resample(filled, fps=output_fps, duration_s=duration_s)
    # Behind the smoother, which would undo it, and before the grid, whose frames are not the clip's.
    smoothed = filled.map_shots(partial(smooth_positions, smoother=smoother))
    tied = smoothed.map_shots(partial(tie_to_picture, weight=config.picture_weight))
    motion = resample(tied, fps=output_fps, duration_s=duration_s)
    if config.repair_flips:  # on the grid: between the clip's frames a limb may pass the line of sight, too
        motion = motion.map_shots(lambda shot: swing_through(hold_facing(shot)))
    report = MotionReport(
        jitter_before=_known(jitter(unsmoothed)),
        jitter_after=_known(jitter(motion)),
        lag_ms=_known(1000 * lag_s(unsmoothed, motion)),
        foot_slide=_known(foot_slide(motion)),
        num_rejected=int((repaired.seen_TK & ~kept.seen_TK).sum()),
        num_swapped_frames=_num_changed_frames(sequence, repaired),
        filled_fraction=float((filled.seen_TK & ~kept.seen_TK).mean()),
        unseen_fraction=float((~motion.seen_TK).mean()),
    )
    return motion, report


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def _num_changed_frames(before: PoseSequence, after: PoseSequence) -> int:
    same_TK2 = (before.keypoints_TK2 == after.keypoints_TK2) | (
        np.isnan(before.keypoints_TK2) & np.isnan(after.keypoints_TK2)
    )
    return int((~same_TK2.all(axis=(1, 2))).sum())
