"""People who are small in a photo: its parts are shown to the detector one by one, and every find close up.

A detector such as MediaPipe's misses people who are less than about half as high as the picture. Parts of two sizes
are looked at, the large ones first.

Legend: H W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from pose_tracking.person import SAME_PERSON, Detection
from pose_tracking.region import Region, cut, region_within

# At most so many parts of each size. With 12 and 36 all of 24 people of 13 % and 19 % of the height of three scenes
# were found, 8 of 12 of 9 %, 4 of 12 of 6 %, and nobody in sixteen pictures without people.
NUM_PARTS = (12, 36)
# Whoever fills half of a smaller part is drawn with too few px to be animated.
MIN_SIDE_PX = 160
# Neighbours share this much of their side; what lies across the line is whole in one of them, or nearly so.
_OVERLAP = 1 / 3
# Finds that fill less of their part are bits of things.
_MIN_SIZE = 0.25
_MARGIN = 0.3


def find_small_people(pixels_HWC: np.ndarray, find_one: Callable[[np.ndarray], Detection | None]) -> list[Detection]:
    """People in parts of a picture, from left to right.

    Args:
        pixels_HWC: uint8 RGB [H, W, 3].
        find_one: the detector, without memory from picture to picture.
    """
    size = (pixels_HWC.shape[1], pixels_HWC.shape[0])
    for most in NUM_PARTS:
        people: list[Detection] = []
        for part in parts(size, most=most):
            found = _find_in(pixels_HWC, part, find_one)
            if found is None or found.size_px < _MIN_SIZE * math.dist(part[:2], part[2:]):
                continue
            close_up = region_within(found.box(margin=_MARGIN), size)
            confirmed = None if close_up is None else _find_in(pixels_HWC, close_up, find_one)
            if confirmed is None or confirmed.distance(found) > SAME_PERSON:
                continue
            if not any(confirmed.distance(person) < SAME_PERSON for person in people):
                people.append(confirmed)
        if people:
            return sorted(people, key=lambda person: person.center[0])
    return []


def parts(size: tuple[int, int], *, most: int) -> Iterator[Region]:
    """The smallest overlapping squares that cover a picture of `size` (width, height) and are at most `most`.

    None where they would be smaller than `MIN_SIDE_PX`, or not smaller than the picture.
    """
    width, height = size
    side = next(side for side in range(1, max(size) + 1) if _num_along(width, side) * _num_along(height, side) <= most)
    if side < MIN_SIDE_PX or side >= min(size):
        return
    for top in _starts(height, side):
        for left in _starts(width, side):
            yield (left, top, left + side, top + side)


def _find_in(
    pixels_HWC: np.ndarray, region: Region, find_one: Callable[[np.ndarray], Detection | None]
) -> Detection | None:
    found = find_one(cut(pixels_HWC, region))
    return None if found is None else found.moved(region[:2])


def _num_along(length: int, side: int) -> int:
    return 1 + max(0, math.ceil((length - side) / ((1 - _OVERLAP) * side) - 1e-9))


def _starts(length: int, side: int) -> list[int]:
    starts: list[int] = np.linspace(0, length - side, _num_along(length, side)).round().astype(int).tolist()
    return starts
