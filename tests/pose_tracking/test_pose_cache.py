"""Poses kept from before: the same poses, for the same clip and settings alone, in bounded room."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from animator import pipeline
from animator.pipeline import track_clip
from animator.progress import SilentProgress
from pose_tracking import pose_cache
from pose_tracking.clip import DrivingClip
from pose_tracking.clip_part import ClipPart
from pose_tracking.pose_cache import PoseCache, cache_folder, tracker_version
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33
from pose_tracking.tracking import TrackerConfig
from tests.pose_tracking.drawn_clips import HEIGHT, WIDTH, write_clip
from tests.pose_tracking.fake_trackers import FakeTracker
from tests.pose_tracking.people import standing

SIDE = 1280


@pytest.fixture
def clip(tmp_path: Path) -> DrivingClip:
    write_clip(tmp_path / "clip.mp4", num_frames=12)
    return DrivingClip.open(tmp_path / "clip.mp4")


@pytest.fixture
def cache(tmp_path: Path) -> PoseCache:
    return PoseCache(folder=tmp_path / "cache" / "poses")


def poses(num_frames: int = 12) -> PoseSequence:
    random = np.random.default_rng(num_frames)
    keypoints = random.uniform(0, 90, (num_frames, 33, 2)).astype(np.float32)
    keypoints[2, 5] = np.nan
    return PoseSequence(
        keypoints_TK2=keypoints,
        confidence_TK=random.uniform(0, 1, (num_frames, 33)),
        times_s_T=np.arange(num_frames) / 24,
        skeleton=BLAZEPOSE_33,
        frame_size=(WIDTH, HEIGHT),
    )


def test_what_was_kept_is_found_to_the_bit(clip: DrivingClip, cache: PoseCache) -> None:
    assert cache.find(clip, TrackerConfig(), max_side_px=SIDE) is None
    cache.keep(clip, TrackerConfig(), poses(), max_side_px=SIDE)
    found = cache.find(clip, TrackerConfig(), max_side_px=SIDE)
    assert found is not None
    np.testing.assert_array_equal(found.keypoints_TK2, poses().keypoints_TK2)
    np.testing.assert_array_equal(found.confidence_TK, poses().confidence_TK)
    np.testing.assert_array_equal(found.times_s_T, poses().times_s_T)


def test_a_copy_under_another_name_is_the_same_clip(clip: DrivingClip, cache: PoseCache, tmp_path: Path) -> None:
    cache.keep(clip, TrackerConfig(), poses(), max_side_px=SIDE)
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(clip.path.read_bytes())
    assert cache.find(DrivingClip.open(copy), TrackerConfig(), max_side_px=SIDE) is not None


@pytest.mark.parametrize(
    "other",
    [
        {"config": TrackerConfig(person="center")},
        {"config": TrackerConfig(detection_confidence=0.6)},
        {"config": TrackerConfig(kind="holistic")},
        {"start_s": 0.2},
        {"end_s": 0.3},
        {"max_side_px": 640},
    ],
    ids=str,
)
def test_other_settings_or_another_part_are_another_entry(
    clip: DrivingClip, cache: PoseCache, other: dict[str, object]
) -> None:
    cache.keep(clip, TrackerConfig(), poses(), max_side_px=SIDE)
    part = DrivingClip.open(clip.path, start_s=other.get("start_s"), end_s=other.get("end_s"))  # type: ignore[arg-type]
    config = other.get("config", TrackerConfig())
    assert isinstance(config, TrackerConfig)
    assert cache.find(part, config, max_side_px=int(other.get("max_side_px", SIDE))) is None  # type: ignore[call-overload]


def test_another_tracker_s_poses_are_not_taken(
    clip: DrivingClip, cache: PoseCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.keep(clip, TrackerConfig(), poses(), max_side_px=SIDE)
    monkeypatch.setattr(pose_cache, "tracker_version", lambda: "next")
    assert cache.find(clip, TrackerConfig(), max_side_px=SIDE) is None


def test_the_tracker_s_version_is_its_source_and_mediapipe_s_version(monkeypatch: pytest.MonkeyPatch) -> None:
    before = tracker_version()
    tracker_version.cache_clear()
    monkeypatch.setattr(pose_cache.importlib.metadata, "version", lambda _: "0.10.99")
    try:
        assert tracker_version() != before
    finally:
        tracker_version.cache_clear()


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 no archive", None], ids=["empty", "foreign", "cut off"])
def test_a_damaged_entry_is_not_used_and_written_anew(
    clip: DrivingClip, cache: PoseCache, damage: bytes | None
) -> None:
    cache.keep(clip, TrackerConfig(), poses(), max_side_px=SIDE)
    (entry,) = cache.entries()
    entry.write_bytes(entry.read_bytes()[:-300] if damage is None else damage)
    assert cache.find(clip, TrackerConfig(), max_side_px=SIDE) is None
    cache.keep(clip, TrackerConfig(), poses(), max_side_px=SIDE)
    assert cache.find(clip, TrackerConfig(), max_side_px=SIDE) is not None


def test_what_was_not_used_for_longest_makes_room(clip: DrivingClip, cache: PoseCache) -> None:
    configs = [TrackerConfig(max_people=number) for number in (1, 2, 3)]
    for age, config in zip((300, 200, 100), configs, strict=True):
        cache.keep(clip, config, poses(), max_side_px=SIDE)
        newest = max(cache.entries(), key=lambda path: path.stat().st_mtime_ns)
        os.utime(newest, (newest.stat().st_mtime - age,) * 2)
    cache.find(clip, configs[0], max_side_px=SIDE)  # the oldest is used again
    small = PoseCache(folder=cache.folder, max_bytes=int(cache.size_bytes() * 1.1))
    small.keep(clip, TrackerConfig(max_people=4), poses(), max_side_px=SIDE)
    left = [small.find(clip, config, max_side_px=SIDE) is not None for config in configs]
    assert left == [True, False, True]
    assert small.size_bytes() <= small.max_bytes


def test_a_damaged_clip_is_tracked_every_time(clip: DrivingClip, cache: PoseCache) -> None:
    clip.damage = "clip.mp4: 1 frame could not be decoded"
    cache.keep(clip, TrackerConfig(), poses(), max_side_px=SIDE)
    assert cache.entries() == []


def test_recorded_poses_are_not_kept_twice(clip: DrivingClip, cache: PoseCache, tmp_path: Path) -> None:
    cache.keep(clip, TrackerConfig(recorded=tmp_path / "poses.npz"), poses(), max_side_px=SIDE)
    assert cache.entries() == []


def test_a_folder_that_cannot_be_written_is_no_obstacle(
    clip: DrivingClip, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_bytes(b"in the way")
    cache = PoseCache(folder=tmp_path / "file" / "poses")
    cache.keep(clip, TrackerConfig(), poses(), max_side_px=SIDE)
    assert cache.find(clip, TrackerConfig(), max_side_px=SIDE) is None
    assert "cannot be kept" in caplog.text


def test_a_folder_that_may_not_be_entered_is_no_obstacle(
    clip: DrivingClip, cache: PoseCache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As one that another user made: root may enter any, so the refusal is put in the system's place."""
    cache.keep(clip, TrackerConfig(), poses(), max_side_px=SIDE)
    (entry,) = cache.entries()
    stat = os.stat

    def refuse(path: os.PathLike[str], **options: bool) -> os.stat_result:
        if Path(path) == entry:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", refuse)
    assert cache.find(clip, TrackerConfig(), max_side_px=SIDE) is None
    monkeypatch.setattr(PoseSequence, "save", lambda _, path: path.stat())
    cache.keep(clip, TrackerConfig(), poses(), max_side_px=SIDE)
    assert "cannot be kept" in caplog.text


