"""libav behind functions: what happens when it fails half-way, or says nonsense."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from av.video.frame import VideoFrame
from einops import reduce

from pose_tracking import decoding
from pose_tracking.damage import Damage
from pose_tracking.errors import ClipError, TrackingError
from pose_tracking.limits import DEFAULT_LIMITS
from tests.pose_tracking.drawn_clips import read_number, write_clip


class FailingContainer:
    """A real container whose demuxer fails after some packets."""

    def __init__(self, container: Any, error: Exception, *, after: int) -> None:
        self.format, self.options = container.format, container.options
        self._container, self._error, self._after = container, error, after

    def demux(self, stream: Any) -> Iterator[Any]:
        for number, packet in enumerate(self._container.demux(stream)):
            if number == self._after:
                raise self._error
            yield packet


def decode_failing(path: Path, error: Exception) -> tuple[list[int], Damage]:
    damage = Damage()
    with decoding.open_container(path, DEFAULT_LIMITS) as container:
        stream = decoding.choose_stream(path, container)
        decoding.use_threads(stream)
        converter = decoding.RgbConverter(size=(160, 96))
        failing: Any = FailingContainer(container, error, after=20)
        pictures = [read_number(converter.convert(picture)) for picture in decoding.decode(failing, stream, damage)]
    return pictures, damage


@pytest.fixture
def clip_path(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "plain.mp4", num_frames=40, codec_options={"bf": "0"})


def test_reading_error_keeps_all_pictures_read_before(clip_path: Path) -> None:
    pictures, damage = decode_failing(clip_path, OSError(5, "Input/output error"))
    assert pictures == list(range(20))
    assert damage.stopped_by == "Input/output error"


def test_lack_of_memory_is_not_taken_for_damage(clip_path: Path) -> None:
    with pytest.raises(MemoryError):
        decode_failing(clip_path, MemoryError())


@pytest.mark.parametrize(("side", "is_one"), [(320, True), (1600, False)])
def test_only_large_pictures_are_decoded_by_several_threads(tmp_path: Path, side: int, is_one: bool) -> None:
    path = write_clip(tmp_path / "clip.mp4", num_frames=2, width=side, height=side)
    with decoding.open_container(path, DEFAULT_LIMITS) as container:
        stream = decoding.choose_stream(path, container)
        decoding.use_threads(stream)
        assert (stream.codec_context.thread_count == 1) == is_one


def test_foreign_errors_are_told_with_the_file_in_one_line() -> None:
    words = r"^a\.mp4: cannot be read as a video \('utf-8' codec .*\)\. "
    with pytest.raises(ClipError, match=words) as caught, decoding.naming_the_file(Path("/clips/a.mp4")):
        b"\xc3".decode()
    assert isinstance(caught.value.__cause__, UnicodeDecodeError)


@pytest.mark.parametrize("error", [TrackingError("nobody"), MemoryError(), KeyboardInterrupt()])
def test_our_own_errors_and_lack_of_memory_pass(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, decoding.naming_the_file(Path("a.mp4")):
        raise error
    assert caught.value is error


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        ((Fraction(24), Fraction(25), Fraction(90000)), 24),
        ((Fraction(10**9), Fraction(25), Fraction(90000)), 25),
        ((None, Fraction(0), Fraction(30)), 30),
        ((None, None, None), 25),
    ],
)
def test_rate_is_the_first_believable_one(rates: tuple[Fraction | None, ...], expected: int) -> None:
    average, guessed, base = rates
    stream: Any = SimpleNamespace(average_rate=average, guessed_rate=guessed, base_rate=base)
    assert decoding.nominal_rate(Path("a.mp4"), stream, DEFAULT_LIMITS) == expected


@pytest.mark.parametrize(("gop", "is_open"), [("open-gop=1:scenecut=0", True), ("open-gop=0:scenecut=0", False)])
def test_open_groups_of_pictures_are_found(tmp_path: Path, gop: str, is_open: bool) -> None:
    options = {"g": "12", "bf": "2", "x264-params": gop}
    path = write_clip(tmp_path / "groups.mp4", num_frames=48, codec_options=options)
    with decoding.open_container(path, DEFAULT_LIMITS) as container:
        assert decoding.has_open_groups(container, decoding.choose_stream(path, container)) is is_open


@pytest.mark.parametrize("stored_as", ["yuv420p", "yuvj420p", "yuv422p10le", "gray", "nv12", "rgb24", "gbrp"])
def test_a_shrunk_picture_has_the_colours_of_the_whole_one(stored_as: str) -> None:
    down, right = np.mgrid[:96, :160]
    colours_HWC = np.stack([right * 1.5, down * 2.5, 255 - right], axis=-1).clip(0, 255).astype(np.uint8)
    picture = VideoFrame.from_ndarray(colours_HWC, format="rgb24").reformat(format=stored_as)
    whole = decoding.RgbConverter(size=(160, 96)).convert(picture)
    shrunk = decoding.RgbConverter(size=(80, 48)).convert(picture)
    expected = reduce(whole.astype(float), "(h two) (w also_two) c -> h w c", "mean", two=2, also_two=2)
    assert shrunk.shape == expected.shape
    np.testing.assert_allclose(shrunk[2:-2, 2:-2], expected[2:-2, 2:-2], atol=8)
