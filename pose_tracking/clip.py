"""A driving clip: checked before anything is decoded, then streamed frame by frame as a player would show it.

Legend: H W pixels, C colour, T frames.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Container, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from pose_tracking import decoding
from pose_tracking.container_headers import ContainerHeader, read_container_header
from pose_tracking.damage import Damage
from pose_tracking.decoding import RE_EXPORT, InputContainer, VideoFrame, VideoStream, naming_the_file
from pose_tracking.frame import ClipInfo, Frame
from pose_tracking.hashing import file_sha256
from pose_tracking.limits import (
    DEFAULT_LIMITS,
    ClipLimits,
    check_file,
    check_length,
    check_samples,
    check_size,
    clip_error,
    printable_name,
)
from pose_tracking.presentation import Orientation, PresentationClock, limited_size, square_pixel_size
from pose_tracking.trimming import begun_late, shortfall, trimmed

# A seek goes this far ahead of the wanted time, so that an open group of pictures is whole again there.
_SEEK_MARGIN_S = 3.0
# Stamps are rounded to the container's clock (1 ms in Matroska): a start time may fall a hair behind its frame.
TIME_TOLERANCE_S = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """What headers and the first picture tell about all pictures.

    Attributes:
        square_size: (width, height) in px with square pixels, not yet turned.
        orientation: how to turn them upright.
        is_as_stored: the shown pixels are the stored ones.
        stamp_s: container time of the clip's first shown frame.
        delay_s: the same, counted from where `ffmpeg -ss 0` starts.
        is_cut_short: the file ends before its own headers say it does.
        is_seekable: it has an index to trust; elsewhere (AVI, MPEG-TS) a seek may land late.
    """

    square_size: tuple[int, int]
    orientation: Orientation
    is_as_stored: bool
    stamp_s: float
    delay_s: float
    is_cut_short: bool
    is_seekable: bool


class DrivingClip:
    """A clip on disk that passed all checks; `frames()` streams it, as often as you like.

    No file stays open between passes, so a clip may be pickled and read in another process.

    Attributes:
        path: absolute path of the file.
        limits: what it was checked against.
        info: size, rate and length as shown, after trimming.
        damage: after a pass, a sentence about what could not be read; None when all was well.
        is_as_stored: shown whole and as stored: not trimmed, turned or widened.
    """

    def __init__(
        self, *, path: Path, limits: ClipLimits, info: ClipInfo, source: _Source, start_s: float, end_s: float
    ) -> None:
        """Takes what `DrivingClip.open` found out; call that instead."""
        self.path = path
        self.limits = limits
        self.info = info
        self.damage: str | None = None
        self.is_as_stored = source.is_as_stored and not start_s and end_s == math.inf
        self._source = source
        self._start_s = start_s
        self._end_s = end_s
        self._first_time_s = start_s
        self._sha256: str | None = None

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        limits: ClipLimits = DEFAULT_LIMITS,
        start_s: float | None = None,
        end_s: float | None = None,
    ) -> DrivingClip:
        """Check a clip against the limits and decode its first picture.

        Args:
            path: a plain local file; URLs, pipes, devices and playlists are refused.
            limits: checked before anything is decoded, and again while streaming.
            start_s: leave out what is shown before, in seconds from the clip's first shown frame. The clip is
                decoded up to there.
            end_s: leave out what is shown from there on.

        Raises:
            ClipError: missing, unreadable, outside the limits, or without moving pictures.
        """
        file = Path(path).absolute()  # libav takes no absolute path for a URL
        start, end = start_s or 0.0, math.inf if end_s is None else end_s
        if not 0 <= start < end:
            raise clip_error(file, f"cannot be read from {start:g} s to {end:g} s", "Give 0 <= start < end.")
        check_file(file, limits)
        with naming_the_file(file):
            header = read_container_header(file)
            check_samples(file, header.num_samples)
            with decoding.open_container(file, limits) as container:
                stream = decoding.choose_stream(file, container)
                whole = _read_info(file, container, stream, limits)
                info = trimmed(whole, start, end)
                check_length(file, info.num_frames, info.duration_s, limits)
                source = _read_source(file, container, stream, header)
        width, height = source.orientation.shown_size(*source.square_size)
        check_size(file, width, height, limits)
        info = dataclasses.replace(info, width=width, height=height)
        clip = cls(path=file, limits=limits, info=info, source=source, start_s=start, end_s=end)
        if start:  # only decoding tells whether anything comes after it
            clip._check_start(whole.duration_s)
        return clip

    @property
    def picture_start_s(self) -> float:
        """When the first frame of `frames()` is shown, in seconds as `ffmpeg -ss` counts them in this file.

        Sound cut from there on is in step with the picture.
        """
        return self._source.delay_s + self._first_time_s

    @property
    def trim_s(self) -> tuple[float, float]:
        """(start, end) of what is read, seconds from the clip's first shown frame; the end may be infinite."""
        return self._start_s, self._end_s

    @property
    def shortfall(self) -> str | None:
        """A sentence about an end that was asked for and comes later than the clip's own."""
        return shortfall(self.path.name, self.info, self._first_time_s, self._end_s)

    def _check_start(self, whole_s: float) -> None:
        """Whether anything is shown from there on; the facts then count from its first frame."""
        with naming_the_file(self.path), closing(self._shown(Damage())) as pictures:
            if next(pictures, None) is None:
                length = f"; it is {round(whole_s, 1):g} s long" if whole_s else ""
                raise clip_error(self.path, f"shows nothing {self._part}{length}", "Give another start and end.")
        self.info = begun_late(self.info, self._first_time_s - self._start_s)

    @property
    def _part(self) -> str:
        """The part that is read, in words; nothing for the whole clip."""
        if self._end_s == math.inf:
            return f"from {self._start_s:g} s on" if self._start_s else ""
        return f"from {self._start_s:g} s to {self._end_s:g} s"

    def frames(self, *, max_side_px: int | None = None, only: Container[int] | None = None) -> Iterator[Frame]:
        """Stream the shown frames in presentation order, one at a time, times rising from 0.

        Args:
            max_side_px: scale down while decoding until the longer side is at most this.
            only: indices to hand out; the pictures between are decoded but not converted. It is asked anew for
                every frame, so it may change on the way.

        Yields:
            Frames of one size: [H, W, 3] as `info` says, unless scaled down.

        Raises:
            ClipError: nothing to read, or more frames or seconds than the limits allow.
        """
        converter = decoding.RgbConverter(size=limited_size(*self._source.square_size, max_side_px))
        for index, (picture, time_s) in enumerate(self._checked()):
            if only is None or index in only:
                with naming_the_file(self.path):
                    pixels_HWC = self._source.orientation.turn(converter.convert(picture))
                yield Frame(pixels_HWC=pixels_HWC, time_s=time_s, index=index)

    def times_s(self) -> np.ndarray:
        """Times of all shown frames: float64 [T] seconds, strictly rising from 0. Decodes, but converts nothing."""
        return np.array([time_s for _, time_s in self._checked()], dtype=np.float64)

    def sha256(self) -> str:
        """Hash of the file's bytes in hexadecimal, computed once."""
        if self._sha256 is None:
            with naming_the_file(self.path):
                self._sha256 = file_sha256(self.path)
        return self._sha256

    def _checked(self) -> Iterator[tuple[VideoFrame, float]]:
        """Shown pictures and times, held against the limits; `damage` is told when the pass ends."""
        damage = Damage()
        self.damage = None
        num_frames = 0
        try:
            with naming_the_file(self.path):
                for picture, time_s in self._shown(damage):
                    num_frames += 1
                    check_length(self.path, num_frames, time_s, self.limits)
                    yield picture, time_s
        finally:
            sentence = damage.describe(num_frames)
            self.damage = None if sentence is None else f"{printable_name(self.path)}: {sentence}"
        if not num_frames:
            part = f" {self._part}" if self._part else ""
            raise clip_error(
                self.path, f"shows nothing that can be decoded{part}", "Read another part, or re-export it."
            )

    def _shown(self, damage: Damage) -> Generator[tuple[VideoFrame, float], None, None]:
        """Pictures between start and end, with seconds since the first of them."""
        first_s: float | None = None
        for picture, clip_s in self._decoded(damage):
            if clip_s < self._start_s - TIME_TOLERANCE_S:
                damage.lost_packets = 0  # nobody misses what is cut off anyway
                continue
            if clip_s >= self._end_s - TIME_TOLERANCE_S:
                return
            if first_s is None:
                first_s = self._first_time_s = clip_s
            damage.broken_frames += picture.is_corrupt
            yield picture, clip_s - first_s

    def _decoded(self, damage: Damage) -> Iterator[tuple[VideoFrame, float]]:
        """Pictures from somewhere before the start, with seconds since the clip's first shown frame."""
        if self._source.is_seekable and self._start_s > _SEEK_MARGIN_S:
            pictures = self._decoded_from(self._start_s - _SEEK_MARGIN_S, damage)
            landed = next(pictures, None)
            if landed is not None and landed[1] <= self._start_s:
                yield from chain([landed], pictures)
                return
            pictures.close()
        yield from self._decoded_from(0.0, damage)

    def _decoded_from(self, seek_s: float, damage: Damage) -> Generator[tuple[VideoFrame, float], None, None]:
        with decoding.open_container(self.path, self.limits) as container:
            stream = decoding.choose_stream(self.path, container)
            decoding.use_threads(stream)
            if seek_s:
                decoding.seek(container, self._source.stamp_s + seek_s)
            clock = PresentationClock(origin_s=self._source.stamp_s, period_s=float(1 / self.info.fps))
            for picture in decoding.decode(container, stream, damage):
                yield picture, clock.read(decoding.stamp_s(picture, stream))
            damage.is_cut_short = self._source.is_cut_short