def test_the_folder_is_the_user_s_own_and_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ANIMATOR_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("ANIMATOR_CACHE", "~not a user/cache")
    assert cache_folder() == Path("~not a user/cache")
    monkeypatch.setenv("ANIMATOR_CACHE", "")
    assert cache_folder() is None
    assert PoseCache.default() is None
    monkeypatch.delenv("ANIMATOR_CACHE")
    monkeypatch.setattr(pose_cache.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "pose-animator"


def test_a_clip_is_tracked_once_unless_it_is_to_be_tracked_anew(
    clip: DrivingClip, cache: PoseCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []

    def open_fake(config: TrackerConfig, *, clip: DrivingClip) -> FakeTracker:
        opened.append(config)
        return FakeTracker(lambda _: [standing(80, top=10, height=80)])

    monkeypatch.setattr(pipeline, "open_tracker", open_fake)
    first = track_clip(clip, TrackerConfig(), progress=SilentProgress(), cache=cache)
    again = track_clip(clip, TrackerConfig(), progress=SilentProgress(), cache=cache)
    assert first.part == again.part == ClipPart(sha256=clip.sha256(), start_s=clip.trim_s[0])
    assert len(opened) == 1
    np.testing.assert_array_equal(first.keypoints_TK2, again.keypoints_TK2)
    track_clip(clip, TrackerConfig(), progress=SilentProgress(), cache=cache, anew=True)
    assert len(opened) == 2


def test_a_cache_that_cannot_be_written_is_told_like_any_other_warning(
    clip: DrivingClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Listener(SilentProgress):
        told: ClassVar[list[str]] = []

        def warn(self, message: str) -> None:
            self.told.append(message)

    (tmp_path / "file").write_bytes(b"in the way")
    monkeypatch.setattr(
        pipeline, "open_tracker", lambda _, **__: FakeTracker(lambda _: [standing(80, top=10, height=80)])
    )
    track_clip(clip, TrackerConfig(), progress=Listener(), cache=PoseCache(folder=tmp_path / "file" / "poses"))
    (message,) = Listener.told
    assert "clip.mp4 cannot be kept" in message
    assert "ANIMATOR_CACHE" in message
    assert caplog.text == ""
