"""Poses read from a file, before one person is picked, and the checks every reader of a format shares.

Legend: N points, K keypoints.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pose_tracking.clip_part import ClipPart
from pose_tracking.errors import TrackingError
from pose_tracking.json_content import parse_json
from pose_tracking.person import Detection
from pose_tracking.skeleton import Skeleton

# Parsed JSON takes some ten times its size in memory.
MAX_JSON_BYTES = 64 * 1024 * 1024
MAX_FRAMES = 500_000
MAX_PEOPLE = 200
# Far outside any picture; also keeps sums of squares within float32.
_MAX_PX = 1e6
# Positions in px have a median of tens or hundreds, fractions of width and height one below 1.
_MAX_FRACTION = 1.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recording:
    """Everybody in every frame of a file of poses.

    Attributes:
        people: one list per frame; keypoints in px, or in fractions of width and height.
        skeleton: of all of them.
        frame_size: (width, height) px where the file tells.
        fps: frame rate where the file tells.
        steps_TK2: px of `frame_size`, how the picture around the joints moved, where the file tells; see
            `PoseSequence.steps_TK2`.
        part: of which clip they are, where the file tells.
    """

    people: Sequence[Sequence[Detection]]
    skeleton: Skeleton
    frame_size: tuple[int, int] | None = None
    fps: float | None = None
    steps_TK2: np.ndarray | None = None
    part: ClipPart | None = None

    def __post_init__(self) -> None:
        if not 0 < len(self.people) <= MAX_FRAMES:
            raise TrackingError(f"{len(self.people)} frames, expected 1 to {MAX_FRAMES}")
        if max(len(people) for people in self.people) > MAX_PEOPLE:
            raise TrackingError(f"more than {MAX_PEOPLE} people in a frame")
        if self.frame_size is not None and not all(1 <= side <= _MAX_PX for side in self.frame_size):
            raise TrackingError(f"frame size {self.frame_size} px makes no picture")
        if self.fps is not None and not 0 < self.fps <= 1000:
            raise TrackingError(f"{self.fps} frames a second, expected more than 0 and at most 1000")

    @property
    def is_in_fractions(self) -> bool:
        """Whether positions are fractions of width and height instead of px."""
        positions = [person.keypoints_K2 for people in self.people for person in people]
        if not positions:
            return False
        values = np.concatenate(positions)
        return bool((np.isfinite(values).any()) and np.nanmedian(np.abs(values)) <= _MAX_FRACTION)

    def scaled_to(self, size: tuple[int, int]) -> list[list[Detection]]:
        """The people in px of a picture of `size` (width, height).

        Raises:
            TrackingError: the recording was made on a picture of another shape.
        """
        if self.is_in_fractions:
            return [[person.scaled(size) for person in people] for people in self.people]
        if self.frame_size is None or self.frame_size == size:
            return [list(people) for people in self.people]
        stretch = (size[0] / self.frame_size[0], size[1] / self.frame_size[1])
        if abs(stretch[0] / stretch[1] - 1) > 0.02:
            width, height = self.frame_size
            raise TrackingError(f"poses of a {width} x {height} px clip do not fit one of {size[0]} x {size[1]} px")
        return [[person.scaled(stretch) for person in people] for people in self.people]


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        TrackingError: not a regular file (a pipe would be waited on for ever), too large, or not JSON.
        FileNotFoundError: there is nothing.
    """
    facts = path.stat()
    if not stat.S_ISREG(facts.st_mode):
        raise TrackingError(f"{path.name}: a folder, pipe or device; give a file of poses")
    size = facts.st_size
    if size > MAX_JSON_BYTES:
        raise TrackingError(f"{size} bytes, at most {MAX_JSON_BYTES} are read; save long recordings as .npz")
    try:
        return parse_json(path.read_bytes())
    except TrackingError:
        raise
    except (ValueError, RecursionError) as error:
        raise TrackingError(f"not JSON ({type(error).__name__})") from error


def detection_from(values: object, *, columns: int, num_joints: int) -> Detection:
    """A person from rows x, y[, …, confidence]; null, NaN and confidence 0 mean unseen.

    Args:
        values: flat list of `num_joints` x `columns` numbers, or one list per joint.
        columns: numbers per joint; 2 or 3 of x, y, z stand without confidence, otherwise the last one is it.
        num_joints: rows expected.
    """
    rows = np.array(values, dtype=object).astype(np.float64).reshape(-1)
    if rows.size != num_joints * columns:
        raise TrackingError(f"{rows.size} numbers for one person, expected {num_joints} x {columns}")
    rows = rows.reshape(num_joints, columns)
    confidence = rows[:, -1] if columns > 2 else np.ones(num_joints)
    return make_detection(rows[:, :2], confidence)


def make_detection(positions_K2: np.ndarray, confidence_K: np.ndarray) -> Detection:
    """A detection in which unseen joints are NaN with confidence 0, and confidence lies in [0, 1]."""
    confidence = np.nan_to_num(confidence_K, nan=0.0, posinf=1.0, neginf=0.0).clip(0, 1)
    seen = np.isfinite(positions_K2).all(axis=-1) & (confidence > 0)
    if (np.abs(positions_K2[seen]) > _MAX_PX).any():
        raise TrackingError(f"positions beyond {_MAX_PX:.0f} px")
    return Detection(
        keypoints_K2=np.where(seen[:, None], positions_K2, np.nan).astype(np.float32),
        confidence_K=np.where(seen, confidence, 0.0).astype(np.float32),
    )


def read_size(fields: Mapping[str, Any], width: str, height: str) -> tuple[int, int] | None:
    """(width, height) px from two fields of a file; None where one is missing."""
    if fields.get(width) is None or fields.get(height) is None:
        return None
    return int(fields[width]), int(fields[height])


def natural_order(name: str) -> list[tuple[int, int, str]]:
    """Sort key under which frame_10 follows frame_9."""
    parts = re.split(r"(\d+)", name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]
