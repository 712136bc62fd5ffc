"""A camera that keeps a whole motion in the picture.

Legend: T frames, N points.
"""

from __future__ import annotations

import numpy as np

from animator.synthesis.camera import Camera
from animator.synthesis.motions.motion import Motion, joint_tracks
from animator.synthesis.rig import JOINT

# What reaches beyond the joints: (joint, way in its own T-pose axes in metres).
_ENDS = (
    ("head", (0.0, 0.24, 0.0)),
    ("head", (0.0, 0.10, 0.13)),
    ("head", (0.0, 0.10, -0.13)),
    ("left_wrist", (0.20, 0.0, 0.0)),
    ("right_wrist", (-0.20, 0.0, 0.0)),
    ("left_foot", (0.0, -0.04, 0.10)),
    ("right_foot", (0.0, -0.04, 0.10)),
    ("left_ankle", (0.0, -0.11, -0.07)),
    ("right_ankle", (0.0, -0.11, -0.07)),
)


def outline_points(motion: Motion, rest_J3: np.ndarray) -> np.ndarray:
    """[T, N, 3] joints of `motion` on a body and the tips of head, hands and feet, metres."""
    positions, turned = joint_tracks(motion, rest_J3)
    scale = rest_J3[0, 1] / 0.89
    tips = [positions[:, JOINT[name]] + turned[:, JOINT[name]] @ (np.array(way) * scale) for name, way in _ENDS]
    return np.concatenate([positions, np.stack(tips, axis=1)], axis=1)


def frame_points(
    points_TN3: np.ndarray,
    *,
    height: int,
    width: int,
    margin: float = 0.07,
    distance_m: float = 5.0,
    yaw_deg: float = 0.0,
    elevation_deg: float = 3.0,
    smallest_view_m: float = 1.2,
) -> Camera:
    """A still camera in whose picture all points stay, `margin` of the picture's sides away from its border."""
    points = points_TN3.reshape(-1, 3)
    target = (points.min(0) + points.max(0)) / 2
    view = 2.2
    for _ in range(4):
        camera = Camera.look_at(
            target,
            distance_m=distance_m,
            elevation_deg=elevation_deg,
            yaw_deg=yaw_deg,
            view_height_m=view,
            height=height,
            width=width,
        )
        pixels = camera.project(points)[:, :2]
        low, high = pixels.min(0), pixels.max(0)
        off = ((low + high) / 2 - np.array(camera.center_2)) * view / height
        target = target + off @ camera.world_to_camera_33[:2]
        room = (1 - 2 * margin) * np.array([width, height])
        view = max(view * float(((high - low) / room).max()), smallest_view_m)
    return camera
