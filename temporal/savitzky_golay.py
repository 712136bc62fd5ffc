"""Savitzky-Golay smoothing for even and uneven frame times: a polynomial fitted around every frame.

Legend: T frames, K keypoints, M places in time, N samples of a window, D coefficients.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

# The least weight of a sample: zero confidence must not leave a window without samples.
MIN_WEIGHT = 0.05
# The least that distance leaves of a weight: keeps the equations solvable where frames are sparse.
MIN_NEARNESS = 1e-4
# float64 values in the largest array of a block of joints: long clips take longer, not more memory.
BLOCK_VALUES = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SavitzkyGolay:
    """Local least-squares polynomials (Savitzky & Golay 1964), zero phase, the middle of the window counting most.

    The classical filter lets fast jitter through; samples weighed by a squared Hann window stop it (Schmid, Rath &
    Diebold 2022, "Why and how Savitzky-Golay filters should be replaced", ACS Measurement Science Au 2). Without that
    (`taper=0`), evenly spaced frames of equal confidence give exactly the classical filter, with its last full window
    fitted at the ends (`mode="interp"` in scipy). Polynomials up to `order` pass unchanged.

    Attributes:
        window_s: length of the window in seconds, rounded to an odd number of the clip's usual frame steps.
        order: degree of the polynomials. A window of no more than `order + 1` frames smooths nothing.
        taper: power of the cosine that weighs samples by their distance; 4 is a squared Hann window, 0 none.
    """

    window_s: float = 0.45
    order: int = 4
    taper: int = 4

    def smooth(self, positions_TK2: np.ndarray, times_s_T: np.ndarray, confidence_TK: np.ndarray) -> np.ndarray:
        """Smoothed positions [T, K, 2]; samples also weigh as much as their confidence."""
        return local_polynomial(
            positions_TK2,
            times_s_T,
            at_s_M=times_s_T,
            window_s=self.window_s,
            order=self.order,
            taper=self.taper,
            weights_TK=confidence_TK,
        )


def local_polynomial(
    positions_TK2: np.ndarray,
    times_s_T: np.ndarray,
    *,
    at_s_M: np.ndarray,
    window_s: float,
    order: int,
    taper: int,
    weights_TK: np.ndarray,
) -> np.ndarray:
    """Positions [M, K, 2] at any times, each from a weighted polynomial fit to the samples around it.

    At the ends the window is shifted inwards, not cut. Where frames are sparse it takes in the nearest samples, so
    that the polynomial is always determined.

    Args:
        positions_TK2: without NaN, any unit.
        times_s_T: rising seconds.
        at_s_M: where to evaluate, seconds.
        window_s: full width of the window in seconds.
        order: degree of the polynomial; less where the run is shorter.
        taper: power of the cosine that weighs samples by their distance; 0: all alike.
        weights_TK: weight of each sample, at least `MIN_WEIGHT` is used.
    """
    num_frames = len(times_s_T)
    if num_frames == 1:
        return np.repeat(positions_TK2, len(at_s_M), axis=0)
    order = min(order, num_frames - 1)
    first_M, end_M, reach_s_M = _windows(times_s_T, at_s_M, window_s=window_s, needed=order + 1)
    places_MN = first_M[:, None] + np.arange(int((end_M - first_M).max()))
    inside_MN = places_MN < end_M[:, None]
    places_MN = np.minimum(places_MN, num_frames - 1)
    offsets_MN = np.where(inside_MN, (times_s_T[places_MN] - at_s_M[:, None]) / reach_s_M[:, None], 0)
    powers_MND = offsets_MN[..., None] ** np.arange(order + 1)
    nearness_MN = np.maximum(np.cos(np.pi / 2 * offsets_MN) ** taper, MIN_NEARNESS) * inside_MN

    smoothed = np.empty((len(at_s_M), *positions_TK2.shape[1:]))
    block = max(1, BLOCK_VALUES // powers_MND.size)
    for start in range(0, positions_TK2.shape[1], block):
        joints = slice(start, start + block)
        weights_MNK = np.maximum(weights_TK[places_MN, joints], MIN_WEIGHT) * nearness_MN[..., None]
        weighted_MNKD = weights_MNK[..., None] * powers_MND[:, :, None, :]
        normal_MKDD = np.einsum("mnkd,mne->mkde", weighted_MNKD, powers_MND, optimize=True)
        # Fitted are differences from the first sample of the window: digits are not spent on where the person stands.
        origin_MK2 = positions_TK2[first_M, joints]
        relative_MNK2 = positions_TK2[places_MN, joints] - origin_MK2[:, None]
        moment_MKD2 = np.einsum("mnkd,mnkc->mkdc", weighted_MNKD, relative_MNK2, optimize=True)
        smoothed[:, joints] = origin_MK2 + np.linalg.solve(normal_MKDD, moment_MKD2)[:, :, 0]
    return smoothed


def _windows(
    times_s_T: np.ndarray, at_s_M: np.ndarray, *, window_s: float, needed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First and end index of the window of every place, and the distance in seconds at which its weights end."""
    step_s = float(np.median(np.diff(times_s_T)))
    # The edges of the window lie half a step from the nearest sample, so that rounded time stamps do not move it.
    # Just between two sizes the smaller is taken, again whatever way the times were rounded.
    half = max(0, math.floor(window_s / step_s / 2 - 1e-6))
    radius_s = (half + 0.5) * step_s
    first_center, last_center = times_s_T[0] + half * step_s, times_s_T[-1] - half * step_s
    middle = (times_s_T[0] + times_s_T[-1]) / 2
    center_M = np.clip(at_s_M, min(first_center, middle), max(last_center, middle))
    # Samples just on the edge stay outside at either end, whatever way their times were rounded.
    inner_s = radius_s - 1e-6 * step_s
    first_M = np.searchsorted(times_s_T, center_M - inner_s, side="left")
    end_M = np.searchsorted(times_s_T, center_M + inner_s, side="right")
    last = len(times_s_T) - 1
    while (short_M := end_M - first_M < needed).any():
        gap_before_M = np.where(first_M > 0, at_s_M - times_s_T[np.maximum(first_M - 1, 0)], np.inf)
        gap_after_M = np.where(end_M <= last, times_s_T[np.minimum(end_M, last)] - at_s_M, np.inf)
        backwards_M = gap_before_M <= gap_after_M
        first_M = first_M - (short_M & backwards_M)
        end_M = end_M + (short_M & ~backwards_M)
    farthest_s_M = np.maximum(at_s_M - times_s_T[first_M], times_s_T[end_M - 1] - at_s_M)
    return first_M, end_M, np.where(farthest_s_M < radius_s, radius_s, farthest_s_M + step_s / 2)
