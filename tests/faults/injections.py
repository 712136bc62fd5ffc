"""What can be made to go wrong in a process of the program, before it starts; see `warm.py`."""

from __future__ import annotations

import errno
import os
from typing import Any


def fast_leases(beat_s: float = 0.1, stale_s: float = 1.5) -> None:
    """Whoever is silent for a second and a half has died."""
    from animator.jobs import leases

    leases.BEAT_S, leases.STALE_S = beat_s, stale_s


def full_disk(after: int) -> None:
    """The disk takes `after` more files and renames, and then nothing."""
    left = after

    def take() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def spending(function: Any) -> Any:
        def spend(*arguments: Any, **options: Any) -> Any:
            take()
            return function(*arguments, **options)

        return spend

    from PIL import Image

    os.replace = spending(os.replace)
    os.fsync = spending(os.fsync)
    Image.Image.save = spending(Image.Image.save)  # type: ignore[method-assign]


def nan_in_frames(frames: list[int], times: int = 3) -> None:
    """The generator finds NaN in these frames, so many times each."""
    from animator.errors import ModelError
    from animator.generators.puppet import PuppetGenerator

    generate, left = PuppetGenerator.generate, dict.fromkeys(frames, times)

    def poisoned(self: Any, windows: Any, subject: Any) -> Any:
        def looked_at() -> Any:
            for window in windows:
                if left.get(window.center, 0) > 0:
                    left[window.center] -= 1
                    raise ModelError(f"frame {window.center}: the decoded picture holds NaN")
                yield window

        return generate(self, looked_at(), subject)

    PuppetGenerator.generate = poisoned  # type: ignore[method-assign]
