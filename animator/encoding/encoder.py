"""Frames in, one file out: the choice of format, and what all encoders have in common.

Legend: H W pixels, C colour.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Literal, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from animator.encoding.atomic_file import check_file_place, check_folder_place, explained, replacing
from animator.encoding.audio import AudioSource
from animator.errors import EncodeError
from pose_tracking.frame import Frame

Format = Literal["mp4", "gif", "webp", "png"]
Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"]
_ENDINGS: dict[str, Format] = {".mp4": "mp4", ".gif": "gif", ".webp": "webp", "": "png"}
_MIN_FPS, _MAX_FPS = Fraction(1, 100), Fraction(1000)

# Completes a finished file that still has its hidden name, given the kind of media it is.
Seal = Callable[[Path, str], None]


class EncodeConfig(BaseModel):
    """How the pictures are written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["auto"] | Format = Field(
        default="auto",
        description="mp4, gif, webp, png (a folder of numbered pictures), "
        "or auto: by the ending of the output, png where it has none",
    )
    crf: int = Field(
        default=16, ge=1, le=51, description="quality of mp4 (x264's constant rate factor): lower is better and larger"
    )
    preset: Preset = Field(default="veryfast", description="how long x264 searches for a smaller mp4")
    keep_audio: bool = Field(default=True, description="carry the driving clip's sound over, where the format has any")


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeResult:
    """What was written.

    Attributes:
        path: the file, or the folder of pictures.
        num_frames: pictures in it.
        duration_s: playing time in seconds.
        warnings: what the person should know, one line each.
    """

    path: Path
    num_frames: int
    duration_s: float
    warnings: tuple[str, ...] = ()


