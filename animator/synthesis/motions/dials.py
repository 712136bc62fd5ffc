"""Poses as dials: a handful of named angles over time that a person would use to describe a pose.

All dials are degrees unless said otherwise; left and right read the same (a raised arm is positive on both sides).

==================  =====================================================================================
`{side}_raise`      angle of the upper arm from hanging: 90 level, 180 straight up
`{side}_plane`      where it is raised to: 0 to the side, 90 to the front, negative behind
`{side}_twist`      turn of the upper arm; positive brings a bent forearm before the body
`{side}_elbow`      bend, 0 straight
`{side}_pronate`    turn of the hand about the forearm; positive turns the palm back
`{side}_wrist`      bend of the hand towards the palm; `{side}_deviate` towards the little finger
`{side}_shrug`      lift of the shoulder beyond what the arm asks for
`{side}_curl`       0 open hand to 1 fist; `{side}_spread` 0 to 1
`bend`              forward bend of the spine; `side` to the left; `twist` to the left
`nod`               head down; `tilt` to the left; `look` to the left
`smile`, `blink`    0 to 1
==================  =====================================================================================

Legend: T frames, J joints.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from animator.synthesis.motions.legs import SIDES, unit
from animator.synthesis.rig import DEFAULT_REST_J3, JOINT, NUM_JOINTS, RELAXED_CURL_SF

Dials = dict[str, np.ndarray]

RELAXED = {
    "raise": 11.0,
    "plane": 25.0,
    "twist": 22.0,
    "elbow": 16.0,
    "pronate": -8.0,
    "wrist": 4.0,
    "deviate": 0.0,
    "shrug": 0.0,
    "curl": 0.33,
    "spread": 0.25,
}
_TRUNK = ("bend", "side", "twist", "nod", "tilt", "look", "smile", "blink")
ARM_DIALS = tuple(RELAXED)
# Shares of the spine's turns taken by its three joints, from the bottom up.
_SPINE_SHARES = (0.3, 0.35, 0.35)
# The collar bone sinks below the T-pose's when the arm hangs and rises with the arm (scapulohumeral rhythm).
_COLLAR_HANGING_DEG, _COLLAR_PER_RAISE = -11.0, 0.17
_FLIP = np.diag([-1.0, 1.0, 1.0])


def relaxed_dials(num_frames: int) -> Dials:
    """Arms hanging, looking ahead."""
    dials = {name: np.zeros(num_frames) for name in _TRUNK}
    for side in SIDES:
        dials |= {f"{side}_{name}": np.full(num_frames, value) for name, value in RELAXED.items()}
    return dials


def turns(axis: str, degrees_T: np.ndarray) -> np.ndarray:
    """[T, 3, 3] rotations about one axis."""
    return Rotation.from_euler(axis, degrees_T[:, None], degrees=True).as_matrix()


def upper_rotations(dials: Dials) -> np.ndarray:
    """Local rotations [T, J, 3, 3] of trunk, head and arms; pelvis and legs are left in the T-pose."""
    num_frames = len(dials["bend"])
    rotations = np.tile(np.eye(3), (num_frames, NUM_JOINTS, 1, 1))
    for joint, share in zip(("spine1", "spine2", "spine3"), _SPINE_SHARES, strict=True):
        rotations[:, JOINT[joint]] = (
            turns("y", share * dials["twist"]) @ turns("x", share * dials["bend"]) @ turns("z", -share * dials["side"])
        )
    for joint, share in (("neck", 0.45), ("head", 0.55)):
        rotations[:, JOINT[joint]] = (
            turns("y", share * dials["look"]) @ turns("x", share * dials["nod"]) @ turns("z", -share * dials["tilt"])
        )
    for side in SIDES:
        arm = {name: dials[f"{side}_{name}"] for name in ARM_DIALS}
        for joint, turn in _left_arm(arm).items():
            rotations[:, JOINT[f"{side}_{joint}"]] = turn if side == "left" else _FLIP @ turn @ _FLIP
    return rotations


def _left_arm(arm: Dials) -> dict[str, np.ndarray]:
    """Local rotations of a left arm's joints."""
    lift = _COLLAR_HANGING_DEG + _COLLAR_PER_RAISE * arm["raise"] + arm["shrug"]
    forward = 0.06 * arm["raise"] * np.sin(np.deg2rad(arm["plane"]))
    collar = turns("y", -forward) @ turns("z", lift)
    upper = swing(arm["raise"], arm["plane"]) @ turns("y", -arm["twist"]) @ turns("z", np.full_like(lift, -90.0))
    return {
        "collar": collar,
        "shoulder": np.swapaxes(collar, 1, 2) @ upper,
        "elbow": turns("y", -arm["elbow"]),
        "wrist": turns("x", arm["pronate"]) @ turns("z", -arm["wrist"]) @ turns("y", arm["deviate"]),
    }


