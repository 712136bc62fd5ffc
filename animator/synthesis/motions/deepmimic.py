"""Motions from DeepMimic's text files (Peng et al. 2018, the humanoid3d character).

A frame is its duration, the root's place and rotation, then joint rotations: quaternions (w, x, y, z) or hinge
angles in radians. The character faces +x, up is +y, its right is +z, arms and legs hang down at rest.

Legend: T frames, J joints.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from animator.errors import JobError
from animator.synthesis.motions.motion import MAX_FRAME_S, MIN_FRAME_S, Motion, motion_from_globals
from animator.synthesis.rig import JOINT, NUM_JOINTS, rotation

MAX_FILE_BYTES = 64 * 1024 * 1024
_NUM_VALUES = 44
# First column of each joint; hinges (knees and elbows) have one value.
_COLUMNS = {
    "root": 4, "chest": 8, "neck": 12,
    "right_hip": 16, "right_knee": 20, "right_ankle": 21, "right_shoulder": 25, "right_elbow": 29,
    "left_hip": 30, "left_knee": 34, "left_ankle": 35, "left_shoulder": 39, "left_elbow": 43,
}  # fmt: skip
# x ahead, y up, z to the right -> x to the left, y up, z ahead.
_TO_RIG = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
# Height of the character's root when it stands, metres: thigh 0.4215, shin 0.4099, ankle and hip joints included.
_PELVIS_M = 0.90
_HANGING = {"left": rotation("z", -90), "right": rotation("z", 90)}


def read_deepmimic(path: Path) -> Motion:
    """The motion in a DeepMimic file, at the rate of its first frame.

    Raises:
        JobError: not such a file.
    """
    if not path.is_file() or path.stat().st_size > MAX_FILE_BYTES:
        raise JobError(f"{path}: no motion file of at most {MAX_FILE_BYTES >> 20} MiB")
    try:
        frames = np.array(json.loads(path.read_text(encoding="utf-8"))["Frames"], dtype=np.float64)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise JobError(f"{path.name}: not a DeepMimic motion ({type(error).__name__}: {error})") from error
    if frames.ndim != 2 or frames.shape[1] != _NUM_VALUES or not np.isfinite(frames).all():
        raise JobError(f"{path.name}: frames of shape {list(frames.shape)}, expected [T, {_NUM_VALUES}] finite values")
    if not MIN_FRAME_S <= frames[0, 0] <= MAX_FRAME_S:
        raise JobError(f"{path.name}: frames of {frames[0, 0]:g} s, expected {MIN_FRAME_S:g} to {MAX_FRAME_S:g} s")
    try:
        turned = _globals(frames)
    except ValueError as error:  # a quaternion of zeros
        raise JobError(f"{path.name}: not a DeepMimic motion ({error})") from error
    return motion_from_globals(turned, frames[:, 1:4] @ _TO_RIG.T / _PELVIS_M, fps=1 / frames[0, 0])


def _globals(frames_TV: np.ndarray) -> np.ndarray:
    """Global rotations [T, J, 3, 3] on the rig."""
    turn = {name: _turns(frames_TV, name) for name in _COLUMNS}
    out = np.tile(np.eye(3), (len(frames_TV), NUM_JOINTS, 1, 1))
    pelvis = turn["root"]
    out[:, 0] = pelvis
    # One joint at the waist and one at the neck: the rig's spine and neck share their turns.
    for name, share in (("spine1", 1 / 3), ("spine2", 2 / 3), ("spine3", 1.0)):
        out[:, JOINT[name]] = pelvis @ _part(turn["chest"], share)
    chest = out[:, JOINT["spine3"]]
    out[:, JOINT["neck"]], out[:, JOINT["head"]] = chest @ _part(turn["neck"], 0.5), chest @ turn["neck"]
    for side in ("left", "right"):
        out[:, JOINT[f"{side}_collar"]] = chest
        upper = chest @ turn[f"{side}_shoulder"]
        fore = upper @ turn[f"{side}_elbow"]
        out[:, JOINT[f"{side}_shoulder"]] = upper @ _HANGING[side]
        out[:, JOINT[f"{side}_elbow"]] = out[:, JOINT[f"{side}_wrist"]] = fore @ _HANGING[side]
        thigh = pelvis @ turn[f"{side}_hip"]
        shin = thigh @ turn[f"{side}_knee"]
        out[:, JOINT[f"{side}_hip"]], out[:, JOINT[f"{side}_knee"]] = thigh, shin
        out[:, JOINT[f"{side}_ankle"]] = out[:, JOINT[f"{side}_foot"]] = shin @ turn[f"{side}_ankle"]
    return out


def _turns(frames_TV: np.ndarray, name: str) -> np.ndarray:
    column = _COLUMNS[name]
    if name.endswith(("knee", "elbow")):
        local = Rotation.from_euler("z", frames_TV[:, column : column + 1]).as_matrix()
    else:
        local = Rotation.from_quat(np.roll(frames_TV[:, column : column + 4], -1, axis=1)).as_matrix()
    return _TO_RIG @ local @ _TO_RIG.T


def _part(turns_T33: np.ndarray, share: float) -> np.ndarray:
    return Rotation.from_rotvec(Rotation.from_matrix(turns_T33).as_rotvec() * share).as_matrix()
