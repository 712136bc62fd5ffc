"""What feet do: steps that plant and never slide, and the pelvis that rides on them.

Lengths are in pelvis heights. Legend: T frames, S sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from animator.synthesis.motions.dials import turns
from animator.synthesis.motions.legs import SIDES, reachable_height, solve_leg
from animator.synthesis.rig import DEFAULT_REST_J3, JOINT, NUM_JOINTS

_UNIT_M = float(DEFAULT_REST_J3[0, 1])
_REST = DEFAULT_REST_J3 / _UNIT_M
_HIP, _ANKLE, _BALL = (_REST[JOINT[f"left_{part}"]] for part in ("hip", "ankle", "foot"))
# From the ankle down to the sole at the ball, and at the heel.
_TO_BALL = np.array([0.0, -_ANKLE[1], _BALL[2] - _ANKLE[2]])
_TO_HEEL = np.array([0.0, -_ANKLE[1], -0.05])


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One foot moves to a new place.

    Attributes:
        side: 0 left, 1 right.
        start_s, duration_s: when it is off the floor.
        x, z: where it lands (below the ankle).
        yaw_deg: where the toes point then, to the left of +z; counted on, so that a full turn is 360.
        lift: height of the ankle on the way.
        heel_deg: how far the heel rises at the start of the step.
        toe_deg: how far the toes point up when it lands.
    """

    side: int
    start_s: float
    duration_s: float
    x: float
    z: float
    yaw_deg: float = 0.0
    lift: float = 0.09
    heel_deg: float = 30.0
    toe_deg: float = 0.0


@dataclass(slots=True, kw_only=True)
class Footing:
    """Where feet and pelvis are, frame by frame. Arrays may be changed before `solve_footing`.

    Attributes:
        feet_TS3: places below the ankles; y is the lift.
        yaw_TS, pitch_TS: degrees; pitch is positive with the heel up, negative with the toes up.
        weight_T: 0 all weight on the left foot, 1 on the right.
        pelvis_T2: x and z of the pelvis.
        drop_T: how far the pelvis sinks below standing.
        yaw_T, list_T, tilt_T: pelvis turned to the left, lowered on the left, tipped forward; degrees.
        fps: frames a second.
    """

    feet_TS3: np.ndarray
    yaw_TS: np.ndarray
    pitch_TS: np.ndarray
    weight_T: np.ndarray
    pelvis_T2: np.ndarray
    drop_T: np.ndarray
    yaw_T: np.ndarray
    list_T: np.ndarray
    tilt_T: np.ndarray
    fps: float

    def __len__(self) -> int:
        return len(self.weight_T)


def ease(share: np.ndarray) -> np.ndarray:
    """Minimum-jerk way from 0 to 1 (Flash and Hogan 1985)."""
    s = np.clip(share, 0, 1)
    return s**3 * (10 - 15 * s + 6 * s**2)


def plan_footing(
    steps: Sequence[Step],
    *,
    num_frames: int,
    fps: float,
    stance: float = 0.115,
    toes_out_deg: float = 9.0,
    start_x: float = 0.0,
    start_z: float = 0.0,
    sway: float = 0.6,
    yaw_deg: float = 0.0,
) -> Footing:
    """Feet that take `steps` from a stance of half width `stance`, toes turned out, pelvis over the standing foot.

    Args:
        start_x, start_z: where the person stands at first.
        sway: how far the pelvis moves over the standing foot, 0 not at all to 1 right over it.
        yaw_deg: where the person faces at the start.
    """
    time = np.arange(num_frames) / fps
    feet = np.zeros((num_frames, 2, 3))
    yaw, pitch = np.full((num_frames, 2), yaw_deg), np.zeros((num_frames, 2))
    aside = Rotation.from_euler("y", yaw_deg, degrees=True).apply([stance, 0.0, 0.0])
    feet[:] = np.stack([aside, -aside]) + np.array([start_x, 0.0, start_z])
    lifted = np.zeros((num_frames, 2))
    for step in sorted(steps, key=lambda one: one.start_s):
        share = (time - step.start_s) / step.duration_s
        _move_foot(step, share, feet[:, step.side], yaw[:, step.side])
        pitch[:, step.side] += _roll(share, step)
        # Weight leaves the foot a little before it does.
        early = 0.16 + 0.1 * step.duration_s
        lifted[:, step.side] += (time > step.start_s - early) & (time < step.start_s + step.duration_s)
    lifted = gaussian_filter1d(np.minimum(lifted, 1.0), 0.10 * fps, axis=0, mode="nearest")
    facing = gaussian_filter1d(yaw.mean(1), 0.10 * fps, mode="nearest")
    footing = Footing(
        feet_TS3=feet,
        yaw_TS=yaw + toes_out_deg * np.array([1.0, -1.0]),
        pitch_TS=pitch,
        weight_T=np.full(num_frames, 0.5),
        pelvis_T2=np.zeros((num_frames, 2)),
        drop_T=np.full(num_frames, 0.012),
        yaw_T=facing,
        list_T=np.zeros(num_frames),
        tilt_T=np.full(num_frames, 2.0),
        fps=fps,
    )
    shift_weight(footing, 0.5 + 0.5 * (lifted[:, 0] - lifted[:, 1]), sway=sway)
    return footing


