"""Reference attention: the same bits before training, blind where there is no photo, without state."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import nn

from animator.errors import ModelError
from animator.models.loading import load_net, quiet
from animator.models.reference import PhotoMemory, ReferenceAttention, read_photo
from animator.training.lora import add_lora, merge_lora
from tests.animator.models.tiny import teach_to_look, tiny_unet

DRAWS = torch.Generator().manual_seed(1)
TOKENS = torch.randn(2, 5, 32, generator=DRAWS)
LATENTS = torch.randn(2, 4, 24, 16, generator=DRAWS)
PHOTO = torch.randn(1, 4, 24, 16, generator=DRAWS)
Pair = tuple[UNet2DConditionModel, ReferenceAttention]


def call(unet: UNet2DConditionModel, photo: PhotoMemory | None = None, latents: torch.Tensor = LATENTS) -> torch.Tensor:
    told = {} if photo is None else {"cross_attention_kwargs": {"photo": photo}}
    return unet(latents, 7, encoder_hidden_states=TOKENS.repeat(len(latents) // 2, 1, 1), **told).sample


def look(pair: Pair, photo: torch.Tensor = PHOTO) -> PhotoMemory:
    unet, reference = pair
    return reference(read_photo(unet, photo, TOKENS[:1].expand(len(photo), -1, -1)))


@pytest.fixture
def untrained() -> Pair:
    unet = tiny_unet()
    reference = ReferenceAttention.of(unet)
    reference.connect(unet)
    return unet, reference


@pytest.fixture
def trained(untrained: Pair) -> Pair:
    """As if it had learned to look: its values are no longer zero."""
    teach_to_look(untrained[1])
    return untrained


@torch.no_grad()
def test_before_training_not_a_bit_differs(untrained: Pair) -> None:
    plain = call(tiny_unet())
    assert torch.equal(call(untrained[0]), plain)
    assert torch.equal(call(untrained[0], look(untrained)), plain)


@torch.no_grad()
def test_every_self_attention_layer_sees_the_photo_and_no_other_does(untrained: Pair) -> None:
    unet, reference = untrained
    names = {name for name, _ in unet.named_modules() if name.endswith("attn1")}
    assert set(reference.config.widths) == set(look(untrained).layers) == names
    assert len(names) == 4


@torch.no_grad()
def test_once_trained_it_is_this_photo_that_matters(trained: Pair) -> None:
    with_photo = call(trained[0], look(trained))
    assert not torch.allclose(with_photo, call(trained[0]), atol=1e-4)
    assert not torch.allclose(with_photo, call(trained[0], look(trained, -PHOTO)), atol=1e-4)


@torch.no_grad()
def test_a_sample_without_a_photo_is_as_if_nobody_looked(trained: Pair) -> None:
    memory = look(trained)
    some = call(trained[0], memory.dropped(torch.tensor([True, False])))
    torch.testing.assert_close(some[0], call(trained[0])[0])
    torch.testing.assert_close(some[1], call(trained[0], memory)[1])
    none = memory.dropped(torch.tensor([True, False])).dropped(torch.tensor([False, True]))
    torch.testing.assert_close(call(trained[0], none), call(trained[0]))


@torch.no_grad()
def test_branches_of_one_photo_share_it_and_give_what_each_gives_alone(trained: Pair) -> None:
    memory = look(trained)
    without = memory.dropped(torch.tensor([True, True]))
    joined = PhotoMemory.joined([without, memory], [2, 2])
    assert joined.layers is memory.layers
    together = call(trained[0], joined, LATENTS.repeat(2, 1, 1, 1))
    torch.testing.assert_close(together[:2], call(trained[0], without))
    torch.testing.assert_close(together[2:], call(trained[0], memory))


@torch.no_grad()
def test_samples_of_different_photos_each_look_at_their_own(trained: Pair) -> None:
    first, second = look(trained, PHOTO), look(trained, -PHOTO)
    both = look(trained, torch.cat([PHOTO, -PHOTO]))
    wanted = torch.stack([call(trained[0], first)[0], call(trained[0], second)[1]])
    torch.testing.assert_close(call(trained[0], both), wanted)
    joined = PhotoMemory.joined([first, second], [2, 2])
    together = call(trained[0], joined, LATENTS.repeat(2, 1, 1, 1))
    torch.testing.assert_close(together[2:], call(trained[0], second))


def test_gradients_reach_values_first_and_then_keys_and_what_was_read(untrained: Pair) -> None:
    unet, reference = untrained
    reference.requires_grad_(True)

    def gradients() -> tuple[bool, bool]:
        reference.zero_grad()
        call(unet, look(untrained)).square().mean().backward()
        layers = reference.layers.values()
        return all(float(each.to_v.weight.grad.abs().sum()) > 0 for each in layers), all(
            float(each.to_k.weight.grad.abs().sum()) > 0 for each in layers
        )

    assert gradients() == (True, False)
    for layer in reference.layers.values():
        nn.init.normal_(layer.to_v.weight, std=0.1)
    assert gradients() == (True, True)
    memory = look(untrained)
    every = [each for layer in memory.layers.values() for each in layer]
    gradients_of_memory = torch.autograd.grad(call(unet, memory).square().mean(), every)
    assert all(float(each.abs().sum()) > 0 for each in gradients_of_memory)


@torch.no_grad()
def test_it_is_written_and_read_back(trained: Pair, tmp_path: Path) -> None:
    unet, reference = trained
    wanted = call(unet, look(trained))
    with quiet():
        reference.save_pretrained(tmp_path)
    again = load_net(ReferenceAttention, tmp_path)
    again.connect(unet)
    assert torch.equal(call(unet, look((unet, again))), wanted)


def test_with_lora_before_and_after_merging_it_looks_the_same(trained: Pair) -> None:
    unet, _ = trained
    with torch.no_grad():
        wanted = call(unet, look(trained))
        add_lora(unet, 2, seed=0)
        torch.testing.assert_close(call(unet, look(trained)), wanted)
        for name, weight in unet.named_parameters():
            if "lora_B" in name:
                weight.add_(0.05)
        tuned = call(unet, look(trained))
        assert not torch.allclose(tuned, wanted, atol=1e-4)
        merge_lora(unet)
        torch.testing.assert_close(call(unet, look(trained)), tuned)


def test_one_of_another_network_is_refused() -> None:
    with pytest.raises(ModelError, match="another UNet"):
        ReferenceAttention({"down_blocks.9.attn1": 8}).connect(tiny_unet())


def test_a_network_without_self_attention_is_refused() -> None:
    plain = UNet2DConditionModel(
        block_out_channels=(8,),
        down_block_types=("DownBlock2D",),
        mid_block_type=None,
        up_block_types=("UpBlock2D",),
        layers_per_block=1,
        norm_num_groups=4,
        cross_attention_dim=8,
    )
    with pytest.raises(ModelError, match="no self-attention"):
        ReferenceAttention.of(plain)
