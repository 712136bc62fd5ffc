"""Starting noise is a pure function of seed and frame."""

from __future__ import annotations

import pytest
import torch

from animator.sampling.noise import frame_noise

SHAPE = (4, 16, 12)


@pytest.mark.parametrize("kind", ["shared", "independent", "mixed"])
def test_a_frame_has_the_same_noise_wherever_it_is_made(kind: str) -> None:
    torch.manual_seed(1)
    whole = frame_noise(range(20), SHAPE, seed=7, kind=kind)
    torch.manual_seed(2)
    part = frame_noise([12, 11], SHAPE, seed=7, kind=kind)
    assert torch.equal(part[0], whole[12])
    assert torch.equal(part[1], whole[11])


def test_drawing_noise_leaves_the_global_state_alone() -> None:
    before = torch.get_rng_state()
    frame_noise([0, 1], SHAPE, seed=0, kind="mixed")
    assert torch.equal(torch.get_rng_state(), before)


def test_shared_noise_is_one_for_all_and_independent_noise_is_not() -> None:
    shared = frame_noise([0, 1], SHAPE, seed=3)
    own = frame_noise([0, 1], SHAPE, seed=3, kind="independent")
    assert torch.equal(shared[0], shared[1])
    assert abs(correlation(own[0], own[1])) < 0.1


@pytest.mark.parametrize("share", [0.2, 0.8])
def test_mixed_noise_has_unit_spread_and_the_wanted_correlation(share: float) -> None:
    noise = frame_noise(range(6), (4, 40, 40), seed=5, kind="mixed", shared_share=share)
    assert float(noise.std()) == pytest.approx(1.0, abs=0.03)
    assert correlation(noise[0], noise[4]) == pytest.approx(share, abs=0.05)


def test_seeds_and_streams_are_unrelated() -> None:
    base = frame_noise([0], SHAPE, seed=1)
    assert abs(correlation(base, frame_noise([0], SHAPE, seed=2))) < 0.1
    assert abs(correlation(base, frame_noise([0], SHAPE, seed=1, stream="step 1"))) < 0.1


def test_a_share_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match="shared_share"):
        frame_noise([0], SHAPE, seed=0, kind="mixed", shared_share=1.2)


def correlation(first: torch.Tensor, second: torch.Tensor) -> float:
    return float(torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1])
