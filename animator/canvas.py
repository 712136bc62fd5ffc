"""The canvas every picture is made on, and how a photo of any size is placed there.

Legend: H W canvas pixels.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

Fit = Literal["auto", "fit", "fill"]
# DreamPose's canvas, (width, height) px.
DEFAULT_SIZE = (512, 640)
# Room kept around the person by `auto`, as a share of the person's own height: arms and steps need it.
PERSON_MARGIN = 0.12
# How much smaller than without a motion `auto` places the photo to keep reaching hands in the picture.
SMALLEST_FOR_REACH = 0.85
# Room left beside the reach, as a share of the canvas's longer side.
REACH_MARGIN = 0.015
# (left, top, right, bottom) px.
Box = tuple[float, float, float, float]


class CanvasConfig(BaseModel):
    """Size of the output and how the photo fills it, as written in a job file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int | None = Field(
        default=None, ge=64, le=4096, multiple_of=2, description="px; unset: what the model was made for, or 512"
    )
    height: int | None = Field(
        default=None, ge=64, le=4096, multiple_of=2, description="px; unset: what the model was made for, or 640"
    )
    fit: Fit = Field(
        default="auto",
        description="fit: the whole photo, border continued; fill: no border, photo cropped around the person; "
        "auto: as large as the person and the reach of the motion allow",
    )

    @classmethod
    def parse(cls, text: str, *, fit: Fit = "auto") -> CanvasConfig:
        """Read `512x640` (width x height).

        Raises:
            ValueError: not two numbers with an x between them, or sizes out of range.
        """
        match = re.fullmatch(r"(\d{1,5})[xX×](\d{1,5})", text.strip())
        if match is None:
            raise ValueError(f"canvas {text!r}: expected WIDTHxHEIGHT in px, for example 512x640")
        return cls(width=int(match[1]), height=int(match[2]), fit=fit)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in px; for sides nobody chose, those of `DEFAULT_SIZE`."""
        return self.width or DEFAULT_SIZE[0], self.height or DEFAULT_SIZE[1]

    def completed(self, size: tuple[int, int]) -> CanvasConfig:
        """The same with both sides set; those nobody chose are taken from `size`, (width, height) px."""
        return self.model_copy(update={"width": self.width or size[0], "height": self.height or size[1]})


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a photo lies on the canvas: canvas = photo * scale + offset.

    Attributes:
        scale: canvas px per photo px, the same in x and y.
        offset: (x, y) of the photo's top-left corner on the canvas in px.
        photo_size: (width, height) of the photo in px.
        canvas_size: (width, height) of the canvas in px.
    """

    scale: float
    offset: tuple[float, float]
    photo_size: tuple[int, int]
    canvas_size: tuple[int, int]

    def to_canvas(self, points_2: np.ndarray) -> np.ndarray:
        """Map photo px [..., 2] to canvas px."""
        return (np.asarray(points_2) * self.scale + np.asarray(self.offset)).astype(np.float32)

    def place(self, photo: Image.Image, *, fill: int | tuple[int, ...] = 0) -> Image.Image:
        """Draw `photo` on the canvas, area-averaged when it shrinks; outside the photo lies `fill`."""
        width, height = self.photo_size
        target = (max(1, round(width * self.scale)), max(1, round(height * self.scale)))
        left, top = self.corner
        visible = _visible(target, (left, top), self.canvas_size)
        canvas = Image.new(photo.mode, self.canvas_size, fill)
        if visible is None:
            return canvas
        # Only the visible part is resampled: a 12000 px photo zoomed in would otherwise be blown up whole.
        x0, y0, x1, y1 = visible
        ratio_x, ratio_y = width / target[0], height / target[1]
        box = (x0 * ratio_x, y0 * ratio_y, x1 * ratio_x, y1 * ratio_y)
        part = photo.resize((x1 - x0, y1 - y0), Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)
        canvas.paste(part, (left + x0, top + y0))
        return canvas

    @property
    def corner(self) -> tuple[int, int]:
        """Whole-pixel top-left corner of the photo on the canvas."""
        return round(self.offset[0]), round(self.offset[1])

    def inside_HW(self, *, without: tuple[int, int, int, int] = (0, 0, 0, 0)) -> np.ndarray:
        """Boolean [H, W]: canvas pixels that the photo covers.

        Args:
            without: px of the photo at its left, top, right and bottom that do not count where the canvas goes on
                beyond them, nor the canvas pixel beside, into which resampling blends them.
        """
        (width, height), (left, top) = self.canvas_size, self.corner
        right = left + round(self.photo_size[0] * self.scale)
        bottom = top + round(self.photo_size[1] * self.scale)
        less = [math.ceil(px * self.scale) + 1 if px else 0 for px in without]
        left, top = left + less[0] * (left > 0), top + less[1] * (top > 0)
        right, bottom = right - less[2] * (right < width), bottom - less[3] * (bottom < height)
        inside = np.zeros((height, width), dtype=bool)
        inside[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = True
        return inside


def place_photo(
    photo_size: tuple[int, int],
    canvas: CanvasConfig,
    *,
    person: Box | None = None,
    reach: Box | None = None,
) -> Placement:
    """Choose scale and offset for a photo.

    Args:
        photo_size: (width, height) px.
        canvas: size of the canvas and the wanted fit.
        person: the person in photo px; None centres the photo.
        reach: where the person is going to reach, in photo px; None: nowhere.

    `fit` shows the whole photo, `fill` leaves no border and crops around the person, `auto` takes the
    largest scale between the two at which the person and `PERSON_MARGIN` still fit. For the `reach`, `auto` goes
    down to `SMALLEST_FOR_REACH` of that, border continued where there is one, and all but `fit` move the photo by as
    little as brings the reach onto the canvas; the person stays there in any case. A photo that cuts the person off
    above and below is as high as the canvas at least.
    """
    scale = _scale(photo_size, canvas, person, reach)
    if person is None:
        person = _presumed(photo_size)
    whole = person if reach is None else _union(person, reach)
    edge = REACH_MARGIN * max(canvas.size)
    offset = []
    for axis, (extent, room) in enumerate(zip(photo_size, canvas.size, strict=True)):
        first, last = person[axis], person[2 + axis]
        cut = _cut_sides(first, last, extent)
        start = _offset((first + last) / 2 * scale, extent * scale, room, cut)
        if reach is not None and canvas.fit != "fit":
            needs = [(box[axis] * scale, box[2 + axis] * scale) for box in (whole, person)]
            wanted = start + _move(start, needs[0], needs[1], room, edge)
            start = _covering(wanted, extent * scale, room, (True, True) if canvas.fit == "fill" else cut)
        # Whole pixels: the photo is pasted there, and points must land on the same grid.
        offset.append(float(round(start)))
    return Placement(scale=scale, offset=(offset[0], offset[1]), photo_size=photo_size, canvas_size=canvas.size)


def _scale(photo_size: tuple[int, int], canvas: CanvasConfig, person: Box | None, reach: Box | None) -> float:
    """Canvas px per photo px, as `place_photo` says."""
    (width, height), (canvas_width, canvas_height) = photo_size, canvas.size
    fit = min(canvas_width / width, canvas_height / height)
    fill = max(canvas_width / width, canvas_height / height)
    if person is None:
        scale, person = fill if canvas.fit == "fill" else fit, _presumed(photo_size)
    else:
        margin = PERSON_MARGIN * (person[3] - person[1])
        box_width = person[2] - person[0] + 2 * margin
        box_height = person[3] - person[1] + margin
        whole_person = min(canvas_width / box_width, canvas_height / box_height)
        scale = {"fit": fit, "fill": fill}.get(canvas.fit, min(max(whole_person, fit), fill))
    if canvas.fit != "auto":
        return scale
    if reach is not None:
        whole, edge = _union(person, reach), REACH_MARGIN * max(canvas.size)
        whole_reach = min((room - 2 * edge) / (whole[2 + axis] - whole[axis]) for axis, room in enumerate(canvas.size))
        scale = min(scale, max(whole_reach, SMALLEST_FOR_REACH * scale))
    # Whoever is cut off above and below would float between two borders: there the canvas ends, too.
    return max(scale, canvas_height / height) if all(_cut_sides(person[1], person[3], height)) else scale


def _presumed(photo_size: tuple[int, int]) -> Box:
    """Where somebody would be of whom nothing is known."""
    width, height = photo_size
    return 0.3 * width, 0.3 * height, 0.7 * width, 0.7 * height


def _union(one: Box, other: Box) -> Box:
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def _move(start: float, whole: tuple[float, float], person: tuple[float, float], room: float, edge: float) -> float:
    """The least move that brings `whole` at `start` into the room; its middle, as far as the person stays inside, where
    it is longer than that."""
    least, most = edge - start - whole[0], room - edge - start - whole[1]
    if least <= most:
        return min(max(0.0, least), most)
    stays = sorted((-start - person[0], room - start - person[1]))
    return min(max((least + most) / 2, stays[0]), stays[1])


def _covering(offset: float, extent: float, room: float, sides: tuple[bool, bool]) -> float:
    """`offset`, changed so that the photo reaches the canvas's edge on these sides, the far one first."""
    if sides[0]:
        offset = min(offset, 0.0)
    return max(offset, room - extent) if sides[1] else offset


def _cut_sides(first: float, last: float, extent: int) -> tuple[bool, bool]:
    """Whether the photo's edge cuts through the person at the near and at the far end."""
    return first <= 0.01 * extent, last >= 0.99 * extent


def _offset(center: float, extent: float, room: int, cut: tuple[bool, bool]) -> float:
    """Shift that centres `center`, without opening a border where the photo is larger than the canvas.

    A photo with room to spare is centred, unless its edge cuts the person on one side: there the canvas ends
    too, for nobody should float with the legs cut off.
    """
    if extent <= room:
        if cut[0] != cut[1]:
            return 0.0 if cut[0] else room - extent
        return (room - extent) / 2
    return min(0.0, max(room - extent, room / 2 - center))


def _visible(
    size: tuple[int, int], corner: tuple[int, int], canvas_size: tuple[int, int]
) -> tuple[int, int, int, int] | None:
    """The part of a placed picture that lies on the canvas, in the picture's own px."""
    x0, y0 = max(0, -corner[0]), max(0, -corner[1])
    x1, y1 = min(size[0], canvas_size[0] - corner[0]), min(size[1], canvas_size[1] - corner[1])
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None
