"""Errors the picture side raises on purpose; `PipelineError` is the root of all of them."""

from __future__ import annotations

from typing import ClassVar

from pose_tracking.errors import PipelineError


class PhotoError(PipelineError, ValueError):
    """A photo cannot be read, or shows nobody the pipeline could animate."""

    exit_code: ClassVar[int] = 3


class JobError(PipelineError, ValueError):
    """A job file or an override is wrong."""

    exit_code: ClassVar[int] = 3


class OptionError(JobError):
    """What was typed on the command line does not fit; the job file is not to blame."""

    exit_code: ClassVar[int] = 2


class ModelError(PipelineError, ValueError):
    """Weights are missing, damaged, or do not fit."""

    exit_code: ClassVar[int] = 4


class DeviceError(PipelineError, RuntimeError):
    """The device is not there, or its memory does not suffice."""

    exit_code: ClassVar[int] = 5


class EncodeError(PipelineError, RuntimeError):
    """The result cannot be written as asked."""

    exit_code: ClassVar[int] = 3


class DiskError(PipelineError, OSError):
    """The disk is full or refuses to be written."""

    exit_code: ClassVar[int] = 6
