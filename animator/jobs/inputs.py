"""What a job reads: its content is part of the fingerprint, where it lies is not."""

from __future__ import annotations

from functools import reduce
from pathlib import Path
from typing import Any

from animator.config import RenderJob
from animator.errors import JobError
from pose_tracking.hashing import file_sha256, files_sha256

# Which setting says where an input lies, by the input's role (`RenderJob.inputs`).
INPUT_SETTINGS = {
    "photo": "photo",
    "clip": "clip",
    "poses": "tracker.recorded",
    "background": "background",
    "detector": "tracker.kind",
    "densepose": "sampler.densepose",
}


def input_sha256(path: Path) -> str:
    """Hash of an input's content: of a file, its bytes; of a folder, the names and hashes of the files in it.

    Raises:
        JobError: it is not there, cannot be read, or is a pipe or device, which could be read but once.
    """
    try:
        if path.is_dir():
            files = (each for each in path.iterdir() if each.is_file() and not each.name.startswith("."))
            return files_sha256(sorted(files))
        if path.exists() and not path.is_file():
            raise JobError(f"{path}: a pipe, socket or device; give a file.")
        return file_sha256(path)
    except OSError as error:
        place = error.filename or path
        raise JobError(f"{place}: cannot be read ({error.strerror or error}). Check the path.") from error


def with_places(job: RenderJob) -> dict[str, Any]:
    """The values of a job that mean the same wherever they are read: all its places from the root on."""
    values = job.model_copy(update={"output": job.output.absolute()}).model_dump(mode="json")
    for role, path in job.inputs.items():
        *groups, key = INPUT_SETTINGS[role].split(".")
        reduce(lambda part, group: part[group], groups, values)[key] = str(path.absolute())
    return values
