"""libav behind a few functions: open a container safely, choose its pictures, decode them, convert them to RGB.

Colours follow the matrix and range the file is tagged with; untagged ones are read as BT.601, as ffmpeg and
decord do. High dynamic range is not tone-mapped. Never call `av.logging.set_level`: it makes processes hang.

Legend: H W pixels, C colour.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import SideData
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from pose_tracking.damage import Damage
from pose_tracking.errors import PipelineError
from pose_tracking.limits import ClipLimits, clip_error
from pose_tracking.presentation import Orientation

RE_EXPORT = "Re-export it as MP4 (H.264), or copy it again from its source."
MP4_FORMAT = "mov,mp4,m4a,3gp,3g2,mj2"
MATROSKA_FORMAT = "matroska,webm"

# Names of libav demuxers. Left out on purpose: playlists (hls, dash, concat), which open other files, and pictures.
_FORMATS = "mov,matroska,webm,avi,mpegts,mpeg,gif,flv,asf,ogg"
_FORMATS_FOR_PEOPLE = "MP4, MOV, MKV, WebM, AVI, MPEG, GIF, FLV, WMV or Ogg"
# More threads hold more pictures in memory, and lose more of the last frames of a damaged clip.
_MAX_THREADS = 4
# Up to so many pixels one thread decodes a picture in a fraction of the time that a tracker needs for it; more of them
# would stop the tracker in turns.
_ONE_THREAD_PX = 1280 * 800
# Recordings of a broadcast may mark whole packets as incomplete, and start between two key frames.
_BROADCAST_FORMATS = ("mpegts", "mpeg")
# What libav itself takes where a container says nothing about the rate.
_DEFAULT_RATE = Fraction(25)


@contextmanager
def naming_the_file(path: Path) -> Iterator[None]:
    """Turn whatever libav raises inside into a ClipError that names the file.

    A damaged file raises far more than libav's own errors (a UnicodeDecodeError, an OverflowError), so all are
    caught; ours and lack of memory pass.
    """
    try:
        yield
    except (PipelineError, MemoryError):
        raise
    except Exception as error:
        raise clip_error(path, f"cannot be read as a video ({_reason(error)})", RE_EXPORT) from error


def _is_picture(path: Path) -> bool:
    """Whether a file begins as a JPEG, PNG, BMP, WebP or TIFF does."""
    with path.open("rb") as file:
        head = file.read(12)
    is_webp = head[:4] == b"RIFF" and head[8:] == b"WEBP"
    return is_webp or head.startswith((b"\xff\xd8\xff", b"\x89PNG", b"BM", b"II*\0", b"MM\0*"))


def open_container(path: Path, limits: ClipLimits) -> InputContainer:
    """Open a file with libav: local files in allowed formats only, and no picture far larger than the limits."""
    max_pixels = 2 * limits.max_pixels  # libav counts the padding of its rows, too
    options = {"protocol_whitelist": "file", "format_whitelist": _FORMATS, "max_pixels": str(max_pixels)}
    try:
        # A damaged tag is no reason to refuse the pictures.
        return av.open(str(path), options=options, metadata_errors="replace")
    except av.error.ArgumentError as error:
        if _is_picture(path):
            advice = "Give a video here; the photo comes before the clip."
            raise clip_error(path, f"is not one of {_FORMATS_FOR_PEOPLE}, but a picture", advice) from error
        raise clip_error(path, f"is not one of {_FORMATS_FOR_PEOPLE}", RE_EXPORT) from error


def choose_stream(path: Path, container: InputContainer) -> VideoStream:
    """The largest picture stream; cover art does not count.

    Raises:
        ClipError: there is none, or none that can be decoded.
    """
    still = Disposition.attached_pic | Disposition.timed_thumbnails
    streams = [stream for stream in container.streams.video if not stream.disposition & still]
    if not streams:
        raise clip_error(path, "has no moving pictures", "Give a video file.")
    streams = [stream for stream in streams if stream.codec_context is not None]
    if not streams:
        raise clip_error(path, "is coded in a way that cannot be decoded here", RE_EXPORT)
    return max(streams, key=lambda stream: stream.codec_context.width * stream.codec_context.height)


def nominal_rate(path: Path, stream: VideoStream, limits: ClipLimits) -> Fraction:
    """Frames per second: the first of libav's three guesses within the limits.

    Raises:
        ClipError: every rate the file gives is absurd.
    """
    rates = [rate for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate) if rate]
    for rate in rates:
        if 0 < rate <= limits.max_fps:
            return rate
    if rates:
        raise clip_error(
            path, f"claims {float(rates[0]):g} frames per second, at most {limits.max_fps:g} are read", RE_EXPORT
        )
    return _DEFAULT_RATE


def announced_length(container: InputContainer, stream: VideoStream) -> tuple[int, float]:
    """Shown frames and seconds of the picture as the container announces them; 0 for what it does not say."""
    frames = stream.frames
    if frames and container.format.name == MP4_FORMAT:
        frames -= sum(entry.is_discard for entry in stream.index_entries)  # hidden by the edit list
    if stream.duration and stream.time_base:
        return frames, float(stream.duration * stream.time_base)
    # Matroska knows the end of the picture by a tag only; the container's end may be that of the sound.
    tag = re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", stream.metadata.get("DURATION", ""))
    end_s = (container.duration or 0) / av.time_base
    if tag:
        end_s = 3600 * int(tag[1]) + 60 * int(tag[2]) + float(tag[3])
    start_s = float((stream.start_time or 0) * (stream.time_base or 0))
    return frames, max(0.0, end_s - start_s)


def container_start_s(container: InputContainer) -> float:
    """Container time that `ffmpeg -ss 0` stands for, in seconds."""
    return (container.start_time or 0) / av.time_base


def decode(container: InputContainer, stream: VideoStream, damage: Damage) -> Iterator[VideoFrame]:
    """All pictures that can be decoded, in presentation order; faults go into `damage`."""
    is_broadcast = container.format.name in _BROADCAST_FORMATS
    context = stream.codec_context
    context.options = {"max_pixels": container.options["max_pixels"]}
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except Exception as error:
            _pass_memory_error(error)
            damage.stopped_by = _reason(error)
            packet = None
        if packet is None and damage.stopped_by is None:
            return  # the demuxer's own last packet has already emptied the decoder
        if packet is not None and packet.is_corrupt and not is_broadcast:
            damage.lost_packets += 1  # half a packet could cost its neighbours in other decoder threads
            continue
        try:
            pictures = context.decode(packet)
        except Exception as error:
            _pass_memory_error(error)
            damage.lost_packets += 1
            pictures = []
        yield from pictures
        if packet is None:
            return


def use_threads(stream: VideoStream) -> None:
    """Let libav decode several large pictures at once; without this the first one comes soonest."""
    context = stream.codec_context
    if context.width * context.height <= _ONE_THREAD_PX:
        context.thread_count = 1
        return
    context.thread_type = "AUTO"
    context.thread_count = min(_MAX_THREADS, (os.cpu_count() or 1) + 1)


def seek(container: InputContainer, time_s: float) -> None:
    """Go to the last key picture at or before a container time in seconds; libav may land after it."""
    container.seek(round(time_s * av.time_base))


def has_open_groups(container: InputContainer, stream: VideoStream) -> bool:
    """Whether pictures stored behind a key picture are shown before it, so that they need the group before it."""
    key_pts: int | None = None
    for packet in container.demux(stream):
        if packet.pts is None:
            continue
        if packet.is_keyframe:
            key_pts = packet.pts
        elif key_pts is not None and packet.pts < key_pts:
            return True
    return False


def starts_anywhere(container: InputContainer) -> bool:
    """Whether pictures that cannot be decoded are usual at the beginning."""
    return container.format.name in _BROADCAST_FORMATS


def stamp_s(picture: VideoFrame, stream: VideoStream) -> float | None:
    """Container time at which a picture is shown, in seconds; None when it carries no stamp."""
    if picture.pts is None or stream.time_base is None:
        return None
    return float(picture.pts * stream.time_base)


def orientation_of(picture: VideoFrame) -> Orientation:
    """How to turn a picture upright, from its display matrix."""
    matrix = picture.side_data.get("DISPLAYMATRIX")
    return Orientation.from_display_matrix(bytes(matrix) if isinstance(matrix, SideData) else None)


class RgbConverter:
    """Converts and scales pictures to RGB; keeps libav's scaler between calls."""

    def __init__(self, *, size: tuple[int, int]) -> None:
        """
        Args:
            size: (width, height) in px of every result, whatever comes in (bilinear).
        """
        self._size = size
        self._scaler, self._reformatter = VideoReformatter(), VideoReformatter()

    def convert(self, picture: VideoFrame) -> np.ndarray:
        """uint8 RGB [H, W, 3], still lying as stored."""
        width, height = self._size
        is_shrunk = width < picture.width and height < picture.height
        if is_shrunk and picture.format.is_planar and not picture.format.is_rgb:
            # Both at once would take libav several times as long as first small, then RGB.
            picture = self._scaler.reformat(picture, width=width, height=height)
        return self._reformatter.reformat(picture, width=width, height=height, format="rgb24").to_ndarray()


def _reason(error: Exception) -> str:
    """libav's own words where it has some; one line in any case."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(text.split())


def _pass_memory_error(error: Exception) -> None:
    if isinstance(error, MemoryError):
        raise error
