"""Lines around a photo are found; what only looks a little like one is none."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from animator.canvas import CanvasConfig, place_photo
from animator.photo_frame import frame_px
from animator.subject import Subject
from pose_tracking.person import Detection
from tests.animator.figure import draw_figure, standing_pose

SIZE = (300, 400)


def street() -> np.ndarray:
    """[400, 300, 3] uint8: something in every place, nothing plain."""
    return np.random.default_rng(0).integers(0, 160, (SIZE[1], SIZE[0], 3), dtype=np.uint8)


def framed(**widths: int) -> Image.Image:
    """The street with a light line of so many px along each side named."""
    pixels = street()
    for side, width in widths.items():
        lines = {
            "left": pixels[:, :width],
            "right": pixels[:, -width:],
            "top": pixels[:width],
            "bottom": pixels[-width:],
        }
        lines[side][:] = 239
    return Image.fromarray(pixels)


def test_lines_along_some_sides_are_found_with_the_pixel_beside() -> None:
    assert frame_px(framed(right=2, bottom=1)) == (0, 0, 3, 2)


def test_a_line_all_around_is_found() -> None:
    assert frame_px(framed(left=1, top=3, right=1, bottom=3)) == (2, 4, 2, 4)


def test_a_line_counts_though_it_is_broken_in_a_corner_and_was_compressed() -> None:
    pixels = np.asarray(framed(bottom=2)).astype(int)
    pixels[-2:] += np.random.default_rng(1).integers(-5, 6, pixels[-2:].shape)
    pixels[-2:, :3] = 30
    assert frame_px(Image.fromarray(pixels.astype(np.uint8))) == (0, 0, 0, 3)


def test_a_line_counts_though_a_film_s_compression_rang_in_it_and_colour_ran_into_it() -> None:
    pixels = np.random.default_rng(2).integers(0, 60, (800, 304, 3), dtype=np.uint8) + np.uint8([30, 60, 130])
    pixels[:6] = pixels[-6:] = 0
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=60, subsampling="4:2:0")
    left, top, right, bottom = frame_px(Image.open(file))
    assert (left, right) == (0, 0)
    assert {top, bottom} <= {7, 8}


@pytest.mark.parametrize("width", [5, 6, 40])
def test_bars_wider_than_a_line_are_none(width: int) -> None:
    assert frame_px(framed(bottom=width)) == (0, 0, 0, 0)


def test_a_photo_without_a_line_and_one_before_a_plain_wall_have_none() -> None:
    wall = np.full((SIZE[1], SIZE[0], 3), 239, np.uint8)
    wall[2:, 100:200] = 40  # a person whose hair nearly touches the edge
    for pixels in (street(), wall, np.full_like(wall, 120)):
        assert frame_px(Image.fromarray(pixels)) == (0, 0, 0, 0)


def test_a_line_is_not_continued_beyond_the_photo() -> None:
    standing = standing_pose(height=130, center_x=64, top=15)
    picture, matte = draw_figure(standing, (128, 160))
    pixels = picture.copy()
    pixels[:, -2:] = (20, 220, 20)
    person = Detection(keypoints_K2=standing, confidence_K=np.ones(33, dtype=np.float32))
    placement = place_photo((128, 160), CanvasConfig(width=192, height=160, fit="fit"))
    subject = Subject.from_parts(Image.fromarray(pixels), person, matte, placement)
    for shown in (subject.background_HWC, subject.photo_HWC):
        red, green, _ = np.moveaxis(shown.astype(int), -1, 0)
        assert (green - red).max() < 40


@pytest.mark.parametrize("side", [1, 2, 15])
def test_a_picture_of_a_few_px_has_no_line_around_it(side: int) -> None:
    assert frame_px(Image.new("RGB", (side, 200), (250, 250, 250))) == (0, 0, 0, 0)
