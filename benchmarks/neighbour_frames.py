"""Deep features of the frame before used in the frame after it: measured, not part of the product.

After temporal caching of video diffusion, with the views of `animator.models.deep_features`: in every step the first
frame of a pair is computed whole, the second with the first one's deep features and blocks of its own around them.
Pairs are cut by the clip's own numbering, so a frame still depends on what is in the job alone, but also on its
neighbour's pose.

Of the rest of a frame, nothing is shared: each of a window's five pose maps is drawn in five frames, but all of them
together are 0.4 % of a frame, and the warp belongs to the middle pose alone.

Legend: B frames, two of a pair one behind the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from unittest.mock import patch

import torch

from animator.conditioning.conditioning import Conditioning, predict
from animator.generators import diffusion
from animator.generators.diffusion import DiffusionGenerator
from animator.models.deep_features import outer_blocks, whole_network
from animator.models.subject_model import SubjectModel
from animator.sampling.config import SamplerConfig
from animator.sampling.denoise import Predict
from animator.sampling.guidance import Branch
from animator.subject import Subject
from pose_tracking.frame import Frame
from temporal.windows import PoseWindow


class PairedGenerator:
    """The product with `pair_predictor` in it. A `FrameGenerator`.

    Args:
        model: without guidance, and without reference attention of several photos.
        steps: of the product's sampler.
    """

    name = "paired"

    def __init__(self, model: SubjectModel, *, steps: int) -> None:
        self._generator = DiffusionGenerator(model, SamplerConfig(steps=steps, batch=2))

    def generate(self, windows: Iterable[PoseWindow], subject: Subject) -> Iterator[Frame]:
        """Pairs, both frames of which are made in the same thread."""
        with patch.object(diffusion, "branch_predictor", pair_predictor):
            yield from self._generator.generate(windows, subject)


def pair_predictor(model: SubjectModel, told: Conditioning, **_: object) -> Predict:
    """In place of `branch_predictor`: the second frame of each pair with the first one's deep features."""
    residual, firsts, seconds = model.manifest.residual, part(told, slice(0, None, 2)), part(told, slice(1, None, 2))

    def predict_pairs(
        latents: torch.Tensor, timestep: torch.Tensor, branches: tuple[Branch, ...]
    ) -> dict[Branch, torch.Tensor]:
        assert branches == ("both",), branches
        kept: list[torch.Tensor] = []
        whole = predict(whole_network(model.unet, kept.append), latents[::2], timestep, firsts, residual=residual)
        outer = predict(outer_blocks(model.unet, kept[0]), latents[1::2], timestep, seconds, residual=residual)
        return {"both": torch.stack([whole, outer], 1).flatten(0, 1)}

    return predict_pairs


def part(told: Conditioning, which: slice) -> Conditioning:
    """The conditions of some of the frames."""
    warp = None if told.warp_BChw is None else told.warp_BChw[which]
    return replace(told, pose_map_BChw=told.pose_map_BChw[which], tokens_BLD=told.tokens_BLD[which], warp_BChw=warp)
