"""Subjects and pose windows as tensors.

Legend: B poses, N window, K keypoints, H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from einops import rearrange

from animator.conditioning.warp import PhotoWarp
from animator.errors import ModelError
from pose_tracking.skeleton import BLAZEPOSE_33
from temporal.windows import PoseWindow

if TYPE_CHECKING:
    from animator.subject import Subject
    from pose_tracking.trackers.densepose import DensePoseSequence


def picture_tensor(pixels_HWC: np.ndarray, device: torch.device) -> torch.Tensor:
    """uint8 [H, W, 3] to float [3, H, W] in [0, 1]."""
    return rearrange(torch.from_numpy(np.array(pixels_HWC)).to(device), "h w c -> c h w").float() / 255


def subject_warp(subject: Subject, device: torch.device) -> PhotoWarp:
    """The subject's photo, made ready to be carried to any pose."""
    pose = subject.pose.to_skeleton(BLAZEPOSE_33)
    return PhotoWarp(
        picture_tensor(subject.photo_HWC, device),
        torch.from_numpy(subject.matte_HW).to(device),
        torch.from_numpy(pose.keypoints_TK2[0]).to(device),
        torch.from_numpy(pose.confidence_TK[0]).to(device),
    )


def window_tensors(
    windows: Sequence[PoseWindow], num_poses: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """The middle `num_poses` of each window: keypoints [B, N, K, 2] in canvas px and confidence [B, N, K].

    Raises:
        ModelError: windows with fewer poses.
    """
    held = len(windows[0].keypoints_NK2)
    if held < num_poses:
        raise ModelError(f"windows of {held} poses, this model looks at {num_poses}")
    first = (held - num_poses) // 2
    middle = slice(first, first + num_poses)
    keypoints = np.stack([window.keypoints_NK2[middle] for window in windows]).astype(np.float32)
    confidence = np.stack([window.confidence_NK[middle] for window in windows]).astype(np.float32)
    return torch.from_numpy(keypoints).to(device), torch.from_numpy(confidence).to(device)


def uv_window(densepose: DensePoseSequence, center: int, num_poses: int) -> np.ndarray:
    """U and V [N, 2, H, W] around one frame; the ends are repeated.

    Raises:
        ModelError: fewer arrays than frames.
    """
    if center >= len(densepose):
        raise ModelError(
            f"{len(densepose)} DensePose arrays, but frame {center} is to be made: one per frame is needed"
        )
    places = np.clip(np.arange(center - num_poses // 2, center + num_poses // 2 + 1), 0, len(densepose) - 1)
    return np.stack([densepose.uv_frame(int(place))[-2:] for place in places])
