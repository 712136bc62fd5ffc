"""Trainings of bases: what they began with is what they go on with."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from animator.errors import JobError
from animator.training import base, pictures
from animator.training.config import TrainConfig
from animator.training.jobs import TrainAutoencoderJob
from animator.training.samples import Sample


class Noise:
    """Pictures that cost nothing."""

    def __init__(self, _people: object, *, seed: int) -> None:
        self._seed = seed

    def sample(self, number: int) -> Sample:
        rng = torch.Generator().manual_seed(self._seed * 10_000 + number)
        return {"picture": torch.randint(0, 256, (3, 32, 32), generator=rng, dtype=torch.uint8)}


def test_an_autoencoder_is_not_gone_on_with_on_other_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "Pictures", Noise)
    monkeypatch.setattr(base, "_people", lambda *_, **__: None)
    train = TrainConfig(steps=1, batch=2, warmup=0)
    job = TrainAutoencoderJob(output=tmp_path / "vae", device="cpu", train=train, preview_width=0)
    base.train_autoencoder(job)
    (tmp_path / "vae").rename(tmp_path / "moved")
    with pytest.raises(JobError, match="was begun here"):
        base.train_autoencoder(job.model_copy(update={"seed": 1}))
    assert base.train_autoencoder(job).training.steps == 1
