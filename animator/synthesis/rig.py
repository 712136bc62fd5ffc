"""One set of joints for every rendered person, and the pose type all motions are written in.

World: right-handed, metres, y up, the person faces +z, its left is +x, the floor is y = 0.
Rest: a T-pose with legs straight down, arms straight out along ±x, palms down, feet pointing to +z. Every
joint's local frame is parallel to the world in the T-pose, so a rotation reads as it would on a mannequin:
raising the left arm from the T is a turn about +z, lowering it a turn about -z, bending a knee a turn about +x.

Legend: J joints, S sides (left, right), F fingers (thumb, index, middle, ring, little).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from animator.errors import JobError

JOINTS: tuple[str, ...] = (
    "pelvis",
    "left_hip",
    "right_hip",
    "spine1",
    "left_knee",
    "right_knee",
    "spine2",
    "left_ankle",
    "right_ankle",
    "spine3",
    "left_foot",
    "right_foot",
    "neck",
    "left_collar",
    "right_collar",
    "head",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
)
NUM_JOINTS = len(JOINTS)
JOINT = {name: index for index, name in enumerate(JOINTS)}
# Index of each joint's parent; -1 for the root. Parents come before their children.
PARENTS: tuple[int, ...] = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19)
MIRROR = np.array([JOINT[name.replace("left", "#").replace("right", "left").replace("#", "right")] for name in JOINTS])

# T-pose of an average adult, metres over the floor: bone lengths of the CC0 base mesh hm08.
_DEFAULT_LEFT = {
    "pelvis": (0.0, 0.890, 0.0),
    "left_hip": (0.101, 0.882, -0.008),
    "spine1": (0.0, 0.970, -0.039),
    "left_knee": (0.101, 0.488, -0.008),
    "spine2": (0.0, 1.036, -0.024),
    "left_ankle": (0.101, 0.080, -0.008),
    "spine3": (0.0, 1.111, -0.022),
    "left_foot": (0.101, 0.020, 0.109),
    "neck": (0.0, 1.430, -0.009),
    "left_collar": (0.023, 1.359, 0.008),
    "head": (0.0, 1.531, 0.030),
    "left_shoulder": (0.172, 1.359, 0.008),
    "left_elbow": (0.414, 1.359, 0.008),
    "left_wrist": (0.653, 1.359, 0.008),
}


def _default_rest() -> np.ndarray:
    rows = []
    for name in JOINTS:
        x, y, z = _DEFAULT_LEFT[name.replace("right", "left")]
        rows.append((-x if name.startswith("right") else x, y, z))
    return np.array(rows)


DEFAULT_REST_J3: np.ndarray = _default_rest()
DEFAULT_REST_J3.setflags(write=False)

RELAXED_CURL_SF: np.ndarray = np.array([[0.25, 0.28, 0.34, 0.40, 0.45]] * 2)
RELAXED_CURL_SF.setflags(write=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BodyPose:
    """A pose for any body: what the joints do, not where they end up.

    Attributes:
        rotations_J33: local rotation of each joint against its parent; identity is the T-pose.
        root_3: position of the pelvis in pelvis heights (rest height of the pelvis over the floor), so that
            (0, 1, 0) stands on the floor whatever the length of the legs.
        curl_SF: bend of each finger, 0 straight to 1 closed fist.
        spread_S: fan of the fingers, 0 together to 1 wide apart.
        smile: 0 neutral to 1 broad.
        blink: 0 open to 1 closed eyes.

    Raises:
        JobError: arrays of another shape, or values that are not finite.
    """

    rotations_J33: np.ndarray
    root_3: np.ndarray = field(default_factory=lambda: np.array([0.0, 1.0, 0.0]))
    curl_SF: np.ndarray = field(default_factory=lambda: RELAXED_CURL_SF.copy())
    spread_S: np.ndarray = field(default_factory=lambda: np.full(2, 0.25))
    smile: float = 0.0
    blink: float = 0.0

    def __post_init__(self) -> None:
        shapes = {"rotations_J33": (NUM_JOINTS, 3, 3), "root_3": (3,), "curl_SF": (2, 5), "spread_S": (2,)}
        for name, shape in shapes.items():
            value = np.asarray(getattr(self, name), dtype=np.float64)
            if value.shape != shape or not np.isfinite(value).all():
                raise JobError(f"BodyPose.{name} has shape {value.shape}, expected finite values of shape {shape}")
            object.__setattr__(self, name, value)


def rest_pose() -> BodyPose:
    """The T-pose, standing on the floor."""
    return BodyPose(rotations_J33=np.tile(np.eye(3), (NUM_JOINTS, 1, 1)))


def rotation(axis: str, degrees: float) -> np.ndarray:
    """[3, 3] right-handed turn about the world axis "x", "y" or "z"."""
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    angle = np.deg2rad(degrees)
    turn = np.eye(3)
    turn[first, first] = turn[second, second] = np.cos(angle)
    turn[second, first] = np.sin(angle)
    turn[first, second] = -np.sin(angle)
    return turn


def forward_kinematics(pose: BodyPose, rest_J3: np.ndarray = DEFAULT_REST_J3) -> tuple[np.ndarray, np.ndarray]:
    """Joint positions [J, 3] in metres and global rotations [J, 3, 3] of a body with T-pose joints `rest_J3`."""
    positions = np.empty((NUM_JOINTS, 3))
    turned = np.empty((NUM_JOINTS, 3, 3))
    positions[0] = pose.root_3 * rest_J3[0, 1]
    turned[0] = pose.rotations_J33[0]
    for joint in range(1, NUM_JOINTS):
        parent = PARENTS[joint]
        positions[joint] = positions[parent] + turned[parent] @ (rest_J3[joint] - rest_J3[parent])
        turned[joint] = turned[parent] @ pose.rotations_J33[joint]
    return positions, turned
