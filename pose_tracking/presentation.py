"""How stored pictures are to be shown: upright, with square pixels, at times that rise.

Legend: H W pixels, C colour.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from einops import rearrange

# A repeated stamp is moved by this share of a frame period, so that a run of several still ends before the next
# honest stamp.
_REPEAT_STEP = 0.125
# A stamp this far behind its predecessor is a clock that was set back (joined recordings), not jitter.
_CLOCK_RESET_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Orientation:
    """One of the eight ways to lay a picture out: transpose first, then mirror."""

    transpose: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    @classmethod
    def from_display_matrix(cls, matrix: bytes | None) -> Orientation:
        """Read a display matrix: nine native int32 `a b u c d v x y w`, mapping stored (p, q) to (ap+cq, bp+dq).

        Source: ISO/IEC 14496-12, 8.3.2 and libavutil/display.h. The angle alone is not enough: a mirror reads
        as a half turn. Oblique angles go to the nearest quarter turn.
        """
        if matrix is None or len(matrix) < 36:
            return cls()
        a, b, _, c, d = struct.unpack("=5i", matrix[:20])
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(transpose=True, mirror_x=c < 0, mirror_y=b < 0)
        return cls(mirror_x=a < 0, mirror_y=d < 0)

    def shown_size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) in px after turning."""
        return (height, width) if self.transpose else (width, height)

    def turn(self, pixels_HWC: np.ndarray) -> np.ndarray:
        """The picture upright, contiguous in memory; the input itself where nothing is to be turned."""
        turned = rearrange(pixels_HWC, "h w c -> w h c") if self.transpose else pixels_HWC
        if self.mirror_x:
            turned = turned[:, ::-1]
        if self.mirror_y:
            turned = turned[::-1]
        return np.ascontiguousarray(turned)


def square_pixel_size(width: int, height: int, pixel_aspect: Fraction | None) -> tuple[int, int]:
    """(width, height) in px with square pixels: widened or heightened, never shrunk.

    Args:
        pixel_aspect: width of one stored pixel over its height; None, zero or less means square.
    """
    if pixel_aspect is None or pixel_aspect <= 0:
        return width, height
    if pixel_aspect >= 1:
        return round(width * pixel_aspect), height
    return width, round(height / pixel_aspect)


def limited_size(width: int, height: int, max_side_px: int | None) -> tuple[int, int]:
    """(width, height) in px scaled down, never up, until the longer side is at most `max_side_px`."""
    longest = max(width, height)
    if max_side_px is None or longest <= max_side_px:
        return width, height
    scale = max_side_px / longest
    return max(1, round(width * scale)), max(1, round(height * scale))


class PresentationClock:
    """Turns stored time stamps into seconds that start at 0 with the clip and rise strictly.

    No frame is dropped: a repeated or slightly backward stamp is moved just behind its predecessor; a missing
    one, or one after a clock that was set back, follows one frame period later.
    """

    def __init__(self, *, origin_s: float, period_s: float) -> None:
        """
        Args:
            origin_s: stamp of the clip's first shown frame.
            period_s: nominal time between frames, above 0.
        """
        self._origin_s = origin_s
        self._period_s = period_s
        self._last_s: float | None = None

    def read(self, stamp_s: float | None) -> float:
        """Seconds since the clip's first shown frame, for the next frame in presentation order."""
        last_s = self._last_s
        if last_s is None:
            time_s = 0.0 if stamp_s is None else stamp_s - self._origin_s
        elif stamp_s is None:
            time_s = last_s + self._period_s
        else:
            time_s = stamp_s - self._origin_s
            if time_s < last_s - _CLOCK_RESET_S:
                self._origin_s = stamp_s - last_s - self._period_s
                time_s = last_s + self._period_s
            elif time_s <= last_s:
                time_s = last_s + self._period_s * _REPEAT_STEP
        self._last_s = time_s
        return time_s
