"""What a killed process leaves under hidden names is removed by whoever writes to the same place next.

Whoever writes holds a lock on the hidden file for as long, and the system lets go of it when the process dies: what
nobody holds is left over. Where there are no such locks (Windows, some network disks) nothing is removed.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# Locks by the name of what they are held on; a name may be given to another file meanwhile.
_HELD: dict[Path, list[int]] = {}


@contextmanager
def held(temporary: Path) -> Iterator[None]:
    """Say for the block that somebody is at work on a hidden file or folder, which exists."""
    _HELD[temporary] = []
    _hold(temporary, temporary)
    try:
        yield
    finally:
        for handle in _HELD.pop(temporary):
            os.close(handle)


def supersede(newer: Path, temporary: Path) -> None:
    """Give a hidden file's name to a newer file; if the name is held, it stays so.

    Raises:
        OSError: the disk or the folder refuses.
    """
    if temporary in _HELD:
        _hold(newer, temporary)
    os.replace(newer, temporary)


def sweep_leftovers(path: Path) -> None:
    """Remove what nobody holds of the hidden files and folders that were to become `path`."""
    pattern = re.compile(rf"(\.{re.escape(path.name[:40])}\.[0-9a-f]{{8}})\.(?:[a-z]+\.)?tmp")
    if fcntl is None or not path.parent.is_dir():
        return
    with suppress(OSError):  # not to be looked into: then nothing can be removed there either
        left = [each for each in path.parent.iterdir() if pattern.fullmatch(each.name) and not each.is_symlink()]
        for each in left:
            main = each.with_name(f"{pattern.fullmatch(each.name)[1]}.tmp")  # type: ignore[index]
            _remove(each, main if main.exists() else each)


def _remove(left: Path, main: Path) -> None:
    """Remove a file or folder, unless somebody holds `main`, which it belongs to."""
    with suppress(OSError):
        handle = os.open(main, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()
        finally:
            os.close(handle)


def _hold(file: Path, name: Path) -> None:
    if fcntl is None:
        return
    with suppress(OSError):  # no locks there: then nobody removes anything either
        handle = os.open(file, os.O_RDONLY)
        _HELD[name].append(handle)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
