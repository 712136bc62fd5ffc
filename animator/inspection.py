"""What a file is: clip, photo, poses or a result of ours; its facts, and what a render will stumble over."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any, Literal

import numpy as np
from PIL import Image, ImageSequence

from animator.encoding.provenance import pictures_in
from animator.errors import JobError, PhotoError
from animator.progress import Progress
from animator.sidecar import is_sidecar
from pose_tracking.errors import ClipError, TrackingError

Kind = Literal["clip", "photo", "poses", "pictures"]

# Stamps of an even clip differ by rounding (1 ms in Matroska), and no more.
EVEN_WITHIN_S = 0.002
# A joint counts as seen from here on (BlazePose: legs inside the picture >= 0.7, cut off < 0.3).
SEEN = 0.5
_EXIF_ORIENTATION = 0x0112
_PHOTO_ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".mpo"})
_POSE_ENDINGS = frozenset({".npz", ".json"})
_CLIP_ENDINGS = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".gif", ".flv", ".wmv", ".ogv"}
)
_JOB_ENDINGS = frozenset({".toml", ".csv"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was found out about a file.

    Attributes:
        kind: what it is; `pictures` is a folder of PNG or an animated WebP.
        facts: names and values, JSON's own types.
        problems: what a render will stumble over, one line each.
    """

    kind: Kind
    facts: dict[str, Any]
    problems: tuple[str, ...] = ()


def inspect_file(path: str | Path, *, progress: Progress) -> Inspection:
    """Look at one file; clips are decoded once from end to end.

    Raises:
        PipelineError: it cannot be read; the error says why.
    """
    path = Path(path)
    _point_elsewhere(path)
    read = _reader(path)
    try:
        return read(path, progress)
    except ClipError as error:
        if read is not _inspect_clip or not path.is_file() or path.suffix.lower() in _CLIP_ENDINGS:
            raise
        raise ClipError(f"{path.name}: neither clip, photo, poses nor a result; as a clip: {error}") from error


def _point_elsewhere(path: Path) -> None:
    """Files of ours that other commands look at: say which."""
    name = quote(str(path))
    if path.is_dir():
        if (path / "job.json").is_file():
            raise JobError(f"{path}: the folder of a job. Look at it with: animator jobs status {name}")
        if (path / "manifest.json").is_file() and (path / "unet").is_dir():
            raise JobError(f"{path}: a model folder. Look at it with: animator models inspect {name}")
    elif path.is_file():
        if path.suffix.lower() in _JOB_ENDINGS:
            raise JobError(
                f"{path.name}: a job file or a table of jobs. Check it with: animator render {name} --dry-run"
            )
        if path.suffix.lower() == ".json" and is_sidecar(path):
            result = quote(str(path.with_suffix("")))
            raise JobError(f"{path.name}: says how a result was made. Look at both with: animator inspect {result}")


def _reader(path: Path) -> Callable[[Path, Progress], Inspection]:
    ending = path.suffix.lower()
    if path.is_dir():
        return _inspect_poses if _is_folder_of_poses(path) else _inspect_pictures
    if path.exists() and not path.is_file():  # whoever opens a pipe waits for ever
        raise ClipError(f"{path.name}: a pipe, socket or device; give a file, or the folder of a PNG result")
    if ending in _POSE_ENDINGS:
        return _inspect_poses
    if ending == ".webp" and _is_animated(path):
        return _inspect_pictures
    if ending in _PHOTO_ENDINGS or ending == ".webp" or (ending == ".gif" and not _is_animated(path)):
        return _inspect_photo
    return _inspect_clip


def _is_folder_of_poses(folder: Path) -> bool:
    """Whether its first JSON file is one of OpenPose's; notes beside pictures are not."""
    from pose_tracking.trackers.recording import natural_order, read_json

    first = min(folder.glob("*.json"), key=lambda path: natural_order(path.name), default=None)
    if first is None:
        return False
    try:
        content = read_json(first)
    except (OSError, TrackingError):
        return False
    return isinstance(content, dict) and "people" in content


def _is_animated(path: Path) -> bool:
    try:
        with Image.open(path, formats=("GIF", "WEBP")) as image:
            return bool(getattr(image, "is_animated", False))
    except MemoryError:
        raise
    except Exception:  # decoders raise many kinds of errors; whoever reads the file next says what is wrong with it
        return False


