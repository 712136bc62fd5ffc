"""Frames of a clip by index, for training: decord where it is proven equal to streaming, else ordered PyAV passes.

decord 0.6 is fast at single frames, and silently wrong on clips with open groups of pictures, edit lists or
damage; it also opens crafted files at any cost in memory. So it never sees a file before `DrivingClip.open` has
passed it, and serves only plain clips whose length and first, middle and last frame agree with PyAV's.

Legend: H W pixels, C colour, T frames.
"""

from __future__ import annotations

import operator
import os
import threading
import weakref
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal, Protocol

import numpy as np

from pose_tracking import decoding
from pose_tracking.clip import DrivingClip
from pose_tracking.frame import Frame
from pose_tracking.limits import clip_error

# What decord was found to read right in every order (design trials on 90 clips); AV1, AVI, GIF, MPEG-TS were not.
_DECORD_FORMATS = (decoding.MP4_FORMAT, decoding.MATROSKA_FORMAT)
_DECORD_CODECS = ("h264", "hevc", "vp8", "vp9")
# Both readers convert 8-bit colours by the same libav code: 0.00 measured on equal frames.
_MAX_MEAN_DIFFERENCE = 0.5
# Containers round their own start to 1 µs.
_LATE_S = 1e-3
_CACHE_BYTES = 128 * 1024 * 1024

# decord hangs when read from two threads at once, and both readers hang in a child that inherits their decoder
# threads. So one lock guards all reading, and what is open is closed before a fork and opened anew on demand.
_READING = threading.Lock()
_OPEN_READERS: weakref.WeakSet[_Reader] = weakref.WeakSet()


class FrameReader(Protocol):
    """Frames by index; equal in pixels, times and indices to those of `DrivingClip.frames()`.

    Attributes:
        backend: "decord" or "av".
        reason: why this backend was taken.
    """

    backend: str
    reason: str

    def __len__(self) -> int:
        """Number of shown frames, counted by decoding."""

    def frame(self, index: int) -> Frame:
        """One frame, 0 <= index < len.

        Raises:
            IndexError: out of range.
            ClipError: the file cannot be read any more.
        """

    def frames(self, indices: Iterable[int]) -> list[Frame]:
        """Several frames in the order asked for, repeats allowed; far quicker than one at a time."""

    def close(self) -> None:
        """Let go of the file."""


def open_random_access(clip: DrivingClip, *, prefer: Literal["auto", "decord", "av"] = "auto") -> FrameReader:
    """Count the clip's frames by decoding it once, and choose a reader.

    Args:
        clip: an opened clip; trimming is honoured.
        prefer: "auto" takes decord where it is proven right; "decord" insists on it; "av" never takes it.

    Raises:
        ClipError: the clip cannot be read, or decord was insisted on and cannot serve.
    """
    times_s_T = clip.times_s()
    if prefer == "av":
        return _OrderedPassReader(clip, times_s_T, reason="PyAV was asked for")
    against = _reason_against_decord(clip) or _difference_from_streaming(clip, times_s_T)
    if against is None:
        return _DecordReader(clip, times_s_T, reason="decord agrees with PyAV on this clip")
    if prefer == "decord":
        raise clip_error(clip.path, f"cannot be read by decord ({against})", 'Choose "auto" or "av".')
    return _OrderedPassReader(clip, times_s_T, reason=against)


class _Reader(ABC):
    """What both readers share: checks, the lock, and a state that survives pickling and forking."""

    backend: str

    def __init__(self, clip: DrivingClip, times_s_T: np.ndarray, *, reason: str) -> None:
        self.reason = reason
        self._clip = clip
        self._times_s_T = times_s_T

    def __len__(self) -> int:
        return len(self._times_s_T)

    def frame(self, index: int) -> Frame:
        return self.frames([index])[0]

    def frames(self, indices: Iterable[int]) -> list[Frame]:
        wanted = [operator.index(index) for index in indices]
        for index in wanted:
            if not 0 <= index < len(self):
                raise IndexError(f"frame {index} of a clip with {len(self)} frames")
        with _READING, decoding.naming_the_file(self._clip.path):
            _OPEN_READERS.add(self)
            found = self._read(sorted(set(wanted)))
        return [found[index] for index in wanted]

    @abstractmethod
    def _read(self, rising: list[int]) -> dict[int, Frame]:
        """The frames of these indices."""

    @abstractmethod
    def close(self) -> None:
        """Let go of decoders; the next read opens them again."""

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), self._clip, self._times_s_T, reason=self.reason), ()


