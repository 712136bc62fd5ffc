"""The trackers themselves on real photos and clips."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from pose_tracking.clip import DrivingClip
from pose_tracking.photo import track_photo
from pose_tracking.tracking import TrackerConfig, open_tracker, track


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