def _inspect_clip(path: Path, progress: Progress) -> Inspection:
    from pose_tracking import decoding
    from pose_tracking.clip import DrivingClip

    clip = DrivingClip.open(path)
    with decoding.naming_the_file(path), decoding.open_container(clip.path, clip.limits) as container:
        context = decoding.choose_stream(path, container).codec_context
        codec, pixels = context.name, context.pix_fmt
    with progress.stage("decode"):
        times_s = clip.times_s()
    info, steps_s = clip.info, np.diff(times_s)
    is_even = not len(steps_s) or float(np.ptp(steps_s)) <= EVEN_WITHIN_S
    problems = [] if clip.damage is None else [clip.damage]
    if not is_even:
        problems.append(
            f"uneven frame times, {1000 * steps_s.min():.0f} to {1000 * steps_s.max():.0f} ms apart; "
            "the motion is resampled to an even rate"
        )
    facts = {
        "width": info.width,
        "height": info.height,
        "fps": round(float(info.fps), 3),
        "num_frames": len(times_s),
        "duration_s": round(float(times_s[-1]) + 1 / float(info.fps), 3),
        "codec": codec,
        "pixel_format": pixels,
        "has_audio": info.has_audio,
        "even_frame_times": is_even,
    }
    return Inspection(kind="clip", facts=facts, problems=tuple(problems))


def _inspect_photo(path: Path, progress: Progress) -> Inspection:
    from animator.people import find_people
    from animator.photo import open_picture, read_photo
    from pose_tracking.tracking import TrackerConfig

    photo = read_photo(path)
    with open_picture(path) as file:
        kind, orientation = file.format, file.getexif().get(_EXIF_ORIENTATION, 1)
    with progress.stage("find people"):
        people, notes = find_people(photo, TrackerConfig())
    facts = {
        "width": photo.original_size[0],
        "height": photo.original_size[1],
        "format": kind,
        "exif_orientation": orientation,
        "transparency": photo.opacity_HW is not None,
        "people": len(people),
    }
    problems = [note.removeprefix(f"{photo.name}: ") for note in (*photo.notes, *notes)]
    if not people:
        problems.append("nobody was found; show a person from head to at least the waist, large enough in the photo")
    elif len(people) > 1:
        problems.append(f"{len(people)} people; the largest is animated, choose another with --photo-person")
    return Inspection(kind="photo", facts=facts, problems=tuple(problems))


def _inspect_poses(path: Path, progress: Progress) -> Inspection:
    from pose_tracking.trackers.recorded import read_recording

    recording = read_recording(path)
    frames = recording.people
    sizes = [len(people) for people in frames]
    # Of several people, the one seen best stands for the frame.
    seen = [max((float((one.confidence_K >= SEEN).mean()) for one in people), default=0.0) for people in frames]
    num_empty = sum(share == 0 for share in seen)
    width, height = recording.frame_size or (None, None)
    facts = {
        "skeleton": recording.skeleton.name,
        "num_frames": len(frames),
        "fps": None if recording.fps is None else round(recording.fps, 3),
        "frame_width": width,
        "frame_height": height,
        "clip_start_s": None if recording.part is None else recording.part.start_s,
        "most_people": max(sizes),
        "frames_with_person": len(frames) - num_empty,
        "coverage": round(float(np.mean(seen)), 3),
    }
    problems = [f"nobody in {num_empty} of {len(frames)} frames"] if num_empty else []
    if max(sizes) > 1:
        problems.append(f"up to {max(sizes)} people; the largest is followed, choose another with --person")
    return Inspection(kind="poses", facts=facts, problems=tuple(problems))


def _inspect_pictures(path: Path, progress: Progress) -> Inspection:
    """A folder of numbered PNG, or an animated WebP."""
    files = pictures_in(path) if path.is_dir() else [path]
    if not files:
        raise PhotoError(f"{path}: a folder without PNG pictures or poses; give a file, or the folder of a PNG result")
    try:
        with Image.open(files[0], formats=("PNG", "WEBP")) as image:
            width, height = image.size
            shown_s = [] if path.is_dir() else _seconds_shown(image, progress)
    except MemoryError:
        raise
    except Exception as error:  # decoders raise many kinds of errors on damaged files
        raise PhotoError(f"{files[0].name}: cannot be read as a picture ({error})") from error
    facts: dict[str, Any] = {"width": width, "height": height, "num_frames": len(shown_s) or len(files)}
    duration_s = math.fsum(shown_s)
    if duration_s:
        facts |= {
            "fps": round(len(shown_s) / duration_s, 3),
            "duration_s": round(duration_s, 3),
            "even_frame_times": max(shown_s) - min(shown_s) <= EVEN_WITHIN_S,
        }
    return Inspection(kind="pictures", facts=facts)


def _seconds_shown(animation: Image.Image, progress: Progress) -> list[float]:
    """For how long each picture of an animation is shown; all of them are decoded."""
    with progress.stage("decode", getattr(animation, "n_frames", 1)) as stage:
        seconds = []
        for picture in ImageSequence.Iterator(animation):
            picture.load()  # WebP tells the time of a picture with its content
            seconds.append(picture.info.get("duration", 0) / 1000)
            stage.advance()
    return seconds
