"""Deep features of one step used again: what is skipped, what is not, and that samplings do not share them."""

from __future__ import annotations

import threading

import pytest
import torch
from diffusers import UNet2DConditionModel

from animator.models.bases import open_base
from animator.models.deep_features import DeepReuse
from tests.animator.models.tiny import WIDTH, tiny_unet


@pytest.fixture
def unet() -> UNet2DConditionModel:
    return tiny_unet()


@torch.inference_mode()
def evaluate(net: torch.nn.Module, *seeds: int) -> torch.Tensor:
    rngs = [torch.Generator().manual_seed(seed) for seed in seeds]
    latents = torch.stack([torch.randn(4, 24, 16, generator=rng) for rng in rngs])
    tokens = torch.stack([torch.randn(5, WIDTH, generator=rng) for rng in rngs])
    return net(latents, torch.tensor(500), encoder_hidden_states=tokens, return_dict=False)[0]


def step(reuse: DeepReuse, *seeds: int, branches: tuple[str, ...] = ("both",)) -> torch.Tensor:
    reuse.begin_step(branches)
    return evaluate(reuse.network(branches), *seeds)


def deep_calls(unet: UNet2DConditionModel) -> list[int]:
    """Batch sizes that reach the middle of the network, as it happens."""
    sizes: list[int] = []
    unet.mid_block.resnets[0].register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    return sizes


def test_whole_steps_have_the_network_s_own_bits(unet: UNet2DConditionModel) -> None:
    plain = evaluate(unet, 1)
    assert DeepReuse(unet, every=1).network(["both"]) is unet
    assert torch.equal(step(DeepReuse(unet, every=2), 1), plain)


@pytest.mark.parametrize(("every", "expected"), [(2, [1, 1, 2, 2, 3]), (3, [1, 1, 1, 2, 2])])
def test_deep_blocks_are_computed_in_every_so_many_steps_only(
    unet: UNet2DConditionModel, every: int, expected: list[int]
) -> None:
    calls, reuse, counts = deep_calls(unet), DeepReuse(unet, every=every), []
    for seed in range(5):
        assert step(reuse, seed).isfinite().all()
        counts.append(len(calls))
    assert counts == expected


def test_what_is_used_again_is_what_the_same_input_would_give(unet: UNet2DConditionModel) -> None:
    reuse = DeepReuse(unet, every=3)
    assert torch.equal(step(reuse, 0), evaluate(unet, 0))
    assert torch.equal(step(reuse, 0), evaluate(unet, 0))
    assert not torch.equal(step(reuse, 1), evaluate(unet, 1))
    assert torch.equal(step(reuse, 1), evaluate(unet, 1))  # a whole step again


def test_the_outer_blocks_see_the_step_s_own_input(unet: UNet2DConditionModel) -> None:
    reuse = DeepReuse(unet, every=2)
    first = step(reuse, 0)
    assert not torch.equal(step(reuse, 1), first)


def test_the_deep_features_are_the_branch_s_own_however_branches_are_batched(unet: UNet2DConditionModel) -> None:
    together, in_turn = DeepReuse(unet, every=2), DeepReuse(unet, every=2)
    for seeds in ((0, 1, 2, 3), (4, 5, 6, 7)):  # two frames in each of two branches
        joined = step(together, *seeds, branches=("image", "both"))
        in_turn.begin_step(("image", "both"))
        alone = [evaluate(in_turn.network([name]), *seeds[at : at + 2]) for name, at in (("image", 0), ("both", 2))]
        assert torch.allclose(joined, torch.cat(alone), atol=1e-5)


def test_a_branch_that_guidance_asks_for_later_makes_its_step_whole(unet: UNet2DConditionModel) -> None:
    calls, reuse = deep_calls(unet), DeepReuse(unet, every=4)
    step(reuse, 0)
    step(reuse, 0, 1, branches=("image", "both"))
    step(reuse, 0, 1, branches=("image", "both"))
    step(reuse, 0)
    assert calls == [1, 2]


def test_a_stopwatch_around_the_network_does_not_undo_the_reuse(unet: UNet2DConditionModel) -> None:
    calls, forward = deep_calls(unet), unet.forward
    object.__setattr__(unet, "forward", lambda *given, **more: forward(*given, **more))
    reuse = DeepReuse(unet, every=2)
    step(reuse, 0)
    step(reuse, 0)
    assert calls == [1]


def test_the_network_is_left_as_it_was(unet: UNet2DConditionModel) -> None:
    before = [name for name, _ in unet.named_modules()]
    reuse = DeepReuse(unet, every=2)
    step(reuse, 0)
    step(reuse, 1)
    assert [name for name, _ in unet.named_modules()] == before
    assert torch.equal(evaluate(unet, 1), evaluate(tiny_unet(), 1))


def test_samplings_in_several_threads_keep_their_own_features(unet: UNet2DConditionModel) -> None:
    def sampling(seed: int) -> list[torch.Tensor]:
        reuse = DeepReuse(unet, every=2)
        return [step(reuse, seed + at) for at in range(4)]

    def in_thread(seed: int) -> None:
        found[seed] = sampling(seed)

    alone = {seed: sampling(seed) for seed in range(4)}
    found: dict[int, list[torch.Tensor]] = {}
    threads = [threading.Thread(target=in_thread, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(a, b) for seed in alone for a, b in zip(alone[seed], found[seed], strict=True))


@torch.inference_mode()
def test_the_shipped_network_is_close_to_itself_where_a_step_later_it_reuses() -> None:
    unet = open_base("embedded").unet
    rng = torch.Generator().manual_seed(0)
    start = torch.randn(1, unet.config.in_channels, 16, 16, generator=rng)
    other = start + 0.05 * torch.randn(start.shape, generator=rng)
    told = {"encoder_hidden_states": torch.randn(1, 5, unet.config.cross_attention_dim, generator=rng)}
    reuse = DeepReuse(unet, every=2)
    reuse.begin_step(("both",))
    reuse.network(("both",))(start, torch.tensor(750), **told, return_dict=False)
    reuse.begin_step(("both",))
    found = reuse.network(("both",))(other, torch.tensor(500), **told, return_dict=False)[0]
    wanted = unet(other, torch.tensor(500), **told, return_dict=False)[0]
    assert 0 < float((found - wanted).square().mean().sqrt()) < 0.5 * float(wanted.std())
