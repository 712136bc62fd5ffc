"""Fixtures of the generators' tests."""

from __future__ import annotations

import pytest

from animator.generators import diffusion
from animator.models.subject_model import SubjectModel
from tests.animator.generators.scene import figure_warp
from tests.animator.models.tiny import CANVAS, tiny_model


@pytest.fixture
def one_warp_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cutting the drawn figure out takes longer than everything else here."""
    monkeypatch.setattr(diffusion, "subject_warp", lambda *_: figure_warp(CANVAS))


@pytest.fixture
def model() -> SubjectModel:
    """Tiny, random, and nobody else's."""
    return tiny_model()
