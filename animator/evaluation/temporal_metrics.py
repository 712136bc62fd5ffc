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

# The matte's edge wavers by some px; this share of the height around the person is not background.
PERSON_MARGIN = 0.02


class TemporalError:
    """Mean |change of the generated clip - change of the real clip| between consecutive frames."""

    def __init__(self) -> None:
        self._last: tuple[Tensor, Tensor] | None = None

    def add(self, generated: Tensor, real: Tensor, region: Tensor | None, person: Tensor) -> tuple[float, float]:
        """The error since the frame before: within `region`, and where the person is or just was.

        NaN for the first frame.
        """
        # Change minus change is the change of the difference.
        difference = generated - real
        last, self._last = self._last, (difference, person)
        if last is None:
            return math.nan, math.nan
        before, person_before = last
        return l1(difference, before, region), l1(difference, before, person.maximum(person_before))


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
