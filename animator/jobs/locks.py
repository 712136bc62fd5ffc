"""Who may work in a job's folder: one head alone, or any number that share it. The system lets go when they die."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from animator.encoding.atomic_file import explained
from animator.errors import JobError
from animator.jobs.folder import JobFolder

# Longer than anybody takes to look whether a folder is locked, on a busy machine, too.
_GLANCE_S = 1.0


class BusyError(JobError):
    """Others are at work in a folder: nothing is wrong with the job."""


@contextmanager
def locked(folder: JobFolder, *, shared: bool = False) -> Iterator[None]:
    """Hold the folder for the block.

    Args:
        folder: of the job.
        shared: with others that share it.

    Raises:
        BusyError: others work here, and not in the same way.
    """
    with explained(folder.lock):
        file = open(folder.lock, "a+", encoding="utf-8")  # noqa: SIM115
    with file:
        if not _lock_soon(file, shared=shared):
            file.seek(0)
            raise BusyError(
                f"{folder.name}: is being rendered already (by {file.read().strip() or 'another process'}); see "
                "animator jobs status, or let several work on it with --executor files"
            )
        if not shared:
            file.truncate(0)
            file.write(f"process {os.getpid()}\n")
            file.flush()
        yield


def _lock_soon(file: IO[str], *, shared: bool) -> bool:
    """Whether the lock could be had now or in a moment: `is_locked` of another process holds it for as long."""
    until_s = time.monotonic() + _GLANCE_S
    while not _lock(file, shared=shared):
        if time.monotonic() > until_s:
            return False
        time.sleep(_GLANCE_S / 10)
    return True


def is_locked(folder: JobFolder) -> bool:
    """Whether somebody works in the folder, as far as this machine can tell."""
    with suppress(OSError), open(folder.lock, "r+", encoding="utf-8") as file:  # whoever only looks makes no file
        return not _lock(file, shared=False)
    return False


def _lock(file: IO[str], *, shared: bool) -> bool:
    """Whether the lock could be had. Advisory, on the open file: it goes with the process, however that ends."""
    try:
        import fcntl
    except ImportError:  # Windows
        return _lock_on_windows(file, shared=shared)
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: nothing can be said against it
        return True
    return True


def _lock_on_windows(file: IO[str], *, shared: bool) -> bool:
    """Windows locks bytes, and knows no sharing; one far behind the end is held by a head alone."""
    if shared:
        return True
    import msvcrt

    file.seek(1 << 20)
    try:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    except OSError:
        return False
    return True
