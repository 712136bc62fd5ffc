"""What the C library keeps of memory that was given back, in processes that render one thing after the other."""

from __future__ import annotations

import ctypes
import platform

# mallopt(3): of glibc's malloc.h.
_M_ARENA_MAX = -8
_NUM_ARENAS = 2


def share_arenas() -> None:
    """Let all threads of this process take memory from two arenas, where glibc has eight for every core.

    What threads give back stays with their arena; the many short-lived ones of a render leave much of it lying about.
    Counts for arenas that are not there yet: call it before other threads begin. Elsewhere than with glibc it does
    nothing.
    """
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL("libc.so.6").mallopt(_M_ARENA_MAX, _NUM_ARENAS)
