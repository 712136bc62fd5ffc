"""Parts of a picture: cut out, painted around, put back.

Legend: H W pixels, C channels.
"""

from __future__ import annotations

import math

import numpy as np

Region = tuple[int, int, int, int]  # left, top, right, bottom in whole px

PAINT = 127
# A cut-out is larger than what it is made for, so that it need not follow every step.
_VIEW_PER_REGION, _MAX_VIEW_PER_REGION = 1.5, 2.5


def region_within(box: tuple[float, float, float, float], size: tuple[int, int]) -> Region | None:
    """The whole pixels of a picture of `size` (width, height) that `box` touches; None for none or a box of NaN."""
    left, top, right, bottom = box
    if not (left < size[0] and top < size[1] and right > 0 and bottom > 0):
        return None
    return (max(0, int(left)), max(0, int(top)), min(size[0], math.ceil(right)), min(size[1], math.ceil(bottom)))


def view_of(region: Region, last: Region | None, *, size: tuple[int, int]) -> Region:
    """A square view around `region`, cut at the picture's border: `last`, for as long as it fits.

    Args:
        region: what has to be in view.
        last: the view before this one.
        size: (width, height) px of the picture.
    """
    left, top, right, bottom = region
    side = max(right - left, bottom - top)
    if last is not None:
        last_side = max(last[2] - last[0], last[3] - last[1])
        is_inside = last[0] <= left and last[1] <= top and right <= last[2] and bottom <= last[3]
        if is_inside and last_side <= _MAX_VIEW_PER_REGION * side:
            return last
    half, x, y = _VIEW_PER_REGION * side / 2, (left + right) / 2, (top + bottom) / 2
    return region_within((x - half, y - half, x + half, y + half), size) or (0, 0, *size)


def cut(pixels_HWC: np.ndarray, region: Region) -> np.ndarray:
    """The pixels of `region`, contiguous in memory."""
    left, top, right, bottom = region
    return np.ascontiguousarray(pixels_HWC[top:bottom, left:right])


def paint_around(pixels_HWC: np.ndarray, region: Region) -> np.ndarray:
    """A copy of the picture in plain grey outside `region`."""
    painted = np.full_like(pixels_HWC, PAINT)
    left, top, right, bottom = region
    painted[top:bottom, left:right] = pixels_HWC[top:bottom, left:right]
    return painted


def place(mask_HW: np.ndarray, region: Region, *, size: tuple[int, int], beyond: float = 0.0) -> np.ndarray:
    """The mask of a cut-out as float32 mask of the whole picture of `size` (width, height), `beyond` elsewhere."""
    whole = np.full((size[1], size[0]), beyond, dtype=np.float32)
    left, top, right, bottom = region
    whole[top:bottom, left:right] = mask_HW
    return whole
