"""Feet: which one carries the body, when they touch the floor, and how to hang a rebuilt body on them.

Legend: T frames, P points of the tree, S sides (left, right).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_tracking.kinematics import Body, interpolate_gaps
from pose_tracking.limbs import SEEN_CONFIDENCE, window_frames

_FOOT_JOINTS = ("ankle", "heel", "foot_index", "big_toe", "small_toe")
# Feet this close to the lowest place around, in body scales, stand on the floor.
_CONTACT = 0.05
# A jump with the steps around it; the lowest foot within that time tells the floor.
_CONTACT_WINDOW_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Feet:
    """Both feet of one person over time.

    Attributes:
        x_TS: middle of the foot, px.
        low_TS: lowest point of the foot (largest y), px.
        weight_TS: confidence of the surest joint of the foot, 0 where none is seen with confidence.
    """

    x_TS: np.ndarray
    low_TS: np.ndarray
    weight_TS: np.ndarray

    @classmethod
    def from_points(cls, points_TP2: np.ndarray, body: Body) -> Feet:
        """Read the feet off `points_TP2`, which are `body`'s own or rebuilt from them."""
        sides_x, sides_low, sides_weight = [], [], []
        for side in ("left", "right"):
            joints = [f"{side}_{joint}" for joint in _FOOT_JOINTS if f"{side}_{joint}" in body.names]
            places = [body.index(joint) for joint in joints]
            foot_TJ2 = points_TP2[:, places]
            seen_TJ = ~np.isnan(foot_TJ2[..., 0])
            number_T = seen_TJ.sum(axis=1)
            sides_x.append(np.where(seen_TJ, foot_TJ2[..., 0], 0.0).sum(axis=1) / np.maximum(number_T, 1))
            sides_low.append(np.where(seen_TJ, foot_TJ2[..., 1], -np.inf).max(axis=1))
            sure_T = np.where(seen_TJ, body.confidence_TP[:, places], 0.0).max(axis=1)
            sides_weight.append(np.where(sure_T >= SEEN_CONFIDENCE, sure_T, 0.0))
        return cls(
            x_TS=np.stack(sides_x, axis=1), low_TS=np.stack(sides_low, axis=1), weight_TS=np.stack(sides_weight, axis=1)
        )

    @property
    def seen_T(self) -> np.ndarray:
        """Whether at least one foot is seen with confidence."""
        return (self.weight_TS > 0).any(axis=1)

    @property
    def lowest_T(self) -> np.ndarray:
        """y of the lower foot, px; NaN where none is seen."""
        lowest_T = np.where(self.weight_TS > 0, self.low_TS, -np.inf).max(axis=1)
        return np.where(self.seen_T, lowest_T, np.nan)

    def support_TS(self, scale_T: np.ndarray) -> np.ndarray:
        """How much of the body each foot carries: the lower one most, both when they are level."""
        with np.errstate(invalid="ignore"):
            lift_TS = (self.lowest_T[:, None] - self.low_TS) / (_CONTACT * scale_T[:, None])
        carried_TS = np.where(self.weight_TS > 0, self.weight_TS * np.exp(-np.fmax(lift_TS, 0.0)), 0.0)
        return carried_TS / np.maximum(carried_TS.sum(axis=1, keepdims=True), 1e-12)

    def contact_T(self, scale_T: np.ndarray, times_s_T: np.ndarray) -> np.ndarray:
        """How surely a foot stands on the floor, [0, 1]: it does at the lowest place of a second, so jumps do not."""
        lowest_T1 = interpolate_gaps(self.lowest_T[:, None])
        floor_T = window_frames(lowest_T1[:, 0], times_s_T, _CONTACT_WINDOW_S).max(axis=-1)
        lift_T = (floor_T - lowest_T1[:, 0]) / (_CONTACT * scale_T)
        return np.where(self.seen_T, np.clip(1.5 - lift_T, 0.0, 1.0), 0.0)


def foot_anchoring(
    driver: Feet, built: Feet, *, driver_root_T2: np.ndarray, travel: float, scale_T: np.ndarray
) -> np.ndarray:
    """Way [T, 2] px of the rebuilt root beside `travel` times the driver's, so that the feet go where they should.

    The lower foot keeps its height over the floor, times `travel`, and the foot that carries the body goes over the
    floor as the driver's does, so that standing feet neither slide nor sink. Zero where all limbs change alike.
    """
    support_TS = driver.support_TS(scale_T)
    x_T = (support_TS * (travel * (driver.x_TS - driver_root_T2[:, :1]) - built.x_TS)).sum(axis=1)
    y_T = travel * (driver.lowest_T - driver_root_T2[:, 1]) - built.lowest_T
    x_T = np.where(driver.seen_T, x_T, np.nan)
    return interpolate_gaps(np.stack([x_T, y_T], axis=1))
