"""What arms, trunk and head do, as changes to dials over time.

Places are in the chest's axes for a left arm (x outward, y up, z to the front), in pelvis heights from the shoulder.

Legend: T frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d

from animator.synthesis.motions.dials import ARM_DIALS, RELAXED, Dials, grasp, reach
from animator.synthesis.motions.footwork import Footing, ease
from animator.synthesis.motions.legs import SIDES

Arm = Mapping[str, float]


# name: raise, plane, twist, elbow, pronate, wrist (degrees), curl
_ARMS = {
    "side": (84, 8, 0, 10, 0, 0, 0.15),
    "open": (48, 28, -25, 38, -45, -12, 0.2),
    "front": (82, 78, 10, 12, 0, 0, 0.2),
    "up": (160, 22, -15, 14, 0, 0, 0.2),
    "high_v": (134, 14, -20, 8, 0, 0, 0.1),
    "low_v": (38, 6, 10, 6, 0, -14, 0.12),
    "crown": (140, 30, -35, 62, 30, 12, 0.2),
    "cactus": (86, 12, -82, 88, 0, 0, 0.2),
    "box": (42, 62, 18, 118, 10, 0, 0.75),
    "cross": (62, 112, 38, 62, 0, 0, 0.3),
    "back": (26, -82, 10, 22, 20, 0, 0.3),
    "wave": (62, 30, -88, 112, 0, 0, 0.05),
    "point": (122, 24, -10, 8, 0, 0, 0.35),
}
# name: place of the wrist, where elbow, fingers and palm point, curl
_HOLDS = {
    "hip": ((0.075, -0.385, -0.005), (1.0, 0.15, -0.45), (-0.25, -0.55, 0.8), (-1.0, 0.0, -0.2), 0.3),
    "hair": ((0.0, 0.20, 0.02), (1.0, 0.25, 0.1), (-0.75, 0.55, -0.3), (-0.5, -0.6, -0.2), 0.25),
    "heart": ((-0.075, -0.14, 0.185), (1.0, -1.0, 0.0), (-1.0, 0.2, 0.05), (0.0, 0.0, -1.0), 0.18),
    "waist": ((-0.06, -0.33, 0.20), (1.0, -0.3, -0.3), (-0.9, -0.3, 0.1), (-0.2, 0.0, -1.0), 0.25),
}


@lru_cache(maxsize=1)
def arm_poses() -> dict[str, Arm]:
    """Arm poses people strike, by name; every one has all of `dials.ARM_DIALS`."""
    names = ("raise", "plane", "twist", "elbow", "pronate", "wrist", "curl")
    poses: dict[str, Arm] = {"hang": RELAXED}
    for name, values in _ARMS.items():
        poses[name] = RELAXED | dict(zip(names, map(float, values), strict=True))
    for name, (wrist, elbow, fingers, palm, curl) in _HOLDS.items():
        held = grasp(reach(wrist, elbow_3=elbow), fingers_3=fingers, palm_3=palm)
        poses[name] = RELAXED | held | {"curl": curl}
    return poses


def set_arm(dials: Dials, side: int, pose: Arm, weight_T: np.ndarray | float) -> None:
    """Moves one arm's dials (side 0 left, 1 right) towards `pose` by a share per frame, in place."""
    for name in ARM_DIALS:
        key = f"{SIDES[side]}_{name}"
        dials[key] = dials[key] + weight_T * (pose[name] - dials[key])


def key_arms(dials: Dials, side: int, keys: Sequence[tuple[float, Arm]], *, fps: float) -> None:
    """Runs one arm through key poses (time in seconds, pose) by a monotone cubic spline (Fritsch and Carlson 1980)."""
    time = np.arange(len(dials["bend"])) / fps
    moments = np.array([moment for moment, _ in keys])
    for name in ARM_DIALS:
        values = np.array([pose[name] for _, pose in keys])
        if len(keys) > 1:
            path = PchipInterpolator(moments, values)(np.clip(time, moments[0], moments[-1]))
        else:
            path = np.full(len(time), values[0])
        # The spline stops dead at turning points; arms have weight and round them off.
        dials[f"{SIDES[side]}_{name}"] = gaussian_filter1d(path, 0.05 * fps, mode="nearest")


