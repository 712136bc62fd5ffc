"""The instant generator: the photo carried along the limbs, between its own background and those who stand before.

No training and no network; the preview of every other generator and the baseline they have to beat.

Legend: B poses in a batch, H W pixels.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from contextlib import closing, nullcontext

import torch
from einops import rearrange

from animator.conditioning.inputs import picture_tensor, subject_warp, window_tensors
from animator.conditioning.warp.exposure import shutter_poses
from animator.device import one_thread, warp_device
from animator.generators.cover import subject_cover
from animator.generators.parallel import frame_workers, in_order
from animator.generators.puppet_config import EXPOSURE_S
from animator.subject import Subject
from pose_tracking.frame import Frame
from temporal.windows import PoseWindow

# Poses per step. A CPU is fastest with pictures that stay in its cache, a GPU with much to do at once.
CPU_BATCH, GPU_BATCH = 1, 16


class PuppetGenerator:
    """Warp guidance alone. A `FrameGenerator`.

    Args:
        device: where to compute.
        batch: poses per step.
        workers: batches made side by side on a CPU; none: as many as torch may use threads. Changes no bit.
        exposure_s: for how long each frame is exposed; what moves is smeared. At most from one frame to the next.
    """

    name = "puppet"

    def __init__(
        self,
        *,
        device: str | torch.device = "cpu",
        batch: int | None = None,
        workers: int | None = None,
        exposure_s: float = EXPOSURE_S,
    ) -> None:
        self._device = warp_device(torch.device(device))
        self._batch = batch or (CPU_BATCH if self._device.type == "cpu" else GPU_BATCH)
        self._workers = frame_workers(self._device, workers)
        self._exposure_s = exposure_s

    @torch.inference_mode()
    def generate(self, windows: Iterable[PoseWindow], subject: Subject) -> Iterator[Frame]:
        """Yield the subject in each window's middle pose; the background alone where nobody is in view."""
        with one_thread() if self._device.type == "cpu" else nullcontext():
            warp = subject_warp(subject, self._device)
        background = picture_tensor(subject.background_HWC, self._device)
        covered = subject_cover(subject, self._device)

        def frames(chunk: list[PoseWindow]) -> list[Frame]:
            keypoints, confidence = window_tensors(chunk, 3, self._device)
            open_B = keypoints.new_tensor([self._open(window) for window in chunk])
            shutter = shutter_poses(keypoints, open_B) if bool(open_B.any()) else None
            warped = warp(keypoints[:, 1], confidence[:, 1], shutter=shutter)
            pixels = covered(warped.over(background)).mul(255).add(0.5).clamp(0, 255).to(torch.uint8)
            pictures = rearrange(pixels, "b c h w -> b h w c").cpu().numpy()
            return [
                Frame(pixels_HWC=picture, time_s=window.time_s, index=window.center)
                for window, picture in zip(chunk, pictures, strict=True)
            ]

        made = in_order(frames, _cut(windows, self._batch), workers=self._workers, device=self._device)
        with closing(made):
            for each in made:
                yield from each

    def _open(self, window: PoseWindow) -> float:
        """Share of the time to the next frame that the shutter is open."""
        return min(self._exposure_s / window.interval_s, 1.0) if window.interval_s > 0 else 0.0


def _cut(windows: Iterable[PoseWindow], batch: int) -> Iterator[list[PoseWindow]]:
    remaining = iter(windows)
    while chunk := list(itertools.islice(remaining, batch)):
        yield chunk
