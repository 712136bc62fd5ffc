"""Trackers that see what they are told to see."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from typing_extensions import Self

from pose_tracking.frame import Frame
from pose_tracking.person import Detection
from pose_tracking.region import Region
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33
from pose_tracking.tracking import TrackerConfig, track
from tests.pose_tracking.people import blank_frame

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

    def __enter__(self) -> Self:
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


def blank_frames(count: int, **size: int) -> Iterator[Frame]:
    """Grey pictures in a row."""
    return (blank_frame(index, **size) for index in range(count))


def track_with(tracker: FakeTracker, count: int, **config: object) -> PoseSequence:
    """What `track` finds with it in so many frames; `config` as in a job file."""
    return track(
        blank_frames(count), tracker, frame_size=SIZE, config=TrackerConfig.model_validate(config), source="a.mp4"
    )
