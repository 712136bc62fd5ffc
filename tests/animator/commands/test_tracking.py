"""`animator track`, from the command line to poses in a file."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from animator.cli import main
from pose_tracking.clip import DrivingClip
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import COCO_17
from tests.animator.cli.stand_in import MEDIA, json_lines
from tests.pose_tracking.drawn_clips import read_number, write_clip


@pytest.mark.slow
@pytest.mark.dev_media
def test_track_and_inspect_a_real_clip(dev_media: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "animator"]
    clip, poses, preview = (
        dev_media / "videos/squats_fullbody_5fps.mp4",
        tmp_path / "squats.npz",
        tmp_path / "squats.mp4",
    )
    words = ["track", str(clip), "-o", str(poses), "--preview", str(preview), "--end", "2", "--quiet"]
    tracked = subprocess.run([*command, *words], capture_output=True, text=True, check=False, env=os.environ)
    assert (tracked.returncode, tracked.stderr) == (0, "")
    assert "person in 10 of 10 frames" in tracked.stdout
    for path, num_frames in ((poses, 10), (preview, 10)):
        looked = subprocess.run(
            [*command, "inspect", str(path), "--json"], capture_output=True, text=True, check=False, env=os.environ
        )
        assert json_lines(looked.stdout)[-1]["facts"]["num_frames"] == num_frames


def test_the_preview_of_a_clip_with_uneven_times_keeps_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times_s = [*(index / 30 for index in range(30)), *(1 + index / 5 for index in range(10))]
    write_clip(tmp_path / "uneven.mkv", stamps_s=times_s)

    def track_clip(clip: DrivingClip, *_: object, **__: object) -> PoseSequence:
        times = clip.times_s()
        return PoseSequence(
            keypoints_TK2=np.zeros((len(times), 17, 2), np.float32),
            confidence_TK=np.zeros((len(times), 17), np.float32),
            times_s_T=times,
            skeleton=COCO_17,
            frame_size=(clip.info.width, clip.info.height),
        )

    monkeypatch.setattr("animator.pipeline.track_clip", track_clip)
    preview = tmp_path / "preview.mp4"
    assert main(["track", str(tmp_path / "uneven.mkv"), "-o", str(tmp_path / "p.npz"), "--preview", str(preview)]) == 0
    clip, film = (DrivingClip.open(path) for path in (tmp_path / "uneven.mkv", preview))
    assert film.info.duration_s == pytest.approx(clip.info.duration_s, abs=1 / float(clip.info.fps))
    for frame in film.frames():
        on_screen = max(index for index, time_s in enumerate(times_s) if time_s <= frame.time_s + 0.5 / film.info.fps)
        assert read_number(frame.pixels_HWC) == on_screen


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["-o", "folder.npz"], "folder.npz: is not a file"),
        (["-o", "poses.npz", "--preview", "x.avi"], "cannot write .avi"),
        (["-o", "poses.npz", "--preview", "folder.mp4"], "is not a file"),
        (["-o", "poses.npz", "--preview", "clip.mp4"], "is an input"),
        (["-o", "seen.json", "--set", "tracker.recorded=seen.json"], "is an input"),
    ],
)
def test_track_finds_out_before_tracking_what_it_cannot_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("animator.pipeline.track_clip", None)
    for name in ("folder.npz", "folder.mp4"):
        Path(name).mkdir()
    Path("clip.mp4").symlink_to(MEDIA / "dance.mp4")
    Path("seen.json").write_text("mine")
    assert main(["track", "clip.mp4", *words]) == 3
    assert line in capsys.readouterr().err
    assert Path("seen.json").read_text() == "mine"


def test_the_ending_of_poses_may_be_in_capitals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["track", str(MEDIA / "dance.mp4"), "-o", "t.NPZ", "--dry-run"]) == 0


def test_track_says_which_settings_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["track", str(MEDIA / "dance.mp4"), "-o", "t.npz", "--dry-run", "--set", "tracker.max_people=2"]
    assert main([*words, "--set", "end_s=1"]) == 0
    assert capsys.readouterr().err == ""
    assert main([*words, "--set", "motion.fps=12", "--set", "encode.crf=3"]) == 0
    err = capsys.readouterr().err
    assert "motion.fps changes nothing" in err
    assert "encode.crf changes nothing" in err
    assert "tracker" not in err


def test_a_disk_that_fills_up_meanwhile_is_named_with_the_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def save(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("animator.pipeline.track_clip", lambda *_, **__: SimpleNamespace(save=save))
    assert main(["track", str(MEDIA / "dance.mp4"), "-o", str(tmp_path / "poses.npz")]) == 6
    assert f"{tmp_path / 'poses.npz'}: the disk took no more data" in capsys.readouterr().err
