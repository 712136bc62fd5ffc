"""A drawn articulated figure with known joints: stands in for a person where no tracker is needed."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33

# Joints of a figure that stands with its arms away from its sides, in a box of 1 x 2.
_STANDING = {
    "nose": (0.50, 0.20),
    "left_eye_inner": (0.515, 0.18),
    "left_eye": (0.53, 0.18),
    "left_eye_outer": (0.545, 0.18),
    "right_eye_inner": (0.485, 0.18),
    "right_eye": (0.47, 0.18),
    "right_eye_outer": (0.455, 0.18),
    "left_ear": (0.57, 0.19),
    "right_ear": (0.43, 0.19),
    "mouth_left": (0.525, 0.24),
    "mouth_right": (0.475, 0.24),
    "left_shoulder": (0.66, 0.42),
    "right_shoulder": (0.34, 0.42),
    "left_elbow": (0.78, 0.66),
    "right_elbow": (0.22, 0.66),
    "left_wrist": (0.86, 0.88),
    "right_wrist": (0.14, 0.88),
    "left_pinky": (0.90, 0.94),
    "right_pinky": (0.10, 0.94),
    "left_index": (0.87, 0.95),
    "right_index": (0.13, 0.95),
    "left_thumb": (0.84, 0.92),
    "right_thumb": (0.16, 0.92),
    "left_hip": (0.59, 0.98),
    "right_hip": (0.41, 0.98),
    "left_knee": (0.62, 1.38),
    "right_knee": (0.38, 1.38),
    "left_ankle": (0.63, 1.78),
    "right_ankle": (0.37, 1.78),
    "left_heel": (0.62, 1.82),
    "right_heel": (0.38, 1.82),
    "left_foot_index": (0.68, 1.86),
    "right_foot_index": (0.32, 1.86),
}


def standing_pose(*, height: float, center_x: float, top: float) -> np.ndarray:
    """Keypoints [33, 2] px of the standing figure, `height` px tall."""
    unit = height / 2
    joints = np.array([_STANDING[joint] for joint in BLAZEPOSE_33.joints], dtype=np.float32)
    return joints * unit + np.array([center_x - unit / 2, top], dtype=np.float32)


def as_sequence(keypoints_K2: np.ndarray, frame_size: tuple[int, int]) -> PoseSequence:
    """One frame, every joint sure."""
    return PoseSequence(
        keypoints_TK2=keypoints_K2[None],
        confidence_TK=np.ones((1, len(keypoints_K2)), dtype=np.float32),
        times_s_T=np.zeros(1),
        skeleton=BLAZEPOSE_33,
        frame_size=frame_size,
    )


def draw_figure(keypoints_K2: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """(picture uint8 [H, W, 3], opacity float32 [H, W]) of a figure with striped clothes on a plain wall."""
    scale = 4
    image = Image.new("RGB", (size[0] * scale, size[1] * scale), (205, 210, 214))
    mask = Image.new("L", image.size, 0)
    joint = {name: keypoints_K2[place] * scale for place, name in enumerate(BLAZEPOSE_33.joints)}
    torso = float(np.linalg.norm(joint["left_shoulder"] - joint["left_hip"]))

    def limb(names: tuple[str, ...], radius: float, color: tuple[int, int, int]) -> None:
        points = [tuple(joint[name]) for name in names]
        for canvas, fill in ((ImageDraw.Draw(image), color), (ImageDraw.Draw(mask), 255)):
            canvas.line(points, fill=fill, width=round(2 * radius * torso), joint="curve")
            for x, y in points:
                r = radius * torso
                canvas.ellipse((x - r, y - r, x + r, y + r), fill=fill)

    for side in ("left", "right"):
        limb((f"{side}_hip", f"{side}_knee", f"{side}_ankle"), 0.11, (40, 50, 90))
        limb((f"{side}_ankle", f"{side}_foot_index"), 0.07, (90, 40, 30))
    corners = [tuple(joint[name]) for name in ("left_shoulder", "right_shoulder", "right_hip", "left_hip")]
    for canvas, fill in ((ImageDraw.Draw(image), (190, 60, 60)), (ImageDraw.Draw(mask), 255)):
        canvas.polygon(corners, fill=fill, outline=fill, width=round(0.1 * torso))
    for side in ("left", "right"):
        limb((f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist"), 0.075, (210, 150, 60))
        limb((f"{side}_wrist", f"{side}_index"), 0.05, (225, 180, 150))
    neck = (joint["left_shoulder"] + joint["right_shoulder"]) / 2
    head = joint["nose"]
    for canvas, fill in ((ImageDraw.Draw(image), (225, 180, 150)), (ImageDraw.Draw(mask), 255)):
        canvas.line([tuple(neck), tuple(head)], fill=fill, width=round(0.14 * torso))
        r = 0.2 * torso
        canvas.ellipse((head[0] - 0.85 * r, head[1] - r, head[0] + 0.85 * r, head[1] + r), fill=fill)
    for name in ("left_eye", "right_eye", "mouth_left", "mouth_right"):
        x, y = joint[name]
        r = 0.02 * torso
        ImageDraw.Draw(image).ellipse((x - r, y - r, x + r, y + r), fill=(30, 25, 25))
    small = image.resize(size, Image.Resampling.BOX), mask.resize(size, Image.Resampling.BOX)
    return np.asarray(small[0]), np.asarray(small[1], dtype=np.float32) / 255
