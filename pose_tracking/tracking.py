"""From frames to one person's motion.

Legend: H W pixels, T frames, K keypoints.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
)

from pose_tracking.clip import DrivingClip
from pose_tracking.cuts import with_cuts
from pose_tracking.errors import AbsenceError, TrackingError
from pose_tracking.frame import Frame
from pose_tracking.optical_flow import StepMeter
from pose_tracking.person import Detection, PersonChoice, PersonFollower
from pose_tracking.region import Region
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import Skeleton
from pose_tracking.trackers.protocol import MeasuredTracker, PoseTracker, SinglePersonTracker

__all__ = ["Detection", "PoseTracker", "SinglePersonTracker", "TrackerConfig", "open_tracker", "track"]

_Item = TypeVar("_Item")
_Fraction = Annotated[float, Field(ge=0, le=1)]


def _explain_person(value: Any, check: ValidatorFunctionWrapHandler) -> PersonChoice:
    """One sentence in place of one for each kind of choice that `value` is not."""
    try:
        choice: PersonChoice = check(value)
    except ValidationError as error:
        raise ValueError(
            f"got {reprlib.repr(value)}, expected largest, center, a number from the left (0, 1, ...), or a point "
            "[x, y], both from 0 to 1 (fractions of width and height)"
        ) from error
    return choice


# A `PersonChoice` as people write it.
PersonSetting = Annotated[
    Literal["largest", "center"] | Annotated[int, Field(ge=0)] | tuple[_Fraction, _Fraction],
    WrapValidator(_explain_person),
]


class TrackerConfig(BaseModel):
    """How people are found in clip and photo, and which one is followed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str = Field(
        default="blazepose",
        description="blazepose (33 joints), holistic (with hands and face, half the speed), or a MediaPipe .task file",
    )
    complexity: Literal[0, 1, 2] = Field(default=1, description="pose model; only 1 comes with mediapipe")
    recorded: Path | None = Field(
        default=None,
        description="poses of the clip instead of tracking it: our .npz or .json, OpenPose, COCO or BlazePose JSON",
    )
    detection_confidence: _Fraction = Field(
        default=0.7, description="from which on a person counts as found; at 0.5 furniture is found too"
    )
    tracking_confidence: _Fraction = Field(default=0.7, description="below which a person counts as lost")
    min_visibility: _Fraction = Field(
        default=0.3, description="mean visibility of the body below which a find is not a person"
    )
    person: PersonSetting = Field(
        default="largest",
        description="whom of the clip to follow: largest, center, n-th from the left (0 first), or [x, y] as fractions",
    )
    max_people: Annotated[int, Field(ge=1, le=20)] = Field(default=4, description="most people a .task file finds")
    max_missing: _Fraction = Field(
        default=0.75, description="share of frames without the person from which on a clip is refused"
    )

    @field_validator("kind")
    @classmethod
    def _check_kind(cls, kind: str) -> str:
        if kind not in {"blazepose", "holistic"} and not kind.endswith(".task"):
            raise ValueError(f"{kind!r} is not a tracker; choose blazepose, holistic or a path ending in .task")
        return kind

    @property
    def task_file(self) -> Path | None:
        """The model that `kind` names, where it is one."""
        return Path(self.kind) if self.kind.endswith(".task") else None


def open_tracker(config: TrackerConfig, *, clip: DrivingClip | None = None) -> PoseTracker:
    """The tracker that `config` describes, for `clip`. Close it, or use it in a `with` block.

    Raises:
        TrackingError: mediapipe, a model or a recording is not at hand.
    """
    if config.recorded is not None:
        from pose_tracking.trackers.recorded import RecordedTracker

        return RecordedTracker(config.recorded, clip=clip)
    confidences = {
        "detection_confidence": config.detection_confidence,
        "tracking_confidence": config.tracking_confidence,
        "min_visibility": config.min_visibility,
    }
    if config.kind.endswith(".task"):
        from pose_tracking.trackers.task_file import TaskTracker

        return TaskTracker(config.kind, max_people=config.max_people, **confidences)
    from pose_tracking.trackers.blazepose import BlazePoseTracker

    return BlazePoseTracker(holistic=config.kind == "holistic", complexity=config.complexity, **confidences)


