"""People who are small in a photo: its parts are shown to the detector one by one, and every find close up.

A detector such as MediaPipe's misses people who are less than about half as high as the picture. Parts of two sizes
are looked at, the large ones first; or, where somebody is known to be at a point, squares around it. Where they reach
the left or right side of the picture they show grey beyond it, so that whomever the side cuts has room around them.

Legend: H W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from pose_tracking.person import SAME_PERSON, Detection, choose_person
from pose_tracking.region import PAINT, Region, cut, region_within

# Shows the person a detector sees first, None when it sees nobody.
FindOne = Callable[[np.ndarray], Detection | None]

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
# Grey beside the picture, in shorter sides of it. Of 32 people of 12 to 26 % of the height whom the side of the
# picture cut to a half, two or four fifths, 8 were found without it, 18 with it; of people cut to a third nobody was.
_BORDER = 0.08
# Of two finds of which one covers so much of the other, one shows a part of the other's person.
_SAME_PLACE = 0.5
# A box so many times as wide as high is no person, not even a lying one: bumpers and kerbs are 8 to 10 times.
_FLATTEST = 5.0
# From one square around a point to the next.
_ZOOM = math.sqrt(0.5)


def find_small_people(
    pixels_HWC: np.ndarray, find_one: FindOne, *, at_once: Sequence[Detection] = ()
) -> list[Detection]:
    """People in parts of a picture, from left to right.

    Args:
        pixels_HWC: uint8 RGB [H, W, 3].
        find_one: the detector, without memory from picture to picture.
        at_once: small people found in the whole picture. They stay if they show close up, too, unless their part of
            the picture shows more of them.
    """
    picture = _Bordered(pixels_HWC, find_one)
    people = [one for one in at_once if picture.confirm(one) is not None]
    for found in _find_in_parts(picture):
        same = [one for one in people if _is_same(one, found)]
        if all(one.size_px < found.size_px for one in same):
            people = [*(one for one in people if not any(one is other for other in same)), found]
    return sorted(people, key=lambda person: person.center[0])


def find_person_at(
    pixels_HWC: np.ndarray, point: tuple[float, float], find_one: FindOne, *, known: Sequence[Detection] = ()
) -> Detection | None:
    """Whoever is small in a picture and at a point of it.

    Args:
        pixels_HWC: uint8 RGB [H, W, 3].
        point: fractions (x, y) of width and height, as `choose_person` takes them.
        find_one: the detector, without memory from picture to picture.
        known: people found already, who are not meant.
    """
    height, width = pixels_HWC.shape[:2]
    picture = _Bordered(pixels_HWC, find_one)
    for part in _around((point[0] * width, point[1] * height), (width, height)):
        found = picture.find(part)
        if found is not None and choose_person([found], point, frame_size=(width, height)) is not None:
            confirmed = picture.confirm(found)
            if confirmed is not None and not any(_is_same(one, confirmed) for one in known):
                return confirmed
    return None


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


class _Bordered:
    """A picture whose parts show grey beyond its left and right side, where they reach it."""

    def __init__(self, pixels_HWC: np.ndarray, find_one: FindOne) -> None:
        self.size = (pixels_HWC.shape[1], pixels_HWC.shape[0])
        self._border = round(_BORDER * min(self.size))
        margins = ((0, 0), (self._border, self._border), (0, 0))
        self._pixels_HWC = np.pad(pixels_HWC, margins, constant_values=PAINT)
        self._find_one = find_one

    def find(self, part: Region) -> Detection | None:
        """Whoever fills enough of a part."""
        found = self._look(part)
        return None if found is None or found.size_px < _MIN_SIZE * math.dist(part[:2], part[2:]) else found

    def confirm(self, person: Detection) -> Detection | None:
        """The same person close up; None where there is nobody, or nobody in the mirror image, or something flat.

        Of 38 finds, 35 of people and 3 of a kerb, the mirror image confirmed the people alone.
        """
        found = self._find_again(person)
        mirrored = None if found is None or _is_flat(found) else self._find_again(found, mirrored=True)
        return None if mirrored is None else found

    def _find_again(self, person: Detection, *, mirrored: bool = False) -> Detection | None:
        close_up = region_within(person.box(margin=_MARGIN), self.size)
        found = None if close_up is None else self._look(close_up, mirrored=mirrored)
        return None if found is None or found.distance(person) > SAME_PERSON else found

    def _look(self, part: Region, *, mirrored: bool = False) -> Detection | None:
        left, top, right, bottom = part
        left -= self._border * (left == 0)
        right += self._border * (right == self.size[0])
        shown = cut(self._pixels_HWC, (left + self._border, top, right + self._border, bottom))
        found = self._find_one(np.ascontiguousarray(shown[:, ::-1]) if mirrored else shown)
        if found is None:
            return None
        return found.scaled((-1, 1)).moved((right, top)) if mirrored else found.moved((left, top))


def _find_in_parts(picture: _Bordered) -> list[Detection]:
    """Everybody in the parts of the first size in which there is anybody."""
    for most in NUM_PARTS:
        people: list[Detection] = []
        for part in parts(picture.size, most=most):
            found = picture.find(part)
            confirmed = None if found is None else picture.confirm(found)
            if confirmed is not None and not any(confirmed.distance(person) < SAME_PERSON for person in people):
                people.append(confirmed)
        if people:
            return people
    return []


def _is_same(one: Detection, other: Detection) -> bool:
    """Whether two finds are one person, of whom one of them may show a part only."""
    if one.distance(other) < SAME_PERSON:
        return True
    boxes = np.array([one.box(), other.box()])
    width, height = boxes[:, 2:].min(axis=0) - boxes[:, :2].max(axis=0)
    smaller = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1).min()
    return bool(min(width, height) > 0 and width * height > _SAME_PLACE * smaller)


def _is_flat(found: Detection) -> bool:
    left, top, right, bottom = found.box()
    return right - left > _FLATTEST * (bottom - top)


def _around(point: tuple[float, float], size: tuple[int, int]) -> Iterator[Region]:
    """Ever smaller squares around a point (x, y) px of a picture of `size` (width, height), moved to lie within."""
    side = float(min(size))
    while side >= MIN_SIDE_PX:
        left, top = (round(min(max(0.0, at - side / 2), length - side)) for at, length in zip(point, size, strict=True))
        yield (left, top, left + int(side), top + int(side))
        side *= _ZOOM


def _num_along(length: int, side: int) -> int:
    return 1 + max(0, math.ceil((length - side) / ((1 - _OVERLAP) * side) - 1e-9))


def _starts(length: int, side: int) -> list[int]:
    starts: list[int] = np.linspace(0, length - side, _num_along(length, side)).round().astype(int).tolist()
    return starts
