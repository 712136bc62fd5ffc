"""A tracker that sees one person at a time is shown the right one."""

from __future__ import annotations

import numpy as np
import pytest

from pose_tracking.tracking import SinglePersonTracker, TrackerConfig, track
from tests.pose_tracking.fake_trackers import SIZE, FakeSinglePersonTracker, blank_frames, track_with
from tests.pose_tracking.people import standing


def test_single_person_tracker_is_shown_only_the_person_asked_for() -> None:
    tracker = FakeSinglePersonTracker(lambda index: [standing(120), standing(500 - index)])
    assert isinstance(tracker, SinglePersonTracker)
    sequence = track_with(tracker, 20, person=1)
    assert sequence.joint("nose")[:, 0] == pytest.approx(500 - np.arange(20))
    assert tracker.regions[0] is None
    assert all(region is not None and region[0] > 200 for region in tracker.regions[1:])
    assert tracker.num_forgotten == 1


def test_single_person_tracker_that_sees_the_right_one_alone_is_left_alone() -> None:
    tracker = FakeSinglePersonTracker(lambda index: [standing(120 + index)])
    track_with(tracker, 20)
    assert set(tracker.regions) == {None}
    assert tracker.num_forgotten == 0


def test_regions_are_given_in_px_of_the_frame() -> None:
    tracker = FakeSinglePersonTracker(
        lambda index: [standing(60, top=50, height=150), standing(250, top=50, height=150)]
    )
    frames = blank_frames(5, width=320, height=240)
    sequence = track(frames, tracker, frame_size=SIZE, config=TrackerConfig(person=1))
    assert sequence.joint("nose")[:, 0] == pytest.approx(500)
    assert all(region is not None and region[2] <= 320 for region in tracker.regions[1:])


def test_neighbour_does_not_take_over_when_the_person_leaves_for_a_moment() -> None:
    tracker = FakeSinglePersonTracker(lambda i: [standing(150), *([] if 30 <= i < 40 else [standing(450)])])
    sequence = track_with(tracker, 60, person=1)
    assert np.isnan(sequence.joint("nose")[30:40]).all()
    assert sequence.joint("nose")[40:, 0] == pytest.approx(450)
