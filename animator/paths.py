"""Paths of jobs: without detours, and as they are told."""

from __future__ import annotations

import os
from pathlib import Path


def tidied(path: Path) -> Path:
    """The same place without `..`: a job file names its places as seen from itself.

    Where a link is followed, `..` leads elsewhere than the name says: there the path stays as it is.
    """
    if ".." not in path.parts or "\0" in str(path):  # no name of a file holds that, which is said elsewhere
        return path
    tidy = Path(os.path.normpath(path))
    return tidy if os.path.realpath(tidy) == os.path.realpath(path) else path


def told(path: Path) -> str:
    """As people read it: what lies below the current folder is named from there on."""
    try:
        here = Path.cwd()
    except OSError:  # somebody removed it
        return str(path)
    place = tidied(here / path)
    return str(place.relative_to(here)) if place.is_relative_to(here) else str(place)
