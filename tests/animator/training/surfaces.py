"""The drawn figure as `RenderedPeople` would hand it over: it stands elsewhere than its joints say."""

from __future__ import annotations

import numpy as np
import torch
from einops import rearrange

from animator.synthesis.dataset import DatasetOptions
from animator.training.samples import Sample
from tests.animator.generators.scene import drawn_subject

TOP, BOTTOM = 4, 6


def displaced_figure(canvas: tuple[int, int], *, stands: tuple[int, int], tracked: tuple[int, int]) -> Sample:
    """A target in which the figure of the photo stands some px away, while its joints are given some other px away."""
    subject = drawn_subject(canvas)
    width, height = canvas
    shown = subject.matte_HW > 0.5
    rows, columns = np.mgrid[:height, :width]
    planes = {
        "CHW": rearrange(subject.photo_HWC, "h w c -> c h w"),
        "matte_HW": subject.matte_HW,
        "parts_HW": np.where(shown, np.where(rows < height // 2, TOP, BOTTOM), 0).astype(np.uint8),
        "layers_HW": shown.astype(np.uint8),
        "uv_HW2": np.stack([columns / width, rows / height], -1).astype(np.float32) * shown[..., None],
    }
    sample: Sample = {}
    for name, plane in planes.items():
        sample[f"reference_{name}"] = torch.from_numpy(plane.copy())
        x, y = (2, 1) if name == "CHW" else (1, 0)
        sample[f"target_{name}"] = torch.from_numpy(np.roll(plane, stands, axis=(x, y)))
    keypoints = torch.from_numpy(subject.pose.keypoints_TK2[0])
    window = (keypoints + torch.tensor(tracked)).expand(5, -1, 2).clone()
    # Its neighbours in time are nobody's business.
    window[[0, 1, 3, 4]] = float("nan")
    return sample | {
        "reference_keypoints_K2": keypoints,
        "reference_confidence_K": torch.ones(len(keypoints)),
        "keypoints_NK2": window,
        "confidence_NK": torch.ones(5, len(keypoints)),
    }


class DrawnPeople:
    """In the place of `RenderedPeople`: the drawn figure, every time elsewhere.

    Args:
        canvas: (width, height) px.
    """

    options = DatasetOptions(samples_per_take=4, targets_per_reference=4, open_takes=1)

    def __init__(self, canvas: tuple[int, int]) -> None:
        self._canvas = canvas

    def sample(self, number: int) -> Sample:
        """It stands `number` px aside of its joints, and two px too low; they are one px from where the photo's are."""
        return displaced_figure(self._canvas, stands=(number + 1, 3), tracked=(1, 1))
