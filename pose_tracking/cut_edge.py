"""A person whom the picture cuts off below: the cut must not come up into the picture, leaning or not.

Legend: T frames, K keypoints.
"""

from __future__ import annotations

import numpy as np

from pose_tracking.sequence import PoseSequence

# Somebody of whom the photo shows a bust leans as far as that without being held back, and twice as far at most.
_FREE_LEAN = np.deg2rad(6.0)
# Arms and cloth stand out at the cut beyond the shoulders by so many torsos.
_BESIDE = 0.25


def lean_T(poses: PoseSequence) -> np.ndarray:
    """Angle [T] of the trunk from upright, radians, positive to the right of the picture; 0 where it is not known."""
    hips_T2, shoulders_T2 = (_middle(poses, joint) for joint in ("hip", "shoulder"))
    trunk_T2 = shoulders_T2 - hips_T2
    angle_T = np.arctan2(trunk_T2[:, 0], -trunk_T2[:, 1])
    return np.where(np.isfinite(angle_T), angle_T, 0.0)


def held_lean_T(lean_T: np.ndarray) -> np.ndarray:
    """The lean, as it is up to `_FREE_LEAN`, then ever less of it, up to twice that."""
    beyond_T = np.fmax(np.abs(lean_T) - _FREE_LEAN, 0.0)
    return np.sign(lean_T) * (np.fmin(np.abs(lean_T), _FREE_LEAN) + _FREE_LEAN * beyond_T / (_FREE_LEAN + beyond_T))


def turned(points_TN2: np.ndarray, angle_T: np.ndarray, *, about_T2: np.ndarray) -> np.ndarray:
    """Points [T, N, 2] turned about one point each frame; positive angles turn an upright line to the right."""
    cosine_T1, sine_T1 = np.cos(angle_T)[:, None], np.sin(angle_T)[:, None]
    x_TN, y_TN = np.moveaxis(points_TN2 - about_T2[:, None], -1, 0)
    return np.stack([cosine_T1 * x_TN - sine_T1 * y_TN, sine_T1 * x_TN + cosine_T1 * y_TN], axis=-1) + about_T2[:, None]


def risen_T(
    pose: PoseSequence,
    *,
    place_2: np.ndarray,
    torso_px: float,
    place_T2: np.ndarray,
    size_T: np.ndarray,
    lean_T: np.ndarray,
) -> np.ndarray:
    """How far [T] px the higher end of the cut comes up into the picture; 0 where it stays below.

    Args:
        pose: the subject's own, one frame; the picture's lower edge is the cut.
        place_2, torso_px: as in `Stage`.
        place_T2, size_T: as in `stay_in_view`.
        lean_T: of the motion beyond the photo's own.
    """
    below = float(pose.frame_size[1])
    shoulders_K2 = np.stack([pose.joint(f"{side}_shoulder")[0] for side in ("left", "right")])
    xs = shoulders_K2[:, 0][np.isfinite(shoulders_K2[:, 0])]
    if len(xs) == 0:
        xs = place_2[:1]
    ends_22 = np.array([[xs.min() - _BESIDE * torso_px, below], [xs.max() + _BESIDE * torso_px, below]])
    ends_22[:, 0] = ends_22[:, 0].clip(0, pose.frame_size[0])
    carried_T22 = place_T2[:, None] + size_T[:, None, None] * (ends_22 - place_2)
    ends_T22 = turned(carried_T22, lean_T, about_T2=place_T2)
    return np.fmax(below - ends_T22[..., 1].min(axis=1), 0.0)


def _middle(poses: PoseSequence, joint: str) -> np.ndarray:
    return (poses.joint(f"left_{joint}") + poses.joint(f"right_{joint}")).astype(float) / 2
