"""What the training loop asks of what is trained, and what it tells in the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn

from animator.training.samples import Batch


class Stage(Protocol):
    """What is trained, and by which loss."""

    @property
    def name(self) -> str:
        """For progress and files."""

    @property
    def nets(self) -> Mapping[str, nn.Module]:
        """The networks with trainable parameters, by name."""

    def draws(self, batch: Batch, rng: torch.Generator) -> Batch:
        """All that is random in the loss of a batch, sample by sample: drawn at once, so that a batch means the same
        however many parts it is computed in.

        Args:
            batch: as `losses` gets it.
            rng: on the CPU; all randomness comes from here.

        Returns:
            tensors [B, ...] on the CPU, under names that no sample has.
        """

    def losses(self, batch: Batch, nets: Mapping[str, nn.Module]) -> dict[str, torch.Tensor]:
        """Scalars by name, each the mean over samples; `loss` is what is minimised.

        Args:
            batch: samples and what was drawn for them, on the device.
            nets: `self.nets`, perhaps wrapped for several processes: call these.
        """

    def check(self) -> float | None:
        """How good the networks are on what they never see, smaller is better; none if there is nothing to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainReport:
    """What a training came to.

    Attributes:
        steps: updates done, over all sittings.
        loss: mean of the last updates.
        best: the best check and the update it was made at.
        stopped_early: whether patience ran out.
    """

    steps: int
    loss: float
    best: tuple[float, int] | None
    stopped_early: bool

    @property
    def kept_start(self) -> bool:
        """Whether it ended with the weights it began with, because the checks found none better."""
        return self.best is not None and self.best[1] == 0
