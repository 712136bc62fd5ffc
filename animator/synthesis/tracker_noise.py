"""True joints made to look tracked: errors smooth in time and shared, limbs lost for a while, confidence to match.

Errors drawn afresh for every joint and frame would teach a network that a pose never means what it says. A tracker's
errors differ: the same joint of the same person is off by about the same amount in photo and clip, errors drift, a hand
goes wrong with its wrist, and what is hidden is guessed.

Legend: T frames, K keypoints, N window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from pose_tracking.skeleton import BLAZEPOSE_33

# Per axis, in torso lengths, of joints that can be seen: what is wrong with a person all the time, and what drifts.
# These and the figures below are of MediaPipe on 24 rendered takes of 24 people, 3000 frames, against the true joints,
# cleaned as a render cleans them; docs/decisions/0005 has what comes of them.
_BIAS = {
    "face": 0.013, "shoulder": 0.025, "elbow": 0.018, "wrist": 0.014, "hand": 0.016,
    "hip": 0.035, "knee": 0.025, "ankle": 0.020, "foot": 0.024,
}  # fmt: skip
_DRIFT = {
    "face": 0.0125, "shoulder": 0.022, "elbow": 0.023, "wrist": 0.018, "hand": 0.019,
    "hip": 0.024, "knee": 0.021, "ankle": 0.016, "foot": 0.018,
}  # fmt: skip
_JITTER = 0.003
# The whole person is hardly moved: what trunk and limbs seem to have in common is mostly the mean of their own errors.
_COMMON_DRIFT, _COMMON_SCALE = 0.004, 0.004
_DRIFT_S = 0.12
# How much of a joint's error is that of the joint it hangs on (a correlation): a hand goes where its wrist is seen.
_FOLLOWS = {"wrist": ("elbow", 0.45), "hand": ("wrist", 0.92), "ankle": ("knee", 0.15), "foot": ("ankle", 0.5)}
_WITHIN_FACE = 0.55
# Hidden joints are guessed: sizes by this factor. Logarithms of sizes spread so far; where a limb is hidden, some
# guesses are quite wrong.
_HIDDEN_FACTOR, _SPREAD = 1.6, 0.4
_HIDDEN_SPREAD = {part: 0.9 if part in ("elbow", "wrist", "hand", "ankle") else _SPREAD for part in _BIAS}
_FARTHEST_SPREAD = 2.5
# What being hidden takes from a joint's confidence, more where it is worse: the tracker never doubts a trunk or a face.
_DOUBT = {
    "face": 0.0, "shoulder": 0.0, "elbow": 0.5, "wrist": 0.35, "hand": 0.45,
    "hip": 0.0, "knee": 0.25, "ankle": 0.35, "foot": 0.25,
}  # fmt: skip
_DOUBT_SPREAD = 0.5
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


def _part(joint: str) -> str:
    name = joint.removeprefix("left_").removeprefix("right_")
    if name in ("pinky", "index", "thumb"):
        return "hand"
    return {"heel": "foot", "foot_index": "foot"}.get(name, name if name in _BIAS else "face")


_PART_K = tuple(map(_part, BLAZEPOSE_33.joints))
_BIAS_K, _DRIFT_K, _DOUBT_K, _HIDDEN_SPREAD_K = (
    np.array([table[part] for part in _PART_K]) for table in (_BIAS, _DRIFT, _DOUBT, _HIDDEN_SPREAD)
)


def _chain(joint: str, part: str) -> str:
    """What is off together: an arm, a leg, the trunk, the head."""
    limb = {"elbow": "arm", "wrist": "arm", "hand": "arm", "knee": "leg", "ankle": "leg", "foot": "leg"}.get(part)
    return part if limb is None else f"{limb} {joint.split('_')[0]}"


_CHAIN_K = tuple(_chain(joint, part) for joint, part in zip(BLAZEPOSE_33.joints, _PART_K, strict=True))


def _parents() -> tuple[tuple[int, int, float], ...]:
    """(joint, joint that it hangs on, correlation of their errors), parents first."""
    found = []
    for index, (joint, part) in enumerate(zip(BLAZEPOSE_33.joints, _PART_K, strict=True)):
        if part in _FOLLOWS:
            parent, share = _FOLLOWS[part]
            found.append((index, BLAZEPOSE_33.index(f"{joint.split('_')[0]}_{parent}"), share))
        elif part == "face" and index:
            found.append((index, 0, _WITHIN_FACE))
    return tuple(found)


_PARENTS = _parents()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrackerNoise:
    """Errors for all frames of a clip.

    Attributes:
        offsets_TK2: in torso lengths.
        scale_T: of the whole pose about its middle.
        worse_TK: spread of the logarithm of their sizes, of unit variance.
        unsure_TK: 0 sure to 1 lost.
    """

    offsets_TK2: np.ndarray
    scale_T: np.ndarray
    worse_TK: np.ndarray
    unsure_TK: np.ndarray


def draw_noise(
    rng: np.random.Generator, num_frames: int, *, fps: float, bias_K2: np.ndarray | None = None, strength: float = 1.0
) -> TrackerNoise:
    """Errors of one clip; `bias_K2` (see `draw_bias`) is shared by all clips and photos of one person."""
    shape = (num_frames, len(BLAZEPOSE_33))
    bias = draw_bias(rng) if bias_K2 is None else bias_K2
    drift = _hanging_together(_smooth(rng, (*shape, 2), fps))
    common = _smooth(rng, (num_frames, 1, 2), fps)
    offsets = bias + _DRIFT_K[:, None] * drift + _JITTER * rng.normal(size=(*shape, 2)) + _COMMON_DRIFT * common
    chains = sorted(set(_CHAIN_K))
    worse = _smooth(rng, (num_frames, len(chains)), fps)
    return TrackerNoise(
        offsets_TK2=strength * offsets,
        scale_T=1 + strength * _COMMON_SCALE * _smooth(rng, (num_frames,), fps),
        worse_TK=worse[:, [chains.index(chain) for chain in _CHAIN_K]],
        unsure_TK=_lost(rng, num_frames, fps),
    )


def no_noise(num_frames: int) -> TrackerNoise:
    """No errors, and no limb is ever lost: what is hidden is known all the same, with less confidence."""
    shape = (num_frames, len(BLAZEPOSE_33))
    zeros = np.zeros(shape)
    return TrackerNoise(offsets_TK2=np.zeros((*shape, 2)), scale_T=np.ones(num_frames), worse_TK=zeros, unsure_TK=zeros)


def draw_bias(rng: np.random.Generator) -> np.ndarray:
    """[K, 2] what a tracker gets wrong about one person all the time, in torso lengths."""
    return np.asarray(_BIAS_K[:, None] * _hanging_together(rng.normal(size=(len(BLAZEPOSE_33), 2))))


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
    worse = noise.worse_TK[frames_N].clip(-_FARTHEST_SPREAD, _FARTHEST_SPREAD)
    spread = _SPREAD + (_HIDDEN_SPREAD_K - _SPREAD) * hidden
    sizes = np.exp(worse * spread) * (1 + (_HIDDEN_FACTOR - 1) * hidden)
    offsets = noise.offsets_TK2[frames_N] * sizes[..., None]
    moved = middle + (keypoints_NK2 - middle) * noise.scale_T[frames_N][:, None, None] + torso * offsets
    unsure = np.maximum(noise.unsure_TK[frames_N], _DOUBT_K * hidden * np.exp(_DOUBT_SPREAD * worse))
    lost = noise.unsure_TK[frames_N] > 0.8
    confidence = np.where(lost, 0.0, np.clip(0.985 - unsure - 0.4 * np.abs(offsets).mean(-1), 0.05, 1.0))
    return np.where(lost[..., None], np.nan, moved).astype(np.float32), confidence.astype(np.float32)


def torso_px(keypoints_NK2: np.ndarray) -> np.ndarray:
    """[N] shoulder middle to hip middle, px, at least 1."""
    middle = {
        part: keypoints_NK2[:, [BLAZEPOSE_33.index(f"left_{part}"), BLAZEPOSE_33.index(f"right_{part}")]].mean(1)
        for part in ("shoulder", "hip")
    }
    return np.maximum(np.linalg.norm(middle["shoulder"] - middle["hip"], axis=-1), 1.0)


def _hanging_together(errors: np.ndarray) -> np.ndarray:
    """Independent errors [..., K, 2] of unit variance, each made to follow the joint that it hangs on."""
    errors = errors.copy()
    for joint, parent, share in _PARENTS:
        errors[..., joint, :] = share * errors[..., parent, :] + np.sqrt(1 - share**2) * errors[..., joint, :]
    return errors


def _smooth(rng: np.random.Generator, shape: tuple[int, ...], fps: float) -> np.ndarray:
    """Unit-variance noise over time with a memory of about a fifth of a second."""
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
