"""Dual classifier-free guidance: how strongly the photo and the pose steer each step.

Source: DreamPose (Karras et al. 2023, eq. 2), which extends InstructPix2Pix (Brooks et al. 2023):

    e = e(0, 0) + s_image · [e(image, 0) − e(0, 0)] + s_pose · [e(image, pose) − e(image, 0)]

Rescaling: Lin et al. 2024, "Common diffusion noise schedules", eq. 15-16. Interval: Kynkäänniemi et al. 2024.

Legend: B batch, the rest is the model's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch

Branch = Literal["none", "image", "both"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guidance:
    """Strengths of both conditions.

    Attributes:
        image: s_image; 1 leaves the photo's influence as trained.
        pose: s_pose; 1 leaves the pose's influence as trained.
        rescale: 0 ... 1, how far the result is brought back to the spread of the fully conditioned branch.
        interval: (first, last) share of the sampling, 0 = most noise, within which guidance applies; outside it
            only the fully conditioned branch is computed.
    """

    image: float = 1.0
    pose: float = 1.0
    rescale: float = 0.0
    interval: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        if not 0 <= self.rescale <= 1:
            raise ValueError(f"guidance rescale {self.rescale} lies outside 0 ... 1")
        first, last = self.interval
        if not 0 <= first <= last <= 1:
            raise ValueError(f"guidance interval {self.interval} must rise within 0 ... 1")

    def weights(self, progress: float) -> Mapping[Branch, float]:
        """Weight of each branch at `progress` (0 = most noise); branches of weight 0 are left out.

        The equation, sorted by branch: (1 − s_image) · none + (s_image − s_pose) · image + s_pose · both.
        """
        if not self.interval[0] <= progress <= self.interval[1]:
            return {"both": 1.0}
        sorted_by_branch: dict[Branch, float] = {
            "none": 1 - self.image,
            "image": self.image - self.pose,
            "both": self.pose,
        }
        return {branch: weight for branch, weight in sorted_by_branch.items() if weight != 0}


def guide(predictions: Mapping[Branch, torch.Tensor], guidance: Guidance, progress: float) -> torch.Tensor:
    """Put the branches together.

    Args:
        predictions: the model's output for each branch of `guidance.weights(progress)`, [B, ...].
        guidance: strengths.
        progress: 0 = most noise, 1 = last step.
    """
    weights = guidance.weights(progress)
    total = torch.stack([weight * predictions[branch] for branch, weight in weights.items()]).sum(0)
    if guidance.rescale == 0 or "both" not in predictions or weights == {"both": 1.0}:
        return total
    inner = tuple(range(1, total.ndim))
    ratio = predictions["both"].std(inner, keepdim=True) / total.std(inner, keepdim=True).clamp_min(1e-6)
    return torch.lerp(total, total * ratio, guidance.rescale)
