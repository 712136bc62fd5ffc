"""Everybody in one picture, found with a detector that sees one person at a time.

Whoever has been found is painted out and the picture is shown again; then square cut-outs are shown, in which
small people look larger. The number of looks is bounded.

Legend: H W pixels, K keypoints.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from PIL import Image, ImageDraw

from pose_tracking.person import CONFIDENT, SAME_PERSON, Detection
from pose_tracking.region import Region
from pose_tracking.skeleton import Skeleton

# Shows the person a detector sees first, None when it sees nobody.
FindOne = Callable[[np.ndarray], Detection | None]

MAX_LOOKS = 10
# Detectors see a reduced picture anyway (MediaPipe's: 224 px).
_SEARCH_SIDE_PX = 960
_FLESH_PER_SIZE = 0.06
# A find whose joints lie mainly where people have been painted out is their silhouette.
_MAX_PAINTED_JOINTS = 0.5


def find_everybody(
    pixels_HWC: np.ndarray,
    find_one: FindOne,
    skeleton: Skeleton,
    *,
    known: Sequence[Detection] = (),
    cut_outs: bool = True,
) -> list[Detection]:
    """All distinct people in a picture, from left to right.

    Args:
        pixels_HWC: uint8 RGB [H, W, 3].
        find_one: the detector, without memory from picture to picture.
        skeleton: of its detections.
        known: people already found in this picture; they are painted out before the first look.
        cut_outs: look into square cut-outs too, which finds people too small in the whole picture.
    """
    scale = min(1.0, _SEARCH_SIDE_PX / max(pixels_HWC.shape[:2]))
    canvas = _Painting(pixels_HWC, scale, skeleton)
    people = [one.scaled((scale, scale)) for one in known]
    for person in people:
        canvas.paint_out(person)
    num_known, looks = len(people), MAX_LOOKS
    for view in _views(canvas.size, cut_outs=cut_outs):
        while looks > 0:
            looks -= 1
            found = find_one(canvas.cut(view))
            found = None if found is None else found.moved(view[:2])
            if found is None or canvas.is_painted(found) or any(found.distance(one) < SAME_PERSON for one in people):
                break
            people.append(found)
            canvas.paint_out(found)
    new = (one.scaled((1 / scale, 1 / scale)) for one in people[num_known:])
    return sorted((*known, *new), key=lambda one: one.center[0])


def paint_out(pixels_HWC: np.ndarray, people: Sequence[Detection], skeleton: Skeleton) -> np.ndarray:
    """A copy of the picture in which `people` are covered with its median colour."""
    canvas = _Painting(pixels_HWC, 1.0, skeleton)
    for person in people:
        canvas.paint_out(person)
    width, height = canvas.size
    return canvas.cut((0, 0, width, height))


def body_shape(size: tuple[int, int], person: Detection, skeleton: Skeleton) -> np.ndarray:
    """Bool [H, W]: about where the body of a person is who was found in a picture of `size`, (width, height) px."""
    shape = Image.new("L", size)
    _draw_body(ImageDraw.Draw(shape), person, skeleton)
    return np.asarray(shape) > 0


class _Painting:
    """The picture, reduced, with the people found so far painted out."""

    def __init__(self, pixels_HWC: np.ndarray, scale: float, skeleton: Skeleton) -> None:
        picture = Image.fromarray(pixels_HWC)
        if scale < 1:
            picture = picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))
        self._picture = picture
        self._mask = Image.new("L", picture.size)
        self._paint = tuple(int(value) for value in np.median(np.asarray(picture).reshape(-1, 3), axis=0))
        self._skeleton = skeleton
        self.size = picture.size

    def cut(self, view: Region) -> np.ndarray:
        return np.ascontiguousarray(np.asarray(self._picture.crop(view)))

    def paint_out(self, person: Detection) -> None:
        shape = Image.new("L", self.size)
        _draw_body(ImageDraw.Draw(shape), person, self._skeleton)
        self._picture.paste(self._paint, mask=shape)
        self._mask.paste(255, mask=shape)

    def is_painted(self, person: Detection) -> bool:
        confident = person.confidence_K >= CONFIDENT
        points = np.floor(person.keypoints_K2[confident if confident.any() else slice(None)])
        points = points[~np.isnan(points[:, 0])]
        width, height = self.size
        inside = (points >= 0).all(axis=-1) & (points < (width, height)).all(axis=-1)
        if not inside.any():
            return True
        x, y = points[inside].astype(int).T
        return bool((np.asarray(self._mask)[y, x] > 0).mean() > _MAX_PAINTED_JOINTS)


def _draw_body(canvas: ImageDraw.ImageDraw, person: Detection, skeleton: Skeleton) -> None:
    """Limbs as thick strokes, the trunk filled, the head as a disc."""
    seen = (person.confidence_K >= CONFIDENT) & ~np.isnan(person.keypoints_K2[:, 0])
    radius = max(2.0, _FLESH_PER_SIZE * person.size_px)
    points = [tuple(point) for point in person.keypoints_K2.tolist()]
    for a, b in skeleton.limbs:
        if seen[a] and seen[b]:
            canvas.line((points[a], points[b]), fill=255, width=round(2 * radius))
    for joint in np.flatnonzero(seen):
        x, y = points[joint]
        canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    trunk = [skeleton.index(name) for name in ("left_shoulder", "right_shoulder", "right_hip", "left_hip")]
    if seen[trunk[:2]].all() and not np.isnan(person.keypoints_K2[trunk]).any():
        canvas.polygon([points[joint] for joint in trunk], fill=255)
    head = [skeleton.index(name) for name in ("nose", "left_ear", "right_ear") if seen[skeleton.index(name)]]
    if head:
        x, y = person.keypoints_K2[head].mean(axis=0).tolist()
        shoulders = np.linalg.norm(person.keypoints_K2[trunk[0]] - person.keypoints_K2[trunk[1]])
        radius = max(1.5 * radius, 0.6 * float(np.nan_to_num(shoulders)))
        canvas.ellipse((x - radius, y - 1.2 * radius, x + radius, y + 1.2 * radius), fill=255)


def _views(size: tuple[int, int], *, cut_outs: bool) -> Iterator[Region]:
    """The whole picture, then overlapping squares of its shorter side along the longer one."""
    width, height = size
    yield (0, 0, width, height)
    side, length = min(size), max(size)
    if not cut_outs or side == length:
        return
    for start in np.linspace(0, length - side, max(2, math.ceil(2 * length / side) - 1)).round().astype(int).tolist():
        yield (start, 0, start + side, height) if width >= height else (0, start, width, start + side)
