"""Clips drawn for tests: every frame carries its number and shows which way is up.

Eight blocks along the top edge hold the bits of the number, white for one; a red block stands at the bottom left
and a green one at the bottom right.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

WIDTH, HEIGHT = 160, 96
RED, GREEN = (210, 20, 20), (20, 180, 20)
_BLOCK = 16


def draw_picture(number: int, *, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """uint8 [H, W, 3] with the number and the corner marks on a chequered ground that is new in every frame."""
    cells = np.random.default_rng(number).integers(60, 120, (height // 8 + 1, width // 8 + 1, 1), np.uint8)
    picture_HWC = np.tile(cells.repeat(8, axis=0).repeat(8, axis=1)[:height, :width], 3)
    for bit in range(8):
        picture_HWC[:_BLOCK, bit * width // 8 : (bit + 1) * width // 8] = 255 * (number >> bit & 1)
    picture_HWC[-24:, :24] = RED
    picture_HWC[-24:, -24:] = GREEN
    return picture_HWC


def read_number(picture_HWC: np.ndarray) -> int:
    """The number of an upright picture of any size."""
    height, width = picture_HWC.shape[:2]
    row = picture_HWC[height // 16 : height // 9].mean(axis=(0, 2))
    return sum(int(row[(2 * bit + 1) * width // 16] > 128) << bit for bit in range(8))


def is_upright(picture_HWC: np.ndarray) -> bool:
    """Whether red is at the bottom left and green at the bottom right."""
    red = picture_HWC[-16:-8, 8:16].mean(axis=(0, 1)) - RED
    green = picture_HWC[-16:-8, -16:-8].mean(axis=(0, 1)) - GREEN
    return bool(np.abs(red).max() < 40 and np.abs(green).max() < 40)


def write_clip(
    path: Path,
    *,
    num_frames: int = 12,
    width: int = WIDTH,
    height: int = HEIGHT,
    rate: int = 24,
    stamps_s: Sequence[float] | None = None,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    rotation: int = 0,
    is_mirrored: bool = False,
    pixel_aspect: Fraction | None = None,
    sound_s: float = 0.0,
    preview: tuple[int, int] | None = None,
    codec_options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Write numbered pictures; by default a 12-frame H.264 clip at 24 frames a second.

    Args:
        width: px as shown, before oblong pixels are widened.
        height: px as shown.
        rotation: degrees counter-clockwise by which a player has to turn what is stored.
        is_mirrored: the player has to mirror it after that.
        preview: (width, height) of a second, smaller picture stream, written first.
    """
    stamps = [index / rate for index in range(num_frames)] if stamps_s is None else list(stamps_s)
    time_base = Fraction(1, 1200)
    with av.open(str(path), "w", container_options=container_options or {}) as container:
        streams = []
        for size in [preview, (width, height)] if preview else [(width, height)]:
            stream: Any = container.add_stream(codec, rate=rate, options=codec_options or {})
            stream.width, stream.height = size[::-1] if rotation % 180 else size
            stream.pix_fmt = pixel_format
            stream.time_base = stream.codec_context.time_base = time_base
            if pixel_aspect is not None:
                stream.codec_context.sample_aspect_ratio = pixel_aspect
            if rotation or is_mirrored:
                stream.set_display_rotation(rotation, hflip=is_mirrored)
            streams.append(stream)
        sound: Any = container.add_stream("aac", rate=48000, layout="mono") if sound_s else None
        for number, stamp_s in enumerate(stamps):
            for stream in streams:
                frame = av.VideoFrame.from_ndarray(
                    _stored_picture(number, stream, rotation, is_mirrored), format="rgb24"
                )
                frame.pts, frame.time_base = round(stamp_s / time_base), time_base
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode())
        if sound:
            _write_silence(container, sound, sound_s)
    return path


def _stored_picture(number: int, stream: Any, rotation: int, is_mirrored: bool) -> np.ndarray:
    """The picture that is upright once mirrored and turned as the display matrix says."""
    width, height = (stream.height, stream.width) if rotation % 180 else (stream.width, stream.height)
    shown = draw_picture(number, width=width, height=height)
    return np.ascontiguousarray(np.rot90(shown[:, ::-1] if is_mirrored else shown, -rotation // 90))


def _write_silence(container: Any, stream: Any, sound_s: float) -> None:
    for start in range(0, round(sound_s * 48000), 1024):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())
