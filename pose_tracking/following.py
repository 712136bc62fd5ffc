"""One frame after another: where a tracker is told to look, and which of those it finds is the person who is followed.

Legend: H W pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pose_tracking.frame import Frame
from pose_tracking.person import Detection, PersonChoice, PersonFollower
from pose_tracking.region import Region
from pose_tracking.trackers.protocol import PoseTracker, SinglePersonTracker


def let_go(tracker: PoseTracker, follower: PersonFollower) -> None:
    """What was seen so far tells nothing of where people are in the next frame."""
    follower.forget()
    if isinstance(tracker, SinglePersonTracker):
        tracker.forget()


def finder(
    tracker: PoseTracker, follower: PersonFollower, *, frame_size: tuple[int, int], choice: PersonChoice
) -> Callable[[Frame], Detection | None]:
    """What finds the followed person in the next frame, in px of `frame_size`."""
    # Asked once: what a protocol asks of an object takes longer than all else here does in a frame.
    if isinstance(tracker, SinglePersonTracker):
        return partial(_follow_alone, tracker=tracker, follower=follower, frame_size=frame_size, choice=choice)
    return partial(_follow_among, tracker=tracker, follower=follower, frame_size=frame_size)


def _follow_among(
    frame: Frame, *, tracker: PoseTracker, follower: PersonFollower, frame_size: tuple[int, int]
) -> Detection | None:
    """As `finder` says, by a tracker that sees everybody."""
    stretch = _stretch(frame, frame_size)
    return follower.step([person.scaled(stretch) for person in tracker.detect(frame)], frame.time_s)


def _follow_alone(
    frame: Frame,
    *,
    tracker: SinglePersonTracker,
    follower: PersonFollower,
    frame_size: tuple[int, int],
    choice: PersonChoice,
) -> Detection | None:
    """As `finder` says, by a tracker that has to be told where to look."""
    stretch = _stretch(frame, frame_size)
    region = follower.region(frame.time_s)
    tracker.look_at(None if region is None else _shrunk(region, stretch))
    seen = tracker.detect(frame)
    found = [person.scaled(stretch) for person in seen]

    def search() -> list[Detection]:
        # Cut-outs show people who are small; beside somebody the tracker saw, the largest is not among them.
        cut_outs = choice != "largest" or not seen
        others = tracker.search(frame, known=seen, cut_outs=cut_outs)
        return [*found, *(person.scaled(stretch) for person in others if not any(person is one for one in seen))]

    chosen = follower.step(found, frame.time_s, everyone=search)
    if found and not any(chosen is person for person in found):
        tracker.forget()  # it is on somebody else
    return chosen


def _stretch(frame: Frame, frame_size: tuple[int, int]) -> tuple[float, float]:
    height, width = frame.pixels_HWC.shape[:2]
    return (frame_size[0] / width, frame_size[1] / height)


def _shrunk(region: Region, stretch: tuple[float, float]) -> Region:
    """A region of `frame_size` in px of the frame."""
    left, top, right, bottom = region
    return (
        int(left / stretch[0]),
        int(top / stretch[1]),
        max(1, round(right / stretch[0])),
        max(1, round(bottom / stretch[1])),
    )
