"""True joints made to look tracked: errors smooth in time and shared, limbs lost for a while, confidence to match.

Errors drawn afresh for every joint and frame would teach a network that a pose never means what it says. A tracker's
errors differ: the same joint of the same person is off by about the same amount in photo and clip, errors drift, and
what is hidden is guessed.

Legend: T frames, K keypoints, N window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from pose_tracking.skeleton import BLAZEPOSE_33

# Standard deviations in torso lengths, per axis; together about 0.05 (what trials measured of the tracker).
_BIAS, _DRIFT, _JITTER = 0.025, 0.022, 0.006
_COMMON_DRIFT, _COMMON_SCALE = 0.010, 0.012
# Faces are found much better than limbs: the first eleven joints.
_SIZE_K = np.where(np.arange(len(BLAZEPOSE_33)) < 11, 0.45, 1.0)
_HIDDEN_FACTOR = 2.2
_DRIFT_S = 0.35
# What goes missing together.
_GROUPS = tuple(
    tuple(BLAZEPOSE_33.index(f"{side}_{part}") for part in parts)
    for side in ("left", "right")
    for parts in (
        ("wrist", "pinky", "index", "thumb"),
        ("elbow", "wrist", "pinky", "index", "thumb"),
        ("ankle", "heel", "foot_index"),
        ("knee", "ankle", "heel", "foot_index"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrackerNoise:
    """Errors for all frames of a clip.

    Attributes:
        offsets_TK2: in torso lengths.
        scale_T: of the whole pose about its middle.
        unsure_TK: 0 sure to 1 lost.
    """

    offsets_TK2: np.ndarray
    scale_T: np.ndarray
    unsure_TK: np.ndarray


def draw_noise(
    rng: np.random.Generator, num_frames: int, *, fps: float, bias_K2: np.ndarray | None = None, strength: float = 1.0
) -> TrackerNoise:
    """Errors of one clip; `bias_K2` (see `draw_bias`) is shared by all clips and photos of one person."""
    num_joints = len(BLAZEPOSE_33)
    bias = draw_bias(rng) if bias_K2 is None else bias_K2
    size = _SIZE_K[:, None]
    drift = _smooth(rng, (num_frames, num_joints, 2), fps)
    common = _smooth(rng, (num_frames, 1, 2), fps)
    jitter = rng.normal(size=(num_frames, num_joints, 2))
    offsets = bias + size * (_DRIFT * drift + _JITTER * jitter) + _COMMON_DRIFT * common
    return TrackerNoise(
        offsets_TK2=strength * offsets,
        scale_T=1 + strength * _COMMON_SCALE * _smooth(rng, (num_frames,), fps),
        unsure_TK=_lost(rng, num_frames, fps),
    )


def draw_bias(rng: np.random.Generator) -> np.ndarray:
    """[K, 2] what a tracker gets wrong about one person all the time, in torso lengths."""
    return _SIZE_K[:, None] * _BIAS * rng.normal(size=(len(BLAZEPOSE_33), 2))


def apply_noise(
    noise: TrackerNoise, frames_N: np.ndarray, keypoints_NK2: np.ndarray, visibility_K: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Tracked-looking keypoints [N, K, 2] (NaN where lost) and confidence [N, K] of some frames of the clip.

    Args:
        frames_N: their numbers in the clip `noise` was drawn for.
        keypoints_NK2: true joints, px.
        visibility_K: 1 where a joint is seen; hidden ones get larger errors and less confidence.
    """
    torso = torso_px(keypoints_NK2)[:, None, None]
    hidden = 1 - visibility_K
    middle = keypoints_NK2.mean(1, keepdims=True)
    spread = noise.offsets_TK2[frames_N] * (1 + (_HIDDEN_FACTOR - 1) * hidden)[:, None]
    moved = middle + (keypoints_NK2 - middle) * noise.scale_T[frames_N][:, None, None] + torso * spread
    unsure = np.maximum(noise.unsure_TK[frames_N], 0.45 * hidden)
    lost = unsure > 0.8
    confidence = np.where(lost, 0.0, np.clip(0.985 - unsure - 0.4 * np.abs(spread).mean(-1), 0.05, 1.0))
    return np.where(lost[..., None], np.nan, moved).astype(np.float32), confidence.astype(np.float32)


def torso_px(keypoints_NK2: np.ndarray) -> np.ndarray:
    """[N] shoulder middle to hip middle, px, at least 1."""
    middle = {
        part: keypoints_NK2[:, [BLAZEPOSE_33.index(f"left_{part}"), BLAZEPOSE_33.index(f"right_{part}")]].mean(1)
        for part in ("shoulder", "hip")
    }
    return np.maximum(np.linalg.norm(middle["shoulder"] - middle["hip"], axis=-1), 1.0)


def _smooth(rng: np.random.Generator, shape: tuple[int, ...], fps: float) -> np.ndarray:
    """Unit-variance noise over time with a memory of about a third of a second."""
    sigma = _DRIFT_S * fps
    margin = int(3 * sigma) + 1
    white = rng.normal(size=(shape[0] + 2 * margin, *shape[1:]))
    return gaussian_filter1d(white, sigma, axis=0)[margin : margin + shape[0]] * np.sqrt(2 * sigma * np.sqrt(np.pi))


def _lost(rng: np.random.Generator, num_frames: int, fps: float) -> np.ndarray:
    """[T, K] limbs that fade out and come back; about one a clip of five seconds, and never everything at once."""
    unsure = np.zeros((num_frames, len(BLAZEPOSE_33)))
    time = np.arange(num_frames) / fps
    for _ in range(rng.poisson(0.25 + 0.2 * num_frames / fps)):
        group = list(_GROUPS[int(rng.integers(len(_GROUPS)))])
        centre, half = rng.uniform(0, max(num_frames / fps, 0.04)), rng.uniform(0.05, 0.5)
        fade = rng.uniform(0.5, 1.1) * np.clip((half - np.abs(time - centre)) / 0.12 + 1, 0, 1)
        unsure[:, group] = np.maximum(unsure[:, group], fade[:, None])
    return np.minimum(unsure, 1.0)
