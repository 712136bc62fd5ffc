"""Errors the picture side raises on purpose; `PipelineError` is the root of all of them."""

from __future__ import annotations

import errno
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


_NEXT_STEPS = {
    errno.EACCES: "Choose a file you may read, and a folder you may write to.",
    errno.EPERM: "Choose a file you may read, and a folder you may write to.",
    errno.EROFS: "Choose another folder; nothing can be written there.",
    errno.ENAMETOOLONG: "Give a shorter name.",
    errno.EMFILE: "Allow more open files (ulimit -n), or lower `workers`.",
}


def next_step(error: OSError) -> str:
    """What a person can do about the system's refusal of a file, one sentence."""
    return _NEXT_STEPS.get(error.errno or 0, "Check the path.")
