"""What all previews share: their grey, their letters, their way of scaling.

Legend: H W pixels, C colour.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

BACKGROUND_RGB = (24, 24, 24)
_TEXT_RGB = (208, 208, 208)


def draw_caption(drawing: ImageDraw.ImageDraw, text: str, box: tuple[int, int, int, int]) -> None:
    """Write one line into the middle of a box (left, top, width, height in px), shortened to fit."""
    left, top, width, height = box
    font = _font(round(height * 0.7))
    line = " ".join(text.split())
    shown = line
    while shown and font.getlength(shown) > width:
        line = line[:-1]
        shown = f"{line}..." if line else ""
    drawing.text((left + width / 2, top + height / 2), shown, fill=_TEXT_RGB, font=font, anchor="mm")


def picture_size(height: int, width: int, scale: float) -> tuple[int, int]:
    """(height, width) of a scaled picture in whole px, at least 1 x 1."""
    return max(1, round(height * scale)), max(1, round(width * scale))


def resize(pixels_HWC: np.ndarray, height: int, width: int) -> np.ndarray:
    """A copy of the picture, uint8 RGB [H, W, 3], averaged where it gets smaller."""
    if pixels_HWC.shape[:2] == (height, width):
        return pixels_HWC.copy()
    picture = Image.fromarray(np.ascontiguousarray(pixels_HWC))
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0))


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("Pillow was built without FreeType; install its wheel from PyPI")
    return font
