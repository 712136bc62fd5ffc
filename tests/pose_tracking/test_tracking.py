"""From frames to one person's motion."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from pose_tracking.cuts import NUM_AROUND
from pose_tracking.errors import ClipError, TrackingError
from pose_tracking.frame import Frame
from pose_tracking.person import Detection
from pose_tracking.tracking import TrackerConfig, open_tracker, track
from tests.pose_tracking.fake_trackers import SIZE, FakeSinglePersonTracker, FakeTracker, blank_frames, track_with
from tests.pose_tracking.people import blank_frame, standing


def test_every_frame_gets_a_pose_and_frames_without_anybody_are_nan() -> None:
    tracker = FakeTracker(lambda index: [standing(200 + index)] if index != 3 else [])
    sequence = track_with(tracker, 8)
    assert len(sequence) == 8
    assert np.allclose(sequence.keypoints_TK2[5], standing(205).keypoints_K2)
    assert np.isnan(sequence.keypoints_TK2[3]).all()
    assert (sequence.confidence_TK[3] == 0).all()
    assert np.allclose(sequence.times_s_T, np.arange(8) / 25)


def test_keypoints_are_given_in_px_of_the_clip_when_frames_are_smaller() -> None:
    tracker = FakeTracker(lambda index: [standing(100, height=150)])
    frames = blank_frames(3, width=320, height=240)
    sequence = track(frames, tracker, frame_size=SIZE, config=TrackerConfig())
    assert np.allclose(sequence.keypoints_TK2[0], standing(100, height=150).keypoints_K2 * 2)
    assert sequence.frame_size == SIZE


def test_progress_counts_frames() -> None:
    done: list[int] = []
    track(
        blank_frames(4),
        FakeTracker(lambda _: [standing(9)]),
        frame_size=SIZE,
        config=TrackerConfig(),
        on_frame=done.append,
    )
    assert done == [1, 2, 3, 4]


def test_nobody_at_all_is_refused_whatever_may_be_missing() -> None:
    with pytest.raises(TrackingError, match=r"^a\.mp4: nobody in any of 20 frames\. .*detection_confidence \(0\.7\)"):
        track_with(FakeTracker(lambda _: []), 20, max_missing=1.0)


def test_person_missing_too_long_is_refused_with_both_figures() -> None:
    tracker = FakeTracker(lambda index: [standing(200)] if index < 4 else [])
    with pytest.raises(TrackingError, match=r"nobody in 16 of 20 frames \(max 75%\)"):
        track_with(tracker, 20)
    assert len(track_with(tracker, 20, max_missing=0.9)) == 20


def test_person_who_is_there_for_the_middle_third_only_is_accepted() -> None:
    tracker = FakeTracker(lambda index: [standing(200)] if 10 <= index < 20 else [])
    assert track_with(tracker, 30).seen_TK.any(axis=1).sum() == 10


def test_person_that_is_not_there_is_told_from_an_empty_clip() -> None:
    with pytest.raises(TrackingError, match=r"tracker\.person = 3 matches nobody; at most 2 people are in view"):
        track_with(FakeTracker(lambda _: [standing(100), standing(400)]), 5, person=3)


def test_clip_without_frames_is_refused() -> None:
    with pytest.raises(TrackingError, match="no frames"):
        track_with(FakeTracker(lambda _: []), 0)


def test_followed_person_is_the_one_asked_for() -> None:
    tracker = FakeTracker(lambda index: [standing(100 + index), standing(500 - index)])
    assert track_with(tracker, 10, person=1).joint("nose")[9, 0] == pytest.approx(491)
    assert track_with(tracker, 10, person=(0.15, 0.5)).joint("nose")[9, 0] == pytest.approx(109)


def test_errors_of_the_clip_arrive_unchanged_and_leave_no_thread() -> None:
    def damaged() -> Iterator[Frame]:
        yield blank_frame(0)
        raise ClipError("a.mp4: damaged at 0.04 s")

    before = threading.active_count()
    with pytest.raises(ClipError, match="damaged at"):
        track(damaged(), FakeTracker(lambda _: [standing(9)]), frame_size=SIZE, config=TrackerConfig())
    assert threading.active_count() == before


def test_errors_of_the_tracker_end_the_reading() -> None:
    num_read = 0

    def frames() -> Iterator[Frame]:
        nonlocal num_read
        for index in range(100):
            num_read += 1
            yield blank_frame(index)

    def fail(index: int) -> list[Detection]:
        raise TrackingError("no")

    before = threading.active_count()
    with pytest.raises(TrackingError, match=r"^no$"):
        track(frames(), FakeTracker(fail), frame_size=SIZE, config=TrackerConfig())
    assert threading.active_count() == before
    assert num_read <= NUM_AROUND + 2  # those that tell of a cut, and one more


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "yolo"},
        {"complexity": 3},
        {"detection_confidence": 1.5},
        {"person": -1},
        {"person": "tallest"},
        {"person": [0.5, 1.5]},
        {"max_missing": 2},
        {"max_people": 0},
        {"colour": "red"},
    ],
)
def test_wrong_settings_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TrackerConfig.model_validate(values)


def test_settings_of_a_job_file_are_understood() -> None:
    config = TrackerConfig.model_validate({"kind": "models/pose.task", "person": [0.25, 0.5], "recorded": "poses.json"})
    assert config.person == (0.25, 0.5)
    assert config.recorded == Path("poses.json")
    assert TrackerConfig.model_validate({"person": 2}).person == 2


def test_missing_recording_and_model_are_refused_on_opening(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match=r"poses\.json: no such file"):
        open_tracker(TrackerConfig(recorded=tmp_path / "poses.json"))
    with pytest.raises(TrackingError, match=r"pose\.task: cannot be read"):
        open_tracker(TrackerConfig(kind=str(tmp_path / "pose.task")))


def _scenery(index: int) -> Frame:
    """Soft blotches that move 2 px to the right from frame to frame."""
    from scipy.ndimage import gaussian_filter

    blotches = gaussian_filter(np.random.default_rng(0).normal(size=(480, 640)), 3, mode="wrap")
    grey = np.roll(128 + 40 * blotches / blotches.std(), 2 * index, axis=1).clip(0, 255).astype(np.uint8)
    return Frame(pixels_HWC=np.repeat(grey[..., None], 3, axis=-1), time_s=index / 25, index=index)


def test_how_the_picture_moves_around_the_joints_is_measured_beside():
    # Found ever a little aside from where it is.
    tracker = FakeTracker(lambda index: [standing(300 + 2 * index + 3 * (index % 2))])
    tracked = track(map(_scenery, range(5)), tracker, frame_size=SIZE, config=TrackerConfig())
    assert tracked.steps_TK2 is not None
    assert np.isnan(tracked.steps_TK2[0]).all()
    np.testing.assert_allclose(np.nanmedian(tracked.steps_TK2[1:], axis=(0, 1)), [2, 0], atol=0.1)


def test_poses_that_are_replayed_are_not_measured(tmp_path):
    tracker = FakeTracker(lambda index: [standing(300)])
    config = TrackerConfig(recorded=tmp_path / "poses.json")
    assert track(map(_scenery, range(3)), tracker, frame_size=SIZE, config=config).steps_TK2 is None


def test_an_error_while_tracking_comes_through_the_measurement():
    def broken(index: int) -> list[Detection]:
        if index == 3:
            raise TrackingError("the model broke")
        return [standing(300)]

    with pytest.raises(TrackingError, match="the model broke"):
        track(map(_scenery, range(5)), FakeTracker(broken), frame_size=SIZE, config=TrackerConfig())


def _cut_at(at: int, count: int) -> Iterator[Frame]:
    """Grey pictures, then others with a chequered half."""
    for index in range(count):
        frame = blank_frame(index)
        if index >= at:
            frame.pixels_HWC[:, :320][np.indices((480, 320)).sum(axis=0) // 40 % 2 == 0] = 220
        yield frame


@pytest.mark.parametrize("kind", [FakeTracker, FakeSinglePersonTracker])
def test_behind_a_cut_the_person_is_chosen_anew(kind: type[FakeTracker]) -> None:
    def people(index: int) -> list[Detection]:
        beside = standing(60, height=250)
        return [standing(200, height=300), beside] if index < 10 else [beside, standing(500, height=350)]

    tracker = kind(people)
    sequence = track(_cut_at(10, 20), tracker, frame_size=SIZE, config=TrackerConfig())
    assert sequence.cuts_s == (0.4,)
    np.testing.assert_allclose(sequence.keypoints_TK2[9], standing(200, height=300).keypoints_K2)
    np.testing.assert_allclose(sequence.keypoints_TK2[10], standing(500, height=350).keypoints_K2)


def test_behind_a_cut_a_tracker_that_looks_where_the_person_was_looks_everywhere() -> None:
    tracker = FakeSinglePersonTracker(lambda index: [standing(200 if index < 10 else 500, height=350)])
    track(_cut_at(10, 20), tracker, frame_size=SIZE, config=TrackerConfig())
    assert tracker.num_forgotten == 1
