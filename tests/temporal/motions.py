"""Motions whose truth is known, for the tests of the temporal package. Lengths in px; a torso is 100 px."""

from __future__ import annotations

import numpy as np

from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33, Skeleton

TORSO_PX = 100.0
# (across, down) in torso lengths from mid-hip, the person's left side as seen by the camera.
_LEFT_SIDE = {
    "shoulder": (0.33, -1.0),
    "elbow": (0.42, -0.45),
    "wrist": (0.45, 0.05),
    "hip": (0.2, 0.0),
    "knee": (0.22, 0.8),
    "ankle": (0.22, 1.6),
    "heel": (0.2, 1.65),
    "foot_index": (0.3, 1.7),
    "eye": (0.05, -1.5),
    "ear": (0.12, -1.48),
}


def as_sequence(
    keypoints_TK2: np.ndarray,
    *,
    fps: float = 30.0,
    times_s: np.ndarray | None = None,
    skeleton: Skeleton = BLAZEPOSE_33,
) -> PoseSequence:
    """A sequence of full confidence, evenly timed unless `times_s` is given."""
    keypoints = np.asarray(keypoints_TK2, dtype=np.float64)
    return PoseSequence(
        keypoints_TK2=keypoints,
        confidence_TK=np.ones(keypoints.shape[:2]),
        times_s_T=np.arange(len(keypoints)) / fps if times_s is None else times_s,
        skeleton=skeleton,
        frame_size=(640, 480),
    )


def standing(num_frames: int) -> np.ndarray:
    """A person at rest facing the camera, [T, 33, 2]; joints without a place (mouth, fingers) are NaN."""
    pose = np.full((len(BLAZEPOSE_33), 2), np.nan)
    pose[BLAZEPOSE_33.index("nose")] = 0.0, -1.45
    for joint, (across, down) in _LEFT_SIDE.items():
        pose[BLAZEPOSE_33.index(f"left_{joint}")] = across, down
        pose[BLAZEPOSE_33.index(f"right_{joint}")] = -across, down
    return np.repeat(pose[None] * TORSO_PX + [320.0, 200.0], num_frames, axis=0)


def swaying(times_s_T: np.ndarray) -> np.ndarray:
    """A person who moves every joint on its own smooth path, up to 2 Hz and half a torso wide."""
    keypoints = standing(len(times_s_T))
    random = np.random.default_rng(4)
    for joint in range(len(BLAZEPOSE_33)):
        for frequency_hz in random.uniform(0.3, 2.0, size=3):
            swing = np.sin(2 * np.pi * (frequency_hz * times_s_T + random.uniform()))
            keypoints[:, joint] += swing[:, None] * random.normal(size=2) * 0.12 * TORSO_PX / frequency_hz
    return keypoints


def kicking(times_s_T: np.ndarray, *, at_s: float = 1.0, lasting_s: float = 0.4) -> np.ndarray:
    """A person whose left foot goes out by one torso length and back, on a raised cosine."""
    keypoints = standing(len(times_s_T))
    progress = np.clip((times_s_T - at_s) / lasting_s + 0.5, 0, 1)
    for joint in ("left_ankle", "left_heel", "left_foot_index"):
        keypoints[:, BLAZEPOSE_33.index(joint), 0] += TORSO_PX * (0.5 - 0.5 * np.cos(2 * np.pi * progress))
    return keypoints


def turning(times_s_T: np.ndarray, *, at_s: float = 1.5, lasting_s: float = 1.0) -> np.ndarray:
    """A person who turns their back to the camera: left and right glide through each other."""
    keypoints = standing(len(times_s_T))
    angle = np.pi * np.clip((times_s_T - at_s) / lasting_s + 0.5, 0, 1)
    keypoints[..., 0] = 320 + (keypoints[..., 0] - 320) * np.cos(angle)[:, None]
    return keypoints


def spinning(times_s_T: np.ndarray, *, lasting_s: float = 1.0) -> np.ndarray:
    """A person who spins once."""
    keypoints = standing(len(times_s_T))
    angle = 2 * np.pi * np.clip(times_s_T / lasting_s, 0, 1)
    keypoints[..., 0] = 320 + (keypoints[..., 0] - 320) * np.cos(angle)[:, None]
    return keypoints


def with_noise(keypoints_TK2: np.ndarray, noise_torso: float, *, seed: int = 0) -> np.ndarray:
    """White noise on every coordinate."""
    return keypoints_TK2 + np.random.default_rng(seed).normal(size=keypoints_TK2.shape) * noise_torso * TORSO_PX


def swap(keypoints_TK2: np.ndarray, frames: slice, words: tuple[str, ...]) -> np.ndarray:
    """Left and right exchanged in `frames` for the joints whose name holds one of `words`."""
    swapped = keypoints_TK2.copy()
    for left, right in BLAZEPOSE_33.mirror_pairs:
        if any(word in BLAZEPOSE_33.joints[left] for word in words):
            swapped[frames, [left, right]] = keypoints_TK2[frames, [right, left]]
    return swapped


LEGS = ("knee", "ankle", "heel", "foot")
ARMS = ("elbow", "wrist")
EVERYTHING = ("",)
