"""Poses that are already in a file: replayed for a clip, or read as a motion of their own.

Known forms: our .npz and .json; OpenPose (a folder with one file per frame, or one file), COCO-17 and WholeBody-133
(annotations, results, MMPose), BlazePose-33 (a list of frames of 33 x [x, y, z], or a dict with `frames` of
33 x [x, y, z, visibility] and null where nobody is).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from pose_tracking.clip import TIME_TOLERANCE_S, DrivingClip
from pose_tracking.errors import TrackingError
from pose_tracking.frame import Frame
from pose_tracking.person import Detection, PersonChoice, PersonFollower
from pose_tracking.pose_file import FORMAT
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import Skeleton
from pose_tracking.trackers.blazepose_json import read_blazepose
from pose_tracking.trackers.coco_json import read_coco_annotations, read_coco_results, read_mmpose
from pose_tracking.trackers.openpose_json import read_openpose
from pose_tracking.trackers.recording import (
    MAX_FRAMES,
    MAX_JSON_BYTES,
    Recording,
    make_detection,
    natural_order,
    read_json,
)

_FORMS = "our .npz or .json, OpenPose, COCO, WholeBody or BlazePose JSON"
_MAX_FOLDER_BYTES = 8 * MAX_JSON_BYTES
# Stamps of an even clip differ by rounding (1 ms in Matroska), and no more.
_EVEN_WITHIN_S = 0.002


class RecordedTracker(AbstractContextManager["RecordedTracker"]):
    """Replays a recording: pose n belongs to frame n of the clip.

    Args:
        path: a file or folder in one of the known forms.
        clip: what it is replayed for. Which frame a recording begins at it may say itself (`PoseSequence.part`); else
            one of the whole file is told by its length where the clip's start is cut off.

    Raises:
        TrackingError: no such file, unknown form, damaged, or of another part of the file.
        ClipError: the clip cannot be read.
    """

    def __init__(self, path: str | Path, *, clip: DrivingClip | None = None) -> None:
        self._path = Path(path)
        self._recording = read_recording(self._path)
        try:
            self._first = 0 if clip is None else _first_pose(clip, self._recording)
        except TrackingError as error:
            raise TrackingError(f"{self._path.name}: {error}") from error
        self.skeleton: Skeleton = self._recording.skeleton
        self._size: tuple[int, int] | None = None
        self._people: Sequence[Sequence[Detection]] = ()

    def detect(self, frame: Frame) -> list[Detection]:
        """The people recorded for the frame, in its px.

        Raises:
            TrackingError: the clip is longer than the recording, or of another shape.
        """
        size = (frame.pixels_HWC.shape[1], frame.pixels_HWC.shape[0])
        if size != self._size:
            try:
                self._people, self._size = self._recording.scaled_to(size), size
            except TrackingError as error:
                raise TrackingError(f"{self._path.name}: {error}") from error
        if self._first + frame.index >= len(self._people):
            raise TrackingError(
                f"{self._path.name}: {len(self._people)} poses for a clip of more frames; "
                "trim the clip, or record the poses of the whole clip"
            )
        return list(self._people[self._first + frame.index])

    def steps_TK2(self, frames: Sequence[int], frame_size: tuple[int, int]) -> np.ndarray | None:
        """What was measured in the picture when the poses were tracked, see `MeasuredTracker`."""
        recorded, size = self._recording.steps_TK2, self._recording.frame_size
        if recorded is None or size is None:
            return None
        places = self._first + np.array(frames)
        steps_TK2 = recorded[places] * (np.array(frame_size) / size).astype(np.float32)
        steps_TK2[np.diff(places, prepend=-1) != 1] = np.nan
        return np.asarray(steps_TK2, dtype=np.float32)

    def close(self) -> None:
        """Nothing is held open."""

    def __exit__(self, *error: object) -> None:
        self.close()


def _first_pose(clip: DrivingClip, recording: Recording) -> int:
    """Which pose belongs to the first frame of a clip: that of the same frame of the file, where the recording tells
    where in it it begins, or has a pose for every frame of it; else the recording begins where the clip does.

    Raises:
        TrackingError: the recording is of another part; or it begins somewhere before: nobody knows where.
    """
    start_s, _ = clip.trim_s
    num_poses = len(recording.people)
    if recording.part is not None and recording.part.sha256 == clip.sha256():
        return _frames_between(clip, recording.part.start_s, start_s, num_poses=num_poses)
    if not start_s:
        return 0
    times_s = _times_of_file(clip)
    num_before = int(np.searchsorted(times_s, start_s - TIME_TOLERANCE_S))
    num_left = len(times_s) - num_before
    if num_poses <= num_left:
        return 0
    # Some tools leave out the last frame.
    if num_poses < len(times_s) - 1:
        raise TrackingError(
            f"{num_poses} poses, but {clip.path.name} has {len(times_s)} frames, {num_left} of them from the start on: "
            "which are meant is not known. Give the poses of the whole clip, or of the same part of it"
        )
    return num_before


def _frames_between(clip: DrivingClip, begun_s: float, start_s: float, *, num_poses: int) -> int:
    """How many frames of the file come before `start_s`, counted from where its poses begin."""
    if start_s == begun_s:
        return 0
    first, begun = np.searchsorted(_times_of_file(clip), np.array([start_s, begun_s]) - TIME_TOLERANCE_S).tolist()
    if not 0 <= first - begun < num_poses:
        raise TrackingError(
            f"{num_poses} poses from {begun_s:g} s of {clip.path.name} on, which is read from {start_s:g} s on: "
            f"another part. Read it from {begun_s:g} s on (--start {begun_s:g}), or track the part that is wanted"
        )
    return int(first - begun)


def _times_of_file(clip: DrivingClip) -> np.ndarray:
    """Times of all frames of a clip's file, whatever is cut off."""
    unlimited = dataclasses.replace(clip.limits, max_frames=MAX_FRAMES, max_seconds=math.inf)
    return DrivingClip.open(clip.path, limits=unlimited).times_s()