def swing(raise_T: np.ndarray, plane_T: np.ndarray) -> np.ndarray:
    """[T, 3, 3] smallest rotation that takes a hanging left arm to its raise and plane."""
    angle, plane = np.deg2rad(raise_T), np.deg2rad(plane_T)
    # The axis lies level, at a right angle to the plane; a turn about +z raises to the side.
    axis = np.stack([-np.sin(plane), np.zeros_like(plane), np.cos(plane)], axis=-1)
    return Rotation.from_rotvec(axis * angle[:, None]).as_matrix()


def hands(dials: Dials) -> tuple[np.ndarray, np.ndarray]:
    """Finger curls [T, S, F] and spreads [T, S]."""
    curl = np.stack([dials[f"{side}_curl"] for side in SIDES], axis=1)
    # Outer fingers bend further when the hand is at ease; a fist closes them all.
    relaxed = RELAXED_CURL_SF / RELAXED["curl"]
    wanted = np.where(curl < 0.5, 1.0, 2 - 2 * curl)[..., None] * (relaxed - 1) + 1
    return np.clip(curl[..., None] * wanted, 0, 1), np.stack([dials[f"{side}_spread"] for side in SIDES], axis=1)


def reach(target_3: tuple[float, float, float], *, elbow_3: tuple[float, float, float]) -> dict[str, float]:
    """Dials of the arm whose wrist comes to a place.

    Args:
        target_3: of the wrist against the shoulder joint, in the chest's axes for a left arm (x outward, y up, z to
            the front), in pelvis heights.
        elbow_3: direction the elbow points to, same axes.

    Returns:
        raise, plane, twist and elbow in degrees; out of reach, the arm points to the target.
    """
    shoulder, elbow, wrist = (DEFAULT_REST_J3[JOINT[f"left_{name}"]] for name in ("shoulder", "elbow", "wrist"))
    upper, fore = np.linalg.norm(elbow - shoulder), np.linalg.norm(wrist - elbow)
    target = np.asarray(target_3) * DEFAULT_REST_J3[0, 1]
    distance = float(np.clip(np.linalg.norm(target), abs(upper - fore) + 1e-3, upper + fore - 1e-4))
    along = unit(target)
    side = np.asarray(elbow_3, float)
    side = unit(side - (side @ along) * along)
    part = (upper**2 + distance**2 - fore**2) / (2 * distance)
    joint = along * part + side * np.sqrt(np.maximum(upper**2 - part**2, 0.0))
    direction, forearm = unit(joint), unit(along * distance - joint)
    raised = float(np.rad2deg(np.arccos(np.clip(-direction[1], -1, 1))))
    plane = float(np.rad2deg(np.arctan2(direction[2], direction[0])))
    local = swing(np.array([raised]), np.array([plane]))[0].T @ forearm
    return {
        "raise": float(raised),
        "plane": float(plane),
        "twist": float(np.rad2deg(np.arctan2(-local[0], local[2]))),
        "elbow": float(np.rad2deg(np.arccos(np.clip(direction @ forearm, -1, 1)))),
    }


def grasp(
    arm: dict[str, float], *, fingers_3: tuple[float, float, float], palm_3: tuple[float, float, float]
) -> dict[str, float]:
    """`arm` with the wrist dials that point the fingers along `fingers_3` and the palm along `palm_3`.

    Axes are those of `reach`. Wrists stay within what wrists can do.
    """
    one = {name: np.array([arm[name]]) for name in ("raise", "plane", "twist", "elbow")}
    upper = swing(one["raise"], one["plane"]) @ turns("y", -one["twist"]) @ turns("z", np.array([-90.0]))
    forearm = (upper @ turns("y", -one["elbow"]))[0]
    x = unit(np.asarray(fingers_3, float))
    palm = np.asarray(palm_3, float)
    y = -unit(palm - (palm @ x) * x)
    wanted = forearm.T @ np.stack([x, y, np.cross(x, y)], axis=1)
    pronate, bend, deviate = Rotation.from_matrix(wanted).as_euler("XZY", degrees=True)
    return arm | {
        "pronate": float(np.clip(pronate, -95, 95)),
        "wrist": float(np.clip(-bend, -65, 70)),
        "deviate": float(np.clip(deviate, -25, 30)),
    }
