from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from animator.encoding import EncodeConfig, encode
from animator.encoding.watermark import DETECTED_FROM, Watermark, WatermarkReader, embed_watermark
from animator.origin import find_watermark
from animator.photo import read_photo
from pose_tracking.clip import DrivingClip
from pose_tracking.frame import Frame

MEDIA = Path(__file__).parents[3] / "examples" / "media"
CODE = "1a2b3c4d"


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    """Real motion in a real picture: a part of the example's clip, one in four frames."""
    clip = DrivingClip.open(MEDIA / "dance.mp4", end_s=1.6)
    return [frame.pixels_HWC for frame in clip.frames() if frame.index % 4 == 0]


def read(pictures: Iterable[np.ndarray]) -> Watermark | None:
    reader = WatermarkReader()
    for picture in pictures:
        reader.add(picture)
    return reader.result


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2)))


def test_the_code_is_read_back_from_a_single_picture(frames: list[np.ndarray]) -> None:
    found = read([embed_watermark(frames[0], CODE)])
    assert found is not None
    assert found.code == CODE
    assert found.score > 2 * DETECTED_FROM


def test_nobody_sees_it(frames: list[np.ndarray]) -> None:
    marked = embed_watermark(frames[0], CODE)
    assert psnr(marked, frames[0]) > 47
    assert np.abs(marked.astype(int) - frames[0]).max() <= 4


def test_the_fingerprint_s_first_eight_digits_are_the_code(frames: list[np.ndarray]) -> None:
    np.testing.assert_array_equal(embed_watermark(frames[0], CODE + "ffff"), embed_watermark(frames[0], CODE))


@pytest.mark.parametrize(
    ("name", "crf"), [("out.mp4", 16), ("out.mp4", 23), ("out.webp", 16), ("out.gif", 16), ("out", 16)]
)
def test_it_survives_the_encoding(tmp_path: Path, frames: list[np.ndarray], name: str, crf: int) -> None:
    film = (
        Frame(pixels_HWC=embed_watermark(pixels, CODE), time_s=index / 10, index=index)
        for index, pixels in enumerate(frames)
    )
    path = encode(film, tmp_path / name, EncodeConfig(crf=crf), fps=Fraction(10)).path
    found = find_watermark(path)
    assert found is not None
    assert found.code == CODE


def test_it_survives_a_cut_at_the_right_and_the_bottom(frames: list[np.ndarray]) -> None:
    height, width = frames[0].shape[:2]
    found = read([embed_watermark(frames[0], CODE)[: height - 45, : width - 77]])
    assert found is not None
    assert found.code == CODE
    assert read([embed_watermark(frames[0], CODE)[3:, 3:]]) is None


def test_pictures_without_it_have_none(frames: list[np.ndarray]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 96, 96, 3), np.uint8)
    flat = np.full((64, 64, 3), 128, np.uint8)
    photo = read_photo(MEDIA / "portrait.png").pixels_HWC
    assert [read([picture]) for picture in (*frames, *noise, flat, photo)] == [None] * (len(frames) + 22)
    assert read(frames) is None
    assert read([]) is None


def test_a_picture_too_small_for_a_block_stays_as_it_is_and_says_nothing() -> None:
    tiny = np.full((5, 5, 3), 100, np.uint8)
    np.testing.assert_array_equal(embed_watermark(tiny, CODE), tiny)
    assert read([embed_watermark(tiny, CODE)]) is None


def test_black_and_white_do_not_wrap_around() -> None:
    for level in (0, 255):
        marked = embed_watermark(np.full((64, 64, 3), level, np.uint8), CODE)
        assert np.abs(marked.astype(int) - level).max() <= 4