def read_recorded(
    path: str | Path,
    *,
    frame_size: tuple[int, int] | None = None,
    fps: float | None = None,
    person: PersonChoice = "largest",
) -> PoseSequence:
    """One person's motion from a file of poses.

    Args:
        path: a file or folder in one of the known forms.
        frame_size: (width, height) px of the picture, for files that do not tell.
        fps: frame rate, for files that do not tell.
        person: whom to follow where several are recorded.

    Raises:
        TrackingError: no such file, unknown form, damaged, size or rate unknown, the person not in it.
    """
    path = Path(path)
    own = _read_own(path)
    if own is not None:
        return own
    recording = read_recording(path)
    size, rate = recording.frame_size or frame_size, recording.fps or fps
    if size is None or rate is None:
        missing = " and ".join(name for name, value in (("picture size", size), ("frame rate", rate)) if value is None)
        raise TrackingError(f"{path.name}: does not tell its {missing}; give it along with the file")
    follower = PersonFollower(person, frame_size=size)
    steps = enumerate(recording.scaled_to(size))
    followed = [follower.step(people, index / rate) for index, people in steps]
    if not any(followed):
        raise TrackingError(f"{path.name}: nobody like {person!r} in any of {len(followed)} frames")
    unseen = make_detection(np.full((len(recording.skeleton), 2), np.nan), np.zeros(len(recording.skeleton)))
    return PoseSequence(
        keypoints_TK2=np.stack([(one or unseen).keypoints_K2 for one in followed]),
        confidence_TK=np.stack([(one or unseen).confidence_K for one in followed]),
        times_s_T=np.arange(len(followed)) / rate,
        skeleton=recording.skeleton,
        frame_size=size,
    )


def _read_own(path: Path) -> PoseSequence | None:
    """A file of ours; None for other JSON."""
    if path.suffix.lower() == ".npz":
        return PoseSequence.load(path)
    if path.suffix.lower() == ".json" and path.is_file():
        with open(path, "rb") as file:
            if FORMAT.encode() in file.read(256):
                return PoseSequence.load(path)
    return None


def read_recording(path: str | Path) -> Recording:
    """Everybody in every frame of a file of poses, whatever it tells of picture size and frame rate.

    Raises:
        TrackingError: no such file, unknown form, damaged.
    """
    path = Path(path)
    try:
        own = _read_own(path)
        if own is not None:
            return _as_recording(own)
        return _read_folder(path) if path.is_dir() else _read_content(read_json(path))
    except FileNotFoundError:
        raise TrackingError(f"{path}: no such file of poses") from None
    except TrackingError as error:
        message = str(error)
        raise TrackingError(message if message.startswith(path.name) else f"{path.name}: {message}") from error
    except Exception as error:  # foreign JSON can break any expectation of the readers
        raise TrackingError(
            f"{path.name}: no poses could be read ({type(error).__name__}); expected {_FORMS}"
        ) from error


def _read_folder(folder: Path) -> Recording:
    paths = sorted(folder.glob("*.json"), key=lambda path: natural_order(path.name))
    if not paths:
        if any(folder.glob("*.npy")):
            raise TrackingError(
                "DensePose arrays hold surface coordinates, not keypoints; they serve models trained on DensePose. "
                f"Give the clip itself, or {_FORMS}"
            )
        raise TrackingError("a folder without .json files; expected one OpenPose file per frame")
    if len(paths) > MAX_FRAMES or sum(path.stat().st_size for path in paths) > _MAX_FOLDER_BYTES:
        raise TrackingError(f"more than {MAX_FRAMES} files or {_MAX_FOLDER_BYTES} bytes")
    return read_openpose([read_json(path) for path in paths])


def _read_content(content: Any) -> Recording:
    """Tell the form by its outermost keys."""
    if isinstance(content, Mapping):
        readers = {
            "annotations": read_coco_annotations,
            "instance_info": read_mmpose,
            "people": lambda frame: read_openpose([frame]),
            "frames": read_blazepose,
        }
        for key, reader in readers.items():
            if key in content:
                return reader(content)
    elif isinstance(content, list) and content:
        first = next((item for item in content if item is not None), None)
        if isinstance(first, Mapping):
            return read_openpose(content) if "people" in first else read_coco_results(content)
        return read_blazepose({"frames": content})
    raise TrackingError(f"unknown form of poses; expected {_FORMS}")


def _as_recording(sequence: PoseSequence) -> Recording:
    seen = sequence.seen_TK.any(axis=1)
    return Recording(
        people=[
            [Detection(keypoints_K2=keypoints, confidence_K=confidence)] if is_seen else []
            for keypoints, confidence, is_seen in zip(sequence.keypoints_TK2, sequence.confidence_TK, seen, strict=True)
        ],
        skeleton=sequence.skeleton,
        frame_size=sequence.frame_size,
        fps=_even_rate(sequence.times_s_T),
        steps_TK2=sequence.steps_TK2,
        part=sequence.part,
    )


def _even_rate(times_s_T: np.ndarray) -> float | None:
    """Frames per second where the times are those of a clip of even rate."""
    steps_s = np.diff(times_s_T)
    if not len(steps_s) or float(np.ptp(steps_s)) > _EVEN_WITHIN_S:
        return None
    return float(len(steps_s) / (times_s_T[-1] - times_s_T[0]))
