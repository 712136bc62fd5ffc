"""What a clip may cost before anything of it is decoded, and how a refusal is worded."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from pose_tracking.errors import ClipError
from pose_tracking.escaping import printable

GIBIBYTE = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipLimits:
    """The largest and smallest clip that is read.

    Attributes:
        max_side_px: longest side of the shown picture.
        min_side_px: shortest side; no tracker finds a person in less.
        max_pixels: width times height of the shown picture, and of any picture stored in the file.
        max_frames: shown frames after trimming, announced and counted.
        max_seconds: shown duration after trimming, announced and counted.
        max_fps: nominal rate; a faster one is taken for a broken header.
        max_bytes: size of the file.
    """

    max_side_px: int = 8192
    min_side_px: int = 32
    max_pixels: int = 40_000_000
    max_frames: int = 20_000
    max_seconds: float = 3600.0
    max_fps: float = 1000.0
    max_bytes: int = 8 * GIBIBYTE


DEFAULT_LIMITS = ClipLimits()


# Of files of poses, ours and others'; no video ends so.
POSE_ENDINGS = (".npz", ".json")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
"""What an address begins with, as a folder of a path; a drive's name has one letter."""


def clip_error(path: Path, reason: str, remedy: str) -> ClipError:
    """The one form of a refusal: file, reason, remedy, in one line."""
    return ClipError(f"{printable_name(path)}: {reason}. {remedy}")


def printable_name(path: Path) -> str:
    """The file's name, fit for one line of a message whatever characters it holds."""
    return printable(path.name or str(path))


def _poses_error(path: Path, kind: str) -> ClipError:
    """Poses may come from a file, but never instead of the clip: rate, length and sound are its."""
    return clip_error(
        path,
        f"is {kind}, which may hold poses but no pictures",
        f"Give them with --set tracker.recorded={printable(quote(str(path)))} and, in this place, the clip that they "
        "were tracked in.",
    )


def check_file(path: Path, limits: ClipLimits) -> None:
    """Refuse all but a plain local file that holds something and is not too large.

    libav would open URLs, pipes and devices as gladly as files, and wait for them for ever.

    Raises:
        ClipError: missing, not a regular file, poses, empty, or larger than `limits.max_bytes`.
    """
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        remedy = f"Check the path {str(path)!r}."
        if any(_SCHEME.fullmatch(part) for part in path.parts):
            remedy = "Addresses are not fetched: download the clip, and give the file's path."
        raise clip_error(path, f"cannot be opened ({reason})", remedy) from error
    if not stat.S_ISREG(status.st_mode):
        if stat.S_ISDIR(status.st_mode) and any(path.glob("*.json")):
            raise _poses_error(path, "a folder of .json files")
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe, socket or device"
        raise clip_error(path, f"is {kind}, not a file", "Give the path of one local video file.")
    if path.suffix.lower() in POSE_ENDINGS:
        raise _poses_error(path, f"a {path.suffix.lower()} file")
    if status.st_size == 0:
        raise clip_error(path, "is empty (0 bytes)", "Copy the clip again from its source.")
    if status.st_size > limits.max_bytes:
        raise clip_error(
            path,
            f"has {status.st_size / GIBIBYTE:.1f} GiB, at most {limits.max_bytes / GIBIBYTE:.1f} are read",
            "Cut out the part you need.",
        )


def check_size(path: Path, width: int, height: int, limits: ClipLimits) -> None:
    """Refuse pictures outside the limits.

    Args:
        width: px, of the stored or of the shown picture.
        height: px.

    Raises:
        ClipError: too large or too small.
    """
    if min(width, height) < limits.min_side_px:
        raise clip_error(
            path,
            f"is {width}x{height} px, at least {limits.min_side_px} px a side are needed",
            "Use a larger version of the clip.",
        )
    if max(width, height) > limits.max_side_px or width * height > limits.max_pixels:
        raise clip_error(
            path,
            f"is {width}x{height} px, at most {limits.max_side_px} px a side "
            f"and {limits.max_pixels / 1e6:g} megapixels are read",
            "Scale the clip down.",
        )


def check_length(path: Path, frames: int, seconds: float, limits: ClipLimits) -> None:
    """Refuse clips outside the limits.

    Args:
        frames: shown frames, announced or counted so far; 0 when not known.
        seconds: shown duration, announced or counted so far; 0.0 when not known.

    Raises:
        ClipError: too many frames or seconds.
    """
    trim = "Cut the clip, or read a part of it with a start and an end time."
    if frames > limits.max_frames:
        raise clip_error(path, f"has {frames} frames or more, at most {limits.max_frames} are read", trim)
    if seconds > limits.max_seconds:
        raise clip_error(path, f"lasts {seconds:.0f} s or longer, at most {limits.max_seconds:g} s are read", trim)


def check_samples(path: Path, num_samples: int) -> None:
    """Refuse an MP4 whose tables announce more samples than the file has bytes: libav would allocate for all.

    Raises:
        ClipError: the announcement is a lie.
    """
    num_bytes = path.stat().st_size
    if num_samples > num_bytes:
        raise clip_error(
            path, f"announces {num_samples} samples in a file of {num_bytes} bytes", "Do not trust this file."
        )