class Encoder(Protocol):
    """Takes frames one by one and puts them at their place when the block ends well; nothing stays otherwise."""

    def __enter__(self) -> Encoder: ...

    def write(self, frame: Frame) -> None:
        """Add a picture; its place in the output's time is its turn, not `frame.time_s`."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @property
    def result(self) -> EncodeResult:
        """What was written; complete after the block."""


def encode(
    frames: Iterable[Frame],
    output: str | Path,
    config: EncodeConfig | None = None,
    *,
    fps: Fraction | int,
    audio: AudioSource | None = None,
    metadata: Mapping[str, str] | None = None,
    inputs: Iterable[Path] = (),
    seal: Seal | None = None,
) -> EncodeResult:
    """Write frames at a constant rate, pulling them one at a time.

    Args:
        frames: pictures of one size, in order; may be made while they are written.
        output: file to write or replace; a folder for `png`.
        config: format and quality.
        fps: exact frames per second, `Fraction(24000, 1001)` for 23.976.
        audio: the driving clip's sound, if it has any; mp4 only, other formats leave a warning.
        metadata: where the pictures come from (`provenance_metadata`), written into the file.
        inputs: files that must not be overwritten, such as the photo; the sound's clip always counts.
        seal: called with each finished file before anybody can see it, such as to sign it.

    Raises:
        EncodeError: no frames, frames of several sizes, wrong ending, an input would be overwritten, or the
            folder cannot be written.
        DiskError: the disk is full.
    """
    with open_encoder(output, config, fps=fps, audio=audio, metadata=metadata, inputs=inputs, seal=seal) as encoder:
        for frame in frames:
            encoder.write(frame)
    return encoder.result


def open_encoder(
    output: str | Path,
    config: EncodeConfig | None = None,
    *,
    fps: Fraction | int,
    audio: AudioSource | None = None,
    metadata: Mapping[str, str] | None = None,
    inputs: Iterable[Path] = (),
    seal: Seal | None = None,
) -> Encoder:
    """The encoder behind `encode`, for callers that push frames; same arguments, same errors.

    The output's place is tried when the `with` block is entered, before a single frame has to be made.
    """
    from animator.encoding import images, mp4

    output, config, metadata = Path(output), config or EncodeConfig(), dict(metadata or {})
    chosen = _choose_format(output, config)
    rate = _check_rate(fps)
    spare_inputs(output, (*inputs, *([audio.path] if audio else ())))
    if chosen == "mp4":
        sound = audio if config.keep_audio else None
        film = mp4.Mp4Encoder(output, fps=rate, crf=config.crf, preset=config.preset, audio=sound, metadata=metadata)
        film.seal = seal
        return film
    encoders: dict[str, type[images.GifEncoder | images.WebpEncoder | images.PngSequenceEncoder]] = {
        "gif": images.GifEncoder,
        "webp": images.WebpEncoder,
        "png": images.PngSequenceEncoder,
    }
    encoder = encoders[chosen](output, fps=rate, metadata=metadata)
    encoder.seal = seal
    if audio is not None and config.keep_audio:
        encoder.warnings.append(f"{output.name}: {chosen} holds no sound; the clip's sound is left out")
    return encoder


def check_output(
    output: str | Path, config: EncodeConfig | None = None, *, fps: Fraction | int, inputs: Iterable[Path] = ()
) -> None:
    """Find out, before any work and without leaving anything behind, whether `encode` could write there.

    Raises:
        EncodeError, DiskError: as `encode` would.
    """
    from animator.encoding.images import PICTURES, is_picture_of_ours

    output = Path(output)
    chosen = _choose_format(output, config or EncodeConfig())
    _check_rate(fps)
    spare_inputs(output, inputs)
    if chosen == "png":
        check_folder_place(output, is_ours=is_picture_of_ours, what=PICTURES)
    else:
        check_file_place(output)


def spare_inputs(output: Path, inputs: Iterable[Path]) -> None:
    """Refuse to write over what is read.

    Raises:
        EncodeError: `output` is one of `inputs`, by whatever name.
    """
    for source in inputs:
        is_same = output.exists() and source.exists() and output.samefile(source)
        if is_same or os.path.realpath(output) == os.path.realpath(source):
            raise EncodeError(f"{output}: is an input and would be overwritten; give another output name")


class StreamingEncoder(ABC):
    """What the encoders share: one size, at least one frame, a hidden name until all is written.

    Attributes:
        media: what a finished file is, for `seal`.
        seal: completes a finished file under its hidden name.
    """

    media: ClassVar[Format]
    seal: Seal | None = None

    def __init__(self, output: Path, *, fps: Fraction, metadata: Mapping[str, str]) -> None:
        self.output = output
        self.fps = fps
        self.metadata = metadata
        self.warnings: list[str] = []
        self._size: tuple[int, int] | None = None
        self._num_frames = 0
        self._stack = ExitStack()

    @property
    def result(self) -> EncodeResult:
        return EncodeResult(
            path=self.output,
            num_frames=self._num_frames,
            duration_s=float(self._num_frames / self.fps),
            warnings=tuple(self.warnings),
        )

    def __enter__(self) -> Encoder:
        self._temporary = self._stack.enter_context(self._reserve())
        return self

    def write(self, frame: Frame) -> None:
        height, width = frame.pixels_HWC.shape[:2]
        with explained(self.output):
            if self._size is None:
                if min(height, width) < 1:
                    raise EncodeError(f"{self.output.name}: a frame of {width}x{height} px holds no picture")
                self._size = (height, width)
                self._start(height, width)
            elif self._size != (height, width):
                raise EncodeError(
                    f"{self.output.name}: frame {self._num_frames} is {width}x{height} px, "
                    f"the ones before {self._size[1]}x{self._size[0]}; all frames of a file have one size"
                )
            self._append(np.ascontiguousarray(frame.pixels_HWC))
        self._num_frames += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._stack.__exit__(kind, error, trace)
            return
        with self._stack:
            if self._num_frames == 0:
                raise EncodeError(f"{self.output.name}: there are no frames to write; check the clip's start and end")
            with explained(self.output):
                self._finish()
                self._seal_all()

    def _seal_all(self) -> None:
        """Seal what was finished last."""
        if self.seal is not None:
            self.seal(self._temporary, self.media)

    def _reserve(self) -> AbstractContextManager[Path]:
        """The hidden place to write to, which the end of the block moves to `output`."""
        return replacing(self.output)

    @abstractmethod
    def _start(self, height: int, width: int) -> None:
        """Called once, before the first picture."""

    @abstractmethod
    def _append(self, pixels_HWC: np.ndarray) -> None:
        """Take one picture, contiguous uint8 RGB [H, W, 3]."""

    @abstractmethod
    def _finish(self) -> None:
        """Complete the hidden file; called when there was at least one picture."""


def _choose_format(output: Path, config: EncodeConfig) -> Format:
    if output.name and output.name.lower() in _ENDINGS:
        raise EncodeError(
            f"{output.name}: is an ending without a name; give a name before it, such as out{output.name}"
        )
    by_ending = _ENDINGS.get(output.suffix.lower())
    if config.format == "auto":
        if by_ending is None:
            raise EncodeError(
                f"{output.name}: cannot write {output.suffix}; end the output in .mp4, .gif or .webp, "
                "or in nothing for a folder of PNG pictures"
            )
        return by_ending
    if by_ending not in (None, "png", config.format):
        raise EncodeError(
            f"{output.name}: ends in {output.suffix}, but the format asked for is {config.format}; make them agree"
        )
    return config.format


def _check_rate(fps: Fraction | int) -> Fraction:
    rate = Fraction(fps)
    if not _MIN_FPS <= rate <= _MAX_FPS:
        raise EncodeError(f"{float(rate):g} frames/s cannot be written; give {float(_MIN_FPS)} to {_MAX_FPS}")
    return rate
