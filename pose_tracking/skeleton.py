"""Skeletons: the names, limbs and mirror partners of the keypoints a tracker or a data set uses.

Left and right are the person's own. Coordinates everywhere are continuous px: (0, 0) is the top-left corner
of the picture, the centre of the first pixel lies at (0.5, 0.5).

Sources of the joint orders: BlazePose (Bazarevsky et al. 2020, MediaPipe's 33 landmarks), COCO key points
(Lin et al. 2014), OpenPose-18 (Cao et al. 2017), COCO-WholeBody (Jin et al. 2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Skeleton:
    """A fixed order of named joints.

    Attributes:
        name: key in `SKELETONS`, written into files.
        joints: one unique name per keypoint.
        limbs: index pairs worth drawing and measuring.
    """

    name: str
    joints: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...]

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {joint: position for position, joint in enumerate(self.joints)}

    def __len__(self) -> int:
        return len(self.joints)

    def __contains__(self, joint: object) -> bool:
        return joint in self._positions

    def index(self, joint: str) -> int:
        """Position of `joint`; KeyError names the skeleton when it has no such joint."""
        try:
            return self._positions[joint]
        except KeyError:
            raise KeyError(f"{self.name} has no joint {joint!r}") from None

    @cached_property
    def mirror(self) -> tuple[int, ...]:
        """For each joint the index of its partner on the other side; its own index for middle joints."""
        return tuple(self._positions.get(_other_side(joint), here) for here, joint in enumerate(self.joints))

    @cached_property
    def mirror_pairs(self) -> tuple[tuple[int, int], ...]:
        """(left, right) index pairs."""
        return tuple(
            (here, other)
            for here, (joint, other) in enumerate(zip(self.joints, self.mirror, strict=True))
            if here != other and "left" in joint
        )

    def convert(
        self, keypoints: np.ndarray, confidence: np.ndarray, *, target: Skeleton
    ) -> tuple[np.ndarray, np.ndarray]:
        """Carry keypoints [..., K, 2] and confidence [..., K] to another skeleton.

        Joints are matched by name, then by `SYNONYMS`; `neck` is the middle of the shoulders. Joints that
        this skeleton cannot supply come out NaN with confidence 0.
        """
        shape = (*keypoints.shape[:-2], len(target.joints))
        moved = np.full((*shape, 2), np.nan, dtype=np.float32)
        certain = np.zeros(shape, dtype=np.float32)
        for place, joint in enumerate(target.joints):
            source = self._sources(joint)
            if source:
                moved[..., place, :] = keypoints[..., source, :].mean(axis=-2)
                certain[..., place] = confidence[..., source].min(axis=-1)
        certain = np.where(np.isnan(moved[..., 0]), np.float32(0), certain)
        return moved, certain

    def _sources(self, joint: str) -> list[int]:
        for name in (joint, *SYNONYMS.get(joint, ())):
            if name in self._positions:
                return [self._positions[name]]
        if joint == "neck" and {"left_shoulder", "right_shoulder"} <= self._positions.keys():
            return [self._positions["left_shoulder"], self._positions["right_shoulder"]]
        return []


def _other_side(joint: str) -> str:
    if "left" in joint:
        return joint.replace("left", "right")
    return joint.replace("right", "left")


# Joints that are the same place on the body under different names.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "left_foot_index": ("left_big_toe",),
    "right_foot_index": ("right_big_toe",),
    "left_big_toe": ("left_foot_index",),
    "right_big_toe": ("right_foot_index",),
    "left_index": ("left_hand_5",),
    "right_index": ("right_hand_5",),
    "left_pinky": ("left_hand_17",),
    "right_pinky": ("right_hand_17",),
    "left_thumb": ("left_hand_2",),
    "right_thumb": ("right_hand_2",),
    "mouth_left": ("face_54",),
    "mouth_right": ("face_48",),
}

_BLAZEPOSE_JOINTS = (
    "nose",
    "left_eye_inner",
    "left_eye",
    "left_eye_outer",
    "right_eye_inner",
    "right_eye",
    "right_eye_outer",
    "left_ear",
    "right_ear",
    "mouth_left",
    "mouth_right",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_pinky",
    "right_pinky",
    "left_index",
    "right_index",
    "left_thumb",
    "right_thumb",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
    "left_heel",
    "right_heel",
    "left_foot_index",
    "right_foot_index",
)

_COCO_JOINTS = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)

_OPENPOSE_JOINTS = (
    "nose",
    "neck",
    "right_shoulder",
    "right_elbow",
    "right_wrist",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "right_hip",
    "right_knee",
    "right_ankle",
    "left_hip",
    "left_knee",
    "left_ankle",
    "right_eye",
    "left_eye",
    "right_ear",
    "left_ear",
)

_BODY_LIMBS = (
    ("left_shoulder", "right_shoulder"),
    ("left_shoulder", "left_elbow"),
    ("left_elbow", "left_wrist"),
    ("right_shoulder", "right_elbow"),
    ("right_elbow", "right_wrist"),
    ("left_shoulder", "left_hip"),
    ("right_shoulder", "right_hip"),
    ("left_hip", "right_hip"),
    ("left_hip", "left_knee"),
    ("left_knee", "left_ankle"),
    ("right_hip", "right_knee"),
    ("right_knee", "right_ankle"),
    ("nose", "left_eye"),
    ("nose", "right_eye"),
    ("left_eye", "left_ear"),
    ("right_eye", "right_ear"),
)
_FOOT_LIMBS = (
    ("left_ankle", "left_heel"),
    ("left_ankle", "left_foot_index"),
    ("left_heel", "left_foot_index"),
    ("right_ankle", "right_heel"),
    ("right_ankle", "right_foot_index"),
    ("right_heel", "right_foot_index"),
)
_PALM_LIMBS = (
    ("left_wrist", "left_pinky"),
    ("left_wrist", "left_index"),
    ("left_wrist", "left_thumb"),
    ("left_index", "left_pinky"),
    ("right_wrist", "right_pinky"),
    ("right_wrist", "right_index"),
    ("right_wrist", "right_thumb"),
    ("right_index", "right_pinky"),
)
# Chains of one hand: wrist 0, thumb 1-4, index 5-8, middle 9-12, ring 13-16, little finger 17-20.
_FINGER_BONES = tuple(
    (0 if knuckle == first else knuckle - 1, knuckle)
    for first in (1, 5, 9, 13, 17)
    for knuckle in range(first, first + 4)
)


def _hand_joints(side: str) -> tuple[str, ...]:
    return tuple(f"{side}_hand_{number}" for number in range(21))


def _hand_limbs(side: str) -> tuple[tuple[str, str], ...]:
    return tuple((f"{side}_hand_{a}", f"{side}_hand_{b}") for a, b in _FINGER_BONES)


def _skeleton(name: str, joints: tuple[str, ...], limbs: tuple[tuple[str, str], ...]) -> Skeleton:
    places = {joint: place for place, joint in enumerate(joints)}
    known = tuple((places[a], places[b]) for a, b in limbs if a in places and b in places)
    return Skeleton(name=name, joints=joints, limbs=known)


_HANDS = _hand_joints("left") + _hand_joints("right")
_HAND_LIMBS = _hand_limbs("left") + _hand_limbs("right")

BLAZEPOSE_33 = _skeleton("blazepose-33", _BLAZEPOSE_JOINTS, _BODY_LIMBS + _FOOT_LIMBS + _PALM_LIMBS)
COCO_17 = _skeleton("coco-17", _COCO_JOINTS, _BODY_LIMBS)
OPENPOSE_18 = _skeleton(
    "openpose-18",
    _OPENPOSE_JOINTS,
    (*_BODY_LIMBS, ("nose", "neck"), ("neck", "left_shoulder"), ("neck", "right_shoulder")),
)
_TOES = ("left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel")
WHOLEBODY_133 = _skeleton(
    "wholebody-133",
    _COCO_JOINTS + _TOES + tuple(f"face_{number}" for number in range(68)) + _HANDS,
    _BODY_LIMBS + _FOOT_LIMBS + (("left_ankle", "left_big_toe"), ("right_ankle", "right_big_toe")) + _HAND_LIMBS,
)
# MediaPipe Holistic: the body, both hands and the 468 points of the face mesh.
HOLISTIC_543 = _skeleton(
    "holistic-543",
    _BLAZEPOSE_JOINTS + _HANDS + tuple(f"mesh_{number}" for number in range(468)),
    _BODY_LIMBS + _FOOT_LIMBS + _PALM_LIMBS + _HAND_LIMBS,
)

SKELETONS: dict[str, Skeleton] = {
    skeleton.name: skeleton for skeleton in (BLAZEPOSE_33, COCO_17, OPENPOSE_18, WHOLEBODY_133, HOLISTIC_543)
}
