from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from animator.encoding import check_output, encode, provenance, provenance_metadata
from animator.encoding.images import is_picture_of_ours, write_png
from animator.errors import EncodeError
from pose_tracking.frame import Frame

MakeFilm = Callable[..., list[Frame]]
MARK = provenance_metadata(generator="puppet", source_type="compositeSynthetic")


def pages(path: Path) -> list[tuple[np.ndarray, float]]:
    """(RGB picture, milliseconds it stays) of every page, as Pillow shows them."""
    shown = []
    with Image.open(path) as image:
        for page in range(image.n_frames):
            image.seek(page)
            image.load()
            shown.append((np.asarray(image.convert("RGB")), image.info["duration"]))
    return shown


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2)))


def test_png_sequence_is_exact_and_numbered(tmp_path: Path, make_film: MakeFilm) -> None:
    film = make_film(12)
    encode(film, tmp_path / "frames", fps=25)
    names = [f"{index:06d}.png" for index in range(12)]
    assert sorted(entry.name for entry in (tmp_path / "frames").iterdir()) == names
    for frame, name in zip(film, names, strict=True):
        with Image.open(tmp_path / "frames" / name) as image:
            assert np.array_equal(np.asarray(image), frame.pixels_HWC)


def test_write_png_keeps_pixels_and_alpha(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (20, 30, 4), dtype=np.uint8)
    path = write_png(tmp_path / "still.png", pixels)
    assert np.array_equal(np.asarray(Image.open(path)), pixels)
    assert [entry.name for entry in tmp_path.iterdir()] == ["still.png"]


@pytest.mark.parametrize("name", ["out.gif", "out.webp"])
def test_animation_shows_every_frame_in_order(tmp_path: Path, make_film: MakeFilm, name: str) -> None:
    film = make_film(15, height=120, width=160)
    shown = pages(encode(film, tmp_path / name, fps=10).path)
    assert len(shown) == 15
    for index, (pixels, _) in enumerate(shown):
        likeness = [psnr(frame.pixels_HWC, pixels) for frame in film]
        assert int(np.argmax(likeness)) == index
        assert likeness[index] > 30


@pytest.mark.parametrize("name", ["out.gif", "out.webp"])
@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(30), Fraction(12), Fraction(7, 3)])
def test_waits_add_up_to_the_true_time(tmp_path: Path, make_film: MakeFilm, name: str, fps: Fraction) -> None:
    waits = [wait for _, wait in pages(encode(make_film(50), tmp_path / name, fps=fps).path)]
    unit = 10 if name.endswith("gif") else 1
    ends = np.cumsum(waits)
    wanted = np.array([float(1000 * (index + 1) / fps) for index in range(50)])
    assert np.abs(ends - wanted).max() <= unit / 2 + 1e-9


def test_gif_faster_than_players_show_leaves_frames_out_and_says_so(tmp_path: Path, make_film: MakeFilm) -> None:
    result = encode(make_film(60), tmp_path / "out.gif", fps=100)
    shown = pages(result.path)
    assert len(shown) == 30
    assert {wait for _, wait in shown} == {20}
    assert "30 of 60 frames are left out" in result.warnings[0]


def test_gif_leaves_what_stands_still_untouched(tmp_path: Path, make_film: MakeFilm) -> None:
    film = make_film(10, height=96, width=128)
    shown = [pixels for pixels, _ in pages(encode(film, tmp_path / "out.gif", fps=10).path)]
    still = np.ones((96, 128), bool)
    still[32:40] = False  # the rows the square walks through
    for pixels in shown[1:]:
        assert np.array_equal(pixels[still], shown[0][still])