def _read_info(path: Path, container: InputContainer, stream: VideoStream, limits: ClipLimits) -> ClipInfo:
    """The announced facts, size as stored, before anything is decoded."""
    width, height = stream.codec_context.width, stream.codec_context.height
    if not width or not height:
        raise clip_error(path, "does not say how large its pictures are: its headers are damaged", RE_EXPORT)
    check_size(path, width, height, limits)
    num_frames, duration_s = decoding.announced_length(container, stream)
    return ClipInfo(
        height=height,
        width=width,
        fps=decoding.nominal_rate(path, stream, limits),
        num_frames=num_frames,
        duration_s=duration_s,
        has_audio=len(container.streams.audio) > 0,
    )


def _read_source(path: Path, container: InputContainer, stream: VideoStream, header: ContainerHeader) -> _Source:
    """Decode the first picture.

    Raises:
        ClipError: it cannot be decoded; all that build on it would be wrong, and the sound out of step.
    """
    damage = Damage()
    first = next(decoding.decode(container, stream, damage), None)
    if first is None or (damage.lost_packets and not decoding.starts_anywhere(container)):
        raise clip_error(path, "its first picture cannot be decoded", RE_EXPORT)
    aspect = stream.sample_aspect_ratio
    orientation = decoding.orientation_of(first)
    square_size = square_pixel_size(first.width, first.height, aspect)
    stamp_s = decoding.stamp_s(first, stream) or 0.0
    has_length = container.format.name in (decoding.MP4_FORMAT, decoding.MATROSKA_FORMAT, "avi")
    return _Source(
        square_size=square_size,
        orientation=orientation,
        is_as_stored=square_size == (first.width, first.height) and orientation == Orientation(),
        stamp_s=stamp_s,
        delay_s=stamp_s - decoding.container_start_s(container),
        is_cut_short=has_length and header.num_bytes > path.stat().st_size,
        is_seekable=container.format.name in (decoding.MP4_FORMAT, decoding.MATROSKA_FORMAT),
    )
