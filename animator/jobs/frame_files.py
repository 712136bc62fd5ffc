"""The pictures of a job: committed by a rename, each with the hash of its own pixels inside.

A frame that says what it holds needs no list to be trusted: after a crash, power cut included, what lies in the
folder is checked picture by picture.

Legend: H W pixels, C colour.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from animator.encoding.atomic_file import explained
from animator.errors import JobError
from animator.jobs.folder import JobFolder
from pose_tracking.atomic_file import hidden_name

# Of zlib: 6 takes several times as long for little less; these files live as long as their job.
_EFFORT = 1
_HASH_KEY, _FRAME_KEY = "pixels-sha256", "frame"


def pixels_sha256(pixels_HWC: np.ndarray) -> str:
    """Hash of shape and pixels, in hexadecimal."""
    digest = hashlib.sha256(repr(pixels_HWC.shape).encode())
    digest.update(np.ascontiguousarray(pixels_HWC).data)
    return digest.hexdigest()


def commit_frame(folder: JobFolder, index: int, pixels_HWC: np.ndarray, *, job: str) -> str:
    """Put a frame in its place, whole or not at all; it says whose it is (`job`: the fingerprint).

    Its bytes are not waited for (fsync): a frame that a power cut took is found by its hash and made again.

    Returns:
        The hash of its pixels.

    Raises:
        DiskError: the disk is full or fails.
        EncodeError: the folder cannot be written.
    """
    place = folder.frame(index)
    digest = pixels_sha256(pixels_HWC)
    text = PngInfo()
    text.add_text(_HASH_KEY, digest)
    text.add_text(_FRAME_KEY, f"{job}/{index}")
    temporary = hidden_name(place)
    try:
        with explained(place):
            Image.fromarray(pixels_HWC).save(temporary, format="PNG", compress_level=_EFFORT, pnginfo=text)
            os.replace(temporary, place)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return digest


def read_frame(folder: JobFolder, index: int, *, size: tuple[int, int], job: str) -> tuple[np.ndarray, str]:
    """A frame's pixels, uint8 [H, W, 3], and their hash.

    Args:
        folder: the job's.
        index: which frame.
        size: (width, height) it must have, px.
        job: the fingerprint.

    Raises:
        FileNotFoundError: not made yet.
        JobError: damaged, or not what it says it is.
    """
    place = folder.frame(index)
    try:
        with Image.open(place, formats=("PNG",)) as picture:
            if picture.size != size or picture.mode != "RGB":
                raise JobError(f"{place.name}: {picture.mode} of {picture.size}, expected RGB of {size}")
            said, whose = picture.info.get(_HASH_KEY), picture.info.get(_FRAME_KEY)
            pixels_HWC = np.asarray(picture)
    except FileNotFoundError:
        raise
    except JobError:
        raise
    except Exception as error:  # decoders raise many kinds of errors on damaged files
        raise JobError(f"{place.name}: damaged ({type(error).__name__})") from error
    digest = pixels_sha256(pixels_HWC)
    if digest != said or whose != f"{job}/{index}":
        raise JobError(f"{place.name}: is not the picture that was written there")
    return pixels_HWC, digest


def sound_frames(folder: JobFolder, frames: Iterable[int], *, size: tuple[int, int], job: str) -> dict[int, str]:
    """Of these frames, those that are there and whole, with their hashes; damaged ones are removed."""
    found = {}
    for index in frames:
        try:
            found[index] = read_frame(folder, index, size=size, job=job)[1]
        except FileNotFoundError:
            continue
        except JobError:
            folder.frame(index).unlink(missing_ok=True)
    return found


def sweep_frames(folder: JobFolder, frames: Iterable[int]) -> None:
    """Remove what a killed worker left of these frames under hidden names; nobody else may be making them."""
    wanted = {f".{folder.frame(index).name}." for index in frames}
    for left in Path(folder.frames).glob(".*.tmp"):
        if any(left.name.startswith(start) for start in wanted):
            left.unlink(missing_ok=True)
