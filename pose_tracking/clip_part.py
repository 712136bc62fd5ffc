"""Which part of which clip some poses were tracked in, so that they are replayed for those frames alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pose_tracking.errors import TrackingError


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipPart:
    """What of which file was tracked.

    Attributes:
        sha256: of the clip's bytes, in hexadecimal.
        start_s: where in it the poses begin, seconds from its first shown frame.
    """

    sha256: str
    start_s: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.start_s) and self.start_s >= 0):
            raise TrackingError(f"poses from {self.start_s} s of a clip on; expected 0 or more")

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> ClipPart | None:
        """The one that a pose file tells; none where it tells none."""
        if "clip_sha256" not in fields:
            return None
        return cls(sha256=str(fields["clip_sha256"]), start_s=float(fields["clip_start_s"]))

    def fields(self) -> dict[str, str | float]:
        """What a pose file says of it."""
        return {"clip_sha256": self.sha256, "clip_start_s": self.start_s}
