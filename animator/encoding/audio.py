"""The driving clip's sound, carried over to the result by ffmpeg; the picture is copied bit by bit.

A clip whose sound is broken still gives a film: silent, with a warning.
"""

from __future__ import annotations

import errno
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Demuxers a clip's sound is read with. Left out on purpose: playlists, which open other files.
SOUND_FORMATS = "mov,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg"
_BITRATE = "160k"
# Sound that starts this close to the picture needs no cutting; a tenth of what is noticed.
_ALIGNED_S = 0.002
_FULL_DISK = ("No space left on device", "Disk quota exceeded", "File too large")
# Ample for sound at a hundredth of the usual speed; a hang, not a limit on honest work.
_PATIENCE_S, _PATIENCE_PER_SECOND = 60.0, 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioSource:
    """Which sound accompanies the picture.

    Attributes:
        path: the driving clip.
        start_s: where in the clip the picture begins, in seconds from the start of its earliest stream (what
            `ffmpeg -ss` counts from); 8.0 for a clip whose picture starts 8 s after its sound.
        duration_s: how much of the clip's sound is used; None for as much as the picture is long.
    """

    path: Path
    start_s: float = 0.0
    duration_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundTrack:
    """What a clip's first sound stream is, on the container's own clock.

    Attributes:
        codec: libav's name of the codec.
        num_channels: 1 mono, 2 stereo, ...
        container_start_s: start of the clip's earliest stream.
        start_s: first sound.
        end_s: end of the sound; NaN when the container does not say.
        frame_s: length of one AAC frame (1024 samples).
    """

    codec: str
    num_channels: int
    container_start_s: float
    start_s: float
    end_s: float
    frame_s: float


class SoundError(Exception):
    """The clip's sound could not be carried over; the message says why, in half a sentence."""


def add_sound(silent: Path, target: Path, source: AudioSource, track: SoundTrack, *, duration_s: float) -> list[str]:
    """Write `target`, an MP4 with the picture of `silent` and the sound of `source`, as long as the picture.

    AAC that starts with the picture and lasts as long is copied; all else is encoded to AAC at 160 kbit/s, cut
    or filled with silence at both ends.

    Args:
        silent: MP4 without sound.
        target: overwritten.
        track: what `source.path` holds.
        duration_s: length of the picture in seconds.

    Returns:
        Warnings, one line each.

    Raises:
        SoundError: the sound cannot be read.
        OSError: the disk is full.
    """
    import ffmpeg

    _refuse_odd_names(clip=source.path, result=silent)
    begin_s = track.container_start_s + source.start_s
    wanted_s = duration_s if source.duration_s is None else min(duration_s, source.duration_s)
    if track.start_s >= begin_s + wanted_s or track.end_s <= begin_s:
        raise SoundError("it has no sound while the picture lasts")
    picture = ffmpeg.input(_url(silent), protocol_whitelist="file", format_whitelist="mov")
    options: dict[str, Any] = {"protocol_whitelist": "file", "format_whitelist": SOUND_FORMATS}
    shared = {"format": "mp4", "vcodec": "copy", "movflags": "+faststart", "map_chapters": -1, "map_metadata": 0}
    if _is_copied(source, track, wanted_s=wanted_s, duration_s=duration_s):
        sound = ffmpeg.input(_url(source.path), t=duration_s, **options)
        settings: dict[str, Any] = {"acodec": "copy"}
    else:
        sound = ffmpeg.input(_url(source.path), **options)
        settings = {"acodec": "aac", "audio_bitrate": _BITRATE, "copyts": None}
        settings["af"] = _cut_and_fill(begin_s, wanted_s, duration_s)
        if track.num_channels > 2:
            settings["ac"] = 2
    command = ffmpeg.output(picture["v:0"], sound["a:0"], _url(target), **shared, **settings)
    return _run(command, patience_s=_PATIENCE_S + _PATIENCE_PER_SECOND * (begin_s + duration_s))


def _is_copied(source: AudioSource, track: SoundTrack, *, wanted_s: float, duration_s: float) -> bool:
    begin_s = track.container_start_s + source.start_s
    return (
        track.codec == "aac"
        and source.start_s < _ALIGNED_S
        and abs(track.start_s - begin_s) < _ALIGNED_S
        and wanted_s == duration_s
        and track.end_s >= begin_s + duration_s - track.frame_s
    )


def _cut_and_fill(begin_s: float, wanted_s: float, duration_s: float) -> str:
    """Filters from the clip's own clock to sound from 0 to `duration_s`, silent where the clip is."""
    return ",".join(
        (
            f"atrim=start={begin_s:.6f}:end={begin_s + wanted_s:.6f}",
            f"asetpts=PTS-({begin_s:.6f})/TB",
            "aresample=async=1:first_pts=0",
            f"apad=whole_dur={duration_s:.6f}",
            f"atrim=end={duration_s:.6f}",
        )
    )


def _run(command: Any, *, patience_s: float) -> list[str]:
    """Run ffmpeg silently; whatever ends the wait ends ffmpeg too."""
    import ffmpeg
    import imageio_ffmpeg

    try:
        program = imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise SoundError("there is no ffmpeg program; reinstall imageio-ffmpeg") from error
    command = command.global_args("-hide_banner", "-nostdin", "-loglevel", "error").overwrite_output()
    try:
        running = ffmpeg.run_async(command, cmd=program, quiet=True)
    except OSError as error:  # it is the program's fault, not that of what is written
        raise SoundError(f"{program} cannot be started ({error.strerror}); see: animator doctor") from error
    with running as process:
        try:
            _, complaint = process.communicate(timeout=patience_s)
        except subprocess.TimeoutExpired as error:
            raise SoundError(f"reading it took longer than {patience_s:.0f} s") from error
        finally:
            process.kill()
    text = complaint.decode(errors="replace")
    if any(phrase in text for phrase in _FULL_DISK):
        raise OSError(errno.ENOSPC, "No space left on device")
    if process.returncode:
        raise SoundError(_last_words(text))
    return [f"it is damaged in places ({_last_words(text)})"] if text.strip() else []


def _last_words(text: str) -> str:
    """ffmpeg's last line, without the address of the object that spoke."""
    lines = [line for line in text.splitlines() if line.strip()] or ["ffmpeg gave no reason"]
    words = re.sub(r"\[[^\]]* @ 0x[0-9a-f]+\] *", "", lines[-1])
    return "".join(letter if letter.isprintable() else "?" for letter in words).strip()[:160]


def _refuse_odd_names(**paths: Path) -> None:
    """ffmpeg-python takes names as text, not as the bytes that they are on the disk."""
    for role, path in paths.items():
        try:
            str(path.absolute()).encode()
        except UnicodeEncodeError as error:
            # The result still goes by a hidden name, which nobody gave it.
            raise SoundError(f"the path of the {role} is not UTF-8; give it another name") from error


def _url(path: Path) -> str:
    # The prefix keeps libav from taking a name such as "take:2.mp4" for a protocol.
    return f"file:{path.absolute()}"
