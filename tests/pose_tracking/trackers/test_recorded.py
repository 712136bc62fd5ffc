"""Recorded poses: every known form, replayed and read; every broken one refused in one line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pose_tracking.clip import DrivingClip
from pose_tracking.clip_part import ClipPart
from pose_tracking.errors import TrackingError
from pose_tracking.person import Detection
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33, COCO_17, OPENPOSE_18
from pose_tracking.trackers import recording as recording_module
from pose_tracking.trackers.recorded import RecordedTracker, read_recorded, read_recording
from pose_tracking.tracking import TrackerConfig, open_tracker, track
from tests.pose_tracking.drawn_clips import write_clip
from tests.pose_tracking.people import blank_frame, standing

SIZE = (640, 480)


def _write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


def _rows(person: Detection, *, size: tuple[int, int] | None = None) -> list[list[float]]:
    """x, y, z, visibility; fractions of `size` where given."""
    scale = np.array(size or (1, 1))
    return [[*(place / scale), -0.1, 0.8] for place in person.keypoints_K2.astype(float)]


def _openpose(x: float) -> dict[str, Any]:
    values = [value for n in range(18) for value in (x + n, 100.0 + n, 0.9)]
    return {"people": [{"pose_keypoints_2d": values}]}


@pytest.fixture
def sequence() -> PoseSequence:
    keypoints = np.stack([standing(200 + 5 * index).keypoints_K2 for index in range(6)])
    keypoints[3] = np.nan
    return PoseSequence(
        keypoints_TK2=keypoints,
        confidence_TK=np.full((6, 33), 0.9, np.float32),
        times_s_T=np.arange(6) / 10,
        skeleton=BLAZEPOSE_33,
        frame_size=SIZE,
    )


@pytest.mark.parametrize("ending", [".npz", ".json", ".NPZ", ".Json"])
def test_our_files_are_read_and_replayed_as_they_were(tmp_path: Path, sequence: PoseSequence, ending: str) -> None:
    path = sequence.save(tmp_path / f"poses{ending}")
    assert np.array_equal(read_recorded(path).keypoints_TK2, sequence.keypoints_TK2, equal_nan=True)
    with RecordedTracker(path) as tracker:
        frames = [blank_frame(index) for index in range(6)]
        replayed = track(frames, tracker, frame_size=SIZE, config=TrackerConfig(recorded=path))
    assert np.array_equal(replayed.keypoints_TK2, sequence.keypoints_TK2, equal_nan=True)


def test_what_was_measured_in_the_picture_is_replayed_too(tmp_path: Path, sequence: PoseSequence) -> None:
    steps = np.full((6, 33, 2), (3.0, 1.0), np.float32)
    path = sequence.replace(steps_TK2=steps).save(tmp_path / "poses.npz")
    config = TrackerConfig(recorded=path)

    def replayed(*frames: int) -> np.ndarray:
        """Half as large as the clip the poses were tracked in."""
        shown = (blank_frame(index, width=320, height=240) for index in frames)
        with RecordedTracker(path) as tracker:
            tracked = track(shown, tracker, frame_size=(320, 240), config=config)
        assert tracked.steps_TK2 is not None
        return tracked.steps_TK2

    whole = replayed(0, 1, 2, 3, 4, 5)
    assert np.isnan(whole[[0, 4]]).all()  # nothing comes before the first, nobody was in view before the fifth
    assert (whole[[1, 2]] == (1.5, 0.5)).all()
    assert np.isnan(replayed(0, 2, 5)).all()
    without = sequence.save(tmp_path / "without.npz")
    with RecordedTracker(without) as tracker:
        assert tracker.steps_TK2([0, 1], (320, 240)) is None


def test_replay_scales_to_the_frames(tmp_path: Path, sequence: PoseSequence) -> None:
    path = sequence.save(tmp_path / "poses.npz")
    (person,) = RecordedTracker(path).detect(blank_frame(1, width=320, height=240))
    assert person.keypoints_K2 == pytest.approx(sequence.keypoints_TK2[1] / 2)


def test_replay_refuses_a_clip_of_another_shape_or_length(tmp_path: Path, sequence: PoseSequence) -> None:
    tracker = RecordedTracker(sequence.save(tmp_path / "poses.npz"))
    with pytest.raises(TrackingError, match=r"poses\.npz: poses of a 640 x 480 px clip do not fit one of 480 x 640"):
        tracker.detect(blank_frame(0, width=480, height=640))
    with pytest.raises(TrackingError, match=r"poses\.npz: 6 poses for a clip of more frames"):
        tracker.detect(blank_frame(6))


def test_a_recording_of_the_whole_clip_serves_a_part_of_it(tmp_path: Path, sequence: PoseSequence) -> None:
    steps = np.full((6, 33, 2), (3.0, 1.0), np.float32)
    path = sequence.replace(steps_TK2=steps).save(tmp_path / "whole.npz")
    film = write_clip(tmp_path / "film.mp4", num_frames=6, rate=10, width=640, height=480)
    config = TrackerConfig(recorded=path)
    for start_s, end_s, first, last in ((0.1, None, 1, 6), (0.12, 0.4, 2, 4), (None, 0.3, 0, 3)):
        clip = DrivingClip.open(film, start_s=start_s, end_s=end_s)
        with open_tracker(config, clip=clip) as tracker:
            part = track(clip.frames(), tracker, frame_size=SIZE, config=config)
        np.testing.assert_array_equal(part.keypoints_TK2, sequence.keypoints_TK2[first:last])
        assert part.steps_TK2 is not None
        assert np.isnan(part.steps_TK2[0]).all()
        assert np.isfinite(part.steps_TK2[1]).all()


def test_a_recording_of_the_part_begins_where_the_part_does(tmp_path: Path, sequence: PoseSequence) -> None:
    film = write_clip(tmp_path / "film.mp4", num_frames=8, rate=10, width=640, height=480)
    config = TrackerConfig(recorded=sequence.save(tmp_path / "from-the-third-on.npz"))
    clip = DrivingClip.open(film, start_s=0.2)
    with open_tracker(config, clip=clip) as tracker:
        part = track(clip.frames(), tracker, frame_size=SIZE, config=config)
    np.testing.assert_array_equal(part.keypoints_TK2, sequence.keypoints_TK2)


def test_a_recording_of_another_part_is_refused(tmp_path: Path, sequence: PoseSequence) -> None:
    film = write_clip(tmp_path / "film.mp4", num_frames=10, rate=10, width=640, height=480)
    config = TrackerConfig(recorded=sequence.save(tmp_path / "from-the-fourth-on.npz"))
    words = r"fourth-on\.npz: 6 poses, but film\.mp4 has 10 frames, 5 of them from the start on"
    with pytest.raises(TrackingError, match=words):
        open_tracker(config, clip=DrivingClip.open(film, start_s=0.5))


@pytest.mark.parametrize("ending", [".npz", ".json"])
def test_a_recording_that_tells_its_part_is_laid_where_it_belongs(
    tmp_path: Path, sequence: PoseSequence, ending: str
) -> None:
    film = write_clip(tmp_path / "film.mp4", num_frames=10, rate=10, width=640, height=480)
    known = ClipPart(sha256=DrivingClip.open(film).sha256(), start_s=0.25)  # its frames 3 to 8
    config = TrackerConfig(recorded=sequence.replace(part=known).save(tmp_path / f"part{ending}"))
    for start_s, end_s, first, last in ((0.25, 0.8, 0, 5), (0.3, 0.7, 0, 4), (0.5, 0.9, 2, 6)):
        clip = DrivingClip.open(film, start_s=start_s, end_s=end_s)
        with open_tracker(config, clip=clip) as tracker:
            replayed = track(clip.frames(), tracker, frame_size=SIZE, config=config)
        np.testing.assert_array_equal(replayed.keypoints_TK2, sequence.keypoints_TK2[first:last])
    for start_s in (None, 0.1, 0.9):
        with pytest.raises(TrackingError, match=rf"part\{ending}: 6 poses from 0\.25 s of film\.mp4 on.*--start 0\.25"):
            open_tracker(config, clip=DrivingClip.open(film, start_s=start_s))


def test_the_part_of_one_clip_says_nothing_of_another(tmp_path: Path, sequence: PoseSequence) -> None:
    """Such as of the same part, cut out and encoded once more."""
    film = write_clip(tmp_path / "cut-out.mp4", num_frames=6, rate=10, width=640, height=480)
    elsewhere = sequence.replace(part=ClipPart(sha256="0" * 64, start_s=7.0)).save(tmp_path / "part.npz")
    config = TrackerConfig(recorded=elsewhere)
    clip = DrivingClip.open(film)
    with open_tracker(config, clip=clip) as tracker:
        replayed = track(clip.frames(), tracker, frame_size=SIZE, config=config)
    np.testing.assert_array_equal(replayed.keypoints_TK2, sequence.keypoints_TK2)


def test_a_part_that_begins_nowhere_is_refused(tmp_path: Path, sequence: PoseSequence) -> None:
    path = sequence.replace(part=ClipPart(sha256="0" * 64, start_s=1.0)).save(tmp_path / "part.json")
    path.write_text(path.read_text().replace('"clip_start_s": 1.0', '"clip_start_s": -1.0'))
    with pytest.raises(TrackingError, match=r"part\.json: poses from -1\.0 s of a clip on; expected 0 or more"):
        read_recording(path)


def test_fractions_with_nulls_become_px(tmp_path: Path) -> None:
    frames = [_rows(standing(200), size=SIZE), None, _rows(standing(210), size=SIZE)]
    path = _write(tmp_path / "a.json", {"width": 640, "height": 480, "fps": 12.5, "frames": frames})
    poses = read_recorded(path)
    assert poses.joint("left_wrist")[2] == pytest.approx(standing(210).keypoints_K2[15], abs=0.01)
    assert np.isnan(poses.keypoints_TK2[1]).all()
    assert poses.times_s_T == pytest.approx([0, 0.08, 0.16])
    assert poses.confidence_TK[0] == pytest.approx(np.full(33, 0.8))


def test_bare_px_need_a_size_and_a_rate(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.json", [[row[:3] for row in _rows(standing(200))]] * 3)
    poses = read_recorded(path, frame_size=SIZE, fps=5)
    assert poses.keypoints_TK2[2] == pytest.approx(standing(200).keypoints_K2)
    assert poses.confidence_TK[0] == pytest.approx(np.ones(33))
    with pytest.raises(TrackingError, match="does not tell its picture size and frame rate"):
        read_recorded(path)


def test_world_landmarks_are_told_from_positions(tmp_path: Path) -> None:
    metres = [[[x / 500 - 0.5, y / 500 - 0.5, 0.0] for x, y in standing(250).keypoints_K2.tolist()]]
    with pytest.raises(TrackingError, match="world landmarks in metres"):
        read_recorded(_write(tmp_path / "a.json", metres), frame_size=SIZE, fps=5)


def test_folder_of_openpose_files_is_read_in_natural_order(tmp_path: Path) -> None:
    for number in (9, 10, 11):
        _write(tmp_path / f"clip_{number}_keypoints.json", _openpose(100.0 + number))
    poses = read_recorded(tmp_path, frame_size=SIZE, fps=25)
    assert poses.skeleton is OPENPOSE_18
    assert poses.joint("nose")[:, 0] == pytest.approx([109, 110, 111])


def test_one_openpose_file_may_hold_one_frame_or_all(tmp_path: Path) -> None:
    one = read_recorded(_write(tmp_path / "one.json", _openpose(100)), frame_size=SIZE, fps=25)
    every = read_recorded(_write(tmp_path / "all.json", [_openpose(100), _openpose(103)]), frame_size=SIZE, fps=25)
    framed = read_recorded(_write(tmp_path / "dict.json", {"frames": [_openpose(100)]}), frame_size=SIZE, fps=25)
    assert (len(one), len(every), len(framed)) == (1, 2, 1)


def test_one_of_several_recorded_people_is_followed(tmp_path: Path) -> None:
    frames = [{"people": _openpose(400 - 3 * n)["people"] + _openpose(100 + 3 * n)["people"]} for n in range(20)]
    path = _write(tmp_path / "a.json", frames)
    assert read_recorded(path, frame_size=SIZE, fps=25, person=0).joint("nose")[:, 0] == pytest.approx(
        100 + 3 * np.arange(20)
    )
    assert read_recorded(path, frame_size=SIZE, fps=25, person=1).joint("nose")[0, 0] == pytest.approx(400)
    with pytest.raises(TrackingError, match="nobody like 5 in any of 20 frames"):
        read_recorded(path, frame_size=SIZE, fps=25, person=5)


def test_densepose_arrays_are_no_poses_and_say_so(tmp_path: Path) -> None:
    np.save(tmp_path / "0.npy", np.zeros((2, 4, 4), np.float32))
    with pytest.raises(TrackingError, match="DensePose arrays hold surface coordinates, not keypoints"):
        read_recorded(tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\x00\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "unknown form"),
        (b"{}", "unknown form"),
        (b"3", "unknown form"),
        (b'"people"', "unknown form"),
        (b"[1, 2]", "landmarks"),
        (b'{"frames": []}', "0 frames"),
        (b'{"frames": [null]}', "does not tell its picture size"),
        (b'{"people": 5}', "no poses could be read"),
        (b'{"annotations": [], "images": []}', "nobody has key points"),
        (b'[{"image_id": 1}]', "no poses could be read"),
        (b'{"format": "pose-sequence/1"}', "not a pose file of ours"),
        (b'{"people": [{"pose_keypoints_2d": [1e300, 2, 1' + b", 1, 2, 1" * 17 + b"]}]}", "positions beyond"),
        (b'{"frames": [null], "width": 0, "height": 4}', "makes no picture"),
        (b'{"frames": [null], "fps": -1}', "frames a second"),
    ],
)
def test_broken_files_are_refused_by_name_in_one_line(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "broken.json"
    path.write_bytes(content)
    with pytest.raises(TrackingError, match=reason) as raised:
        read_recorded(path)
    assert str(raised.value).startswith("broken.json: ")
    assert "\n" not in str(raised.value)


def test_missing_and_empty_places_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.json", tmp_path / "missing.npz"):
        with pytest.raises(TrackingError, match="no such"):
            read_recorded(path)
    with pytest.raises(TrackingError, match=r"a folder without \.json files"):
        read_recorded(tmp_path)


def test_size_is_looked_at_before_parsing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _write(tmp_path / "large.json", [_openpose(100)])
    monkeypatch.setattr(recording_module, "MAX_JSON_BYTES", 100)
    with pytest.raises(TrackingError, match=r"large\.json: \d+ bytes, at most 100 are read"):
        RecordedTracker(path)


_VALID = (
    {"width": 640, "height": 480, "fps": 25, "frames": [_rows(standing(200), size=SIZE), None]},
    [_openpose(100), {"people": []}, _openpose(120)],
    {
        "images": [{"id": 1, "file_name": "1.jpg", "width": 640, "height": 480}],
        "annotations": [{"image_id": 1, "keypoints": [10, 20, 2] * 17}],
    },
    [{"image_id": 1, "keypoints": [10, 20, 0.5] * 17, "score": 1.0}],
    {"instance_info": [{"instances": [{"keypoints": [[1, 2]] * 17, "keypoint_scores": [0.5] * 17}]}]},
)
_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["people", "frames", "annotations", "images", "keypoints", "image_id", "id", "width", "fps"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@st.composite
def _mutated(draw: st.DrawFn) -> Any:
    """A valid file in which something, somewhere, is replaced or left out."""
    content = json.loads(json.dumps(draw(st.sampled_from(_VALID))))
    for _ in range(draw(st.integers(1, 3))):
        node = content
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(node[key], dict | list) and node[key] and draw(st.booleans()):
                node = node[key]
                continue
            if draw(st.booleans()):
                del node[key]
            else:
                node[key] = draw(_ANYTHING)
            break
    return content


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_ANYTHING | _mutated())
def test_no_json_breaks_the_reader(tmp_path: Path, content: Any) -> None:
    path = _write(tmp_path / "any.json", content)
    try:
        poses = read_recorded(path, frame_size=SIZE, fps=25)
    except TrackingError as error:
        message = str(error)
        assert "\n" not in message
        assert message.startswith("any.json: ")
    else:
        assert poses.seen_TK.any()
        assert len(RecordedTracker(path).detect(blank_frame(0))) <= 200


@pytest.mark.dev_media
def test_human_key_points_of_the_skier_are_read(dev_media: Path) -> None:
    poses = read_recorded(dev_media / "poses" / "skier_coco17.json", fps=1)
    assert poses.skeleton is COCO_17
    assert poses.frame_size == (640, 425)
    assert poses.joint("right_ankle")[0] == pytest.approx([396.5, 341.5])


@pytest.mark.dev_media
def test_recorded_clip_is_replayed_for_smaller_frames(dev_media: Path) -> None:
    path = dev_media / "poses" / "dance_dress_mp33.json"
    frames = [blank_frame(index, width=360, height=540) for index in range(103)]
    with RecordedTracker(path) as tracker:
        replayed = track(frames, tracker, frame_size=(720, 1080), config=TrackerConfig(recorded=path))
    assert np.nanmax(np.abs(replayed.keypoints_TK2 - read_recorded(path).keypoints_TK2)) < 1e-3


def test_a_pipe_is_refused_instead_of_waited_on(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "poses.json")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "folder" / "1.json")
    for path in (tmp_path / "poses.json", tmp_path / "folder"):
        with pytest.raises(TrackingError, match="pipe"):
            RecordedTracker(path)
