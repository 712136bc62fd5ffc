"""Poses of clips that were tracked before, so that a second render of a clip does not track it again.

An entry is found by what decides about the poses: the clip's bytes and its trim, the tracker's settings, and the
tracker itself, which means MediaPipe's version and the source of this package. It holds poses, no pictures.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pose_tracking.clip import DrivingClip
from pose_tracking.errors import TrackingError
from pose_tracking.sequence import PoseSequence
from pose_tracking.source_code import source_sha256
from pose_tracking.tracking import TrackerConfig

FOLDER_VARIABLE = "ANIMATOR_CACHE"
MAX_BYTES = 256 * 1024 * 1024
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseCache:
    """A folder of poses that keeps below a size; what was not used for longest goes first.

    Attributes:
        folder: made when the first entry is kept.
        max_bytes: of all entries together.
    """

    folder: Path
    max_bytes: int = MAX_BYTES

    @classmethod
    def default(cls) -> PoseCache | None:
        """The one of this user; none where `ANIMATOR_CACHE` is set to nothing."""
        folder = cache_folder()
        return None if folder is None else cls(folder=folder / "poses")

    def find(self, clip: DrivingClip, config: TrackerConfig, *, max_side_px: int) -> PoseSequence | None:
        """The poses of a clip; none where they are not kept, or the entry is damaged."""
        path = self._entry(clip, config, max_side_px)
        if path is None:
            return None
        try:
            if not path.is_file():  # raises where the folder may not be entered
                return None
            tracked = PoseSequence.load(path)
            os.utime(path)  # used just now
        except (TrackingError, OSError) as error:
            _LOG.info("poses kept at %s are not used: %s", path, error)
            return None
        return tracked if tracked.frame_size == (clip.info.width, clip.info.height) else None

    def keep(
        self,
        clip: DrivingClip,
        config: TrackerConfig,
        tracked: PoseSequence,
        *,
        max_side_px: int,
        on_note: Callable[[str], None] = _LOG.warning,
    ) -> None:
        """Keep the poses of a clip that was read to its end.

        A damaged clip is tracked every time: what is to be said of its damage only reading it can tell. A folder that
        cannot be written costs the next render its time, and this one nothing but a line to `on_note`.
        """
        path = self._entry(clip, config, max_side_px)
        if path is None or clip.damage is not None:
            return
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            tracked.save(path)
            self._make_room(spared=path)
        except OSError as error:
            on_note(
                f"{self.folder}: the poses of {clip.path.name} cannot be kept ({error.strerror or error}). Set "
                f"{FOLDER_VARIABLE} to a folder you may write to, or to nothing."
            )

    def entries(self) -> list[Path]:
        """All that is kept, least recently used first."""
        found = []
        for path in self.folder.glob("*.npz"):
            try:
                found.append((path.stat().st_mtime_ns, path))
            except OSError:  # another process made room
                continue
        return [path for _, path in sorted(found)]

    def size_bytes(self) -> int:
        """Of all entries together."""
        return sum(_size(path) for path in self.entries())

    def _entry(self, clip: DrivingClip, config: TrackerConfig, max_side_px: int) -> Path | None:
        """Where the poses lie; none for poses that come from a file anyway."""
        if config.recorded is not None:
            return None
        start_s, end_s = clip.trim_s
        facts = {
            "clip": clip.sha256(),
            "trim": [start_s, None if end_s == float("inf") else end_s],
            "max_side_px": max_side_px,
            "settings": config.model_dump(mode="json"),
            "tracker": tracker_version(),
        }
        if config.kind.endswith(".task"):
            try:
                facts["task"] = hashlib.sha256(Path(config.kind).read_bytes()).hexdigest()
            except OSError:  # the tracker will say so
                return None
        return self.folder / f"{hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()}.npz"

    def _make_room(self, *, spared: Path) -> None:
        left = self.size_bytes() - self.max_bytes
        for path in self.entries():
            if left <= 0:
                return
            if path != spared:
                left -= _size(path)
                path.unlink(missing_ok=True)


def cache_folder() -> Path | None:
    """Where this user's caches go: `ANIMATOR_CACHE`, else as the system has it; none where that is set to nothing."""
    given = os.environ.get(FOLDER_VARIABLE)
    if given is not None:
        return Path(os.path.expanduser(given)) if given else None
    home = Path(os.path.expanduser("~"))
    if sys.platform == "darwin":
        base = home / "Library" / "Caches"
    elif os.name == "nt":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "pose-animator" if base.is_absolute() else None  # a system account may have no home


@cache
def tracker_version() -> str:
    """This package's source and the version of MediaPipe: other code may find other poses."""
    try:
        mediapipe = importlib.metadata.version("mediapipe")
    except importlib.metadata.PackageNotFoundError:  # the tracker will say so
        mediapipe = "none"
    return f"{source_sha256(Path(__file__).parent)} mediapipe {mediapipe}"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # another process made room
        return 0
