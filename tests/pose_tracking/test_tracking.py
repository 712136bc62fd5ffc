"""From frames to one person's motion."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from pose_tracking.clip import DrivingClip
from pose_tracking.errors import ClipError, TrackingError
from pose_tracking.frame import Frame
from pose_tracking.person import Detection
from pose_tracking.region import Region
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33
from pose_tracking.tracking import SinglePersonTracker, TrackerConfig, open_tracker, track, track_photo
from tests.pose_tracking.people import blank_frame, standing

SIZE = (640, 480)


class FakeTracker:
    """Sees what it is told to see in frame n."""

    skeleton = BLAZEPOSE_33

    def __init__(self, people: Callable[[int], Sequence[Detection]]) -> None:
        self.people = people

    def detect(self, frame: Frame) -> list[Detection]:
        return list(self.people(frame.index))

    def close(self) -> None:
        pass

    def __enter__(self) -> FakeTracker:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class FakeSinglePersonTracker(FakeTracker):
    """Sees whoever comes first in the region it is shown."""

    def __init__(self, people: Callable[[int], Sequence[Detection]]) -> None:
        super().__init__(people)
        self.region: Region | None = None
        self.regions: list[Region | None] = []
        self.num_forgotten = 0

    def look_at(self, region: Region | None) -> None:
        self.region = region
        self.regions.append(region)

    def forget(self) -> None:
        self.num_forgotten += 1

    def detect(self, frame: Frame) -> list[Detection]:
        left, top, right, bottom = self.region or (0, 0, 10_000, 10_000)
        shown = [
            person
            for person in self.people(frame.index)
            if left <= person.center[0] < right and top <= person.center[1] < bottom
        ]
        return shown[:1]

    def search(self, frame: Frame, *, known: Sequence[Detection] = (), cut_outs: bool = True) -> list[Detection]:
        others = [person for person in self.people(frame.index) if all(person.distance(one) > 0.1 for one in known)]
        return sorted([*known, *others], key=lambda person: person.center[0])


def _frames(count: int, **size: int) -> Iterator[Frame]:
    return (blank_frame(index, **size) for index in range(count))


def _track(tracker: FakeTracker, count: int, **config: object) -> PoseSequence:
    return track(_frames(count), tracker, frame_size=SIZE, config=TrackerConfig.model_validate(config), source="a.mp4")


def test_every_frame_gets_a_pose_and_frames_without_anybody_are_nan() -> None:
    tracker = FakeTracker(lambda index: [standing(200 + index)] if index != 3 else [])
    sequence = _track(tracker, 8)
    assert len(sequence) == 8
    assert np.allclose(sequence.keypoints_TK2[5], standing(205).keypoints_K2)
    assert np.isnan(sequence.keypoints_TK2[3]).all()
    assert (sequence.confidence_TK[3] == 0).all()
    assert np.allclose(sequence.times_s_T, np.arange(8) / 25)


def test_keypoints_are_given_in_px_of_the_clip_when_frames_are_smaller() -> None:
    tracker = FakeTracker(lambda index: [standing(100, height=150)])
    frames = _frames(3, width=320, height=240)
    sequence = track(frames, tracker, frame_size=SIZE, config=TrackerConfig())
    assert np.allclose(sequence.keypoints_TK2[0], standing(100, height=150).keypoints_K2 * 2)
    assert sequence.frame_size == SIZE


def test_progress_counts_frames() -> None:
    done: list[int] = []
    track(
        _frames(4), FakeTracker(lambda _: [standing(9)]), frame_size=SIZE, config=TrackerConfig(), on_frame=done.append
    )
    assert done == [1, 2, 3, 4]


def test_nobody_at_all_is_refused_whatever_may_be_missing() -> None:
    with pytest.raises(TrackingError, match=r"^a\.mp4: nobody in any of 20 frames\. .*detection_confidence \(0\.7\)"):
        _track(FakeTracker(lambda _: []), 20, max_missing=1.0)


def test_person_missing_too_long_is_refused_with_both_figures() -> None:
    tracker = FakeTracker(lambda index: [standing(200)] if index < 4 else [])
    with pytest.raises(TrackingError, match=r"nobody in 16 of 20 frames \(max 75%\)"):
        _track(tracker, 20)
    assert len(_track(tracker, 20, max_missing=0.9)) == 20


def test_person_who_is_there_for_the_middle_third_only_is_accepted() -> None:
    tracker = FakeTracker(lambda index: [standing(200)] if 10 <= index < 20 else [])
    assert _track(tracker, 30).seen_TK.any(axis=1).sum() == 10


def test_person_that_is_not_there_is_told_from_an_empty_clip() -> None:
    with pytest.raises(TrackingError, match=r"tracker\.person = 3 matches nobody; at most 2 people are in view"):
        _track(FakeTracker(lambda _: [standing(100), standing(400)]), 5, person=3)


def test_clip_without_frames_is_refused() -> None:
    with pytest.raises(TrackingError, match="no frames"):
        _track(FakeTracker(lambda _: []), 0)


def test_followed_person_is_the_one_asked_for() -> None:
    tracker = FakeTracker(lambda index: [standing(100 + index), standing(500 - index)])
    assert _track(tracker, 10, person=1).joint("nose")[9, 0] == pytest.approx(491)
    assert _track(tracker, 10, person=(0.15, 0.5)).joint("nose")[9, 0] == pytest.approx(109)


def test_single_person_tracker_is_shown_only_the_person_asked_for() -> None:
    tracker = FakeSinglePersonTracker(lambda index: [standing(120), standing(500 - index)])
    assert isinstance(tracker, SinglePersonTracker)
    sequence = _track(tracker, 20, person=1)
    assert sequence.joint("nose")[:, 0] == pytest.approx(500 - np.arange(20))
    assert tracker.regions[0] is None
    assert all(region is not None and region[0] > 200 for region in tracker.regions[1:])
    assert tracker.num_forgotten == 1


def test_single_person_tracker_that_sees_the_right_one_alone_is_left_alone() -> None:
    tracker = FakeSinglePersonTracker(lambda index: [standing(120 + index)])
    _track(tracker, 20)
    assert set(tracker.regions) == {None}
    assert tracker.num_forgotten == 0


def test_regions_are_given_in_px_of_the_frame() -> None:
    tracker = FakeSinglePersonTracker(
        lambda index: [standing(60, top=50, height=150), standing(250, top=50, height=150)]
    )
    frames = _frames(5, width=320, height=240)
    sequence = track(frames, tracker, frame_size=SIZE, config=TrackerConfig(person=1))
    assert sequence.joint("nose")[:, 0] == pytest.approx(500)
    assert all(region is not None and region[2] <= 320 for region in tracker.regions[1:])


def test_neighbour_does_not_take_over_when_the_person_leaves_for_a_moment() -> None:
    tracker = FakeSinglePersonTracker(lambda i: [standing(150), *([] if 30 <= i < 40 else [standing(450)])])
    sequence = _track(tracker, 60, person=1)
    assert np.isnan(sequence.joint("nose")[30:40]).all()
    assert sequence.joint("nose")[40:, 0] == pytest.approx(450)


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
    assert num_read <= 2


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


@pytest.mark.dev_media
@pytest.mark.parametrize(
    ("name", "choice", "x_of_nose"),
    [
        ("lab_two_people.mp4", 0, 175),
        ("lab_two_people.mp4", (0.5, 0.4), 560),
        ("walk_two_people.gif", 0, 275),
    ],
)
def test_chosen_person_is_followed_in_real_clips(
    dev_media: Path, name: str, choice: int | tuple[float, float], x_of_nose: float
) -> None:
    clip, config = DrivingClip.open(dev_media / "videos" / name), TrackerConfig(person=choice)
    with open_tracker(config) as tracker:
        size = (clip.info.width, clip.info.height)
        sequence = track(islice(clip.frames(), 50), tracker, frame_size=size, config=config)
    seen = sequence.seen_TK.any(axis=1)
    nose = sequence.joint("nose")[seen]
    assert seen.mean() > 0.95
    assert nose[0, 0] == pytest.approx(x_of_nose, abs=40)
    assert np.abs(np.diff(nose, axis=0)).max() < 0.06 * max(size)


@pytest.mark.slow
@pytest.mark.dev_media
def test_empty_room_with_a_table_is_nobody_and_backs_are_people(dev_media: Path) -> None:
    clip, config = DrivingClip.open(dev_media / "videos" / "enter_leave_139s.mp4"), TrackerConfig()
    with open_tracker(config) as tracker:
        sequence = track(clip.frames(), tracker, frame_size=(768, 432), config=config)
    seen = sequence.seen_TK.any(axis=1)
    # Looked at by eye: nobody in the first, people with their backs turned in the second.
    for first, last in ((0, 60), (200, 225), (460, 495), (710, 740), (885, 915), (1215, 1230), (1370, 1393)):
        assert not seen[first : last + 1].any()
    for first, last in ((80, 185), (250, 440), (520, 690), (760, 860), (945, 1190), (1255, 1350)):
        assert seen[first : last + 1].all()


@pytest.mark.dev_media
@pytest.mark.parametrize(
    ("name", "num_people"),
    [("three_men.jpg", 3), ("two_women.png", 2), ("man_park_full.jpg", 1), ("no_person_truck.jpg", 0)],
)
def test_everybody_in_a_photo_is_found(dev_media: Path, name: str, num_people: int) -> None:
    from PIL import Image

    pixels = np.asarray(Image.open(dev_media / "photos" / name).convert("RGB"))
    people = track_photo(pixels, TrackerConfig())
    assert len(people) == num_people
    assert [person.center[0] for person in people] == sorted(person.center[0] for person in people)


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
