"""The instant generator: the photo carried along the limbs, before its own background.

No training and no network; the preview of every other generator and the baseline they have to beat.

Legend: B poses in a batch, H W pixels.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from einops import rearrange

from animator.conditioning.warp import PhotoWarp
from animator.subject import Subject
from pose_tracking.frame import Frame
from pose_tracking.skeleton import BLAZEPOSE_33
from temporal.windows import PoseWindow

# Poses per step. A CPU is fastest with pictures that stay in its cache, a GPU with much to do at once.
CPU_BATCH, GPU_BATCH = 1, 16


class PuppetGenerator:
    """Warp guidance alone. A `FrameGenerator`."""

    name = "puppet"

    def __init__(self, *, device: str | torch.device = "cpu", batch: int | None = None) -> None:
        self._device = torch.device(device)
        self._batch = batch or (CPU_BATCH if self._device.type == "cpu" else GPU_BATCH)

    @torch.inference_mode()
    def generate(self, windows: Iterable[PoseWindow], subject: Subject) -> Iterator[Frame]:
        """Yield the subject in each window's middle pose."""
        warp = warp_of(subject, self._device)
        background = as_tensor(subject.background_HWC, self._device)
        remaining = iter(windows)
        with _one_thread():
            while chunk := list(itertools.islice(remaining, self._batch)):
                warped = warp(*window_poses(chunk, self._device))
                pixels = warped.over(background).mul(255).add(0.5).clamp(0, 255).to(torch.uint8)
                for window, picture in zip(chunk, rearrange(pixels, "b c h w -> b h w c").cpu().numpy(), strict=True):
                    yield Frame(pixels_HWC=picture, time_s=window.time_s, index=window.center)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Hundreds of small operations a frame gain nothing from more threads, and lose much where cores are busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def warp_of(subject: Subject, device: torch.device) -> PhotoWarp:
    """The subject's photo, made ready to be carried to any pose."""
    pose = subject.pose.to_skeleton(BLAZEPOSE_33)
    return PhotoWarp(
        as_tensor(subject.photo_HWC, device),
        torch.from_numpy(subject.matte_HW).to(device),
        torch.from_numpy(pose.keypoints_TK2[0]).to(device),
        torch.from_numpy(pose.confidence_TK[0]).to(device),
    )


def as_tensor(pixels_HWC: np.ndarray, device: torch.device) -> torch.Tensor:
    """uint8 [H, W, 3] to float [3, H, W] in [0, 1]."""
    return rearrange(torch.from_numpy(np.ascontiguousarray(pixels_HWC)).to(device), "h w c -> c h w").float() / 255


def window_poses(windows: list[PoseWindow], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """The middle poses of `windows`: keypoints [B, 33, 2] in canvas px and confidence [B, 33]."""
    keypoints = np.stack([window.pose_K2 for window in windows])
    confidence = np.stack([window.pose_confidence_K for window in windows])
    return torch.from_numpy(keypoints).to(device), torch.from_numpy(confidence).to(device)
