"""A part of a clip, as its header tells about the whole."""

from __future__ import annotations

import dataclasses
import math

from pose_tracking.frame import ClipInfo


def trimmed(info: ClipInfo, start_s: float, end_s: float) -> ClipInfo:
    """The facts of the part between start and end; its number of frames is an estimate."""
    if not info.duration_s or (not start_s and end_s >= info.duration_s):
        return info
    duration_s = max(0.0, min(end_s, info.duration_s) - start_s)
    num_frames = round(duration_s * info.fps) if info.num_frames else 0
    return dataclasses.replace(info, duration_s=duration_s, num_frames=num_frames)


def begun_late(info: ClipInfo, late_s: float) -> ClipInfo:
    """The same for a part whose first frame comes that much after its start, which fell between two frames."""
    if not info.duration_s or late_s <= 0:
        return info
    duration_s = max(info.duration_s - late_s, float(1 / info.fps))
    num_frames = round(duration_s * info.fps) if info.num_frames else 0
    return dataclasses.replace(info, duration_s=duration_s, num_frames=num_frames)


def shortfall(name: str, part: ClipInfo, start_s: float, end_s: float) -> str | None:
    """A sentence about an end that was asked for and comes later than the clip's own, by more than a frame.

    Args:
        name: of the clip.
        part: facts of the part that there is; None is returned where it does not tell its length.
        start_s: where the part begins.
        end_s: the end asked for; infinite: none.
    """
    last_s = start_s + part.duration_s
    if end_s == math.inf or not part.duration_s or end_s <= last_s + float(1 / part.fps):
        return None
    return f"{name}: ends at {last_s:.2f} s; nothing comes from there to {end_s:g} s, as asked for"