def test_gif_palette_knows_colours_that_come_late(tmp_path: Path) -> None:
    colours = [(30, 30, 30)] * 20 + [(200, 30, 140)] * 3
    film = [
        Frame(pixels_HWC=np.full((24, 24, 3), colour, np.uint8), time_s=0.0, index=index)
        for index, colour in enumerate(colours)
    ]
    shown = [pixels for pixels, _ in pages(encode(film, tmp_path / "out.gif", fps=10).path)]
    assert np.abs(shown[0].mean(axis=(0, 1)) - (30, 30, 30)).max() < 3
    assert np.abs(shown[-1].mean(axis=(0, 1)) - (200, 30, 140)).max() < 3


def test_gif_keeps_soft_gradients_soft(tmp_path: Path) -> None:
    ramp = np.linspace(60, 200, 256)
    pixels = np.stack([np.tile(ramp, (64, 1)), np.tile(ramp[::-1], (64, 1)), np.full((64, 256), 120)], axis=-1)
    rainbow = np.random.default_rng(0).integers(0, 255, (64, 256, 3))  # eats up most of the palette
    film = [Frame(pixels_HWC=np.vstack([pixels, rainbow]).astype(np.uint8), time_s=0.0, index=0)]
    ((shown, _),) = pages(encode(film, tmp_path / "out.gif", fps=10).path)
    columns = shown[:64].reshape(64, 32, 8, 3).mean(axis=(0, 2))
    wanted = pixels.reshape(64, 32, 8, 3).mean(axis=(0, 2))
    assert np.abs(columns - wanted).mean() < 6


def test_gif_of_frames_that_do_not_change_plays_as_long(tmp_path: Path, make_film: MakeFilm) -> None:
    film = make_film(1) * 8
    shown = pages(encode(film, tmp_path / "out.gif", fps=10).path)
    assert sum(wait for _, wait in shown) == 800
    assert np.array_equal(shown[0][0], shown[-1][0])


def test_gif_reads_the_same_in_libav(tmp_path: Path, make_film: MakeFilm) -> None:
    path = encode(make_film(9), tmp_path / "out.gif", fps=10, metadata={"generator": "puppet", "comment": "made"}).path
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    for (ours, _), theirs in zip(pages(path), frames, strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("name", ["out.gif", "out.webp"])
def test_animation_repeats_for_ever(tmp_path: Path, make_film: MakeFilm, name: str) -> None:
    with Image.open(encode(make_film(3), tmp_path / name, fps=10).path) as image:
        assert image.info["loop"] == 0


def test_size_beyond_the_format_is_refused(tmp_path: Path) -> None:
    frame = Frame(pixels_HWC=np.zeros((1, 16384, 3), np.uint8), time_s=0.0, index=0)
    with pytest.raises(EncodeError, match="at most 16383 px"):
        encode([frame], tmp_path / "out.webp", fps=10)
    assert list(tmp_path.iterdir()) == []


def test_pictures_that_may_not_be_deleted_are_found_before_any_work(
    tmp_path: Path, make_film: MakeFilm, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, file_in = tmp_path / "out", tempfile.TemporaryFile
    encode(make_film(3), folder, fps=25, metadata=MARK)
    before = [each.read_bytes() for each in sorted(folder.iterdir())]

    def refuse(*, dir: Path, **options: Any) -> Any:  # what a folder of mode 555 does; root is never refused
        if dir == folder:
            raise PermissionError(errno.EACCES, "Permission denied", str(dir))
        return file_in(dir=dir, **options)

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(EncodeError, match=r"out: cannot be written \(Permission denied\)"):
        check_output(folder, fps=25)
    assert [each.read_bytes() for each in sorted(folder.iterdir())] == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_whether_a_picture_that_may_not_be_read_is_ours_is_not_guessed(
    tmp_path: Path, make_film: MakeFilm, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = next(encode(make_film(1), tmp_path / "out", fps=25, metadata=MARK).path.iterdir())
    assert is_picture_of_ours(picture)
    monkeypatch.setattr(provenance, "_find_packet", _refuse)
    with pytest.raises(PermissionError, match=r"000000\.png"):
        is_picture_of_ours(picture)


def _refuse(path: Path) -> None:
    raise PermissionError(errno.EACCES, "Permission denied", str(path))
