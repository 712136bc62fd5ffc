"""The One-Euro filter, run from both ends.

Legend: T frames, K keypoints.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

# Differences of decimal time stamps do not come out exact.
TIME_TOLERANCE_S = 1e-6
# The ends of a run have no past: their velocity is taken from a line through this much of it.
START_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class OneEuro:
    """Speed-adaptive low-pass (Casiez, Roussel & Vogel, CHI 2012), zero phase.

    The mean of a forward and a backward pass: a first-order low-pass with H(w) = 1 / (1 + iwT) and its mirror image
    average to 1 / (1 + w^2 T^2), which is real (no lag) and equals the response of passing over the data twice. The
    mean, other than two passes in a row, is the same whichever end comes first also where the cutoff adapts.

    A pass lags behind steady motion by its time constant; it is started with just that lag, so that linear motion
    passes unchanged from the first frame on. Cutoffs follow the speed of the joint, |velocity|, not each axis alone.

    Attributes:
        min_cutoff_hz: cutoff frequency at rest.
        beta: what the cutoff gains per speed, Hz per torso length / s.
        speed_cutoff_hz: cutoff frequency of the velocity estimate.
    """

    min_cutoff_hz: float = 1.0
    beta: float = 4.0
    speed_cutoff_hz: float = 3.0

    def smooth(self, positions_TK2: np.ndarray, times_s_T: np.ndarray, confidence_TK: np.ndarray) -> np.ndarray:
        """Smoothed positions [T, K, 2] of positions in torso lengths; confidence is not used."""
        if len(times_s_T) < 3:
            return positions_TK2.copy()
        forward = self.one_pass(positions_TK2, times_s_T)
        backward = self.one_pass(positions_TK2[::-1], -times_s_T[::-1])[::-1]
        return (forward + backward) / 2

    def one_pass(self, positions_TK2: np.ndarray, times_s_T: np.ndarray) -> np.ndarray:
        """The causal filter of the paper (algorithm 1), started in step with the motion."""
        velocity_K2 = _start_velocity(positions_TK2, times_s_T)
        filtered = np.empty_like(positions_TK2, dtype=np.float64)
        filtered[0] = positions_TK2[0] - velocity_K2 * self._time_constant_s(velocity_K2)
        for frame in range(1, len(times_s_T)):
            step_s = times_s_T[frame] - times_s_T[frame - 1]
            measured_K2 = (positions_TK2[frame] - positions_TK2[frame - 1]) / step_s
            speed_share = step_s / (step_s + 1 / (2 * math.pi * self.speed_cutoff_hz))
            velocity_K2 = velocity_K2 + speed_share * (measured_K2 - velocity_K2)
            share_K1 = step_s / (step_s + self._time_constant_s(velocity_K2))
            filtered[frame] = filtered[frame - 1] + share_K1 * (positions_TK2[frame] - filtered[frame - 1])
        return filtered

    def _time_constant_s(self, velocity_K2: np.ndarray) -> np.ndarray:
        speed_K1 = np.linalg.norm(velocity_K2, axis=-1, keepdims=True)
        return 1 / (2 * math.pi * (self.min_cutoff_hz + self.beta * speed_K1))


def _start_velocity(positions_TK2: np.ndarray, times_s_T: np.ndarray) -> np.ndarray:
    """Slope [K, 2] of the least-squares line through the first `START_S` seconds, three samples at least."""
    count = max(3, int(np.searchsorted(times_s_T, times_s_T[0] + START_S + TIME_TOLERANCE_S, side="right")))
    offset_s = times_s_T[:count] - times_s_T[:count].mean()
    relative = positions_TK2[:count] - positions_TK2[0]
    return np.tensordot(offset_s, relative, axes=(0, 0)) / (offset_s**2).sum()
