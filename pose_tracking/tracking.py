"""From frames to one person's motion.

Legend: H W pixels, T frames, K keypoints.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
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
from pose_tracking.following import finder, let_go
from pose_tracking.frame import Frame
from pose_tracking.optical_flow import StepMeter
from pose_tracking.person import Detection, PersonChoice, PersonFollower
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
    find = finder(tracker, follower, frame_size=frame_size, choice=config.person)
    motion = _Motion()
    # One thread for both: the tracker keeps a core busy, and two beside it on the other would stop it in turns.
    with (
        ThreadPoolExecutor(max_workers=1, thread_name_prefix="beside-tracker") as worker,
        StepMeter(frame_size, worker) as meter,
    ):
        for frame, is_cut in _read_ahead(with_cuts(frames), worker):
            if is_cut:
                let_go(tracker, follower)
            person = find(frame)
            motion.add(frame, person, is_cut=is_cut)
            if config.recorded is None:
                meter.add(frame.pixels_HWC, person)
            if on_frame is not None:
                on_frame(len(motion.poses))
        steps_TK2 = meter.steps_TK2(len(tracker.skeleton)) if config.recorded is None else None
    if isinstance(tracker, MeasuredTracker):
        steps_TK2 = tracker.steps_TK2(motion.places, frame_size)
    _check_presence(motion, follower.most_in_view, config, source)
    return motion.as_sequence(tracker.skeleton, frame_size=frame_size, steps_TK2=steps_TK2)


@dataclass(slots=True)
class _Motion:
    """One person's motion as it is found, frame by frame.

    Attributes:
        poses: None where the person is not in view.
        times_s: of the frames.
        places: of the frames in the clip, counted from 0.
        cuts_s: times of the frames that another shot begins with.
    """

    poses: list[Detection | None] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    cuts_s: list[float] = field(default_factory=list)

    def add(self, frame: Frame, person: Detection | None, *, is_cut: bool) -> None:
        """Note who was found in the next frame."""
        self.poses.append(person)
        self.times_s.append(frame.time_s)
        self.places.append(frame.index)
        if is_cut:
            self.cuts_s.append(frame.time_s)

    def as_sequence(
        self, skeleton: Skeleton, *, frame_size: tuple[int, int], steps_TK2: np.ndarray | None
    ) -> PoseSequence:
        """All of it as arrays; NaN with confidence 0 where nobody was found."""
        unseen = _unseen(skeleton)
        return PoseSequence(
            keypoints_TK2=np.stack([(pose or unseen).keypoints_K2 for pose in self.poses]),
            confidence_TK=np.stack([(pose or unseen).confidence_K for pose in self.poses]),
            times_s_T=np.array(self.times_s),
            skeleton=skeleton,
            frame_size=frame_size,
            steps_TK2=steps_TK2,
            cuts_s=tuple(self.cuts_s),
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


def _check_presence(motion: _Motion, most_in_view: int, config: TrackerConfig, source: str) -> None:
    num_frames, num_found = len(motion.poses), sum(pose is not None for pose in motion.poses)
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
