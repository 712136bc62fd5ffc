"""Outputs appear whole or not at all: written beside their place under a hidden name, synced, then renamed."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from animator.errors import DiskError, EncodeError
from pose_tracking.errors import PipelineError

# EFBIG is a limit on file sizes (ulimit, FAT32); EIO a disk that fails.
_DISK_TROUBLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a hidden, empty file beside `path`; when the block ends well it becomes `path`, otherwise it is removed.

    The missing folders above `path` are made. Whoever reads `path` meanwhile sees the old file or the new one.

    Raises:
        EncodeError: `path` is a folder or a device, or its folder cannot be written.
        DiskError: the disk is full or fails.
    """
    if path.exists() and not path.is_file():
        raise EncodeError(f"{path}: is not a file that can be replaced; give another output name")
    temporary = _hidden_name(path)
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
    try:
        yield temporary
        with explained(path):
            sync(temporary)
            os.replace(temporary, path)
            sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """The same for a folder of files; `path` must not exist yet, or be an empty folder.

    Raises:
        EncodeError: something is in the way, or the folder above cannot be written.
        DiskError: the disk is full or fails.
    """
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise EncodeError(f"{path}: already holds something; give a new or empty folder")
    temporary = _hidden_name(path)
    with explained(path):
        temporary.mkdir(parents=True)
    try:
        yield temporary
        with explained(path):
            sync(temporary)
            os.replace(temporary, path)
            sync(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the operating system's refusal to write `path` into an error for a person.

    Raises:
        DiskError: full, over quota, or failing disk.
        EncodeError: everything else that keeps the file from being written.
    """
    try:
        yield
    except PipelineError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in _DISK_TROUBLE:
            raise DiskError(
                f"{path}: the disk took no more data ({reason}; {_free_space(path)}). "
                "Free some space, or choose another folder."
            ) from error
        raise EncodeError(f"{path}: cannot be written ({reason}). Choose a folder you may write to.") from error


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows opens no folders, and keeps names itself
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _hidden_name(path: Path) -> Path:
    # A name may have 255 bytes; 40 letters leave room whatever their alphabet.
    return path.with_name(f".{path.name[:40]}.{secrets.token_hex(4)}.tmp")


def _free_space(path: Path) -> str:
    try:
        return f"{shutil.disk_usage(path.parent).free / 1e6:.0f} MB free"
    except OSError:
        return "free space unknown"
