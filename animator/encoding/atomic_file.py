"""Outputs appear whole or not at all: written beside their place under a hidden name, synced, then renamed.

A link is followed: what it points at is replaced, and the link stays. What a killed process left there goes.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from animator.encoding.leftovers import held, sweep_leftovers
from animator.errors import DiskError, EncodeError, next_step
from pose_tracking.atomic_file import hidden_name, put_in_place, sync
from pose_tracking.errors import PipelineError

__all__ = [
    "check_file_place",
    "check_folder_place",
    "check_new_folder",
    "explained",
    "replacing",
    "replacing_folder",
    "sync",
]

# EFBIG is a limit on file sizes (ulimit, FAT32); EIO a disk that fails.
_DISK_TROUBLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})

# A disk that has no room for a name and a block has none for anything.
_PROBE_BYTES = 4096

# Whether a file in a folder about to be replaced is one that may go.
IsOurs = Callable[[Path], bool]


def check_file_place(path: Path) -> None:
    """Find out whether a file can be written to `path`, leaving nothing behind.

    Raises:
        EncodeError: `path` is a folder or a device, or its folder cannot be written.
        DiskError: the disk is full or fails.
    """
    with explained(path):
        target = _behind_links(path)
        if target.exists() and not target.is_file():
            raise EncodeError(f"{path}: is not a file that can be replaced; give another output name")
        _try_folder(target.parent)


def check_folder_place(path: Path, *, is_ours: IsOurs | None = None, what: str = "a folder") -> None:
    """Find out whether a folder can be written to `path`, leaving nothing behind.

    Args:
        path: missing, an empty folder, or one that holds nothing but what may go.
        is_ours: whether a file in it may go; without it, nothing may.
        what: is to be written, for messages.

    Raises:
        EncodeError: something is in the way, or the folder above cannot be written.
        DiskError: the disk is full or fails.
    """
    with explained(path):
        target = _behind_links(path)
        if target == Path(target.anchor) or Path.cwd().is_relative_to(target) or os.path.ismount(target):
            raise EncodeError(f"{path}: is a folder in use and cannot be replaced; give the name of a new folder")
        if target.exists() and not target.is_dir():
            raise EncodeError(f"{path}: is a file, and {what} is to be written; give another output name")
        if target.is_dir():
            _refuse_foreign(path, target, is_ours)
            _try_folder(target)  # what may go is deleted there
        _try_folder(target.parent)


def check_new_folder(path: Path) -> None:
    """Find out whether a folder can be made at `path`, where nothing is yet, leaving nothing behind.

    Raises:
        EncodeError: something is there, or the folder above cannot be written.
        DiskError: the disk is full or fails.
    """
    if path.exists():
        raise EncodeError(f"{path}: exists already. Choose another --output, or move it away.")
    check_folder_place(path)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a hidden, empty file beside `path`; when the block ends well it becomes `path`, otherwise it is removed.

    The missing folders above `path` are made. Whoever reads `path` meanwhile sees the old file or the new one.

    Raises:
        EncodeError: `path` is a folder or a device, or its folder cannot be written.
        DiskError: the disk is full or fails.
    """
    check_file_place(path)
    target = _behind_links(path)
    sweep_leftovers(target)
    temporary = hidden_name(target)
    with explained(path):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
    try:
        with held(temporary):
            with _trouble_of_libraries(path):
                yield temporary
            with explained(path):
                put_in_place(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path, *, is_ours: IsOurs | None = None, what: str = "a folder") -> Iterator[Path]:
    """The same for a folder of files; one that exists keeps its permissions.

    Args:
        path, what: see `check_folder_place`.
        is_ours: see `check_folder_place`. Files that came meanwhile are never deleted.

    Raises:
        EncodeError: something is in the way, or the folder above cannot be written.
        DiskError: the disk is full or fails.
    """
    check_folder_place(path, is_ours=is_ours, what=what)
    target = _behind_links(path)
    sweep_leftovers(target)
    temporary = hidden_name(target)
    with explained(path):
        temporary.mkdir(parents=True)
    try:
        with held(temporary):
            with _trouble_of_libraries(path):
                yield temporary
            with explained(path):
                if target.is_dir():
                    shutil.copymode(target, temporary)
                    _refuse_foreign(path, target, is_ours)
                    _exchange(temporary, target, is_ours)
                else:
                    put_in_place(temporary, target)
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
        raise EncodeError(f"{path}: cannot be written ({reason}). {next_step(error)}") from error


@contextmanager
def _trouble_of_libraries(path: Path) -> Iterator[None]:
    """Let a disk that is full or fails be told as such where a library written in Rust, such as safetensors, wrote.

    Their errors are none of the operating system's, and carry its code in their text alone.
    """
    try:
        yield
    except (PipelineError, OSError):
        raise
    except Exception as error:
        told = re.search(r"\(os error (\d+)\)", str(error))
        if told is None or int(told[1]) not in _DISK_TROUBLE:
            raise
        with explained(path):
            raise OSError(int(told[1]), os.strerror(int(told[1]))) from error


def _behind_links(path: Path) -> Path:
    if "\0" in str(path):
        raise EncodeError(f"{str(path)!a}: no file name holds a NUL character; give another output name")
    return Path(os.path.realpath(path))


def _try_folder(folder: Path) -> None:
    """Fill and lose a nameless file in `folder`, or in the nearest folder above that exists: only trying tells."""
    while not folder.exists():
        folder = folder.parent
    with tempfile.TemporaryFile(dir=folder, buffering=0) as probe:
        probe.write(bytes(_PROBE_BYTES))


def _refuse_foreign(path: Path, folder: Path, is_ours: IsOurs | None) -> None:
    foreign = next((entry for entry in folder.iterdir() if is_ours is None or not is_ours(entry)), None)
    if foreign is not None:
        raise EncodeError(
            f"{path}: already holds something else ({foreign.name!a}); give a new folder, or empty this one"
        )


def _exchange(temporary: Path, folder: Path, is_ours: IsOurs | None) -> None:
    """Put `temporary` in the place of `folder`, and delete of the latter's files those that may go."""
    old = hidden_name(folder).with_suffix(".old")  # no leftover of ours, should somebody have put something there
    os.replace(folder, old)
    try:
        put_in_place(temporary, folder)
    except BaseException:
        os.replace(old, folder)
        raise
    for entry in list(old.iterdir()):
        if is_ours is not None and is_ours(entry):
            entry.unlink()
    if any(old.iterdir()):
        raise EncodeError(f"{folder}: something else was put there meanwhile; it is kept in {old.name}")
    old.rmdir()


def _free_space(path: Path) -> str:
    try:
        return f"{shutil.disk_usage(path.parent).free / 1e6:.0f} MB free"
    except OSError:
        return "free space unknown"
