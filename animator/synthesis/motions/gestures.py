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


@lru_cache(maxsize=1)
def arm_poses() -> dict[str, Arm]:
    """Arm poses people strike, by name."""
    hip = grasp(
        reach((0.075, -0.385, -0.005), elbow_3=(1.0, 0.15, -0.45)),
        fingers_3=(-0.25, -0.55, 0.8),
        palm_3=(-1.0, 0.0, -0.2),
    )
    poses: dict[str, dict[str, float]] = {
        "hip": hip | {"curl": 0.3, "spread": 0.4, "shrug": 3.0},
        "hair": grasp(
            reach((0.0, 0.20, 0.02), elbow_3=(1.0, 0.25, 0.1)), fingers_3=(-0.75, 0.55, -0.3), palm_3=(-0.5, -0.6, -0.2)
        )
        | {"curl": 0.25},
        "heart": grasp(
            reach((-0.075, -0.14, 0.185), elbow_3=(1.0, -1.0, 0.0)), fingers_3=(-1.0, 0.2, 0.05), palm_3=(0.0, 0.0, -1.0)
        )
        | {"curl": 0.18},
        "waist": grasp(
            reach((-0.06, -0.33, 0.20), elbow_3=(1.0, -0.3, -0.3)), fingers_3=(-0.9, -0.3, 0.1), palm_3=(-0.2, 0, -1.0)
        )
        | {"curl": 0.25},
        "side": {"raise": 84.0, "plane": 8.0, "twist": 0.0, "elbow": 10.0, "pronate": 0.0, "wrist": 0.0, "curl": 0.15},
        "open": {"raise": 48.0, "plane": 28.0, "twist": -25.0, "elbow": 38.0, "pronate": -45.0, "wrist": -12.0, "curl": 0.2},
        "front": {"raise": 82.0, "plane": 78.0, "twist": 10.0, "elbow": 12.0, "pronate": 0.0, "wrist": 0.0, "curl": 0.2},
        "up": {"raise": 160.0, "plane": 22.0, "twist": -15.0, "elbow": 14.0, "pronate": 0.0, "wrist": 0.0, "curl": 0.2},
        "high_v": {"raise": 134.0, "plane": 14.0, "twist": -20.0, "elbow": 8.0, "pronate": 0.0, "wrist": 0.0, "curl": 0.1},
        "low_v": {"raise": 38.0, "plane": 6.0, "twist": 10.0, "elbow": 6.0, "pronate": 0.0, "wrist": -14.0, "curl": 0.12},
        "crown": {"raise": 140.0, "plane": 30.0, "twist": -35.0, "elbow": 62.0, "pronate": 30.0, "wrist": 12.0, "curl": 0.2},
        "cactus": {"raise": 86.0, "plane": 12.0, "twist": -82.0, "elbow": 88.0, "pronate": 0.0, "wrist": 0.0, "curl": 0.2},
        "box": {"raise": 42.0, "plane": 62.0, "twist": 18.0, "elbow": 118.0, "pronate": 10.0, "wrist": 0.0, "curl": 0.75},
        "cross": {"raise": 62.0, "plane": 112.0, "twist": 38.0, "elbow": 62.0, "pronate": 0.0, "wrist": 0.0, "curl": 0.3},
        "back": {"raise": 26.0, "plane": -82.0, "twist": 10.0, "elbow": 22.0, "pronate": 20.0, "wrist": 0.0, "curl": 0.3},
        "wave": {"raise": 62.0, "plane": 30.0, "twist": -88.0, "elbow": 112.0, "pronate": 0.0, "wrist": 0.0, "curl": 0.05, "spread": 0.6},
        "point": {"raise": 122.0, "plane": 24.0, "twist": -10.0, "elbow": 8.0, "pronate": 0.0, "wrist": 0.0, "curl": 0.35},
        "hang": {},
    }  # fmt: skip
    return {name: dict(RELAXED) | pose for name, pose in poses.items()}


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
