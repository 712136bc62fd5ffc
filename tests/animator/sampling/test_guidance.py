"""Dual guidance against the equation, worked out by hand."""

from __future__ import annotations

import pytest
import torch

from animator.sampling.guidance import Guidance, guide

NONE, IMAGE, BOTH = 1.0, 3.0, 4.0


def predictions() -> dict:
    return {
        "none": torch.full((1, 1, 1, 2), NONE),
        "image": torch.full((1, 1, 1, 2), IMAGE),
        "both": torch.full((1, 1, 1, 2), BOTH),
    }


@pytest.mark.parametrize(
    ("image", "pose", "expected"),
    [
        (8.0, 3.0, 20.0),  # 1 + 8·(3 − 1) + 3·(4 − 3), the release's strengths
        (1.0, 1.0, 4.0),
        (2.0, 2.0, 7.0),
        (0.0, 0.0, 1.0),
        (1.0, 0.0, 3.0),
        (0.0, 1.0, 2.0),  # 1 + 0 + (4 − 3)
    ],
)
def test_the_equation_of_dreampose(image: float, pose: float, expected: float) -> None:
    result = guide(predictions(), Guidance(image=image, pose=pose), 0.5)
    assert torch.allclose(result, torch.full_like(result, expected))


@pytest.mark.parametrize(
    ("image", "pose", "branches"),
    [
        (8.0, 3.0, {"none", "image", "both"}),
        (1.0, 1.0, {"both"}),
        (2.0, 2.0, {"none", "both"}),
        (1.0, 3.0, {"image", "both"}),
        (1.0, 0.0, {"image"}),
        (0.0, 0.0, {"none"}),
    ],
)
def test_branches_without_weight_are_left_out(image: float, pose: float, branches: set[str]) -> None:
    weights = Guidance(image=image, pose=pose).weights(0.0)
    assert set(weights) == branches
    assert sum(weights.values()) == pytest.approx(1.0)


def test_outside_the_interval_only_the_full_condition_counts() -> None:
    guidance = Guidance(image=8.0, pose=3.0, interval=(0.2, 0.6))
    assert set(guidance.weights(0.2)) == {"none", "image", "both"}
    assert dict(guidance.weights(0.1)) == {"both": 1.0}
    assert dict(guidance.weights(0.7)) == {"both": 1.0}
    assert float(guide({"both": torch.tensor([[5.0]])}, guidance, 0.9)) == 5.0


def test_full_rescale_restores_the_spread_of_the_conditioned_branch() -> None:
    draws = torch.Generator().manual_seed(0)
    branches = {name: torch.randn(3, 4, 6, 5, generator=draws) for name in ("none", "image", "both")}
    plain = guide(branches, Guidance(image=8.0, pose=3.0), 0.0)
    rescaled = guide(branches, Guidance(image=8.0, pose=3.0, rescale=1.0), 0.0)
    half = guide(branches, Guidance(image=8.0, pose=3.0, rescale=0.5), 0.0)
    spread = branches["both"].std((1, 2, 3))
    assert not torch.allclose(plain.std((1, 2, 3)), spread, rtol=0.1)
    assert torch.allclose(rescaled.std((1, 2, 3)), spread, rtol=1e-4)
    assert torch.allclose(half, (plain + rescaled) / 2, atol=1e-5)


@pytest.mark.parametrize("values", [{"rescale": 1.5}, {"interval": (0.8, 0.2)}, {"interval": (-0.1, 1.0)}])
def test_settings_out_of_range_are_refused(values: dict) -> None:
    with pytest.raises(ValueError):
        Guidance(**values)
