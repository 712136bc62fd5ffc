"""Deep features of one step used again: what is skipped, what is not, and that threads do not share them."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from deep_reuse import DeepReuse

from tests.animator.models.tiny import WIDTH, tiny_unet


@pytest.fixture
def unet() -> UNet2DConditionModel:
    return tiny_unet()


@torch.inference_mode()
def evaluate(unet: UNet2DConditionModel, seed: int, timestep: int = 500) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    latents, tokens = torch.randn(1, 4, 24, 16, generator=rng), torch.randn(1, 5, WIDTH, generator=rng)
    return unet(latents, torch.tensor(timestep), encoder_hidden_states=tokens).sample


def test_every_evaluation_whole_gives_the_same_bits(unet: UNet2DConditionModel) -> None:
    plain = [evaluate(unet, seed) for seed in range(3)]
    with DeepReuse(unet, 1).installed() as reuse:
        reuse.begin()
        assert all(torch.equal(evaluate(unet, seed), plain[seed]) for seed in range(3))


def test_deep_blocks_are_computed_in_every_second_evaluation_only(unet: UNet2DConditionModel) -> None:
    computed: list[int] = []
    unet.mid_block.resnets[0].register_forward_hook(lambda *_: computed.append(1))
    with DeepReuse(unet, 2).installed() as reuse:
        reuse.begin()
        counts = [evaluate(unet, seed).isfinite().all() and len(computed) for seed in range(4)]
    assert counts == [1, 1, 2, 2]


def test_what_is_used_again_is_what_the_same_input_would_give(unet: UNet2DConditionModel) -> None:
    plain, other = evaluate(unet, 0), evaluate(unet, 1)
    with DeepReuse(unet, 3).installed() as reuse:
        reuse.begin()
        assert torch.equal(evaluate(unet, 0), plain)
        assert torch.equal(evaluate(unet, 0), plain)
        assert not torch.equal(evaluate(unet, 1), other)
        reuse.begin()
        assert torch.equal(evaluate(unet, 1), other)
    assert torch.equal(evaluate(unet, 1), other)


def test_threads_keep_their_own_features(unet: UNet2DConditionModel) -> None:
    plain, found = evaluate(unet, 1), []

    def another() -> None:
        reuse.begin()
        found.append(evaluate(unet, 1))

    with DeepReuse(unet, 2).installed() as reuse:
        reuse.begin()
        evaluate(unet, 0)
        thread = threading.Thread(target=another)
        thread.start()
        thread.join()
    assert torch.equal(found[0], plain)
