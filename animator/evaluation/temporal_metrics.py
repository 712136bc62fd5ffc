"""What happens from one frame to the next, measured as frames stream by; only the last few are kept.

Legend: H W pixels. Tensors are frames and regions as in `metrics`.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np
from scipy import ndimage
from torch import Tensor

from animator.evaluation.metrics import l1
from temporal.flicker import flicker_score

# Seconds over which motion is compared whatever the frame rate: from one frame to the next, at 60 frames/s, a person
# moves by a pixel, and what is measured is texture rather than motion.
MOTION_S = 0.2
# The matte's edge wavers by some px; this share of the height around the person is not background.
PERSON_MARGIN = 0.02


class TemporalError:
    """Mean |change of the generated clip - change of the real clip| over `step` frames.

    Args:
        step: frames from one of the two pictures to the other; 1 compares consecutive ones.
    """

    def __init__(self, step: int = 1) -> None:
        self._last: deque[tuple[Tensor, Tensor | None]] = deque(maxlen=step)

    def add(self, difference: Tensor, region: Tensor | None = None) -> float:
        """The error since the frame `step` before; NaN for the first `step` frames.

        Args:
            difference: the next generated frame less the real one. Change minus change is its change.
            region: where it counts, as does where it counted then; None: everywhere.
        """
        is_full = len(self._last) == self._last.maxlen
        before, region_before = self._last[0] if is_full else (difference, region)
        self._last.append((difference, region))
        if not is_full:
            return math.nan
        if region is None or region_before is None:
            return l1(difference, before)
        return l1(difference, before, region.maximum(region_before))


def frames_of_motion(times_s_T: np.ndarray) -> int:
    """How many frames make up `MOTION_S` seconds, at least one."""
    if len(times_s_T) < 2:
        return 1
    return max(1, round(MOTION_S / float(np.median(np.diff(times_s_T)))))


class BackgroundFlicker:
    """`temporal.flicker.flicker_score` of the pixels that are background in three consecutive frames."""

    def __init__(self) -> None:
        self._last: deque[tuple[np.ndarray, np.ndarray]] = deque(maxlen=3)

    def add(self, generated_HWC: np.ndarray, person_HW: np.ndarray) -> float:
        """The flicker around the frame before; NaN for the first two frames, and where the person fills the frame.

        Args:
            generated_HWC: the next frame, uint8.
            person_HW: bool, where the person is.
        """
        self._last.append((generated_HWC, ~_grown(person_HW)))
        if len(self._last) < 3:
            return math.nan
        frames, backgrounds = zip(*self._last, strict=True)
        return flicker_score(frames, np.logical_and.reduce(backgrounds))


def _grown(person_HW: np.ndarray) -> np.ndarray:
    """The region, larger by `PERSON_MARGIN` of the frame's height on all sides."""
    side = 2 * max(1, round(PERSON_MARGIN * person_HW.shape[0])) + 1
    return np.asarray(ndimage.maximum_filter(person_HW, side))
