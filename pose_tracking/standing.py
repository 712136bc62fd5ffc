"""Feet that stand: a body that is moved to the side, to stay in the picture, takes them along, so it is moved little.

Legend: T frames.
"""

from __future__ import annotations

import numpy as np

from pose_tracking.limbs import window_frames

# A body's sway is over within this time; what lasts longer is a way. A shift to the side is evened out over it, so many
# times over.
_CALM_S, _NUM_ROUNDS = 2.0, 60


def walks(place_T: np.ndarray, times_s_T: np.ndarray, *, torso_px: float) -> bool:
    """Whether a body goes farther to the side than it can sway over feet that stand, hips over one and then the other.

    Args:
        place_T: of the hips, px from the left.
        times_s_T: of the frames.
        torso_px: length of the torso.
    """
    return bool(np.ptp(window_frames(place_T, times_s_T, _CALM_S).mean(axis=-1)) > torso_px)


def calmed(
    shift_T: np.ndarray,
    times_s_T: np.ndarray,
    limits_2T: tuple[np.ndarray, np.ndarray],
    *,
    held_T: np.ndarray | float = 0.0,
) -> np.ndarray:
    """A shift [T] px to the side that changes as little as its limits allow.

    The running mean within the limits, and that of the outcome, until it lies as a string does that is pulled tight.

    Args:
        shift_T: px; where it is beyond the limits, it may be again.
        times_s_T: of the frames.
        limits_2T: the least and the most shift of each frame.
        held_T: [0, 1], how far the shift of a frame stays what it was.
    """
    least_T, most_T = np.fmin(limits_2T[0], shift_T), np.fmax(limits_2T[1], shift_T)
    calm_T = shift_T
    for _ in range(_NUM_ROUNDS):
        mean_T = window_frames(calm_T, times_s_T, _CALM_S).mean(axis=-1)
        calm_T = np.fmin(np.fmax(mean_T + held_T * (shift_T - mean_T), least_T), most_T)
    return calm_T
