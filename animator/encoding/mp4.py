"""H.264 in MP4 by libav: BT.709 colours that are what their tags say, an exact constant rate, index in front.

Legend: H W pixels, C colour.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from animator.encoding.audio import SOUND_FORMATS, AudioSource, SoundError, SoundTrack, add_sound
from animator.encoding.encoder import StreamingEncoder
from animator.encoding.leftovers import supersede
from animator.encoding.provenance import xmp_packet
from animator.errors import EncodeError

# x264's bits depend on the number of threads, so it must not depend on the machine.
_NUM_THREADS = 4
# With AVX-512 the macroblock tree of x264 core 165 reads memory nobody wrote: the same 50 frames of 320x240 px gave
# five different files in eight runs (512x640 px was spared). Without the tree, or with `asm=avx2`, which other
# processors refuse, they gave one.
_X264_PARAMS = "mbtree=0"
_AAC_FRAME_SAMPLES = 1024
# The box that holds XMP in ISO base media files (Adobe XMP Specification Part 3, 1.2.2.1).
_XMP_UUID = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")
# Averages chroma over the pixels it stands for, with exact rounding.
_RESAMPLING = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP


class Mp4Encoder(StreamingEncoder):
    """x264, yuv420p, BT.709 limited range; memory does not grow with the length.

    Colour is stored at half size, so sides must be even: an odd picture gets its last column or row once more.
    """

    media = "mp4"

    def __init__(
        self,
        output: Path,
        *,
        fps: Fraction,
        crf: int,
        preset: str,
        audio: AudioSource | None = None,
        metadata: Mapping[str, str],
    ) -> None:
        super().__init__(output, fps=fps, metadata=metadata)
        self._options = {"crf": str(crf), "preset": preset, "x264-params": _X264_PARAMS}
        self._audio = audio
        self._reformatter = VideoReformatter()

    def _start(self, height: int, width: int) -> None:
        self._margin = (height % 2, width % 2)
        if any(self._margin):
            self.warnings.append(
                f"{self.output.name}: {width}x{height} px became "
                f"{width + width % 2}x{height + height % 2} px; MP4 wants even sides"
            )
        with self._libav_explained():
            self._container = av.open(
                f"file:{self._temporary.absolute()}", "w", format="mp4", options={"movflags": "+faststart"}
            )
            self._stack.callback(_close_quietly, self._container)
            if "comment" in self.metadata:
                self._container.metadata["comment"] = self.metadata["comment"]
            self._stream = self._open_stream(width + width % 2, height + height % 2)

    def _open_stream(self, width: int, height: int) -> VideoStream:
        stream = self._container.add_stream("libx264", rate=self.fps, options=self._options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        codec = stream.codec_context
        codec.time_base = 1 / self.fps
        codec.thread_count = _NUM_THREADS
        codec.color_range = ColorRange.MPEG
        codec.colorspace = Colorspace.ITU709
        codec.color_primaries = ColorPrimaries.BT709
        codec.color_trc = ColorTrc.BT709
        return stream

    def _append(self, pixels_HWC: np.ndarray) -> None:
        if any(self._margin):
            bottom, right = self._margin
            pixels_HWC = np.pad(pixels_HWC, ((0, bottom), (0, right), (0, 0)), mode="edge")
        with self._libav_explained():
            frame = self._reformatter.reformat(
                av.VideoFrame.from_ndarray(pixels_HWC, format="rgb24"),
                format="yuv420p",
                dst_colorspace=Colorspace.ITU709,
                src_color_range=ColorRange.JPEG,
                dst_color_range=ColorRange.MPEG,
                interpolation=_RESAMPLING,
                threads=1,
            )
            frame.pts, frame.time_base = self._num_frames, 1 / self.fps
            self._container.mux(self._stream.encode(frame))

    def _finish(self) -> None:
        with self._libav_explained():
            self._container.mux(self._stream.encode(None))
            self._container.close()
        if self._audio is not None:
            self._add_sound(self._audio)
        if self.metadata:
            _append_box(self._temporary, b"uuid", _XMP_UUID + xmp_packet(self.metadata))

    def _add_sound(self, source: AudioSource) -> None:
        with_sound = self._temporary.with_suffix(".sound.tmp")
        try:
            track = read_sound_track(source.path)
            if track is not None:
                duration_s = float(self._num_frames / self.fps)
                complaints = add_sound(self._temporary, with_sound, source, track, duration_s=duration_s)
                supersede(with_sound, self._temporary)
                self.warnings += [f"{source.path.name}: its sound is kept, but {text}" for text in complaints]
        except SoundError as error:
            self.warnings.append(f"{source.path.name}: its sound is left out: {error}")
        finally:
            with_sound.unlink(missing_ok=True)

    @contextmanager
    def _libav_explained(self) -> Iterator[None]:
        """libav's own errors for a person; what the operating system said is explained one level up."""
        try:
            yield
        except OSError:
            raise
        except (av.FFmpegError, ValueError) as error:
            raise EncodeError(
                f"{self.output.name}: x264 refuses the film ({error}); try another size, crf or preset"
            ) from error


def read_sound_track(path: Path) -> SoundTrack | None:
    """What the first sound stream of a clip is; None when the clip has none.

    Raises:
        SoundError: the clip cannot be opened.
    """
    options = {"protocol_whitelist": "file", "format_whitelist": SOUND_FORMATS + ",gif"}
    try:
        with av.open(f"file:{path.absolute()}", container_options=options) as container:
            if not container.streams.audio:
                return None
            stream = container.streams.audio[0]
            codec = stream.codec_context
            tick_s = float(stream.time_base or 0)
            start_s = (stream.start_time or 0) * tick_s
            return SoundTrack(
                codec=codec.name,
                num_channels=codec.channels,
                container_start_s=(container.start_time or 0) / av.time_base,
                start_s=start_s,
                end_s=math.nan if stream.duration is None else start_s + stream.duration * tick_s,
                frame_s=_AAC_FRAME_SAMPLES / codec.sample_rate if codec.sample_rate else 0.0,
            )
    except Exception as error:  # damaged headers can raise almost anything inside libav
        raise SoundError(f"it cannot be opened ({type(error).__name__})") from error


def _append_box(path: Path, kind: bytes, payload: bytes) -> None:
    """Add a top-level box at the end of an ISO base media file, where it moves nothing (ISO/IEC 14496-12, 4.2)."""
    with open(path, "ab") as file:
        file.write(struct.pack(">I4s", 8 + len(payload), kind) + payload)


def _close_quietly(container: OutputContainer) -> None:
    """Let go of a file that is given up, or closed already; its trailer no longer matters."""
    with suppress(av.FFmpegError):
        container.close()
