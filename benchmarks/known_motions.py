"""Motions whose truth is known, and what a tracker does to them; for the benchmarks of `temporal`.

Legend: T frames, K keypoints.
"""

from __future__ import annotations

import numpy as np

from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33
from temporal.scale import torso_length_px

TORSO_PX = 150.0


def standing(num_frames: int) -> np.ndarray:
    """A person at rest, [T, K, 2] px, facing the camera; only the body's main joints."""
    places = {
        "nose": (0.0, -1.45), "left_shoulder": (0.33, -1.0), "left_elbow": (0.42, -0.45), "left_wrist": (0.45, 0.05),
        "left_hip": (0.2, 0.0), "left_knee": (0.22, 0.8), "left_ankle": (0.22, 1.6), "left_foot_index": (0.3, 1.7),
    }  # fmt: skip
    pose = np.full((len(BLAZEPOSE_33), 2), np.nan)
    for joint, (across, down) in places.items():
        pose[BLAZEPOSE_33.index(joint)] = across, down
        if joint.startswith("left"):
            pose[BLAZEPOSE_33.index(joint.replace("left", "right"))] = -across, down
    return np.repeat(TORSO_PX * (pose[None] + [2.5, 2.0]), num_frames, axis=0)


def as_sequence(keypoints_TK2: np.ndarray, fps: float) -> PoseSequence:
    """A sequence at an even rate, confidence 1."""
    return PoseSequence(
        keypoints_TK2=keypoints_TK2,
        confidence_TK=np.ones(keypoints_TK2.shape[:2]),
        times_s_T=np.arange(len(keypoints_TK2)) / fps,
        skeleton=BLAZEPOSE_33,
        frame_size=(round(5 * TORSO_PX), round(5 * TORSO_PX)),
    )


def kick(seconds: float, fps: int, phase: float) -> PoseSequence:
    """Two seconds in which the left foot goes out by one torso length and back, `phase` of a frame late."""
    times_s = np.arange(2 * fps) / fps
    keypoints = standing(len(times_s))
    progress = np.clip((times_s - 1 - phase / fps) / seconds + 0.5, 0, 1)
    for joint in ("left_ankle", "left_foot_index"):
        keypoints[:, BLAZEPOSE_33.index(joint), 0] += TORSO_PX * (0.5 - 0.5 * np.cos(2 * np.pi * progress))
    return as_sequence(keypoints, fps)


def synthetic_motions(seconds: float = 8.0) -> dict[str, PoseSequence]:
    """Joints on sums of sines: a slow motion up to 1 Hz and a dance up to 3 Hz, amplitudes falling with frequency."""
    motions = {}
    for name, top_hz, reach in (("synthetic slow", 1.0, 0.3), ("synthetic dance", 3.0, 0.6)):
        for fps in (30, 60):
            random = np.random.default_rng(11)
            times_s = np.arange(round(seconds * fps)) / fps
            keypoints = standing(len(times_s))
            for joint in range(len(BLAZEPOSE_33)):
                for frequency_hz in random.uniform(0.2, top_hz, size=4):
                    swing = np.sin(2 * np.pi * (frequency_hz * times_s + random.uniform()))
                    amplitude = random.normal(size=2) * reach * TORSO_PX / (4 * frequency_hz)
                    keypoints[:, joint] += swing[:, None] * amplitude
            motions[f"{name} {fps} fps"] = as_sequence(keypoints, fps)
    return motions


def disturbed(motion: PoseSequence, *, noise: float) -> PoseSequence:
    """Noise, lost joints, spikes and swapped legs, always the same for the same motion."""
    random = np.random.default_rng(7)
    broken = with_noise(motion, noise)
    keypoints, num_frames = broken.keypoints_TK2.copy(), len(motion)
    swapped = slice(num_frames // 2, num_frames // 2 + max(2, num_frames // 10))
    for left, right in motion.skeleton.mirror_pairs:
        if any(word in motion.skeleton.joints[left] for word in ("knee", "ankle", "heel", "foot")):
            keypoints[swapped, [left, right]] = keypoints[swapped, [right, left]]
    gap = max(1, round(0.2 * frames_per_s(motion)))
    for frame, joint in np.argwhere(random.random(motion.seen_TK.shape) < 0.01 / gap):
        keypoints[frame : frame + gap, joint] = np.nan
    for frame, joint in np.argwhere(random.random(motion.seen_TK.shape) < 0.01 / 1.5):
        angle, reach = random.uniform(0, 2 * np.pi), random.uniform(0.5, 1.5) * torso_length_px(motion)
        keypoints[frame : frame + random.integers(1, 3), joint] += reach * np.array([np.cos(angle), np.sin(angle)])
    return broken.replace(keypoints_TK2=keypoints)


def with_noise(motion: PoseSequence, noise: float) -> PoseSequence:
    """White noise of `noise` torso lengths per coordinate."""
    offsets = np.random.default_rng(3).normal(size=motion.keypoints_TK2.shape) * noise * torso_length_px(motion)
    return motion.replace(keypoints_TK2=motion.keypoints_TK2 + offsets)


def frames_per_s(motion: PoseSequence) -> float:
    """Usual frame rate."""
    return float(1 / np.median(np.diff(motion.times_s_T)))
