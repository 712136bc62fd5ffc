"""Flicker: how much of a picture's change over time is back-and-forth.

Legend: T frames, H W pixels.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import numpy as np

# The second difference of a pixel that alternates between black and white, in 8-bit steps.
FULL_ALTERNATION = 2 * 255.0


def flicker_score(frames: Iterable[np.ndarray], mask: np.ndarray | None = None) -> float:
    """Root mean square of f(t-1) - 2 f(t) + f(t+1) over pixels, channels and frames, scaled to [0, 1].

    0 for pictures at rest and for steady fades, 1 for pixels that alternate between black and white; a pixel that
    alternates by d of 255 steps scores d / 255. Motion counts too: mask it out to judge a background.

    Args:
        frames: uint8 pictures [H, W, 3], all of one size; any iterable, of which three frames are held at a time.
        mask: boolean [H, W] of the pixels to judge; all when None.

    Returns:
        The score; NaN when there are fewer than three frames or the mask is empty: nothing to judge.

    Raises:
        ValueError: frames of another kind, of different sizes, or a mask that does not fit them.
    """
    recent: deque[np.ndarray] = deque(maxlen=3)
    energy, count = 0.0, 0
    for number, frame in enumerate(frames):
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[-1] != 3:
            raise ValueError(f"frame {number} is {frame.dtype} {list(frame.shape)}; expected uint8 [H, W, 3]")
        if recent and frame.shape != recent[-1].shape:
            raise ValueError(f"frame {number} is {list(frame.shape)}, the one before {list(recent[-1].shape)}")
        if mask is not None and (mask.dtype != bool or mask.shape != frame.shape[:2]):
            raise ValueError(f"mask is {mask.dtype} {list(mask.shape)}; expected bool {list(frame.shape[:2])}")
        recent.append(frame)
        if len(recent) < 3:
            continue
        before, here, after = (picture.astype(np.float32) for picture in recent)
        bend = before - 2 * here + after
        judged = bend if mask is None else bend[mask]
        energy += float(np.square(judged, dtype=np.float64).sum())
        count += judged.size
    return float(np.sqrt(energy / count) / FULL_ALTERNATION) if count else float("nan")
