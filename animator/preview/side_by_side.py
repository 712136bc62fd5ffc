"""Photo, driving clip and result next to each other, to judge a render by eye.

Legend: H W pixels, C colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from PIL import Image, ImageDraw

from animator.preview.caption import BACKGROUND_RGB, draw_caption, picture_size, resize
from pose_tracking.frame import Frame

PANEL_HEIGHT_PX = 360
# Two screens of 16:9 in a row are as wide. What is wider yet, and x264 refuses from 16384 px on, shows less high.
MAX_PANEL_WIDTH_PX = 1280
_SEPARATOR_PX = 2
_CAPTION_PX = 20
# Times that were computed in two ways may differ in their last bits; frames lie much further apart.
_SAME_TIME_S = 1e-6


class SideBySide:
    """Composes one frame after the other: photo | clip at that time | result, all of one height, or, where that would
    make one wider than `MAX_PANEL_WIDTH_PX`, in the middle of it.

    Args:
        photo_HWC: uint8 RGB photo [H, W, 3].
        clip_frames: the clip's frames in order, as they shall be seen (with the skeleton drawn over them); read
            as far as the results go, one frame ahead.
        height: of the pictures, px; a line of captions comes on top.
        captions: what stands over photo, clip and result.

    Raises:
        ValueError: the clip has no frames.
    """

    def __init__(
        self,
        photo_HWC: np.ndarray,
        clip_frames: Iterable[Frame],
        *,
        height: int = PANEL_HEIGHT_PX,
        captions: tuple[str, str, str] = ("photo", "clip", "result"),
    ) -> None:
        self._clip = iter(clip_frames)
        first = next(self._clip, None)
        if first is None:
            raise ValueError("the clip has no frames to show beside the result")
        self._height = height
        self._captions = captions
        self._photo = _panel(photo_HWC, height)
        self._clip_size = panel_size(*first.pixels_HWC.shape[:2], height=height)
        self._clip_panel = _panel(first.pixels_HWC, height)
        self._next = next(self._clip, None)
        self._captions_HWC: np.ndarray | None = None

    def compose(self, result: Frame) -> Frame:
        """The picture for one result frame, of even sides, with that frame's time and index.

        Results come in order of time. The clip's picture is the newest one that is not later than the result;
        before the clip's first frame that one stands in, after its last frame the last.
        """
        self._move_clip_to(result.time_s)
        panels = [self._photo, self._clip_panel, _panel(result.pixels_HWC, self._height)]
        if self._captions_HWC is None:
            self._captions_HWC = _draw_captions(self._captions, [panel.shape[1] for panel in panels])
        pixels = np.concatenate([self._captions_HWC, _join(panels)], axis=0)
        odd_rows, odd_columns = pixels.shape[0] % 2, pixels.shape[1] % 2
        if odd_rows or odd_columns:
            pixels = np.pad(pixels, ((0, odd_rows), (0, odd_columns), (0, 0)), mode="edge")
        return Frame(pixels_HWC=pixels, time_s=result.time_s, index=result.index)

    def _move_clip_to(self, time_s: float) -> None:
        current = None
        while self._next is not None and self._next.time_s <= time_s + _SAME_TIME_S:
            current, self._next = self._next, next(self._clip, None)
        if current is not None:
            picture = resize(current.pixels_HWC, *self._clip_size)  # a clip may change its size on the way
            self._clip_panel = _centred(picture, self._height)


def side_by_side(
    photo_HWC: np.ndarray,
    clip_frames: Iterable[Frame],
    results: Iterable[Frame],
    *,
    height: int = PANEL_HEIGHT_PX,
    captions: tuple[str, str, str] = ("photo", "clip", "result"),
) -> Iterator[Frame]:
    """Yield one composed frame per result frame, reading clip and results one at a time; see `SideBySide`."""
    composer = SideBySide(photo_HWC, clip_frames, height=height, captions=captions)
    for result in results:
        yield composer.compose(result)


def panel_size(rows: int, columns: int, *, height: int = PANEL_HEIGHT_PX) -> tuple[int, int]:
    """(height, width) px that a picture of `rows` x `columns` px gets in panels of some height."""
    return picture_size(rows, columns, min(height / rows, MAX_PANEL_WIDTH_PX / columns))


def _panel(pixels_HWC: np.ndarray, height: int) -> np.ndarray:
    return _centred(resize(pixels_HWC, *panel_size(*pixels_HWC.shape[:2], height=height)), height)


def _centred(picture_HWC: np.ndarray, height: int) -> np.ndarray:
    missing = height - picture_HWC.shape[0]
    if not missing:
        return picture_HWC
    panel = np.empty((height, *picture_HWC.shape[1:]), np.uint8)
    panel[:] = BACKGROUND_RGB
    panel[missing // 2 : height - (missing - missing // 2)] = picture_HWC
    return panel


def _join(panels: list[np.ndarray]) -> np.ndarray:
    """Panels of one height in a row, a thin line between them."""
    line = np.full((panels[0].shape[0], _SEPARATOR_PX, 3), BACKGROUND_RGB, np.uint8)
    return np.concatenate([panels[0], *(part for panel in panels[1:] for part in (line, panel))], axis=1)


def _draw_captions(captions: tuple[str, ...], widths: list[int]) -> np.ndarray:
    strip = Image.new("RGB", (sum(widths) + _SEPARATOR_PX * (len(widths) - 1), _CAPTION_PX), BACKGROUND_RGB)
    drawing = ImageDraw.Draw(strip)
    left = 0
    for caption, width in zip(captions, widths, strict=True):
        draw_caption(drawing, caption, (left, 0, width, _CAPTION_PX))
        left += width + _SEPARATOR_PX
    return np.asarray(strip)