def key_dial(keys: Sequence[tuple[float, float]], *, num_frames: int, fps: float) -> np.ndarray:
    """[T] one dial through keys (seconds, value), eased from each to the next."""
    moments, values = np.array(keys, float).T
    time = np.clip(np.arange(num_frames) / fps, moments[0], moments[-1])
    return PchipInterpolator(moments, values)(time) if len(keys) > 1 else np.full(num_frames, values[0])


def window(start_s: float, end_s: float, *, num_frames: int, fps: float, ramp_s: float = 0.6) -> np.ndarray:
    """[T] 0 outside, 1 between `start_s` and `end_s`, with eased ramps that begin and end outside."""
    time = np.arange(num_frames) / fps
    return ease((time - start_s) / ramp_s + 1) * ease((end_s - time) / ramp_s + 1)


def swing_arms(dials: Dials, footing: Footing, *, amount: float = 1.0, elbow: float = 1.0) -> None:
    """Arms swing against the legs: each follows how far the opposite foot is ahead of the pelvis."""
    yaw = np.deg2rad(footing.yaw_T)
    ahead = np.stack([np.sin(yaw), np.cos(yaw)], axis=-1)
    ground = footing.feet_TS3[..., [0, 2]] - footing.pelvis_T2[:, None]
    leads = np.einsum("tsk,tk->ts", ground, ahead)
    # A foot lifted on the spot swings the arms too: its knee comes forward.
    leads = leads + 1.3 * footing.feet_TS3[..., 1]
    leads = gaussian_filter1d(leads, 0.07 * footing.fps, axis=0, mode="nearest")
    lead = leads[:, 1] - leads[:, 0]
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        forward = sign * lead * amount * 75.0
        along = np.stack([np.full_like(forward, 9.0), forward], axis=-1)
        dials[f"{side}_raise"] = np.linalg.norm(along, axis=-1)
        dials[f"{side}_plane"] = np.rad2deg(np.arctan2(along[:, 1], along[:, 0]))
        dials[f"{side}_elbow"] = RELAXED["elbow"] + elbow * np.maximum(forward, -8.0) * 0.55
    dials["twist"] = dials["twist"] - 14.0 * amount * lead


def stay_upright(dials: Dials, footing: Footing, *, share: float = 0.9) -> None:
    """The spine undoes most of the pelvis' list, so that the chest stays level over swaying hips."""
    dials["side"] = dials["side"] - share * footing.list_T
    dials["bend"] = dials["bend"] - 0.8 * footing.tilt_T


def breathe(dials: Dials, rng: np.random.Generator, *, fps: float) -> None:
    """Nobody is quite still: slow drift of head, trunk and arms, and a blink now and then."""
    num_frames = len(dials["bend"])
    scales = {"look": 3.0, "nod": 2.0, "tilt": 1.5, "twist": 1.2, "side": 0.8, "bend": 0.6}
    for side in SIDES:
        scales |= {f"{side}_raise": 1.0, f"{side}_elbow": 2.0, f"{side}_wrist": 2.5, f"{side}_curl": 0.03}
    for name, scale in scales.items():
        slow = gaussian_filter1d(rng.normal(size=num_frames + int(4 * fps)), 0.7 * fps)[int(2 * fps) :][:num_frames]
        dials[name] = dials[name] + scale * slow * np.sqrt(2 * np.sqrt(np.pi) * 0.7 * fps) * 0.7
    time, moment = np.arange(num_frames) / fps, rng.uniform(0.3, 3.0)
    while moment < time[-1]:
        dials["blink"] = np.maximum(dials["blink"], np.exp(-(((time - moment) / 0.07) ** 2)))
        moment += rng.uniform(1.5, 4.5)
