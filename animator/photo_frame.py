"""Lines of one colour around a photo, as screenshots and shop pages have them: they are no part of what it shows.

A photo with such a line that is continued beyond its border would show it in the middle of the picture.

Legend: N lines from the edge inwards, L pixels along a line, C luma and two colour differences (YCbCr).
"""

from __future__ import annotations

import numpy as np
from PIL import Image

# A line is no wider than this share of the photo's side, and has one colour: so many pixels within so many levels.
# Compression rings beside what lies inside, and colour, of half the resolution, runs from there into the line.
_WIDEST, _LEAST_PX = 0.01, 2
_SHARE, _LEVELS_C = 0.9, np.array([12, 24, 24])
# Smaller pictures have no room for one.
_LEAST_SIDE_PX = 16
# What lies inside differs by more levels than this, in the middle of the line's pixels.
_STEP = 32


def frame_px(image: Image.Image) -> tuple[int, int, int, int]:
    """How wide the lines of one colour along the (left, top, right, bottom) edge are, px; 0 where there is none.

    The pixel beside a line, into which its colour may have run, counts as well.

    Args:
        image: RGB.
    """
    width, height = image.size
    if min(width, height) < _LEAST_SIDE_PX:
        return 0, 0, 0, 0
    left, right = (_line_px(_lines_from(image, side, _depth_px(width))) for side in ("left", "right"))
    top, bottom = (_line_px(_lines_from(image, side, _depth_px(height))) for side in ("top", "bottom"))
    return left, top, right, bottom


def _depth_px(side_px: int) -> int:
    """How far a frame is looked for, and two lines more, which show what lies inside of it."""
    return max(_LEAST_PX, round(_WIDEST * side_px)) + 2


def _lines_from(image: Image.Image, side: str, depth: int) -> np.ndarray:
    """[N, L, C] the outermost lines at one side of the picture, from the edge inwards."""
    width, height = image.size
    box = {
        "left": (0, 0, depth, height),
        "top": (0, 0, width, depth),
        "right": (width - depth, 0, width, height),
        "bottom": (0, height - depth, width, height),
    }[side]
    lines = np.asarray(image.crop(box).convert("YCbCr"), dtype=np.int16)
    if side in ("left", "right"):
        lines = lines.swapaxes(0, 1)
    return lines[::-1] if side in ("right", "bottom") else lines


def _line_px(lines_NLC: np.ndarray) -> int:
    """How many lines, from the edge on, are a frame or beside it."""
    color_C = np.median(lines_NLC[0], axis=0)
    off_NLC = np.abs(lines_NLC - color_C)
    is_plain_N = (off_NLC <= _LEVELS_C).all(axis=-1).mean(axis=1) >= _SHARE
    width = int(is_plain_N.argmin())
    if is_plain_N.all() or not 0 < width <= len(lines_NLC) - 2:
        return 0
    return width + 1 if np.median(off_NLC[width + 1].max(axis=-1)) > _STEP else 0
