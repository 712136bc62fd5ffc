from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from animator.encoding import AudioSource, EncodeConfig, EncodeResult, audio, encode
from animator.errors import DiskError
from pose_tracking.frame import Frame

FPS = 25
AAC_FRAME_S = 1024 / 44100


def film_like(clip: Path) -> list[Frame]:
    """The clip's own pictures: what a perfect generator would hand to the encoder."""
    with av.open(str(clip)) as container:
        return [
            Frame(pixels_HWC=frame.to_ndarray(format="rgb24"), time_s=index / FPS, index=index)
            for index, frame in enumerate(container.decode(video=0))
        ]


def black_film(seconds: float) -> list[Frame]:
    pixels = np.zeros((48, 64, 3), np.uint8)
    return [Frame(pixels_HWC=pixels, time_s=index / FPS, index=index) for index in range(round(seconds * FPS))]


def flash_time(path: Path) -> float:
    with av.open(str(path)) as container:
        return next(f.time for f in container.decode(video=0) if f.to_ndarray(format="gray").mean() > 128)


def picture_start(clip: Path) -> float:
    """Seconds from the clip's earliest stream to its first picture."""
    with av.open(str(clip)) as container:
        return next(container.decode(video=0)).time - container.start_time / av.time_base


def sound_of(path: Path) -> tuple[np.ndarray, float]:
    """Loudness per sample on a time line that starts with the film, and the sampling rate."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    rate = frames[0].rate
    line = np.zeros(round((frames[-1].time + 1) * rate))
    for frame in frames:
        first = round(frame.time * rate)
        samples = np.abs(frame.to_ndarray()).max(axis=0)
        line[first : first + len(samples)] = samples
    return line, rate


def click_time(path: Path) -> float:
    line, rate = sound_of(path)
    return int(np.argmax(line > 0.2)) / rate


def sound_length(path: Path) -> float | None:
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return None
        stream = container.streams.audio[0]
        return float((stream.start_time or 0) * stream.time_base) + float(stream.duration * stream.time_base)


def packets(path: Path, kind: str) -> list[bytes]:
    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[0]
        return [bytes(packet) for packet in container.demux(stream) if packet.size]


def encode_with(source: AudioSource, frames: list[Frame], output: Path) -> EncodeResult:
    return encode(frames, output, fps=FPS, audio=source)


@pytest.mark.parametrize(
    ("name", "clip_options"),
    [
        ("copied.mp4", {}),
        ("stereo.mkv", {"num_channels": 2}),
        ("opus.webm", {"sound_codec": "libopus"}),
        ("mp3.mkv", {"sound_codec": "libmp3lame"}),
        ("pcm.mkv", {"sound_codec": "pcm_s16le"}),
        ("surround.mkv", {"num_channels": 6}),
        ("late_picture.mp4", {"picture_start_s": 3.0}),
        ("late_picture.mkv", {"picture_start_s": 3.0}),
        ("late_sound.mp4", {"sound_start_s": 0.6}),
        ("late_sound.mkv", {"sound_start_s": 0.6}),
        ("late_sound.ts", {"sound_start_s": 0.6}),
        ("late_picture.ts", {"picture_start_s": 3.0}),
        ("both_late.mkv", {"picture_start_s": 3.0, "sound_start_s": 2.0}),
        ("short_sound.mp4", {"sound_end_s": 1.5}),
        ("long_sound.mp4", {"sound_end_s": 5.0}),
    ],
)
def test_click_stays_with_the_flash_and_sound_is_as_long_as_the_picture(
    tmp_path: Path, make_clip: Callable[..., Path], name: str, clip_options: dict
) -> None:
    clip = make_clip(name, **clip_options)
    output = tmp_path / "out.mp4"
    result = encode_with(AudioSource(path=clip, start_s=picture_start(clip)), film_like(clip), output)
    assert result.warnings == ()
    assert flash_time(output) == pytest.approx(1.2, abs=1e-6)
    assert click_time(output) == pytest.approx(1.2, abs=0.005)  # an eighth of a frame
    assert sound_length(output) == pytest.approx(2.0, abs=AAC_FRAME_S)


def test_trimmed_clip_keeps_its_sound_in_step(tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    clip = make_clip("whole.mp4", picture_s=3.0, flash_s=2.0)
    output = tmp_path / "out.mp4"
    encode_with(AudioSource(path=clip, start_s=1.6, duration_s=1.0), film_like(clip)[40:65], output)
    assert flash_time(output) == pytest.approx(0.4, abs=1e-6)
    assert click_time(output) == pytest.approx(0.4, abs=0.005)
    assert sound_length(output) == pytest.approx(1.0, abs=AAC_FRAME_S)


def test_sound_after_the_used_part_is_silent(tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    clip = make_clip("click_late.mp4", flash_s=1.2)
    output = tmp_path / "out.mp4"
    encode_with(AudioSource(path=clip, duration_s=1.0), black_film(2.0), output)
    line, _ = sound_of(output)
    assert line.max() < 0.01
    assert sound_length(output) == pytest.approx(2.0, abs=AAC_FRAME_S)


@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(60)])
def test_sound_is_as_long_as_the_picture_at_any_rate(
    tmp_path: Path, make_clip: Callable[..., Path], fps: Fraction
) -> None:
    clip = make_clip("any_rate.mkv", picture_s=3.0)
    result = encode(black_film(2.0), tmp_path / "out.mp4", fps=fps, audio=AudioSource(path=clip))
    assert sound_length(result.path) == pytest.approx(float(50 / fps), abs=AAC_FRAME_S)


def test_aac_in_step_with_the_picture_is_copied_bit_by_bit(tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    clip = make_clip("aac.mp4")
    encode_with(AudioSource(path=clip), black_film(2.0), tmp_path / "out.mp4")
    assert packets(tmp_path / "out.mp4", "audio") == packets(clip, "audio")


def test_other_sound_becomes_aac(tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    clip = make_clip("other.webm", sound_codec="libopus", num_channels=2)
    encode_with(AudioSource(path=clip), black_film(2.0), tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        codec = container.streams.audio[0].codec_context
        assert (codec.name, codec.layout.name) == ("aac", "stereo")


@pytest.mark.parametrize("name", ["same.mp4", "same.webm"])
def test_picture_is_the_same_bits_with_and_without_sound(
    tmp_path: Path, make_clip: Callable[..., Path], make_film: Callable[..., list[Frame]], name: str
) -> None:
    clip = make_clip(name, sound_codec="aac" if name.endswith("mp4") else "libopus")
    encode(make_film(50), tmp_path / "silent.mp4", fps=FPS)
    encode(make_film(50), tmp_path / "sound.mp4", fps=FPS, audio=AudioSource(path=clip))
    assert packets(tmp_path / "sound.mp4", "video") == packets(tmp_path / "silent.mp4", "video")
    for name in ("silent.mp4", "sound.mp4"):
        with av.open(str(tmp_path / name)) as container:
            assert [f.pts * f.time_base for f in container.decode(video=0)] == [Fraction(i, FPS) for i in range(50)]


def test_keep_audio_false_leaves_the_sound_out_in_silence(tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    config = EncodeConfig(keep_audio=False)
    source = AudioSource(path=make_clip("unwanted.mp4"))
    result = encode(black_film(1.0), tmp_path / "out.mp4", config, fps=FPS, audio=source)
    assert sound_length(result.path) is None
    assert result.warnings == ()


def test_clip_without_sound_gives_a_silent_film_without_a_warning(tmp_path: Path) -> None:
    clip = encode(black_film(1.0), tmp_path / "mute.mp4", fps=FPS).path
    result = encode_with(AudioSource(path=clip), black_film(1.0), tmp_path / "out.mp4")
    assert sound_length(result.path) is None
    assert result.warnings == ()


def broken_aac(path: Path) -> Path:
    """A readable container whose sound packets are noise."""
    noise = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        stream.layout = "mono"
        stream.codec_context.open()
        for index in range(90):
            packet = av.Packet(b"\xff" + noise.bytes(300))
            packet.stream, packet.time_base = stream, Fraction(1, 44100)
            packet.pts = packet.dts = index * 1024
            container.mux(packet)
    return path


@pytest.mark.parametrize("kind", ["noise_in_a_container", "no_container", "missing", "before_the_picture"])
def test_broken_sound_gives_a_silent_film_and_one_warning(
    tmp_path: Path,
    make_clip: Callable[..., Path],
    capfd: pytest.CaptureFixture[str],
    kind: str,
) -> None:
    clip, start_s = tmp_path / "clip.mkv", 0.5
    if kind == "noise_in_a_container":
        broken_aac(clip)
    elif kind == "no_container":
        clip.write_bytes(np.random.default_rng(1).bytes(5000))
    elif kind == "before_the_picture":
        clip, start_s = make_clip("early.mp4", picture_start_s=3.0, sound_end_s=1.0), 3.0
    folder = tmp_path / "out"
    result = encode_with(AudioSource(path=clip, start_s=start_s), black_film(1.0), folder / "out.mp4")
    assert sound_length(result.path) is None
    (warning,) = result.warnings
    assert warning.startswith(f"{clip.name}: its sound is left out: ")
    assert "\n" not in warning
    assert "0x" not in warning
    assert [entry.name for entry in folder.iterdir()] == ["out.mp4"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("role", ["clip", "result"])
def test_where_a_name_is_no_utf_8_the_film_is_silent_and_says_whose_name_it_is(
    tmp_path: Path, make_clip: Callable[..., Path], role: str
) -> None:
    places = {"clip": tmp_path / "clip.mp4", "result": tmp_path / "out.mp4"}
    places[role] = tmp_path / os.fsdecode(b"tanz\xff.mp4")
    make_clip("made.mp4").rename(places["clip"])
    result = encode_with(AudioSource(path=places["clip"]), black_film(1.0), places["result"])
    assert sound_length(result.path) is None
    (warning,) = result.warnings
    assert f": the path of the {role} is not UTF-8; give it another name" in warning
    assert ".tmp" not in warning


def test_sound_with_a_damaged_place_is_kept_with_a_warning(tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    clip = tmp_path / "scratched.mkv"
    content = bytearray(make_clip("intact.mkv", sound_codec="libmp3lame", num_channels=2).read_bytes())
    middle = len(content) * 2 // 3
    content[middle : middle + 300] = np.random.default_rng(2).bytes(300)
    clip.write_bytes(content)
    result = encode_with(AudioSource(path=clip), black_film(2.0), tmp_path / "out.mp4")
    assert sound_length(result.path) == pytest.approx(2.0, abs=AAC_FRAME_S)
    assert [w for w in result.warnings if w.startswith("scratched.mkv: its sound is kept, but it is damaged")]


def fake_ffmpeg(folder: Path, script: str) -> Path:
    program = folder / "ffmpeg"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


def test_disk_that_fills_up_under_ffmpeg_is_an_error_not_a_silent_film(
    tmp_path: Path, make_clip: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    program = fake_ffmpeg(
        tmp_path, 'echo "[out#0 @ 0x5b] Error writing trailer: No space left on device" >&2; exit 228'
    )
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(program))
    folder = tmp_path / "out"
    with pytest.raises(DiskError):
        encode_with(AudioSource(path=make_clip("fills.mp4")), black_film(1.0), folder / "out.mp4")
    assert list(folder.iterdir()) == []


def test_hanging_ffmpeg_is_ended(
    tmp_path: Path, make_clip: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    note = tmp_path / "pid"
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(fake_ffmpeg(tmp_path, f"echo $$ > {note}; exec sleep 60")))
    monkeypatch.setattr(audio, "_PATIENCE_S", 0.5)
    monkeypatch.setattr(audio, "_PATIENCE_PER_SECOND", 0.0)
    result = encode_with(AudioSource(path=make_clip("hangs.mp4")), black_film(1.0), tmp_path / "out.mp4")
    assert "took longer" in result.warnings[0]
    assert sound_length(result.path) is None
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


@pytest.mark.parametrize(("name", "reason"), [("nowhere", "No such file"), (".", "Permission denied")])
def test_ffmpeg_that_cannot_be_started_leaves_a_silent_film(
    tmp_path: Path, make_clip: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, name: str, reason: str
) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / name))
    result = encode_with(AudioSource(path=make_clip("clip.mp4")), black_film(1.0), tmp_path / "out.mp4")
    assert sound_length(result.path) is None
    (warning,) = result.warnings
    assert warning.startswith("clip.mp4: its sound is left out: ")
    assert f"cannot be started ({reason}" in warning


def test_playlist_that_points_at_another_file_is_not_followed(tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    secret = make_clip("secret.ts")
    playlist = tmp_path / "clip.mp4"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{secret}\n#EXT-X-ENDLIST\n")
    result = encode_with(AudioSource(path=playlist), black_film(1.0), tmp_path / "out.mp4")
    assert sound_length(result.path) is None
    assert len(result.warnings) == 1


@pytest.mark.dev_media
@pytest.mark.parametrize(
    ("name", "start_s", "seconds"),
    [
        ("aac_audio.mp4", 0.0, 2.0),
        ("aac_audio_longer.mp4", 0.0, 2.0),
        ("vp9_opus.webm", 0.0, 2.0),
        ("video_starts_8s_late.mp4", 8.0, 2.0),
    ],
)
def test_real_clips_keep_their_sound(
    tmp_path: Path, dev_media: Path, name: str, start_s: float, seconds: float
) -> None:
    clip = dev_media / "odd" / name
    result = encode_with(AudioSource(path=clip, start_s=start_s), black_film(seconds), tmp_path / "out.mp4")
    assert result.warnings == ()
    assert sound_length(result.path) == pytest.approx(seconds, abs=AAC_FRAME_S)
    line, rate = sound_of(result.path)
    heard = line[: round(seconds * rate)].reshape(20, -1).max(axis=1)
    assert (heard > 0.01).all()
