"""What a clip hands on: single frames, and what is known about the clip before decoding."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One picture with its place in time.

    Attributes:
        pixels_HWC: uint8 RGB, shape [H, W, 3], upright, square pixels.
        time_s: presentation time in seconds, counted from the clip's first shown frame.
        index: 0-based position in presentation order.
    """

    pixels_HWC: np.ndarray
    time_s: float
    index: int

    def __post_init__(self) -> None:
        pixels = self.pixels_HWC
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
            raise ValueError(f"a frame is uint8 [H, W, 3], got {pixels.dtype} {list(pixels.shape)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipInfo:
    """Facts about a clip, after rotation and with square pixels.

    Attributes:
        height: shown height in px.
        width: shown width in px.
        fps: nominal frame rate.
        num_frames: announced or counted number of shown frames; 0 when the container does not say.
        duration_s: shown duration of the picture in seconds; 0.0 when the container does not say.
        has_audio: whether the file carries a sound stream.
    """

    height: int
    width: int
    fps: Fraction
    num_frames: int
    duration_s: float
    has_audio: bool
