"""Reference attention: every self-attention layer of the UNet also looks at what it saw in the photo.

A small network cannot carry an outfit through a few dozen tokens. Here the UNet reads the photo once per subject as it
reads a frame, and each of its self-attention layers keeps keys and values of what passes through it; while frames are
made, the layer attends to them beside its own. After the appearance control of MagicPose (Chang et al. 2023,
multi-source attention) with the UNet itself as the copy; both sources have a softmax of their own, as those of
IP-Adapter (Ye et al. 2023), and the photo's values start at zero, so that a network with this path computes the very
bits of the one without until it is trained.

Legend: B batch, R photos (1 or B), L positions of a layer, C its channels, H heads, D channels of a head.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from diffusers import ModelMixin, UNet2DConditionModel
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from einops import rearrange
from torch import nn
from torch.nn import functional as F  # noqa: N812

from animator.errors import ModelError

# The self-attention of a transformer block, as diffusers names it.
_SELF = ".attn1"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PhotoMemory:
    """What the self-attention layers keep of the photo.

    Attributes:
        layers: keys and values by the layer's name, [R, L, C] each.
        present_B: whether a sample has a photo, bool [B]; none: every one has.
    """

    layers: Mapping[str, tuple[torch.Tensor, torch.Tensor]]
    present_B: torch.Tensor | None = None

    def dropped(self, image_B: torch.Tensor) -> PhotoMemory:
        """Without the photo where bool [B] says so."""
        present = ~image_B if self.present_B is None else self.present_B & ~image_B
        return replace(self, present_B=present)

    @classmethod
    def joined(cls, parts: Sequence[PhotoMemory], sizes: Sequence[int]) -> PhotoMemory:
        """Several batches as one; those of one and the same photo go on sharing it.

        Args:
            parts: at least one.
            sizes: samples of each.
        """
        first = parts[0].layers
        device = next(iter(first.values()))[0].device
        present = [
            torch.ones(size, dtype=torch.bool, device=device) if part.present_B is None else part.present_B
            for part, size in zip(parts, sizes, strict=True)
        ]
        return cls(layers=_joined_layers([part.layers for part in parts], sizes), present_B=torch.cat(present))


class ReferenceAttention(ModelMixin, ConfigMixin):  # type: ignore[misc]  # diffusers is not checked
    """Makes a `PhotoMemory` of what a UNet's self-attention layers saw.

    Args:
        widths: channels by the layer's name.
    """

    @register_to_config
    def __init__(self, widths: dict[str, int]) -> None:
        super().__init__()
        # Names of modules hold no dots.
        self.layers = nn.ModuleDict({_key(name): _KeysAndValues(width) for name, width in widths.items()})

    @classmethod
    def of(cls, unet: UNet2DConditionModel) -> ReferenceAttention:
        """For `unet`, changing nothing yet: the keys are made as its own, the values are zero.

        Raises:
            ModelError: a network without self-attention.
        """
        layers = _self_attention(unet)
        if not layers:
            raise ModelError("this UNet has no self-attention through which it could look at the photo")
        made = cls({name: int(layer.to_k.in_features) for name, layer in layers.items()})
        for name, layer in layers.items():
            made.layers[_key(name)].to_k.weight.data.copy_(layer.to_k.weight)
        # diffusers' own `to` logs about layers to be kept in float32, of which there are none.
        made = nn.Module.to(made, unet.device, unet.dtype)
        return made.eval().requires_grad_(False)

    def connect(self, unet: UNet2DConditionModel) -> None:
        """Let `unet` look at a memory of these layers where it is given one; nothing else changes.

        Raises:
            ModelError: made for another network.
        """
        layers = _self_attention(unet)
        if {name: int(layer.to_k.in_features) for name, layer in layers.items()} != dict(self.config.widths):
            raise ModelError("the reference attention was made for another UNet: its layers differ")
        for name, module in unet.named_modules():
            if isinstance(module, Attention):
                module.set_processor(_LookingAttention(name if name in layers else None))

    def forward(self, seen: Mapping[str, torch.Tensor]) -> PhotoMemory:
        """Keys and values of what the layers saw, [R, L, C] each, from `read_photo`."""
        return PhotoMemory(layers={name: self.layers[_key(name)](states) for name, states in seen.items()})


def read_photo(unet: UNet2DConditionModel, inputs_RChw: torch.Tensor, tokens_RLD: torch.Tensor) -> dict[str, Any]:
    """What the self-attention layers of a connected UNet see, [R, L, C] by name, when it reads photos.

    Args:
        unet: `ReferenceAttention.connect` was called with it.
        inputs_RChw: all of its input channels, without noise.
        tokens_RLD: for its cross-attention.
    """
    reading = _Reading()
    start = torch.zeros((), dtype=torch.long, device=inputs_RChw.device)
    told = {"cross_attention_kwargs": {"photo": reading}, "return_dict": False}
    unet(inputs_RChw, start, encoder_hidden_states=tokens_RLD, **told)
    return reading.seen


@dataclass(slots=True, kw_only=True, eq=False)
class _Reading:
    """Collects what the layers see."""

    seen: dict[str, torch.Tensor] = field(default_factory=dict)


class _KeysAndValues(nn.Module):
    """One layer's way to see the photo."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.to_k = nn.Linear(width, width, bias=False)
        self.to_v = nn.Linear(width, width, bias=False)
        nn.init.zeros_(self.to_v.weight)

    def forward(self, seen_RLC: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.to_k(seen_RLC), self.to_v(seen_RLC)


class _LookingAttention(AttnProcessor2_0):  # type: ignore[misc]  # diffusers is not checked
    """Attention that knows its name and holds no state, so one network serves many renders at once.

    Args:
        name: of a self-attention layer; none for the others.
    """

    def __init__(self, name: str | None) -> None:
        super().__init__()
        self._name = name

    def __call__(
        self,
        attn: Attention,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        temb: torch.Tensor | None = None,
        photo: _Reading | PhotoMemory | None = None,
        **_: Any,
    ) -> torch.Tensor:
        if self._name is not None and isinstance(photo, PhotoMemory):
            return _attend(attn, hidden_states, *photo.layers[self._name], photo.present_B)
        if self._name is not None and isinstance(photo, _Reading):
            photo.seen[self._name] = hidden_states
        attended: torch.Tensor = super().__call__(attn, hidden_states, encoder_hidden_states, attention_mask, temb)
        return attended


def _attend(
    attn: Attention,
    states_BLC: torch.Tensor,
    photo_keys_RLC: torch.Tensor,
    photo_values_RLC: torch.Tensor,
    present_B: torch.Tensor | None,
) -> torch.Tensor:
    """Self-attention, and beside it what the same queries find in the photo."""
    query = _heads(attn.to_q(states_BLC), attn.heads)
    own = _attended(query, _heads(attn.to_k(states_BLC), attn.heads), _heads(attn.to_v(states_BLC), attn.heads))
    key, value = (
        _heads(each.to(query.dtype), attn.heads).expand(len(query), -1, -1, -1)
        for each in (photo_keys_RLC, photo_values_RLC)
    )
    found = _attended(query, key, value)
    if present_B is not None:
        found = found * present_B[:, None, None]
    attended: torch.Tensor = attn.to_out[1](attn.to_out[0](own + found))
    return attended


def _heads(states_BLC: torch.Tensor, heads: int) -> torch.Tensor:
    return rearrange(states_BLC, "b l (h d) -> b h l d", h=heads)


def _attended(query_BHLD: torch.Tensor, key_BHLD: torch.Tensor, value_BHLD: torch.Tensor) -> torch.Tensor:
    return rearrange(F.scaled_dot_product_attention(query_BHLD, key_BHLD, value_BHLD), "b h l d -> b l (h d)")


def _joined_layers(
    parts: Sequence[Mapping[str, tuple[torch.Tensor, torch.Tensor]]], sizes: Sequence[int]
) -> Mapping[str, tuple[torch.Tensor, torch.Tensor]]:
    first = parts[0]
    if all(part is first for part in parts) and len(next(iter(first.values()))[0]) == 1:
        return first

    def one(name: str, which: int) -> torch.Tensor:
        return torch.cat([part[name][which].expand(size, -1, -1) for part, size in zip(parts, sizes, strict=True)])

    return {name: (one(name, 0), one(name, 1)) for name in first}


def _self_attention(unet: UNet2DConditionModel) -> dict[str, Attention]:
    return {
        name: module for name, module in unet.named_modules() if isinstance(module, Attention) and name.endswith(_SELF)
    }


def _key(name: str) -> str:
    return name.replace(".", "-")
