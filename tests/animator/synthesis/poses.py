"""Poses said in a few words."""

import dataclasses

import numpy as np

from animator.synthesis.rig import JOINT, BodyPose, rest_pose


def pose_from(turns: dict[str, np.ndarray]) -> BodyPose:
    """The T-pose with the local rotations [3, 3] of the named joints replaced by `turns`."""
    rest = rest_pose()
    rotations = rest.rotations_J33.copy()
    for name, turn in turns.items():
        rotations[JOINT[name]] = turn
    return dataclasses.replace(rest, rotations_J33=rotations)
