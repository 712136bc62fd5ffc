"""The steps by which a file or folder appears whole or not at all; all that is written goes through them."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def hidden_name(path: Path) -> Path:
    """A name beside `path` that nobody else takes, on the same disk, so that a rename can put it in place."""
    # A name may have 255 bytes; 40 letters leave room whatever their alphabet.
    return path.with_name(f".{path.name[:40]}.{secrets.token_hex(4)}.tmp")


def put_in_place(temporary: Path, path: Path) -> None:
    """Make a complete file, or a folder of synced files, `path`: its bytes first, then its name reach the disk.

    Raises:
        OSError: the disk or the folder refuses.
    """
    sync(temporary)
    os.replace(temporary, path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows opens no folders, and keeps names itself
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
