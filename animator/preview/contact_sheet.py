"""Many pictures on one sheet, to see a whole film at a glance.

Legend: H W pixels, C colour.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from PIL import Image, ImageDraw

from animator.preview.caption import BACKGROUND_RGB, draw_caption, picture_size, resize
from pose_tracking.frame import Frame

_GAP_PX = 4
_LABEL_PX = 16


def contact_sheet(
    images: Sequence[np.ndarray],
    *,
    columns: int | None = None,
    labels: Sequence[str] | None = None,
    max_side: int = 240,
) -> np.ndarray:
    """Arrange pictures in rows, from left to right, each in a cell of the same size.

    Args:
        images: uint8 RGB [H, W, 3], any sizes; larger ones are scaled down, smaller ones kept.
        columns: pictures in a row; by default as many as make the sheet about as wide as it is high.
        labels: a word or two under each picture.
        max_side: longest side of a picture on the sheet, px.

    Returns:
        uint8 RGB sheet [H, W, 3].

    Raises:
        ValueError: no pictures, no columns, or not one label per picture.
    """
    if not images:
        raise ValueError("a contact sheet needs at least one picture")
    if columns is not None and columns < 1:
        raise ValueError(f"a contact sheet has at least one column, got {columns}")
    if labels is not None and len(labels) != len(images):
        raise ValueError(f"got {len(labels)} labels for {len(images)} pictures")
    pictures = [_shrink(image, max_side) for image in images]
    cell_height = max(picture.shape[0] for picture in pictures)
    cell_width = max(picture.shape[1] for picture in pictures)
    strip = _LABEL_PX if labels is not None else 0
    columns = min(len(pictures), columns or _square_columns(len(pictures), (cell_height + strip) / cell_width))
    step_x, step_y = cell_width + _GAP_PX, cell_height + strip + _GAP_PX
    rows = math.ceil(len(pictures) / columns)
    sheet = Image.new("RGB", (columns * step_x + _GAP_PX, rows * step_y + _GAP_PX), BACKGROUND_RGB)
    drawing = ImageDraw.Draw(sheet)
    for place, picture in enumerate(pictures):
        left, top = _GAP_PX + place % columns * step_x, _GAP_PX + place // columns * step_y
        margin_y, margin_x = (cell_height - picture.shape[0]) // 2, (cell_width - picture.shape[1]) // 2
        sheet.paste(Image.fromarray(picture), (left + margin_x, top + margin_y))
        if labels is not None:
            draw_caption(drawing, labels[place], (left, top + cell_height, cell_width, _LABEL_PX))
    return np.asarray(sheet)


class ContactSheet:
    """Collects evenly spaced frames of a film while it passes by; only small copies are kept.

    Args:
        total: how many frames will pass.
        num: how many of them the sheet shows at most; the first and the last are always among them.
        max_side: longest side of a picture on the sheet, px.

    Raises:
        ValueError: `total` or `num` below one.
    """

    def __init__(self, total: int, *, num: int = 16, max_side: int = 240) -> None:
        if total < 1 or num < 1:
            raise ValueError(f"a contact sheet shows at least one of at least one frame, got {num} of {total}")
        self._wanted = frozenset(np.linspace(0, total - 1, min(num, total)).round().astype(int).tolist())
        self._max_side = max_side
        self._num_seen = 0
        self._pictures: list[np.ndarray] = []
        self._labels: list[str] = []

    def add(self, frame: Frame) -> None:
        """Look at the next frame of the film."""
        if self._num_seen in self._wanted:
            self._pictures.append(_shrink(frame.pixels_HWC, self._max_side))
            self._labels.append(f"{frame.time_s:.2f} s")
        self._num_seen += 1

    def watch(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Hand all frames on, looking at each as it passes."""
        for frame in frames:
            self.add(frame)
            yield frame

    def draw(self, *, columns: int | None = None) -> np.ndarray:
        """The sheet as uint8 RGB [H, W, 3], each picture with its time.

        Raises:
            ValueError: no frame has passed yet.
        """
        return contact_sheet(self._pictures, columns=columns, labels=self._labels, max_side=self._max_side)


def _shrink(pixels_HWC: np.ndarray, max_side: int) -> np.ndarray:
    height, width = pixels_HWC.shape[:2]
    scale = min(1.0, max_side / max(height, width))
    return resize(pixels_HWC, *picture_size(height, width, scale))


def _square_columns(num_pictures: int, cell_aspect: float) -> int:
    """Columns of full rows that make a sheet about as wide as high; `cell_aspect` is a cell's height over its width."""
    rows = math.ceil(num_pictures / max(1, round(math.sqrt(num_pictures * cell_aspect))))
    return math.ceil(num_pictures / rows)
