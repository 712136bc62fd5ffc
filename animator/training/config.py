"""How a training runs, as written by a person. Imports no torch, so that settings are checked at once."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Precision = Literal["fp32", "bf16", "fp16"]


class TrainConfig(BaseModel):
    """One stage of a training: how long, how fast, how exact.

    A batch is split evenly among the processes of `accelerate launch`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    steps: int = Field(default=1000, ge=1, le=10_000_000, description="updates of the weights")
    batch: int = Field(default=8, ge=1, le=4096, description="samples per update, over all processes")
    learning_rate: float = Field(default=1e-4, gt=0, le=1, description="after the warm-up")
    warmup: int = Field(default=100, ge=0, description="updates until the learning rate is reached")
    decay: Literal["constant", "cosine"] = Field(default="cosine", description="of the learning rate, to a hundredth")
    weight_decay: float = Field(default=1e-2, ge=0, le=1)
    clip: float = Field(default=1.0, gt=0, description="largest norm of the gradient")
    ema: float = Field(default=0.999, ge=0, lt=1, description="memory of the averaged weights; 0 keeps none")
    precision: Precision = Field(default="fp32", description="of the computation; weights are kept in fp32")
    gradient_checkpointing: bool = Field(default=False, description="compute twice, hold less memory")
    seed: int = Field(default=0, ge=0, lt=2**31)
    workers: int = Field(default=0, ge=0, le=64, description="processes that make samples")
    checkpoint_every: int = Field(default=250, ge=1, description="updates between checkpoints")
    check_every: int = Field(default=0, ge=0, description="updates between checks on held-out samples; 0 never")
    patience: int = Field(default=0, ge=0, description="checks without improvement before stopping; 0 never stops")


def learning_rate_factor(step: int, config: TrainConfig) -> float:
    """Share of the learning rate at one update: a linear warm-up, then constant or half a cosine wave to 1 %."""
    import math

    if step < config.warmup:
        return (step + 1) / config.warmup
    if config.decay == "constant":
        return 1.0
    done = min(1.0, (step - config.warmup) / max(1, config.steps - config.warmup))
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done))
