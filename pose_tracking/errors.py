"""The root of every error the pipeline raises on purpose, and the leaves this package owns.

A message says what came, what was expected and what to do next, in one line: the command line prints it
as it is. `exit_code` is what a command that ends with the error returns to the shell.
"""

from __future__ import annotations

from typing import ClassVar


class PipelineError(Exception):
    """Root of all errors that are meant for a person to read."""

    exit_code: ClassVar[int] = 1


class ClipError(PipelineError, ValueError):
    """A driving clip cannot be read, or is outside the limits."""

    exit_code: ClassVar[int] = 3


class TrackingError(PipelineError, ValueError):
    """No usable pose sequence: nobody found, wrong file, or a tracker that is not at hand."""

    exit_code: ClassVar[int] = 3


class AbsenceError(TrackingError):
    """The clip was read and tracked; nobody, or not the person asked for, is in enough of its frames."""
