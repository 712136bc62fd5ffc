"""DrivingClip: what is refused, at which limits, and what is told about damage."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import pytest

from pose_tracking.clip import DrivingClip
from pose_tracking.errors import ClipError
from pose_tracking.limits import ClipLimits
from tests.pose_tracking.drawn_clips import read_number, write_clip


@pytest.fixture
def clip_path(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "plain.mp4")


def numbers(clip: DrivingClip) -> list[int]:
    return [read_number(frame.pixels_HWC) for frame in clip.frames()]


def refusal(path: Path | str, **options: object) -> str:
    with pytest.raises(ClipError) as caught:
        list(DrivingClip.open(path, **options).frames())  # type: ignore[arg-type]
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


class TestLimits:
    @pytest.mark.parametrize(
        ("limits", "words"),
        [
            (ClipLimits(max_side_px=159), "159 px a side"),
            (ClipLimits(min_side_px=97), "at least 97 px"),
            (ClipLimits(max_pixels=15_359), "megapixels"),
            (ClipLimits(max_frames=11), "at most 11"),
            (ClipLimits(max_seconds=0.4), "at most 0.4 s"),
            (ClipLimits(max_fps=23.9), "24 frames per second"),
            (ClipLimits(max_bytes=1000), "GiB"),
        ],
    )
    def test_are_checked_before_anything_is_decoded(self, clip_path: Path, limits: ClipLimits, words: str) -> None:
        with pytest.raises(ClipError, match=words) as caught:
            DrivingClip.open(clip_path, limits=limits)
        assert str(caught.value).startswith("plain.mp4: ")

    def test_admit_what_is_just_inside(self, clip_path: Path) -> None:
        limits = ClipLimits(
            max_side_px=160, min_side_px=96, max_pixels=15_360, max_frames=12, max_seconds=0.51, max_fps=24
        )
        assert numbers(DrivingClip.open(clip_path, limits=limits)) == list(range(12))

    def test_hold_for_the_widened_size_too(self, tmp_path: Path) -> None:
        path = write_clip(tmp_path / "wide.mp4", pixel_aspect=Fraction(60))
        assert "9600x96" in refusal(path)

    @pytest.mark.parametrize(("limits", "words"), [({"max_frames": 11}, "11"), ({"max_seconds": 0.4}, "0.4 s")])
    def test_are_counted_where_nothing_is_announced(self, tmp_path: Path, limits: dict[str, float], words: str) -> None:
        path = write_clip(tmp_path / "live.mkv", container_options={"live": "1"})
        clip = DrivingClip.open(path, limits=ClipLimits(**limits))  # type: ignore[arg-type]
        assert (clip.info.num_frames, clip.info.duration_s) == (0, 0.0)
        frames = clip.frames()
        assert sum(1 for _ in zip(range(9), frames, strict=False)) == 9
        with pytest.raises(ClipError, match=words):
            list(frames)

    def test_default_lets_a_long_clip_through(self, tmp_path: Path) -> None:
        path = write_clip(tmp_path / "long.mp4", num_frames=3000, width=64, height=48, codec="mpeg4")
        assert len(DrivingClip.open(path).times_s()) == 3000

    def test_absurd_rate_is_refused(self, tmp_path: Path) -> None:
        path = write_clip(tmp_path / "fast.mp4")
        data = bytearray(path.read_bytes())
        time_scale_at = data.find(b"mdhd") + 16
        data[time_scale_at : time_scale_at + 4] = (2**31 - 1).to_bytes(4, "big")
        path.write_bytes(data)
        assert "frames per second" in refusal(path)

    def test_tables_that_would_fill_the_memory_are_refused_unopened(self, tmp_path: Path) -> None:
        path = write_clip(tmp_path / "bomb.mp4", num_frames=1)
        data = bytearray(path.read_bytes())
        sizes_at = data.find(b"stsz") + 8
        data[sizes_at : sizes_at + 8] = (1).to_bytes(4, "big") + (600_000_000).to_bytes(4, "big")
        path.write_bytes(data)
        assert "600000000 samples" in refusal(path)


class TestRefusals:
    def test_missing_file(self, tmp_path: Path) -> None:
        assert "No such file" in refusal(tmp_path / "missing.mp4")

    def test_folder(self, tmp_path: Path) -> None:
        assert "is a folder" in refusal(tmp_path)

    @pytest.mark.parametrize("name", ["poses.npz", "Poses.JSON", "openpose"])
    def test_poses_in_place_of_the_clip_say_where_they_belong(self, tmp_path: Path, name: str) -> None:
        path = tmp_path / name
        if path.suffix:
            path.write_bytes(b"whatever")
        else:
            path.mkdir()
            (path / "frame_0_keypoints.json").write_bytes(b"{}")
        assert f"--set tracker.recorded={path} and, in this place, the clip" in refusal(path)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
    def test_pipe_without_waiting_for_a_writer(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.mp4")
        assert "pipe" in refusal(tmp_path / "pipe.mp4")

    @pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no /dev")
    def test_device(self) -> None:
        assert "device" in refusal("/dev/zero")

    def test_url(self) -> None:
        line = refusal("http://127.0.0.1:9/clip.mp4")
        assert "No such file" in line
        assert "download the clip" in line

    def test_name_no_file_can_have(self) -> None:
        assert "null byte" in refusal("clip\0.mp4")

    def test_empty_file(self, tmp_path: Path) -> None:
        (tmp_path / "empty.mp4").touch()
        assert "0 bytes" in refusal(tmp_path / "empty.mp4")

    @pytest.mark.parametrize("content", [b"Not a clip.\n" * 100, bytes(range(256)) * 40, b"\0" * 5000])
    def test_file_that_is_no_video(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "letter.mp4").write_bytes(content)
        assert refusal(tmp_path / "letter.mp4").startswith("letter.mp4: ")

    @pytest.mark.parametrize("name", ["list.mp4", "list.m3u8", "list.mkv"])
    def test_playlist_that_names_another_file(self, tmp_path: Path, clip_path: Path, name: str) -> None:
        hidden = write_clip(tmp_path / "hidden.ts")
        (tmp_path / name).write_text(
            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:0\n"
            f"#EXTINF:0.5,\n{hidden}\n#EXT-X-ENDLIST\n"
        )
        refusal(tmp_path / name)

    def test_list_of_files_to_join(self, tmp_path: Path, clip_path: Path) -> None:
        (tmp_path / "list.mp4").write_text(f"ffconcat version 1.0\nfile {clip_path.name}\n")
        assert "is not one of MP4" in refusal(tmp_path / "list.mp4")

    def test_picture(self, tmp_path: Path) -> None:
        path = write_clip(tmp_path / "still.apng", codec="apng", pixel_format="rgb24", num_frames=1)
        told = refusal(path.rename(tmp_path / "still.mp4"))
        assert "is not one of MP4" in told
        assert told.endswith("but a picture. Give a video here; the photo comes before the clip.")

    def test_sound_only(self, tmp_path: Path, clip_path: Path) -> None:
        path = write_clip(tmp_path / "sound.mp4", sound_s=1.0, num_frames=0)
        assert refusal(path).startswith("sound.mp4: ")

    def test_name_that_would_break_the_line(self, tmp_path: Path) -> None:
        (tmp_path / "two\nlines.mp4").write_bytes(b"nothing")
        assert refusal(tmp_path / "two\nlines.mp4").startswith("two\\nlines.mp4: ")

    def test_index_lost_with_the_end_of_the_file(self, clip_path: Path) -> None:
        data = clip_path.read_bytes()
        clip_path.write_bytes(data[: len(data) * 6 // 10])
        assert "cannot be read as a video" in refusal(clip_path)


class TestDamage:
    @pytest.mark.parametrize(
        ("name", "options"),
        [
            ("cut.mp4", {"container_options": {"movflags": "faststart"}}),
            ("cut.mkv", {}),
            ("cut.avi", {"codec": "mpeg4"}),
        ],
    )
    def test_cut_off_file_is_read_as_far_as_it_goes_and_told(
        self, tmp_path: Path, name: str, options: dict[str, object]
    ) -> None:
        path = write_clip(tmp_path / name, num_frames=60, **options)  # type: ignore[arg-type]
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
        clip = DrivingClip.open(path)
        read = numbers(clip)
        assert 3 < len(read) < 60
        assert read == [round(24 * time_s) for time_s in clip.times_s()]
        assert clip.damage is not None
        assert clip.damage.startswith(f"{name}: the file is cut off before its end")
        assert f"{len(read)} frames read" in clip.damage

    def test_overwritten_bytes_are_told(self, tmp_path: Path) -> None:
        path = write_clip(tmp_path / "scratched.mp4", num_frames=48, codec_options={"g": "12"})
        data = bytearray(path.read_bytes())
        media_at = data.find(b"mdat")
        for at in range(media_at + 4000, len(data) - 2000, 700):
            data[at : at + 24] = bytes((37 * at + index * index) % 256 for index in range(24))
        path.write_bytes(data)
        clip = DrivingClip.open(path)
        assert len(list(clip.frames())) > 12
        assert clip.damage is not None

    def test_is_forgotten_with_the_next_sound_pass(self, tmp_path: Path) -> None:
        path = write_clip(tmp_path / "mended.mkv", num_frames=48)
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) * 7 // 10])
        clip = DrivingClip.open(path)
        clip.times_s()
        assert clip.damage is not None
        path.write_bytes(whole)
        sound = DrivingClip.open(path)
        assert len(sound.times_s()) == 48
        assert sound.damage is None

    def test_first_picture_that_cannot_be_decoded_is_a_refusal(self, tmp_path: Path) -> None:
        path = write_clip(tmp_path / "headless.mp4", num_frames=48, codec_options={"g": "12"})
        data = bytearray(path.read_bytes())
        media_at = data.find(b"mdat") + 4
        data[media_at : media_at + 2500] = bytes(2500)
        path.write_bytes(data)
        assert "first picture" in refusal(path)