def _move_foot(step: Step, share_T: np.ndarray, place_T3: np.ndarray, yaw_T: np.ndarray) -> None:
    """Takes the foot, in place, from where it ends so far to where the step lands; `share_T` of the step is done."""
    moved = ease(share_T)
    for column, goal in ((0, step.x), (2, step.z)):
        place_T3[:, column] += moved * (goal - place_T3[-1, column])
    yaw_T += moved * (step.yaw_deg - yaw_T[-1])
    place_T3[:, 1] += step.lift * np.sin(np.pi * np.clip(share_T, 0, 1)) ** 2


def shift_weight(footing: Footing, weight_T: np.ndarray, *, sway: float = 0.6, list_deg: float = 5.0) -> None:
    """Puts the weight on the left (0) or the right foot (1), the pelvis `sway` of the way over it, in place.

    The hip of the free leg sinks by up to `list_deg`.
    """
    ground = footing.feet_TS3[..., [0, 2]]
    middle = ground.mean(1)
    over = ground[:, 0] * (1 - weight_T[:, None]) + ground[:, 1] * weight_T[:, None]
    footing.weight_T = weight_T
    footing.pelvis_T2 = gaussian_filter1d(middle + sway * (over - middle), 0.09 * footing.fps, axis=0, mode="nearest")
    footing.list_T = list_deg * (weight_T * 2 - 1)


def _roll(share: np.ndarray, step: Step) -> np.ndarray:
    """[T] pitch of the foot over a step: the heel peels off before it, the toes come down after it."""
    peel = step.heel_deg * np.where(share < 0.18, ease((share + 0.45) / 0.63), 1 - ease((share - 0.18) / 0.55))
    land = step.toe_deg * np.where(share < 0.95, ease((share - 0.45) / 0.5), 1 - ease((share - 0.95) / 0.30))
    return np.where((share > -0.45) & (share < 1.3), peel - land, 0.0)


def solve_footing(footing: Footing) -> tuple[np.ndarray, np.ndarray]:
    """Local rotations [T, J, 3, 3] of pelvis and legs (the rest in the T-pose) and root positions [T, 3]."""
    num_frames = len(footing)
    rotations = np.tile(np.eye(3), (num_frames, NUM_JOINTS, 1, 1))
    pelvis = turns("y", footing.yaw_T) @ turns("x", footing.tilt_T) @ turns("z", -footing.list_T)
    rotations[:, 0] = pelvis
    ankles, feet = zip(*(_place_foot(footing, side) for side in range(2)), strict=True)
    hips = [pelvis @ (_REST[JOINT[f"{side}_hip"]] - _REST[0]) for side in SIDES]
    ground = np.stack([footing.pelvis_T2 + hips[s][:, [0, 2]] - ankles[s][:, [0, 2]] for s in range(2)], axis=1)
    heights = np.stack([ankles[s][:, 1] - hips[s][:, 1] for s in range(2)], axis=1)
    length = float(_HIP[1] - _ANKLE[1])
    highest = reachable_height(ground, heights, length=length)
    # Softly no higher than the stretched legs allow.
    wanted = 1.0 - footing.drop_T
    over = np.maximum(wanted - highest, -0.2)
    level = wanted - np.logaddexp(0.0, over / 0.003) * 0.003
    root = np.stack([footing.pelvis_T2[:, 0], level, footing.pelvis_T2[:, 1]], axis=-1)
    for s, side in enumerate(SIDES):
        facing = footing.yaw_T + 0.75 * (footing.yaw_TS[:, s] - footing.yaw_T)
        hinge = turns("y", facing)[:, :, 0]
        knee_y = float(_REST[JOINT[f"{side}_knee"], 1])
        thigh, shin = solve_leg(root + hips[s], ankles[s], hinge, thigh_m=_HIP[1] - knee_y, shin_m=knee_y - _ANKLE[1])
        rotations[:, JOINT[f"{side}_hip"]] = np.swapaxes(pelvis, 1, 2) @ thigh
        rotations[:, JOINT[f"{side}_knee"]] = np.swapaxes(thigh, 1, 2) @ shin
        rotations[:, JOINT[f"{side}_ankle"]] = np.swapaxes(shin, 1, 2) @ feet[s]
        # Toes stay on the floor while the heel is up and the foot bears weight.
        grounded = 1 - ease(footing.feet_TS3[:, s, 1] / 0.05)
        rotations[:, JOINT[f"{side}_foot"]] = turns("x", -np.maximum(footing.pitch_TS[:, s], 0) * grounded)
    return rotations, root


def _place_foot(footing: Footing, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Ankle places [T, 3] and global foot rotations [T, 3, 3]: a foot rolls over its ball or its heel."""
    yaw, pitch = turns("y", footing.yaw_TS[:, side]), footing.pitch_TS[:, side]
    turn = yaw @ turns("x", pitch)
    pivot = np.where((pitch > 0)[:, None], _TO_BALL, _TO_HEEL)
    flat = footing.feet_TS3[:, side] + np.array([0.0, _ANKLE[1], 0.0])
    pivot_at = flat + np.einsum("tij,tj->ti", yaw, pivot)
    return pivot_at - np.einsum("tij,tj->ti", turn, pivot), turn
