"""Every odd clip of the developers' media gets what its manifest expects: all frames, a part with a word, or a refusal.

The manifest's readme says how frames carry their number and which way is up.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from einops import reduce

from pose_tracking.clip import DrivingClip
from pose_tracking.errors import ClipError
from pose_tracking.frame import Frame

pytestmark = pytest.mark.dev_media

# Collecting needs the names before any fixture runs; where the folder is missing, one skipped test stands for all.
DEV_MEDIA = Path(os.environ.get("ANIMATOR_DEV_MEDIA", Path(__file__).parents[3] / "shared" / "data" / "dev"))
MAX_SECONDS_A_CLIP = 10
MAX_BYTES = 2 * 1024**3
# Stored upright, to be shown turned or mirrored: how a shown frame goes back to what is stored.
BACK_TO_STORED = {
    "rot90_meta.mp4": lambda shown: np.rot90(shown, -1),
    "rot180_meta.mp4": lambda shown: np.rot90(shown, 2),
    "rot270_meta.mp4": lambda shown: np.rot90(shown, 1),
    "hflip_meta.mp4": lambda shown: shown[:, ::-1],
}


def entries(outcome: str) -> list[Any]:
    """Manifest entries of one outcome as test parameters."""
    manifest = DEV_MEDIA / "odd" / "manifest.json"
    if not manifest.is_file():
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"no developers' media at {DEV_MEDIA}"))]
    files = json.loads(manifest.read_text(encoding="utf-8"))["files"]
    return [
        pytest.param(file, id=Path(file["file"]).name.encode("ascii", "replace").decode())
        for file in files
        if file["expect"]["outcome"] == outcome
    ]


def open_entry(entry: dict[str, Any]) -> DrivingClip:
    return DrivingClip.open(DEV_MEDIA / entry["file"])


def read_number(frame_HWC: np.ndarray) -> int:
    """Eight blocks of 24x18 px from x = 3 + 27 bit, y = 3 in a picture 480 px wide."""
    scale = frame_HWC.shape[1] / 480
    value = 0
    for bit in range(8):
        left, top = round((3 + 27 * bit + 6) * scale), round(8 * scale)
        block = frame_HWC[top : round(16 * scale), left : round((3 + 27 * bit + 18) * scale)]
        value |= int(block.mean() > 128) << bit
    return value


def is_upright(frame_HWC: np.ndarray) -> bool:
    """Red at the bottom left, green at the bottom right, counted from the bottom edge of 270 rows."""
    scale = frame_HWC.shape[1] / 480
    rows = slice(round(253 * scale), round(262 * scale))
    red, green = (
        reduce(frame_HWC[rows, round(left * scale) : round((left + 20) * scale)].astype(float), "h w c -> c", "mean")
        for left in (8, 452)
    )
    return bool(red[0] > 150 and red[1:].max() < 70 and green[1] > 120 and green[[0, 2]].max() < 70)


def expected_order(entry: dict[str, Any]) -> list[int]:
    """Frame numbers in presentation order."""
    name, num_frames = Path(entry["file"]).name, entry["expect"]["frames"]
    if name == "editlist_trim.mp4":  # hides 17 lead-in frames
        return list(range(17, 17 + num_frames))
    return entry["pyav"].get("frame_order") or list(range(num_frames))


@pytest.mark.parametrize("entry", entries("render"))
def test_readable_clip_shows_all_frames_in_order_upright_and_in_time(entry: dict[str, Any]) -> None:
    clip = open_entry(entry)
    frames = list(clip.frames())
    size = tuple(int(side) for side in entry["expect"]["display_size"].split("x"))
    assert (clip.info.width, clip.info.height) == size
    assert {frame.pixels_HWC.shape for frame in frames} == {(size[1], size[0], 3)}

    stored = [BACK_TO_STORED.get(Path(entry["file"]).name, np.asarray)(frame.pixels_HWC) for frame in frames]
    assert [read_number(picture) for picture in stored] == expected_order(entry)
    if "gray" not in entry["file"]:
        assert all(is_upright(picture) for picture in stored)
    assert clip.damage is None
    assert_times_fit(frames, entry)


def assert_times_fit(frames: list[Frame], entry: dict[str, Any]) -> None:
    """Times rise strictly from 0 and last as long as the stored stamps say."""
    times_s = np.array([frame.time_s for frame in frames])
    first_s, last_s = entry["pyav"]["pts"]
    assert times_s[0] == 0
    assert (np.diff(times_s) > 0).all()
    assert times_s[-1] == pytest.approx(last_s - first_s, abs=1e-3)


@pytest.mark.parametrize("entry", entries("partial"))
def test_damaged_clip_is_read_as_far_as_it_goes_and_says_so(entry: dict[str, Any]) -> None:
    clip = open_entry(entry)
    num_frames = sum(1 for _ in clip.frames())
    # Decoder threads may lose their last pictures with a broken one.
    assert num_frames >= entry["expect"]["frames_readable"] - 4
    assert clip.damage is not None
    assert clip.damage.startswith(f"{Path(entry['file']).name}: ")
    assert f"{num_frames} frames read" in clip.damage


@pytest.mark.parametrize("entry", entries("refuse"))
def test_unreadable_clip_is_refused_in_one_line(entry: dict[str, Any]) -> None:
    with pytest.raises(ClipError) as caught:
        list(open_entry(entry).frames())
    assert str(caught.value).startswith(f"{Path(entry['file']).name}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("entry", entries("either"))
def test_doubtful_clip_is_read_whole_or_refused(entry: dict[str, Any]) -> None:
    try:
        clip = open_entry(entry)
    except ClipError:
        return
    shapes = [frame.pixels_HWC.shape for frame in clip.frames()]
    assert len(shapes) == entry["pyav"]["frames_decoded"]
    assert set(shapes) == {(clip.info.height, clip.info.width, 3)}


def test_repeated_stamps_cost_no_frame(dev_media: Path) -> None:
    times_s = DrivingClip.open(dev_media / "odd" / "duplicate_pts.mp4").times_s()
    assert len(times_s) == 48
    assert (np.diff(times_s) > 0).all()


def test_turned_clips_show_the_stored_pictures_turned(dev_media: Path) -> None:
    plain = [frame.pixels_HWC for frame in DrivingClip.open(dev_media / "odd" / "base_indexed.mp4").frames()]
    for name, back in BACK_TO_STORED.items():
        turned = DrivingClip.open(dev_media / "odd" / name).frames()
        for frame, stored in zip(turned, plain, strict=True):
            assert np.array_equal(back(frame.pixels_HWC), stored), name


def test_late_picture_keeps_its_distance_from_the_sound(dev_media: Path) -> None:
    clip = DrivingClip.open(dev_media / "odd" / "video_starts_8s_late.mp4")
    assert clip.info.has_audio
    assert clip.picture_start_s == pytest.approx(8.0)


READ_ALL = """
import json, sys, time
from pathlib import Path
from pose_tracking.clip import DrivingClip
from pose_tracking.errors import ClipError
slowest = (0.0, "")
for path in sorted(Path(sys.argv[1]).iterdir()):
    started = time.perf_counter()
    try:
        for frame in DrivingClip.open(path).frames():
            pass
    except ClipError:
        pass
    slowest = max(slowest, (time.perf_counter() - started, path.name))
