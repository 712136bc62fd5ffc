"""The network asked for the branches of the guidance: all in one batch or one after the other, whole or in part.

Legend: B frames, C h w latents.
"""

from __future__ import annotations

import torch

from animator.conditioning.conditioning import Conditioning, predict
from animator.generators.parallel import leave_if_given_up
from animator.models.deep_features import DeepReuse
from animator.models.subject_model import SubjectModel
from animator.sampling.denoise import Predict
from animator.sampling.guidance import Branch


def branch_predictor(model: SubjectModel, told: Conditioning, *, together: bool, reuse: int = 1) -> Predict:
    """What `denoise` asks in every step of one sampling.

    Args:
        model: its network and what the network's output means.
        told: all conditions of the B frames.
        together: all branches in one batch, or one after the other.
        reuse: as in `SamplerConfig`.
    """
    without_pose = told.without_pose()
    conditions: dict[Branch, Conditioning] = {
        "none": without_pose.without_image(),
        "image": without_pose,
        "both": told,
    }
    deep = DeepReuse(model.unet, every=reuse)

    def predict_branches(
        latents: torch.Tensor, timestep: torch.Tensor, branches: tuple[Branch, ...]
    ) -> dict[Branch, torch.Tensor]:
        leave_if_given_up()
        deep.begin_step(branches)
        predictions: dict[Branch, torch.Tensor] = {}
        for group in [branches] if together else [(branch,) for branch in branches]:
            parts = [conditions[branch] for branch in group]
            joined = Conditioning.joined(parts) if len(parts) > 1 else parts[0]
            inputs = latents.repeat(len(group), 1, 1, 1) if len(group) > 1 else latents
            outputs = predict(deep.network(group), inputs, timestep, joined, residual=model.manifest.residual)
            predictions.update(zip(group, outputs.chunk(len(group)), strict=True))
        return predictions

    return predict_branches
