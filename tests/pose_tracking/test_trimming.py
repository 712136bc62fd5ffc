"""What a header tells of a whole clip, told of a part of it."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from pose_tracking.frame import ClipInfo
from pose_tracking.trimming import begun_late, shortfall, trimmed


def clip(duration_s: float = 10.0, num_frames: int = 250) -> ClipInfo:
    return ClipInfo(
        height=640, width=360, fps=Fraction(25), num_frames=num_frames, duration_s=duration_s, has_audio=True
    )


@pytest.mark.parametrize(
    ("start_s", "end_s", "duration_s", "num_frames"),
    [
        (0.0, math.inf, 10.0, 250),
        (0.0, 12.0, 10.0, 250),
        (2.0, math.inf, 8.0, 200),
        (2.0, 5.0, 3.0, 75),
        (8.0, 12.0, 2.0, 50),
        (11.0, 12.0, 0.0, 0),
    ],
)
def test_a_part_is_as_long_as_what_there_is_of_it(
    start_s: float, end_s: float, duration_s: float, num_frames: int
) -> None:
    part = trimmed(clip(), start_s, end_s)
    assert (part.duration_s, part.num_frames) == (duration_s, num_frames)
    assert (part.width, part.height, part.fps, part.has_audio) == (360, 640, 25, True)


def test_what_the_header_does_not_tell_of_the_whole_is_not_told_of_a_part() -> None:
    assert trimmed(clip(duration_s=0.0), 2.0, 5.0) == clip(duration_s=0.0)
    assert trimmed(clip(num_frames=0), 2.0, 5.0) == clip(duration_s=3.0, num_frames=0)
    assert begun_late(clip(duration_s=0.0), 1.0) == clip(duration_s=0.0)
    assert begun_late(clip(num_frames=0), 1.0) == clip(duration_s=9.0, num_frames=0)


def test_a_part_that_begins_between_two_frames_lasts_from_the_later_one_on() -> None:
    assert begun_late(clip(), 0.0) == begun_late(clip(), -0.01) == clip()
    assert begun_late(clip(), 0.4) == clip(duration_s=9.6, num_frames=240)
    # However late it is, one frame was found to be shown.
    assert begun_late(clip(), 12.0) == clip(duration_s=1 / 25, num_frames=1)


def test_an_end_beyond_the_clips_own_is_told_from_a_frame_on() -> None:
    assert shortfall("walk.mp4", clip(), 2.0, math.inf) is None
    assert shortfall("walk.mp4", clip(), 2.0, 12.04) is None
    assert shortfall("walk.mp4", clip(), 2.0, 12.5) == (
        "walk.mp4: ends at 12.00 s; nothing comes from there to 12.5 s, as asked for"
    )
    assert shortfall("walk.mp4", clip(duration_s=0.0), 2.0, 99.0) is None
