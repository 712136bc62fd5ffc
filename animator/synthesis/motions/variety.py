"""How many different poses a set of motions holds.

Legend: N poses, J limb joints.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from animator.synthesis.motions.motion import Motion, joint_tracks, upright_frames
from animator.synthesis.rig import JOINT

DISTINCT_TORSOS = 0.2
_PARTS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
LIMB_JOINTS = [JOINT[f"{side}_{part}"] for part in _PARTS for side in ("left", "right")]
_SHOULDERS, _HIPS = slice(0, 2), slice(6, 8)


def pose_shapes(motion: Motion) -> np.ndarray:
    """[N, J, 3] limb joints of the upright frames about the pelvis, as a camera in front sees them, in torso lengths.

    The torso goes from the middle of the hips to the middle of the shoulders. The twelve joints are those of arms
    and legs from shoulder and hip on: all others stay near the pelvis' line whatever a person does, and would only
    dilute the mean.
    """
    upright = upright_frames(motion)
    if not upright.any():
        return np.zeros((0, len(LIMB_JOINTS), 3))
    positions, _ = joint_tracks(motion.take(upright))
    limbs = positions[:, LIMB_JOINTS] - positions[:, :1]
    shoulders, hips = limbs[:, _SHOULDERS].mean(1), limbs[:, _HIPS].mean(1)
    torso = np.linalg.norm(shoulders - hips, axis=1)
    return limbs / torso[:, None, None]


def count_distinct(motions: Iterable[Motion], *, apart: float = DISTINCT_TORSOS, stop_at: int | None = None) -> int:
    """Upright poses of which any two are more than `apart` torso lengths apart, as the mean over the limb joints.

    Poses are taken in order, each that is far enough from all before it (so the count is a lower bound of the
    largest such set), up to `stop_at`.
    """
    kept = np.zeros((0, len(LIMB_JOINTS), 3), np.float32)
    for motion in motions:
        for shape in pose_shapes(motion).astype(np.float32):
            if len(kept) and np.linalg.norm(kept - shape, axis=2).mean(1).min() <= apart:
                continue
            kept = np.concatenate([kept, shape[None]])
            if stop_at is not None and len(kept) >= stop_at:
                return len(kept)
    return len(kept)
