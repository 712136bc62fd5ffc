"""Seconds land under their names, and what was watched is left as it was."""

from __future__ import annotations

import time

import pytest
import torch
from torch import nn

from animator.benchmarking.clock import Clock


def test_blocks_are_measured_one_by_one() -> None:
    clock = Clock(torch.device("cpu"))
    for _ in range(2):
        with clock.measured("sleep"):
            time.sleep(0.01)
    assert len(clock.seconds["sleep"]) == 2
    assert clock.total("sleep") >= 0.02
    assert clock.total("never") == 0


def test_calls_are_watched_within_the_block_alone() -> None:
    clock, layer = Clock(torch.device("cpu")), nn.Linear(2, 2)
    with clock.watching(layer, "forward", "layer"):
        watched = layer(torch.ones(1, 2))
    assert len(clock.seconds["layer"]) == 1
    assert torch.equal(layer(torch.ones(1, 2)), watched)
    assert len(clock.seconds["layer"]) == 1
    assert "forward" not in vars(layer)


def test_a_method_is_given_back_after_an_error_too() -> None:
    clock, layer = Clock(torch.device("cpu")), nn.Linear(2, 2)
    with pytest.raises(RuntimeError), clock.watching(layer, "forward", "layer"):
        layer(torch.ones(1, 3))
    assert "forward" not in vars(layer)