# Not getrusage: what it counts goes on from the process that started this one.
status = Path("/proc/self/status").read_text()
peak_kib = int(status.split("VmHWM:")[1].split()[0])
print(json.dumps({"slowest": slowest, "bytes": 1024 * peak_kib}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is counted in KiB on Linux only")
def test_no_odd_clip_takes_long_or_much_memory(dev_media: Path) -> None:
    command = [sys.executable, "-c", READ_ALL, str(dev_media / "odd")]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    cost = json.loads(result.stdout)
    assert cost["slowest"][0] < MAX_SECONDS_A_CLIP, cost
    assert cost["bytes"] < MAX_BYTES, cost
    assert result.stderr == ""


def real_clips() -> list[Any]:
    manifest = DEV_MEDIA / "manifest.json"
    if not manifest.is_file():
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"no developers' media at {DEV_MEDIA}"))]
    files = json.loads(manifest.read_text(encoding="utf-8"))["files"]
    return [pytest.param(file, id=Path(file["file"]).name) for file in files if file.get("video")]


@pytest.mark.parametrize("entry", real_clips())
def test_real_clip_has_the_frames_size_and_length_its_manifest_counts(entry: dict[str, Any]) -> None:
    video = entry["video"]
    clip = open_entry(entry)
    times_s = clip.times_s()
    assert len(times_s) == video["frames"]
    assert clip.info.num_frames in (0, video["frames"])
    assert clip.damage is None
    assert clip.info.has_audio == bool(video["audio"])
    assert times_s[-1] + float(1 / clip.info.fps) == pytest.approx(video["duration_s"], abs=2 / video["fps"])
    aspect = Fraction(1) if video.get("sar", "unset") == "unset" else Fraction(video["sar"])
    height = round(video["height"] / aspect)  # the only oblong pixels among them are narrow ones
    assert (clip.info.width, clip.info.height) == (video["width"], height)
