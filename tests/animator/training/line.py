"""The least there is to train: a line through numbers."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from animator.training.config import TrainConfig
from animator.training.samples import Batch, Sample

CPU = torch.device("cpu")
CONFIG = TrainConfig(steps=12, batch=4, learning_rate=0.05, warmup=2, ema=0.9, checkpoint_every=3)


class Numbers:
    """x and 3x + 1 with noise."""

    def sample(self, number: int) -> Sample:
        rng = torch.Generator().manual_seed(number)
        x = torch.randn(1, generator=rng)
        return {"x": x, "y": 3 * x + 1}


class Line:
    """Fits a curve; optionally falls over at one update."""

    name = "line"

    def __init__(self, *, dies_at: int | None = None, checks: list[float] | None = None, bad: bool = False) -> None:
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
        self._dies_at, self._checks, self._bad, self.updates = dies_at, checks or [], bad, 0

    @property
    def nets(self) -> Mapping[str, nn.Module]:
        return {"line": self.net}

    def draws(self, batch: Batch, rng: torch.Generator) -> Batch:
        return {"noise": 0.1 * torch.randn(batch["x"].shape, generator=rng)}

    def losses(self, batch: Batch, nets: Mapping[str, nn.Module]) -> dict[str, torch.Tensor]:
        if self.updates == self._dies_at:
            raise KeyboardInterrupt
        self.updates += 1
        loss = (nets["line"](batch["x"] + batch["noise"]) - batch["y"]).square().mean()
        return {"loss": loss * float("nan") if self._bad else loss}

    def check(self) -> float | None:
        return self._checks.pop(0) if self._checks else None


def weights(line: Line) -> torch.Tensor:
    """All of them in a row."""
    return torch.cat([parameter.detach().flatten() for parameter in line.net.parameters()])
