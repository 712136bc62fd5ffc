"""Keypoints over time: the one type every later stage works on.

Legend: T frames, K keypoints.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np

from pose_tracking.atomic_file import hidden_name, put_in_place
from pose_tracking.clip_part import ClipPart
from pose_tracking.errors import TrackingError
from pose_tracking.json_content import parse_json
from pose_tracking.pose_file import FORMAT, MAX_FILE_BYTES, read_npz, with_nan, with_nulls
from pose_tracking.skeleton import SKELETONS, Skeleton


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PoseSequence:
    """One person's keypoints, frame by frame.

    Attributes:
        keypoints_TK2: float32 px, x right, y down; NaN where a keypoint was not seen.
        confidence_TK: float32 in [0, 1]; 0 where the keypoint is NaN.
        times_s_T: float64 seconds, strictly rising.
        skeleton: names and limbs of the K keypoints.
        frame_size: (width, height) in px of the picture the keypoints live in.
        steps_TK2: float32 px, how the picture around each joint moved since the frame before, where that was measured;
            NaN where it is not known, as for a joint that was not seen in the frame before. It belongs to the
            keypoints as they were tracked: whoever moves them to another picture or to other times leaves it behind.
        cuts_s: rising times at which another shot begins: that frame and those after it are from another place, or
            another time, than those before. A frame at such a time has no step.
        part: of which clip these are, as tracked, where that is known; see `RecordedTracker`.

    Raises:
        TrackingError: shapes that do not match, times that do not rise, confidence out of range.
    """

    keypoints_TK2: np.ndarray
    confidence_TK: np.ndarray
    times_s_T: np.ndarray
    skeleton: Skeleton
    frame_size: tuple[int, int]
    steps_TK2: np.ndarray | None = None
    cuts_s: tuple[float, ...] = ()
    part: ClipPart | None = None

    def __post_init__(self) -> None:
        keypoints = np.asarray(self.keypoints_TK2, dtype=np.float32)
        confidence = np.asarray(self.confidence_TK, dtype=np.float32)
        times = np.asarray(self.times_s_T, dtype=np.float64)
        num_joints = len(self.skeleton.joints)
        if keypoints.ndim != 3 or keypoints.shape[1:] != (num_joints, 2):
            raise TrackingError(
                f"keypoints have shape {list(keypoints.shape)}, expected [T, {num_joints}, 2] for {self.skeleton.name}"
            )
        if confidence.shape != keypoints.shape[:2] or times.shape != keypoints.shape[:1]:
            raise TrackingError(
                f"confidence {list(confidence.shape)} and times {list(times.shape)} "
                f"do not match keypoints {list(keypoints.shape)}"
            )
        if not np.isfinite(times).all() or (len(times) > 1 and not (np.diff(times) > 0).all()):
            raise TrackingError("frame times must be finite and strictly rising")
        if np.isinf(keypoints).any():
            raise TrackingError("keypoints hold infinite values; use NaN for joints that were not seen")
        unseen = np.isnan(keypoints).any(axis=-1)
        keypoints = np.where(unseen[..., None], np.float32(np.nan), keypoints)
        confidence = np.where(unseen, np.float32(0.0), confidence)
        if not ((confidence >= 0).all() and (confidence <= 1).all()):
            raise TrackingError("confidence must lie in [0, 1]")
        if min(self.frame_size) < 1:
            raise TrackingError(f"frame size {self.frame_size} must be at least 1 x 1 px")
        object.__setattr__(self, "keypoints_TK2", keypoints)
        object.__setattr__(self, "confidence_TK", confidence)
        object.__setattr__(self, "times_s_T", times)
        object.__setattr__(self, "frame_size", (int(self.frame_size[0]), int(self.frame_size[1])))
        cuts = np.asarray(self.cuts_s, dtype=np.float64)
        if cuts.ndim != 1 or not np.isfinite(cuts).all() or not (np.diff(cuts) > 0).all():
            raise TrackingError("times of cuts must be finite and strictly rising")
        object.__setattr__(self, "cuts_s", tuple(cuts.tolist()))
        if self.steps_TK2 is not None:
            steps = _checked_steps(self.steps_TK2, keypoints)
            steps[[shot.start for shot in self.shots()[1:]]] = np.nan
            object.__setattr__(self, "steps_TK2", steps)

    def __len__(self) -> int:
        return len(self.times_s_T)

    def __getitem__(self, frames: int | slice | np.ndarray | Sequence[int]) -> PoseSequence:
        """Select frames by number, slice, index list or boolean mask; times keep rising order.

        A step is kept where the frame before is selected too.
        """
        if isinstance(frames, int | np.integer):
            frames = [int(frames)]
        return dataclasses.replace(
            self,
            keypoints_TK2=self.keypoints_TK2[frames],
            confidence_TK=self.confidence_TK[frames],
            times_s_T=self.times_s_T[frames],
            steps_TK2=None if self.steps_TK2 is None else self._steps_of(np.arange(len(self))[frames]),
        )

    def _steps_of(self, places: np.ndarray) -> np.ndarray:
        """Steps of the selected frames, NaN where another frame than the one before precedes."""
        steps_TK2 = np.array(self.steps_TK2)[places]
        steps_TK2[np.diff(places, prepend=-1) != 1] = np.nan
        return steps_TK2

    def shots(self) -> list[slice]:
        """The frames of each shot, in order; all of them where there is no cut."""
        starts = np.unique(np.searchsorted(self.times_s_T, self.cuts_s)).tolist()
        edges = [0, *(start for start in starts if 0 < start < len(self)), len(self)]
        return [slice(first, stop) for first, stop in pairwise(edges)]

    def map_shots(self, change: Callable[[PoseSequence], PoseSequence]) -> PoseSequence:
        """What `change` makes of each shot by itself, one behind the other; it keeps the frames and their times."""
        shots = self.shots()
        if len(shots) == 1:
            return change(self)
        parts = [change(self[shot]) for shot in shots]
        steps = [part.steps_TK2 for part in parts if part.steps_TK2 is not None]
        return parts[0].replace(
            keypoints_TK2=np.concatenate([part.keypoints_TK2 for part in parts]),
            confidence_TK=np.concatenate([part.confidence_TK for part in parts]),
            times_s_T=self.times_s_T,
            steps_TK2=np.concatenate(steps) if len(steps) == len(parts) else None,
            cuts_s=self.cuts_s,
        )

    def join_shots(self, tells: Callable[[PoseSequence], bool]) -> PoseSequence:
        """The same frames with fewer cuts: a shot that `tells` nothing counts to the one before it, the first ones to
        the one after them."""
        shots = self.shots()
        telling = [tells(self[shot]) for shot in shots] if len(shots) > 1 else []
        starts = [
            shot.start for number, shot in enumerate(shots) if telling and telling[number] and any(telling[:number])
        ]
        return self.replace(cuts_s=tuple(self.times_s_T[starts].tolist()))

    @property
    def seen_TK(self) -> np.ndarray:
        """Boolean [T, K]: the keypoint has a position."""
        return ~np.isnan(self.keypoints_TK2[..., 0])

    def joint(self, name: str) -> np.ndarray:
        """Positions [T, 2] of the joint called `name`."""
        return self.keypoints_TK2[:, self.skeleton.index(name)]

    def replace(self, **changes: object) -> PoseSequence:
        """A copy with some fields changed, checked again."""
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]

    def to_skeleton(self, target: Skeleton) -> PoseSequence:
        """The same motion on another skeleton; joints it cannot supply are NaN."""
        keypoints, confidence = self.skeleton.convert(self.keypoints_TK2, self.confidence_TK, target=target)
        steps = self.steps_TK2
        if steps is not None:
            steps, _ = self.skeleton.convert(steps, self.confidence_TK, target=target)
        return dataclasses.replace(
            self, keypoints_TK2=keypoints, confidence_TK=confidence, skeleton=target, steps_TK2=steps
        )

    def save(self, path: str | Path) -> Path:
        """Write `.npz` or `.json` (by ending), atomically: a reader sees the whole file or none."""
        path = Path(path)
        ending = path.suffix.lower()
        if ending not in {".npz", ".json"}:
            raise TrackingError(f"{path.name}: poses are saved as .npz or .json, not {path.suffix or 'without ending'}")
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = hidden_name(path)
        try:
            temporary.write_bytes(self._as_npz() if ending == ".npz" else json.dumps(self._as_json()).encode())
            put_in_place(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        return path

    @classmethod
    def load(cls, path: str | Path) -> PoseSequence:
        """Read what `save` wrote.

        Raises:
            TrackingError: missing, too large, damaged or foreign file.
        """
        path = Path(path)
        if not path.is_file():
            raise TrackingError(f"{path}: no such pose file")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise TrackingError(f"{path.name}: {path.stat().st_size} bytes, at most {MAX_FILE_BYTES} are read")
        try:
            fields = read_npz(path) if path.suffix.lower() == ".npz" else parse_json(path.read_bytes())
            if fields["format"] != FORMAT:
                raise TrackingError(f"{path.name}: format {fields['format']!r}, expected {FORMAT!r}")
            return cls(
                keypoints_TK2=with_nan(fields["keypoints"]),
                confidence_TK=np.asarray(fields["confidence"], dtype=np.float32),
                times_s_T=np.asarray(fields["times_s"], dtype=np.float64),
                skeleton=SKELETONS[str(fields["skeleton"])],
                frame_size=(int(fields["frame_size"][0]), int(fields["frame_size"][1])),
                steps_TK2=with_nan(fields["steps"]) if "steps" in fields else None,
                cuts_s=tuple(np.asarray(fields.get("cuts_s", ()), dtype=np.float64).tolist()),
                part=ClipPart.of(fields),
            )
        except TrackingError as error:
            raise TrackingError(f"{path.name}: {error}" if path.name not in str(error) else str(error)) from error
        except Exception as error:  # a damaged file can raise almost anything inside the parsers
            raise TrackingError(
                f"{path.name}: not a pose file of ours ({type(error).__name__}); expected {FORMAT} as .npz or .json"
            ) from error

    def _arrays(self) -> dict[str, np.ndarray]:
        measured = {} if self.steps_TK2 is None else {"steps": self.steps_TK2}
        found = {"cuts_s": np.array(self.cuts_s)} if self.cuts_s else {}
        return {
            "keypoints": self.keypoints_TK2,
            "confidence": self.confidence_TK,
            "times_s": self.times_s_T,
            **measured,
            **found,
        }

    def _labels(self) -> dict[str, np.ndarray]:
        return {
            "format": np.array(FORMAT),
            "skeleton": np.array(self.skeleton.name),
            "frame_size": np.array(self.frame_size),
            **({} if self.part is None else {name: np.array(value) for name, value in self.part.fields().items()}),
        }

    def _as_npz(self) -> bytes:
        # Archived in memory: what `zipfile` could not finish on a full disk, it complains about once more on its own.
        archive = BytesIO()
        np.savez_compressed(archive, **self._arrays(), **self._labels())
        return archive.getvalue()

    def _as_json(self) -> dict[str, object]:
        measured = {} if self.steps_TK2 is None else {"steps": with_nulls(self.steps_TK2)}
        found = {"cuts_s": list(self.cuts_s)} if self.cuts_s else {}
        return {
            "format": FORMAT,
            "skeleton": self.skeleton.name,
            "frame_size": list(self.frame_size),
            **({} if self.part is None else self.part.fields()),
            "times_s": self.times_s_T.tolist(),
            "confidence": self.confidence_TK.tolist(),
            "keypoints": with_nulls(self.keypoints_TK2),
            **measured,
            **found,
        }


def _checked_steps(steps_TK2: np.ndarray, keypoints_TK2: np.ndarray) -> np.ndarray:
    """float32 steps, NaN also where the keypoint was not seen in the frame before."""
    steps = np.asarray(steps_TK2, dtype=np.float32)
    if steps.shape != keypoints_TK2.shape:
        raise TrackingError(f"steps {list(steps.shape)} do not match keypoints {list(keypoints_TK2.shape)}")
    if np.isinf(steps).any():
        raise TrackingError("steps hold infinite values; use NaN where the motion was not measured")
    known = ~np.isnan(steps).any(axis=-1)
    known[1:] &= ~np.isnan(keypoints_TK2[:-1, :, 0])
    known[:1] = False
    return np.where(known[..., None], steps, np.float32(np.nan))
