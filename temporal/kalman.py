"""Kalman smoothing: forward filter and Rauch-Tung-Striebel backward pass.

Legend: T frames, K keypoints.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

# Variances of the state before the first frame, in multiples of the measurement variance: nothing is known.
DIFFUSE = 1e10
MIN_CONFIDENCE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class KalmanSmoother:
    """Rauch-Tung-Striebel smoother (1965) of a constant-velocity motion driven by white acceleration, zero phase.

    Only the ratio of acceleration to measurement noise matters for the path. It is set by the cutoff: as a spline, the
    smoother halves the amplitude of frequency f where (2 pi f)^4 = acceleration density / (variance x frame step).
    The standard deviation of a measurement is inversely proportional to its confidence.

    Attributes:
        cutoff_hz: frequency whose amplitude is halved at full confidence.
    """

    cutoff_hz: float = 6.5

    def smooth(self, positions_TK2: np.ndarray, times_s_T: np.ndarray, confidence_TK: np.ndarray) -> np.ndarray:
        """Smoothed positions [T, K, 2], any unit of length."""
        if len(times_s_T) < 3:
            return positions_TK2.copy()
        step_s = float(np.median(np.diff(times_s_T)))
        return rts_smooth(
            positions_TK2,
            times_s_T,
            variance_TK=np.maximum(confidence_TK, MIN_CONFIDENCE) ** -2.0,
            acceleration_density=step_s * (2 * math.pi * self.cutoff_hz) ** 4,
        )


def rts_smooth(
    positions_TK2: np.ndarray, times_s_T: np.ndarray, *, variance_TK: np.ndarray, acceleration_density: float
) -> np.ndarray:
    """Mean of the smoothed positions [T, K, 2] (Saerkkae 2013, algorithm 8.2, white-noise acceleration).

    Args:
        positions_TK2: measurements without NaN.
        times_s_T: rising seconds, at least two.
        variance_TK: variance of each measurement, length^2.
        acceleration_density: spectral density q of the acceleration, length^2 / s^3.
    """
    num_frames, num_joints = positions_TK2.shape[:2]
    means = np.empty((num_frames, num_joints, 2, 2))  # [.., position | velocity, x | y]
    covariances = np.empty((num_frames, num_joints, 2, 2))
    predicted_means = np.empty_like(means)
    predicted_covariances = np.empty_like(covariances)
    # Any mean does for a diffuse start; the chord of the first frames keeps linear motion free of rounding.
    start_velocity = (positions_TK2[1] - positions_TK2[0]) / (times_s_T[1] - times_s_T[0])
    mean = np.stack([positions_TK2[0], start_velocity], axis=1)
    span_s = times_s_T[-1] - times_s_T[0]
    start_variance_K = DIFFUSE * variance_TK.max(axis=0)
    covariance = np.zeros((num_joints, 2, 2))
    covariance[:, 0, 0] = start_variance_K
    covariance[:, 1, 1] = start_variance_K / span_s**2
    for frame in range(num_frames):
        if frame:
            step_s = float(times_s_T[frame] - times_s_T[frame - 1])
            transition, noise = _constant_velocity(step_s, acceleration_density)
            mean = transition @ mean
            covariance = transition @ covariance @ transition.T + noise
        predicted_means[frame], predicted_covariances[frame] = mean, covariance
        gain_K2 = covariance[:, :, 0] / (covariance[:, 0, 0] + variance_TK[frame])[:, None]
        mean = mean + gain_K2[:, :, None] * (positions_TK2[frame] - mean[:, 0])[:, None, :]
        covariance = _updated(covariance, gain_K2, variance_TK[frame])
        means[frame], covariances[frame] = mean, covariance
    for frame in range(num_frames - 2, -1, -1):
        transition, _ = _constant_velocity(float(times_s_T[frame + 1] - times_s_T[frame]), acceleration_density)
        # gain = P F' (predicted P)^-1, from the symmetric system without an explicit inverse
        crossed = transition @ covariances[frame]
        gain = np.swapaxes(np.linalg.solve(predicted_covariances[frame + 1], crossed), 1, 2)
        means[frame] += gain @ (means[frame + 1] - predicted_means[frame + 1])
    return means[:, :, 0]


def _constant_velocity(step_s: float, density: float) -> tuple[np.ndarray, np.ndarray]:
    """Transition and process noise of position and velocity over one step."""
    transition = np.array([[1.0, step_s], [0.0, 1.0]])
    noise = density * np.array([[step_s**3 / 3, step_s**2 / 2], [step_s**2 / 2, step_s]])
    return transition, noise


def _updated(covariance: np.ndarray, gain_K2: np.ndarray, variance_K: np.ndarray) -> np.ndarray:
    """Covariance after a measurement, in Joseph's form, which stays symmetric and positive."""
    kept = np.eye(2) - gain_K2[:, :, None] * np.array([1.0, 0.0])
    spread = gain_K2[:, :, None] * gain_K2[:, None, :] * variance_K[:, None, None]
    return kept @ covariance @ np.swapaxes(kept, 1, 2) + spread
