"""A subject in its picture: what of it the photo shows, how far that reaches, and where the picture cuts it off.

Legend: T frames, K keypoints, O points of the outline (keypoints, then finger tips and crown). Boxes are (left, top,
right, bottom) px, a room is a box that others should lie in.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pose_tracking.limbs import SEEN_CONFIDENCE
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import Skeleton

# Room between the outline and the picture's edge, as a share of the picture's longer side.
_EDGE = 0.01
# The top of the head over the middle of the eyes, in torsos, hair included; and what no head has less of.
_CROWN, _LEAST_CROWN = 0.3, 0.2
_TRUNK = ("hip", "shoulder")
_EYES = ("left_eye", "right_eye")
# What is reckoned beyond several joints is so from the motion's, or from the photo's, never from some of each.
_TOGETHER = (_EYES, *((f"{side}_wrist", f"{side}_index", f"{side}_pinky") for side in ("left", "right")))
_FOOT = ("ankle", "heel", "foot", "toe")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stage:
    """A subject in its picture, and what of it is to stay there.

    Attributes:
        pose: the subject's own, one frame; its frame is the picture.
        place_2: the point of the subject that the driver was laid onto, px.
        torso_px: the subject's true torso length.
        kept_K: the joints that the photo shows inside the picture; others may be anywhere.
        room_4: the picture without a narrow edge, or all of the photo's person where that reaches farther.
    """

    pose: PoseSequence
    place_2: np.ndarray
    torso_px: float
    kept_K: np.ndarray
    room_4: np.ndarray

    @classmethod
    def from_pose(cls, pose: PoseSequence, *, place_2: np.ndarray, torso_px: float) -> Stage:
        """Set the stage for the subject in `pose`."""
        points_K2 = pose.keypoints_TK2[0]
        inside_K = ((points_K2 >= 0) & (points_K2 <= pose.frame_size)).all(axis=-1)
        width, height = pose.frame_size
        edge = _EDGE * max(width, height)
        bare = cls(
            pose=pose,
            place_2=place_2,
            torso_px=torso_px,
            kept_K=inside_K & (pose.confidence_TK[0] >= SEEN_CONFIDENCE),
            room_4=np.array([edge, edge, width - edge, height - edge]),
        )
        taken_4 = bare.extent_4()
        room_4 = np.concatenate([np.fmin(bare.room_4[:2], taken_4[:2]), np.fmax(bare.room_4[2:], taken_4[2:])])
        return dataclasses.replace(bare, room_4=room_4)

    @property
    def stands(self) -> bool:
        """Whether feet are in the picture; else the picture cuts the person off below."""
        return bool((self.kept_K & among(self.pose.skeleton, _FOOT)).any())

    @property
    def is_cut_on_both_ends(self) -> bool:
        """Whether the picture cuts the person off below, and the head above: the eyes, too, as the pose has them."""
        return not self.stands and self._eyes_y() < _CROWN * self.torso_px

    @property
    def is_cut_above(self) -> bool:
        """Whether the picture cuts through the head itself, and not only where its hair ends."""
        return self._eyes_y() < _LEAST_CROWN * self.torso_px

    def _eyes_y(self) -> float:
        """Height of the eyes in the photo, px; infinity where it is not known."""
        joints = self.pose.skeleton.joints
        eyes_y = [self.pose.keypoints_TK2[0, joints.index(eye), 1] for eye in _EYES if eye in joints]
        return float(np.nan_to_num(np.mean(eyes_y), nan=np.inf)) if eyes_y else float("inf")

    def extent_4(self) -> np.ndarray:
        """Box of the subject in the photo; NaN where nothing of it is in the picture."""
        return boxes(self.outline_TO2(self.pose, place_T2=self.place_2[None], size_T=np.ones(1)))[0]

    def outline_TO2(self, poses: PoseSequence, *, place_T2: np.ndarray, size_T: np.ndarray) -> np.ndarray:
        """Joints to be kept, finger tips and crown; what the motion does not show hangs as in the photo."""
        hung_TK2 = place_T2[:, None] + size_T[:, None, None] * (self.pose.keypoints_TK2[0] - self.place_2)
        shown_TK = poses.confidence_TK >= SEEN_CONFIDENCE
        for names in _TOGETHER:
            group = [number for number, joint in enumerate(poses.skeleton.joints) if joint in names]
            shown_TK[:, group] = shown_TK[:, group].all(axis=1, keepdims=True)
        points_TK2 = np.where(shown_TK[..., None], poses.keypoints_TK2, hung_TK2).astype(float)
        points_TK2 = np.where(self.kept_K[:, None], points_TK2, np.nan)
        place = {joint: points_TK2[:, number] for number, joint in enumerate(poses.skeleton.joints)}
        unknown_T2 = np.full_like(place_T2, np.nan)
        extra = [middle + (middle - place[f"{side}_wrist"]) for side, middle in _knuckles(place, unknown_T2)]
        eyes_T2 = (place.get("left_eye", unknown_T2) + place.get("right_eye", unknown_T2)) / 2
        up_T2 = size_T[:, None] * self.torso_px * (0.0, -_CROWN)
        return np.concatenate([points_TK2, np.stack([*extra, eyes_T2 + up_T2], axis=1)], axis=1)


def shows_cut_head(pose: PoseSequence) -> bool:
    """Whether a motion may bring the cut through a head into view: the picture of this one pose cuts off the head, but
    not the feet, which stay on the floor while the head sinks."""
    hips_2, shoulders_2 = ((pose.joint(f"left_{joint}") + pose.joint(f"right_{joint}"))[0] / 2 for joint in _TRUNK)
    stage = Stage.from_pose(pose, place_2=hips_2, torso_px=float(np.hypot(*(shoulders_2 - hips_2))))
    return stage.stands and stage.is_cut_above


def boxes(points_TN2: np.ndarray) -> np.ndarray:
    """Boxes [T, 4] around points; NaN around none."""
    low_T2 = np.fmin.reduce(points_TN2, axis=1)
    return np.concatenate([low_T2, np.fmax.reduce(points_TN2, axis=1)], axis=1)


def among(skeleton: Skeleton, parts: tuple[str, ...]) -> np.ndarray:
    """Mask [K] of the joints whose names hold one of `parts`, those of the hands apart."""
    return np.array([any(part in joint for part in parts) and "hand" not in joint for joint in skeleton.joints])


def _knuckles(place: Mapping[str, np.ndarray], unknown_T2: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Each side that has a wrist, and the middle of its knuckles, which lie half way to the finger tips."""
    for side in ("left", "right"):
        if f"{side}_wrist" in place:
            yield side, (place.get(f"{side}_index", unknown_T2) + place.get(f"{side}_pinky", unknown_T2)) / 2
