"""Films and clips made on the spot."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pose_tracking.frame import Frame

_CLIP_FPS, _CLIP_RATE = 25, 48000
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}


@pytest.fixture(scope="session")
def make_film() -> Callable[..., list[Frame]]:
    """make_film(num_frames, height=, width=): a still gradient over which a bright square walks."""

    def make(num_frames: int, *, height: int = 48, width: int = 64) -> list[Frame]:
        rows, columns = np.mgrid[0:height, 0:width]
        still = np.stack([rows * 160 // height + 40, columns * 160 // width + 40, np.full_like(rows, 90)], axis=-1)
        frames = []
        for index in range(num_frames):
            pixels = still.astype(np.uint8)
            left = (3 * index) % max(1, width - 8)
            pixels[height // 3 : height // 3 + 8, left : left + 8] = (250, 240, 20)
            frames.append(Frame(pixels_HWC=pixels, time_s=index / 25, index=index))
        return frames

    return make


@pytest.fixture(scope="session")
def make_clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """make_clip(name, ...): a black clip in which one white frame and one click come at the same moment.

    `flash_s` counts from the first picture; `picture_start_s` and `sound_start_s` delay a stream against the other.
    """

    def make(
        name: str,
        *,
        sound_codec: str = "aac",
        picture_s: float = 2.0,
        sound_end_s: float | None = None,
        flash_s: float = 1.2,
        picture_start_s: float = 0.0,
        sound_start_s: float = 0.0,
        num_channels: int = 1,
    ) -> Path:
        path = tmp_path_factory.mktemp("clips") / name
        with av.open(str(path), "w") as container:
            codec = "libvpx" if path.suffix == ".webm" else "libx264"
            video = container.add_stream(codec, rate=_CLIP_FPS)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            audio = container.add_stream(sound_codec, rate=_CLIP_RATE)
            audio.layout = _LAYOUTS[num_channels]
            for index in range(round(picture_s * _CLIP_FPS)):
                container.mux(video.encode(_picture(index, picture_start_s, is_white=index == flash_s * _CLIP_FPS)))
            container.mux(video.encode(None))
            end_s = picture_start_s + picture_s if sound_end_s is None else sound_end_s
            click_s = picture_start_s + flash_s
            container.mux(audio.encode(_sound(sound_start_s, end_s, click_s, num_channels)))
            container.mux(audio.encode(None))
        return path

    return make


def _picture(index: int, start_s: float, *, is_white: bool) -> av.VideoFrame:
    pixels = np.full((48, 64, 3), 255 if is_white else 0, np.uint8)
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    frame.pts, frame.time_base = index + round(start_s * _CLIP_FPS), Fraction(1, _CLIP_FPS)
    return frame


def _sound(start_s: float, end_s: float, click_s: float, num_channels: int) -> av.AudioFrame:
    samples = np.zeros((num_channels, round((end_s - start_s) * _CLIP_RATE)), np.float32)
    first = round((click_s - start_s) * _CLIP_RATE)
    click = 0.9 * np.sin(np.arange(240) * 0.4)
    if 0 <= first < samples.shape[1]:
        samples[:, first : first + 240] = click[: samples.shape[1] - first]
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=_LAYOUTS[num_channels])
    frame.sample_rate, frame.time_base = _CLIP_RATE, Fraction(1, _CLIP_RATE)
    frame.pts = round(start_s * _CLIP_RATE)
    return frame