def track(
    frames: Iterable[Frame],
    tracker: PoseTracker,
    *,
    frame_size: tuple[int, int],
    config: TrackerConfig,
    on_frame: Callable[[int], None] | None = None,
    source: str = "clip",
) -> PoseSequence:
    """One person's keypoints in every frame.

    In a thread beside the tracker frames are read a few ahead, and how the picture around the joints moves is measured
    one behind; one pose per frame is all that is kept. Where the picture goes over to another shot the person is chosen
    anew (`PersonFollower.forget`).

    Args:
        frames: the clip in presentation order; may be smaller than `frame_size`, of the same shape.
        tracker: finds the people; stays open.
        frame_size: (width, height) px of the picture the keypoints are given in.
        config: `person` and `max_missing` are used here.
        on_frame: called after each frame with the number of frames done.
        source: the clip's name, for messages.

    Returns:
        As many poses as frames; NaN with confidence 0 where the person is not in view. With the steps of the picture
        around the joints; those of poses that are replayed are replayed, too, where the recording has any.

    Raises:
        TrackingError: no frames, the person missing from all or from more than `config.max_missing` of them.
        ClipError: from `frames`.
    """
    follower = PersonFollower(config.person, frame_size=frame_size)
    find = _finder(tracker, follower, frame_size=frame_size, choice=config.person)
    unseen = _unseen(tracker.skeleton)
    poses: list[Detection] = []
    times_s: list[float] = []
    places: list[int] = []
    cuts_s: list[float] = []
    # One thread for both: the tracker keeps a core busy, and two beside it on the other would stop it in turns.
    with (
        ThreadPoolExecutor(max_workers=1, thread_name_prefix="beside-tracker") as worker,
        StepMeter(frame_size, worker) as meter,
    ):
        for frame, is_cut in _read_ahead(with_cuts(frames), worker):
            if is_cut:
                cuts_s.append(frame.time_s)
                _let_go(tracker, follower)
            person = find(frame)
            poses.append(person or unseen)
            times_s.append(frame.time_s)
            places.append(frame.index)
            if config.recorded is None:
                meter.add(frame.pixels_HWC, person)
            if on_frame is not None:
                on_frame(len(poses))
        steps_TK2 = meter.steps_TK2(len(tracker.skeleton)) if config.recorded is None else None
    if isinstance(tracker, MeasuredTracker):
        steps_TK2 = tracker.steps_TK2(places, frame_size)
    num_found = sum(pose is not unseen for pose in poses)
    _check_presence(num_found, len(poses), follower.most_in_view, config, source)
    return PoseSequence(
        keypoints_TK2=np.stack([pose.keypoints_K2 for pose in poses]),
        confidence_TK=np.stack([pose.confidence_K for pose in poses]),
        times_s_T=np.array(times_s),
        skeleton=tracker.skeleton,
        frame_size=frame_size,
        steps_TK2=steps_TK2,
        cuts_s=tuple(cuts_s),
    )


def _let_go(tracker: PoseTracker, follower: PersonFollower) -> None:
    """What was seen so far tells nothing of where people are in the next frame."""
    follower.forget()
    if isinstance(tracker, SinglePersonTracker):
        tracker.forget()


def _finder(
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
    """As `_finder` says, by a tracker that sees everybody."""
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
    """As `_finder` says, by a tracker that has to be told where to look."""
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


def _read_ahead(frames: Iterable[_Item], worker: Executor) -> Iterator[_Item]:
    """The same frames, the next one being read by `worker` while this one is used."""
    iterator = iter(frames)
    pending = worker.submit(next, iterator, None)
    while (frame := pending.result()) is not None:
        pending = worker.submit(next, iterator, None)
        yield frame


def _unseen(skeleton: Skeleton) -> Detection:
    return Detection(
        keypoints_K2=np.full((len(skeleton), 2), np.nan, dtype=np.float32),
        confidence_K=np.zeros(len(skeleton), dtype=np.float32),
    )


def _check_presence(num_found: int, num_frames: int, most_in_view: int, config: TrackerConfig, source: str) -> None:
    if num_frames == 0:
        raise TrackingError(f"{source}: no frames to track; check the clip and its start and end")
    num_missing = num_frames - num_found
    if num_found and num_missing <= config.max_missing * num_frames:
        return
    if most_in_view == 0:
        raise AbsenceError(
            f"{source}: nobody in any of {num_frames} frames. Show one person whole and well lit, "
            f"or lower tracker.detection_confidence ({config.detection_confidence:g})"
        )
    if num_found == 0:
        raise AbsenceError(
            f"{source}: tracker.person = {config.person!r} matches nobody; at most {most_in_view} "
            f"{'person is' if most_in_view == 1 else 'people are'} in view. Choose largest, center, a "
            "number from the left (0, 1, ...) or a point"
        )
    raise AbsenceError(
        f"{source}: nobody in {num_missing} of {num_frames} frames (max {config.max_missing:.0%}). "
        "Look at the preview, then trim the clip, set tracker.person or raise tracker.max_missing"
    )
