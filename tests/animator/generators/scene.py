"""A drawn subject and a waving motion, in no time."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from animator.canvas import Placement
from animator.conditioning.inputs import subject_warp
from animator.conditioning.warp import PhotoWarp
from animator.inpainting import push_pull
from animator.subject import Subject
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.figure import as_sequence, draw_figure, standing_pose


@cache
def drawn_subject(canvas: tuple[int, int]) -> Subject:
    """The standing figure on its plain wall."""
    pose = standing(canvas)
    photo, matte = draw_figure(pose, canvas)
    colors = torch.from_numpy(photo.copy()).permute(2, 0, 1).float() / 255
    background = push_pull(colors, torch.from_numpy((matte < 0.01).astype(np.float32)))
    return Subject(
        photo_HWC=photo,
        pose=as_sequence(pose, canvas),
        matte_HW=matte,
        background_HWC=(background * 255).round().to(torch.uint8).permute(1, 2, 0).numpy(),
        placement=Placement(scale=1.0, offset=(0.0, 0.0), photo_size=canvas, canvas_size=canvas),
    )


@cache
def figure_warp(canvas: tuple[int, int]) -> PhotoWarp:
    """The figure, cut out and ready to be carried."""
    return subject_warp(drawn_subject(canvas), torch.device("cpu"))


def standing(canvas: tuple[int, int]) -> np.ndarray:
    height = 0.85 * canvas[1]
    return standing_pose(height=height, center_x=canvas[0] / 2, top=0.06 * canvas[1])


def waving(canvas: tuple[int, int], num_frames: int) -> PoseSequence:
    """The figure sways and lifts its left hand, 25 frames a second."""
    time = np.arange(num_frames, dtype=np.float32)
    keypoints = np.repeat(standing(canvas)[None], num_frames, axis=0)
    keypoints[..., 0] += 3 * np.sin(time / 3)[:, None]
    for joint in ("left_wrist", "left_index", "left_pinky", "left_thumb"):
        keypoints[:, BLAZEPOSE_33.index(joint), 1] -= 2 * time
    return PoseSequence(
        keypoints_TK2=keypoints.astype(np.float32),
        confidence_TK=np.ones((num_frames, 33), dtype=np.float32),
        times_s_T=time.astype(np.float64) / 25,
        skeleton=BLAZEPOSE_33,
        frame_size=canvas,
    )
