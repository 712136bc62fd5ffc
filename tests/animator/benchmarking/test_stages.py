"""What a frame costs does not depend on how many come at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest

from animator.benchmarking import stages
from animator.subject import Subject
from pose_tracking.frame import Frame
from temporal.windows import PoseWindow, pose_windows
from tests.animator.generators.scene import drawn_subject, waving
from tests.pose_tracking.people import blank_frame

CANVAS = (96, 128)
WINDOWS = list(pose_windows(waving(CANVAS, 12)))


@dataclass
class Bursts:
    """Prepares a photo for 100 s, then makes so many frames at once in 6 s, by a clock of its own."""

    at_once: int
    now_s: float = 0.0
    name: str = "bursts"

    def perf_counter(self) -> float:
        return self.now_s

    def generate(self, windows: Iterable[PoseWindow], subject: Subject) -> Iterator[Frame]:
        self.now_s += 100
        asked = iter(windows)
        while together := [window for _, window in zip(range(self.at_once), asked, strict=False)]:
            self.now_s += 6
            yield from (blank_frame(window.center) for window in together)


@pytest.mark.parametrize(("at_once", "expected_s"), [(1, 72.0), (3, 24.0), (12, 6.0)])
def test_frames_that_come_together_are_all_paid_for_and_the_photo_is_not(
    monkeypatch: pytest.MonkeyPatch, at_once: int, expected_s: float
) -> None:
    generator = Bursts(at_once)
    monkeypatch.setattr(stages, "time", generator)
    frames, seconds = stages.paced(generator, WINDOWS, drawn_subject(CANVAS))
    assert (len(frames), seconds) == (12, expected_s)
