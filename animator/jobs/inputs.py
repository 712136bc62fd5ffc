"""What a job reads: its content is part of the fingerprint, where it lies is not."""

from __future__ import annotations

import hashlib
from functools import reduce
from pathlib import Path
from typing import Any

from animator.config import RenderJob
from animator.errors import JobError

# Which setting says where an input lies, by the input's role (`RenderJob.inputs`).
INPUT_SETTINGS = {
    "photo": "photo",
    "clip": "clip",
    "poses": "tracker.recorded",
    "background": "background",
    "detector": "tracker.kind",
    "densepose": "sampler.densepose",
}


def file_sha256(path: Path) -> str:
    """Hash of a file's bytes, in hexadecimal.

    Raises:
        JobError: it is not there, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.sha256()
            while block := file.read(1 << 20):
                digest.update(block)
            return digest.hexdigest()
    except OSError as error:
        raise JobError(f"{path}: cannot be read ({error.strerror or error}). Check the path.") from error


def input_sha256(path: Path) -> str:
    """Hash of an input's content: of a file, its bytes; of a folder, the names and hashes of the files in it.

    Raises:
        JobError: it is not there, cannot be read, or is a pipe or device, which could be read but once.
    """
    if not path.is_dir():
        if path.exists() and not path.is_file():
            raise JobError(f"{path}: a pipe, socket or device; give a file.")
        return file_sha256(path)
    files = sorted(each for each in path.iterdir() if each.is_file() and not each.name.startswith("."))
    lines = [f"{each.name} {file_sha256(each)}\n" for each in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def with_places(job: RenderJob) -> dict[str, Any]:
    """The values of a job that mean the same wherever they are read: all its places from the root on."""
    values = job.model_copy(update={"output": job.output.absolute()}).model_dump(mode="json")
    for role, path in job.inputs.items():
        *groups, key = INPUT_SETTINGS[role].split(".")
        reduce(lambda part, group: part[group], groups, values)[key] = str(path.absolute())
    return values