class _OrderedPassReader(_Reader):
    """PyAV: reads forward, starts over only for an earlier frame, and remembers the last few frames."""

    backend = "av"

    def __init__(self, clip: DrivingClip, times_s_T: np.ndarray, *, reason: str) -> None:
        super().__init__(clip, times_s_T, reason=reason)
        self._cache: OrderedDict[int, Frame] = OrderedDict()
        self._wanted: set[int] = set()
        self._pass: Iterator[Frame] | None = None
        self._position = 0

    def _read(self, rising: list[int]) -> dict[int, Frame]:
        found = {index: self._cache[index] for index in rising if index in self._cache}
        missing = [index for index in rising if index not in found]
        if missing and (self._pass is None or missing[0] < self._position):
            self.close()
            self._pass = self._clip.frames(only=self._wanted)
        for index in missing:
            # The pass converts what is in `_wanted` when it comes by, and runs on to the next such frame.
            self._wanted.add(index)
            frame = next(self._pass, None) if self._pass else None
            self._wanted.discard(index)
            if frame is None:
                self.close()
                raise clip_error(self._clip.path, f"has lost its frame {index} since it was opened", "Open it again.")
            self._position = index + 1
            found[index] = frame
        self._remember(found)
        return found

    def _remember(self, frames: dict[int, Frame]) -> None:
        for index, frame in frames.items():
            self._cache[index] = frame
            self._cache.move_to_end(index)
        size = next(iter(frames.values())).pixels_HWC.nbytes if frames else 1
        while len(self._cache) > max(1, _CACHE_BYTES // size):
            self._cache.popitem(last=False)

    def close(self) -> None:
        self._pass = None
        self._wanted = set()
        self._position = 0


class _DecordReader(_Reader):
    """decord, opened on demand in each process."""

    backend = "decord"

    def __init__(self, clip: DrivingClip, times_s_T: np.ndarray, *, reason: str) -> None:
        super().__init__(clip, times_s_T, reason=reason)
        self._reader: Any = None

    def _read(self, rising: list[int]) -> dict[int, Frame]:
        if self._reader is None:
            self._reader = _open_decord(self._clip)
        return {
            index: Frame(pixels_HWC=self._reader[index].asnumpy(), time_s=float(self._times_s_T[index]), index=index)
            for index in rising
        }

    def close(self) -> None:
        self._reader = None


def _open_decord(clip: DrivingClip) -> Any:
    # The default of 0 threads fails on full-HD VP9; a Path is refused.
    return import_module("decord").VideoReader(str(clip.path), num_threads=2)


def _reason_against_decord(clip: DrivingClip) -> str | None:
    """Why decord must not read this clip, judged without opening it there; None when nothing speaks against it."""
    if find_spec("decord") is None:
        return "decord is not installed"
    if clip.damage:
        return "the file is damaged"
    if not clip.is_as_stored:
        return "it is trimmed, turned, or has oblong pixels"
    if clip.picture_start_s > _LATE_S:
        return "its picture starts late"
    with decoding.naming_the_file(clip.path), decoding.open_container(clip.path, clip.limits) as container:
        stream = decoding.choose_stream(clip.path, container)
        codec, pixel_format = stream.codec_context.name, stream.codec_context.format
        if container.format.name not in _DECORD_FORMATS:
            return f"decord reads {container.format.name} wrongly"
        if codec not in _DECORD_CODECS:
            return f"decord reads {codec} wrongly or not at all"
        if pixel_format is None or max(component.bits for component in pixel_format.components) > 8:
            return "it has more than 8 bits a colour"
        if any(entry.is_discard for entry in stream.index_entries):
            return "an edit list hides frames"
        if decoding.has_open_groups(container, stream):
            return "it has open groups of pictures"
    return None


def _difference_from_streaming(clip: DrivingClip, times_s_T: np.ndarray) -> str | None:
    """Hold decord's length and its first, middle and last frame against PyAV's; None when they agree."""
    expected = list(clip.frames(only={0, len(times_s_T) // 2, len(times_s_T) - 1}))
    with _READING:
        try:
            reader = _open_decord(clip)
            num_frames = len(reader)
            found = [reader[frame.index].asnumpy() for frame in expected] if num_frames == len(times_s_T) else []
        except Exception as error:  # decord's own errors derive from nothing narrower
            return f"decord fails on it ({' '.join(str(error).split())[:200]})"
    if num_frames != len(times_s_T):
        return f"decord finds {num_frames} frames, PyAV {len(times_s_T)}"
    for frame, pixels_HWC in zip(expected, found, strict=True):
        if pixels_HWC.shape != frame.pixels_HWC.shape:
            return f"decord gives pictures of shape {list(pixels_HWC.shape)}"
        difference = np.abs(pixels_HWC.astype(np.int16) - frame.pixels_HWC).mean()
        if difference > _MAX_MEAN_DIFFERENCE:
            return f"decord's frame {frame.index} differs by {difference:.1f} levels"
    return None


def _close_before_fork() -> None:
    _READING.acquire()
    for reader in list(_OPEN_READERS):
        reader.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_close_before_fork, after_in_parent=_READING.release, after_in_child=_READING.release)
