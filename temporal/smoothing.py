"""Smoothers behind one protocol, found by name, and their way around unseen joints.

Legend: T frames, K keypoints.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from pose_tracking.sequence import PoseSequence
from temporal.errors import MotionError
from temporal.kalman import KalmanSmoother
from temporal.one_euro import OneEuro
from temporal.runs import seen_runs
from temporal.savitzky_golay import SavitzkyGolay
from temporal.scale import torso_length_px


@runtime_checkable
class Smoother(Protocol):
    """Removes jitter from a run of positions without moving it in time."""

    def smooth(self, positions_TK2: np.ndarray, times_s_T: np.ndarray, confidence_TK: np.ndarray) -> np.ndarray:
        """Smoothed positions [T, K, 2].

        Args:
            positions_TK2: float64 torso lengths, without NaN; T may be as small as 1.
            times_s_T: rising seconds, not always evenly spaced.
            confidence_TK: in [0, 1].
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsmoothed:
    """Leaves the motion as it was tracked."""

    def smooth(self, positions_TK2: np.ndarray, times_s_T: np.ndarray, confidence_TK: np.ndarray) -> np.ndarray:
        """The positions as they are."""
        return positions_TK2


# A window of so many seconds asks every smoother for about the same passband; the factors are those with the least
# error beside a Savitzky-Golay window of 0.45 s (benchmarks/results/smoothing_cpu_202611.md).
KALMAN_CUTOFF_X_WINDOW = 3.0
ONE_EURO_CUTOFF_X_WINDOW = 0.45
ONE_EURO_BETA_X_WINDOW = 1.8

SMOOTHERS: dict[str, Callable[[float], Smoother]] = {
    "savitzky-golay": lambda window_s: SavitzkyGolay(window_s=window_s),
    "one-euro": lambda window_s: OneEuro(
        min_cutoff_hz=ONE_EURO_CUTOFF_X_WINDOW / window_s, beta=ONE_EURO_BETA_X_WINDOW / window_s
    ),
    "kalman": lambda window_s: KalmanSmoother(cutoff_hz=KALMAN_CUTOFF_X_WINDOW / window_s),
    "none": lambda window_s: Unsmoothed(),
}


def smoother_by_name(name: str, *, window_s: float, trust_plugins: bool = False) -> Smoother:
    """The smoother called `name`, as strong as a Savitzky-Golay window of `window_s` seconds.

    Args:
        name: a key of `SMOOTHERS`, or `"my_pkg.mod:Thing"`, called as `Thing(window_s=...)`.
        window_s: seconds.
        trust_plugins: whether code named by `name` may be imported and run. Never take this from a job file: it is
            the caller's word that the file's author is trusted.

    Raises:
        MotionError: unknown name, untrusted or broken plugin, window that is not positive.
    """
    if not 0 < window_s < float("inf"):
        raise MotionError(f"window_s is {window_s}; expected a positive number of seconds, such as 0.45")
    if name in SMOOTHERS:
        return SMOOTHERS[name](window_s)
    if ":" not in name:
        raise MotionError(f"smoother {name!r} is unknown; choose one of {', '.join(SMOOTHERS)}, or name module:Class")
    if not trust_plugins:
        raise MotionError(f"smoother {name!r} is outside code, which is not run unless plugins are trusted")
    module_name, _, attribute = name.partition(":")
    try:
        smoother = getattr(importlib.import_module(module_name), attribute)(window_s=window_s)
    except Exception as error:  # outside code can raise anything while it is imported and built
        raise MotionError(f"smoother {name!r} could not be built: {type(error).__name__}: {error}") from error
    if not isinstance(smoother, Smoother):
        raise MotionError(f"smoother {name!r} has no method smooth(positions_TK2, times_s_T, confidence_TK)")
    return smoother


def smooth_positions(sequence: PoseSequence, smoother: Smoother) -> PoseSequence:
    """Smooth every run of seen frames by itself; unseen joints stay unseen, confidence and times stay as they are.

    Raises:
        MotionError: the smoother returned another shape or values that are not finite.
    """
    torso_px = torso_length_px(sequence)
    keypoints_TK2 = sequence.keypoints_TK2.copy()
    for frames, joints in seen_runs(sequence.seen_TK):
        positions = sequence.keypoints_TK2[frames, joints].astype(np.float64)
        # Near the origin, so that no digits are lost to where in the picture the person stands.
        origin = positions[0].mean(axis=0)
        smoothed = smoother.smooth(
            (positions - origin) / torso_px,
            sequence.times_s_T[frames],
            sequence.confidence_TK[frames, joints].astype(np.float64),
        )
        if smoothed.shape != positions.shape or not np.isfinite(smoothed).all():
            raise MotionError(
                f"{type(smoother).__name__} returned {list(smoothed.shape)} with "
                f"{int((~np.isfinite(smoothed)).sum())} non-finite values; expected {list(positions.shape)}, all finite"
            )
        keypoints_TK2[frames, joints] = smoothed * torso_px + origin
    return sequence.replace(keypoints_TK2=keypoints_TK2)
