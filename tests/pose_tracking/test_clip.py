"""DrivingClip: what is shown, when, and what is known of it before."""

from __future__ import annotations

import pickle
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from pose_tracking.clip import DrivingClip
from pose_tracking.errors import ClipError
from pose_tracking.limits import ClipLimits
from tests.pose_tracking.drawn_clips import HEIGHT, WIDTH, draw_picture, is_upright, read_number, write_clip


@pytest.fixture
def clip_path(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "plain.mp4")


def numbers(clip: DrivingClip) -> list[int]:
    return [read_number(frame.pixels_HWC) for frame in clip.frames()]


def times(clip: DrivingClip) -> list[float]:
    return [frame.time_s for frame in clip.frames()]


class TestFrames:
    def test_come_in_order_with_indices_and_times_from_zero(self, clip_path: Path) -> None:
        frames = list(DrivingClip.open(clip_path).frames())
        assert [read_number(frame.pixels_HWC) for frame in frames] == list(range(12))
        assert [frame.index for frame in frames] == list(range(12))
        assert [frame.time_s for frame in frames] == pytest.approx([index / 24 for index in range(12)])

    def test_can_be_streamed_again_and_side_by_side(self, clip_path: Path) -> None:
        clip = DrivingClip.open(clip_path)
        for one, other in zip(clip.frames(), clip.frames(), strict=True):
            assert np.array_equal(one.pixels_HWC, other.pixels_HWC)
        assert numbers(clip) == list(range(12))

    def test_show_the_drawn_colours(self, clip_path: Path) -> None:
        frame = next(DrivingClip.open(clip_path).frames())
        assert np.abs(frame.pixels_HWC.astype(int) - draw_picture(0)).mean() < 3

    def test_full_range_colours_are_not_stretched(self, tmp_path: Path) -> None:
        path = write_clip(tmp_path / "full.mp4", pixel_format="yuvj420p")
        frame = next(DrivingClip.open(path).frames())
        assert np.abs(frame.pixels_HWC.astype(int) - draw_picture(0)).mean() < 3

    def test_keep_uneven_times(self, tmp_path: Path) -> None:
        stamps_s = [0, 0.1, 0.15, 0.5, 0.55, 1.0]
        clip = DrivingClip.open(write_clip(tmp_path / "uneven.mp4", stamps_s=stamps_s))
        assert times(clip) == pytest.approx(stamps_s)
        assert clip.times_s() == pytest.approx(stamps_s)
        assert numbers(clip) == list(range(6))

    @pytest.mark.parametrize("name", ["late.mp4", "late.ts", "late.mkv"])
    def test_start_at_zero_however_late_the_picture_starts(self, tmp_path: Path, name: str) -> None:
        stamps_s = [1 + index / 24 for index in range(12)]
        clip = DrivingClip.open(write_clip(tmp_path / name, stamps_s=stamps_s, sound_s=2.0))
        assert times(clip) == pytest.approx([index / 24 for index in range(12)], abs=1e-3)
        assert clip.picture_start_s == pytest.approx(1.0, abs=0.03)  # AAC priming shifts the container's start

    @pytest.mark.parametrize("rotation", [0, 90, 180, 270])
    @pytest.mark.parametrize("is_mirrored", [False, True])
    def test_are_upright_in_all_eight_orientations(self, tmp_path: Path, rotation: int, is_mirrored: bool) -> None:
        path = write_clip(tmp_path / "turned.mp4", rotation=rotation, is_mirrored=is_mirrored)
        clip = DrivingClip.open(path)
        frames = list(clip.frames())
        assert (clip.info.width, clip.info.height) == (WIDTH, HEIGHT)
        assert all(frame.pixels_HWC.shape == (HEIGHT, WIDTH, 3) for frame in frames)
        assert all(is_upright(frame.pixels_HWC) for frame in frames)
        assert [read_number(frame.pixels_HWC) for frame in frames] == list(range(12))
        assert frames[0].pixels_HWC.flags.c_contiguous

    @pytest.mark.parametrize(
        ("pixel_aspect", "size"), [(Fraction(3, 2), (240, 96)), (Fraction(2, 3), (160, 144)), (Fraction(1), (160, 96))]
    )
    def test_have_square_pixels(self, tmp_path: Path, pixel_aspect: Fraction, size: tuple[int, int]) -> None:
        clip = DrivingClip.open(write_clip(tmp_path / "oblong.mp4", pixel_aspect=pixel_aspect))
        assert (clip.info.width, clip.info.height) == size
        assert {frame.pixels_HWC.shape for frame in clip.frames()} == {(size[1], size[0], 3)}
        assert numbers(clip) == list(range(12))

    def test_oblong_pixels_are_widened_before_turning(self, tmp_path: Path) -> None:
        clip = DrivingClip.open(write_clip(tmp_path / "both.mp4", pixel_aspect=Fraction(3, 2), rotation=90))
        assert (clip.info.width, clip.info.height) == (WIDTH, HEIGHT * 3 // 2)
        assert numbers(clip) == list(range(12))

    @pytest.mark.parametrize(
        ("name", "options"),
        [
            ("odd_size.mp4", {"width": 161, "height": 97, "pixel_format": "yuv444p"}),
            ("odd_size.mkv", {"width": 161, "height": 97, "codec": "ffv1", "pixel_format": "yuv420p"}),
            ("ten_bits.mp4", {"pixel_format": "yuv420p10le"}),
            ("grey.mp4", {"pixel_format": "gray"}),
            ("vp9.webm", {"codec": "libvpx-vp9"}),
            ("stream.ts", {}),
            ("animation.gif", {"codec": "gif", "pixel_format": "rgb8", "rate": 10}),
            ("b_frames.mp4", {"num_frames": 30, "codec_options": {"bf": "2", "g": "10"}}),
            ("one_frame.mp4", {"num_frames": 1}),
            ("webm_named.mp4", {"codec": "libvpx-vp9", "container": "webm"}),
        ],
    )
    def test_are_all_there_in_every_format(self, tmp_path: Path, name: str, options: dict[str, object]) -> None:
        container = options.pop("container", None) if (options := dict(options)) else None
        path = write_clip(tmp_path / (f"clip.{container}" if container else name), **options)  # type: ignore[arg-type]
        clip = DrivingClip.open(path.rename(tmp_path / name))
        assert numbers(clip) == list(range(int(str(options.get("num_frames", 12)))))
        assert clip.damage is None

    def test_come_from_the_largest_picture_stream(self, tmp_path: Path) -> None:
        clip = DrivingClip.open(write_clip(tmp_path / "preview.mp4", preview=(64, 40)))
        assert (clip.info.width, clip.info.height) == (WIDTH, HEIGHT)
        assert next(clip.frames()).pixels_HWC.shape == (HEIGHT, WIDTH, 3)

    def test_can_be_scaled_down_but_not_up(self, clip_path: Path) -> None:
        clip = DrivingClip.open(clip_path)
        assert next(clip.frames(max_side_px=80)).pixels_HWC.shape == (48, 80, 3)
        assert next(clip.frames(max_side_px=1000)).pixels_HWC.shape == (HEIGHT, WIDTH, 3)

    def test_only_wanted_ones_are_handed_out(self, clip_path: Path) -> None:
        frames = list(DrivingClip.open(clip_path).frames(only={2, 7}))
        assert [(frame.index, read_number(frame.pixels_HWC)) for frame in frames] == [(2, 2), (7, 7)]
        assert frames[1].time_s == pytest.approx(7 / 24)


class TestTrimming:
    def test_keeps_what_is_shown_from_start_to_before_end(self, clip_path: Path) -> None:
        clip = DrivingClip.open(clip_path, start_s=2 / 24, end_s=7 / 24)
        assert numbers(clip) == [2, 3, 4, 5, 6]
        assert times(clip) == pytest.approx([index / 24 for index in range(5)])
        assert clip.info.num_frames == 5
        assert clip.info.duration_s == pytest.approx(5 / 24)

    @pytest.mark.parametrize("name", ["long.mp4", "long.mkv", "long.ts", "long.avi"])
    def test_far_into_a_clip_gives_the_same_pictures_as_reading_it_all(self, tmp_path: Path, name: str) -> None:
        codec = {"codec": "mpeg4"} if name.endswith("avi") else {}
        options = {"bf": "2", "g": "12"}
        rate_24 = {"stamps_s": [index / 25 for index in range(200)], "rate": 25}
        path = write_clip(tmp_path / name, codec_options=options, **codec, **rate_24)  # type: ignore[arg-type]
        whole = [frame.pixels_HWC for frame in DrivingClip.open(path).frames()]
        clip = DrivingClip.open(path, start_s=6.0, end_s=7.0)
        part = list(clip.frames())
        assert len(part) == 25
        assert part[0].time_s == 0
        assert all(np.array_equal(frame.pixels_HWC, whole[150 + frame.index]) for frame in part)

    def test_says_when_its_first_frame_is_shown(self, clip_path: Path) -> None:
        clip = DrivingClip.open(clip_path, start_s=0.1)  # between frame 2 and frame 3
        assert clip.picture_start_s == pytest.approx(3 / 24)
        assert numbers(clip)[0] == 3

    def test_lasts_from_its_first_frame_on(self, clip_path: Path) -> None:
        # From frame 3 to frame 7, though the start lies in frame 2: an output of 6 frames would have to invent one.
        clip = DrivingClip.open(clip_path, start_s=2.2 / 24, end_s=8 / 24)
        assert numbers(clip) == [3, 4, 5, 6, 7]
        assert clip.info.num_frames == 5
        assert clip.info.duration_s == pytest.approx(5 / 24)
        assert clip.shortfall is None

    def test_beyond_the_end_is_refused(self, clip_path: Path) -> None:
        with pytest.raises(ClipError, match="shows nothing from 3 s on"):
            DrivingClip.open(clip_path, start_s=3.0)
        with pytest.raises(ClipError, match=r"shows nothing from 3 s to 4 s; it is 0\.5 s long\. Give another"):
            DrivingClip.open(clip_path, start_s=3.0, end_s=4.0)

    @pytest.mark.parametrize(("start_s", "late_s"), [(None, 3.0), (0.2, 2.1)])
    def test_an_end_after_the_clip_s_own_is_said(self, clip_path: Path, start_s: float | None, late_s: float) -> None:
        duration_s = DrivingClip.open(clip_path).info.duration_s
        for end_s in (None, duration_s, duration_s + 0.01, duration_s - 0.1):
            assert DrivingClip.open(clip_path, start_s=start_s, end_s=end_s).shortfall is None
        told = DrivingClip.open(clip_path, start_s=start_s, end_s=late_s).shortfall
        assert told is not None
        assert f"ends at {duration_s:.2f} s; nothing comes from there to {late_s:g} s" in told

    @pytest.mark.parametrize(("start_s", "end_s"), [(-1.0, None), (2.0, 1.0), (1.0, 1.0), (float("nan"), None)])
    def test_needs_a_start_before_the_end(self, clip_path: Path, start_s: float, end_s: float | None) -> None:
        with pytest.raises(ClipError, match="0 <= start < end"):
            DrivingClip.open(clip_path, start_s=start_s, end_s=end_s)

    def test_lets_a_part_of_too_long_a_clip_through(self, clip_path: Path) -> None:
        limits = ClipLimits(max_frames=6)
        with pytest.raises(ClipError, match="at most 6"):
            DrivingClip.open(clip_path, limits=limits)
        assert numbers(DrivingClip.open(clip_path, limits=limits, end_s=0.2)) == [0, 1, 2, 3, 4]


class TestInfo:
    def test_announces_size_rate_and_length(self, clip_path: Path) -> None:
        info = DrivingClip.open(clip_path).info
        assert (info.width, info.height, info.fps, info.num_frames) == (WIDTH, HEIGHT, 24, 12)
        assert info.duration_s == pytest.approx(0.5)
        assert not info.has_audio

    @pytest.mark.parametrize("name", ["sound.mp4", "sound.mkv"])
    def test_knows_of_sound_and_does_not_take_its_length_for_the_pictures(self, tmp_path: Path, name: str) -> None:
        info = DrivingClip.open(write_clip(tmp_path / name, sound_s=3.0)).info
        assert info.has_audio
        assert info.duration_s == pytest.approx(0.5, abs=0.01)

    def test_hash_is_that_of_the_file(self, clip_path: Path) -> None:
        clip = DrivingClip.open(clip_path)
        assert clip.sha256() == sha256(clip_path.read_bytes()).hexdigest() == clip.sha256()

    def test_clip_survives_pickling(self, clip_path: Path) -> None:
        clip = pickle.loads(pickle.dumps(DrivingClip.open(str(clip_path), start_s=0.25)))
        assert numbers(clip) == [6, 7, 8, 9, 10, 11]
