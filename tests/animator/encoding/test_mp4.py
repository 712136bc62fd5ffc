from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from animator.encoding import AudioSource, EncodeConfig, encode
from pose_tracking.frame import Frame

MakeFilm = Callable[..., list[Frame]]


def decode(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def top_level_boxes(path: Path) -> list[bytes]:
    content, place, kinds = path.read_bytes(), 0, []
    while place < len(content):
        size, kind = struct.unpack_from(">I4s", content, place)
        kinds.append(kind)
        place += size
    return kinds


def plain_film(rgb: tuple[int, int, int], num_frames: int = 3) -> list[Frame]:
    pixels = np.full((48, 64, 3), rgb, np.uint8)
    return [Frame(pixels_HWC=pixels, time_s=index / 25, index=index) for index in range(num_frames)]


@pytest.mark.parametrize(
    "fps", [Fraction(24), Fraction(24000, 1001), Fraction(30000, 1001), Fraction(25, 2), Fraction(60), Fraction(7, 3)]
)
def test_every_frame_comes_back_at_its_exact_time(tmp_path: Path, make_film: MakeFilm, fps: Fraction) -> None:
    result = encode(make_film(37), tmp_path / "out.mp4", fps=fps)
    assert (result.num_frames, result.duration_s) == (37, pytest.approx(float(37 / fps)))
    with av.open(str(result.path)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == fps
        assert float(stream.duration * stream.time_base) == pytest.approx(float(37 / fps), abs=1e-3)
    frames = decode(result.path)
    assert [frame.pts * frame.time_base for frame in frames] == [index / fps for index in range(37)]


def test_decoded_pictures_look_like_the_frames(tmp_path: Path, make_film: MakeFilm) -> None:
    film = make_film(10, height=120, width=160)
    result = encode(film, tmp_path / "out.mp4", fps=25)
    for given, shown in zip(film, decode(result.path), strict=True):
        error = given.pixels_HWC.astype(float) - shown.to_ndarray(format="rgb24")
        assert 10 * np.log10(255**2 / np.mean(error**2)) > 33


def test_file_says_bt709_with_limited_range(tmp_path: Path, make_film: MakeFilm) -> None:
    result = encode(make_film(2), tmp_path / "out.mp4", fps=25)
    with av.open(str(result.path)) as container:
        codec = container.streams.video[0].codec_context
        assert (codec.color_primaries, codec.color_trc, codec.colorspace, codec.color_range) == (1, 1, 1, 1)
        assert codec.pix_fmt == "yuv420p"


@pytest.mark.parametrize("rgb", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (200, 120, 90)])
def test_stored_colours_follow_bt709(tmp_path: Path, rgb: tuple[int, int, int]) -> None:
    # Rec. ITU-R BT.709-6, items 3.2 to 3.4, 8 bits.
    red, green, blue = np.array(rgb) / 255
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    wanted = [16 + 219 * luma, 128 + 224 * (blue - luma) / 1.8556, 128 + 224 * (red - luma) / 1.5748]
    frame = decode(encode(plain_film(rgb), tmp_path / "out.mp4", fps=25).path)[1]
    planes = frame.to_ndarray()
    chroma = planes[frame.height :].reshape(2, -1)
    stored = [planes[: frame.height].mean(), chroma[0].mean(), chroma[1].mean()]
    assert stored == pytest.approx(wanted, abs=1.5)


@pytest.mark.parametrize("with_sound", [False, True])
def test_index_lies_before_the_pictures(
    tmp_path: Path, make_film: MakeFilm, make_clip: Callable[..., Path], with_sound: bool
) -> None:
    source = AudioSource(path=make_clip("any.webm", sound_codec="libopus")) if with_sound else None
    result = encode(make_film(10), tmp_path / "out.mp4", fps=25, audio=source, metadata={"generator": "puppet"})
    boxes = top_level_boxes(result.path)
    assert boxes.index(b"moov") < boxes.index(b"mdat")
    assert boxes[0] == b"ftyp"


@pytest.mark.parametrize("size", [(47, 63), (48, 63), (47, 64), (1, 1), (2, 2), (17, 300)])
def test_odd_sides_repeat_the_last_row_and_column(tmp_path: Path, make_film: MakeFilm, size: tuple[int, int]) -> None:
    height, width = size
    noise = np.random.default_rng(0).integers(60, 200, (height, width, 3), dtype=np.uint8)
    film = [Frame(pixels_HWC=noise, time_s=0.0, index=0)]
    result = encode(film, tmp_path / "out.mp4", EncodeConfig(crf=1), fps=25)
    even_height, even_width = height + height % 2, width + width % 2
    shown = decode(result.path)[0].to_ndarray()[:even_height]
    assert shown.shape == (even_height, even_width)
    assert len(result.warnings) == (1 if height % 2 or width % 2 else 0)
    luma = 16 + 219 / 255 * (noise @ np.array([0.2126, 0.7152, 0.0722]))
    wanted = np.pad(luma, ((0, height % 2), (0, width % 2)), mode="edge")
    assert np.abs(shown - wanted).mean() < 1


@pytest.mark.parametrize("size", [(240, 320), (90, 100)])
def test_same_frames_and_settings_give_the_same_bytes(
    tmp_path: Path, make_film: MakeFilm, size: tuple[int, int]
) -> None:
    film = make_film(30, height=size[0], width=size[1])
    files = {encode(film, tmp_path / f"{run}.mp4", fps=25).path.read_bytes() for run in range(12)}
    assert len(files) == 1


def test_lower_crf_is_larger(tmp_path: Path, make_film: MakeFilm) -> None:
    sizes = [
        encode(make_film(20), tmp_path / "out.mp4", EncodeConfig(crf=crf), fps=25).path.stat().st_size
        for crf in (10, 24, 40)
    ]
    assert sizes[0] > sizes[1] > sizes[2]


@pytest.mark.parametrize("name", ["take:2.mp4", "sp ace ünïcode 人.mp4", "-o.mp4", "100%d.mp4", "x" * 250 + ".mp4"])
def test_any_file_name_works_with_sound(
    tmp_path: Path, make_film: MakeFilm, make_clip: Callable[..., Path], name: str
) -> None:
    clip = tmp_path / ("c" + name[-200:])
    clip.write_bytes(make_clip("named.mp4").read_bytes())
    result = encode(make_film(5), tmp_path / name, fps=25, audio=AudioSource(path=clip))
    assert result.warnings == ()
    with av.open(f"file:{result.path}") as container:
        assert len(container.streams.audio) == 1


def test_relative_names_are_taken_from_the_current_folder(
    tmp_path: Path, make_film: MakeFilm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    encode(make_film(2), "out.mp4", fps=25)
    assert len(decode(tmp_path / "out.mp4")) == 2
