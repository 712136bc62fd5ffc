"""The error this package raises on purpose; `PipelineError` is its root."""

from __future__ import annotations

from typing import ClassVar

from pose_tracking.errors import PipelineError


class MotionError(PipelineError, ValueError):
    """A motion cannot be cleaned or resampled as asked."""

    exit_code: ClassVar[int] = 3
