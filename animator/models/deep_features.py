"""The deep layers' output of one denoising step used again in the next ones.

Source: DeepCache (Ma et al. 2024): from one step to the next the deep features of a UNet change little, its outermost
blocks much. In a step that reuses, only the first down block and the last up block of a diffusers
`UNet2DConditionModel` are computed; what the blocks between them gave is kept from the last whole step.

The network itself is never touched: whole and outer evaluations go through views that share its weights and hold the
state of a single sampling, so that any number of threads can use one network.

Legend: B frames and branches, C h w features.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import nn


class DeepReuse:
    """One sampling in which a UNet's deep blocks are computed in every `every`-th step only.

    Args:
        unet: any number of levels; read only.
        every: 1 computes every step whole, with the network itself.
    """

    def __init__(self, unet: UNet2DConditionModel, *, every: int) -> None:
        self._unet, self._every = unet, every
        self._steps, self._is_whole = 0, True
        self._features: dict[str, torch.Tensor] = {}

    def begin_step(self, branches: Sequence[str]) -> None:
        """The next step, which asks for these branches: whole if it is its turn, or if one of them is new."""
        self._is_whole = self._steps % self._every == 0 or any(branch not in self._features for branch in branches)
        self._steps += 1

    def network(self, branches: Sequence[str]) -> nn.Module:
        """What to call in this step, once, with a batch that holds these branches one behind the other."""
        if self._every == 1:
            return self._unet
        if not self._is_whole:
            return outer_blocks(self._unet, torch.cat([self._features[branch] for branch in branches]))

        def keep(features: torch.Tensor) -> None:
            self._features.update(zip(branches, features.chunk(len(branches)), strict=True))

        return whole_network(self._unet, keep)


def whole_network(unet: UNet2DConditionModel, keep: Callable[[torch.Tensor], None]) -> nn.Module:
    """The same network, which hands its deep features [B, C, h, w] to `keep` on their way to the last block."""
    *earlier, last = unet.up_blocks
    return _view(unet, up_blocks=nn.ModuleList([*earlier, _Watched(last, keep)]))


def outer_blocks(unet: UNet2DConditionModel, features_BChw: torch.Tensor) -> nn.Module:
    """The network's first and last block, and between them these features instead of all others' work.

    Args:
        unet: read only.
        features_BChw: as `whole_network` gave them for a batch of the same B.
    """
    first = copy.copy(unet.down_blocks[0])
    # Nothing is there any more that would take its smaller features.
    first._modules = {**first._modules, "downsamplers": None}
    return _view(
        unet,
        down_blocks=nn.ModuleList([first]),
        mid_block=_Recalled(features_BChw),
        up_blocks=nn.ModuleList([unet.up_blocks[-1]]),
    )


def _view(unet: UNet2DConditionModel, **blocks: nn.Module) -> nn.Module:
    """`unet` with other blocks: a shallow copy, every weight shared."""
    view: nn.Module = copy.copy(unet)
    view._modules = {**unet._modules, **blocks}
    # What was put around the network's own call, such as a stopwatch, would call the network and not the view.
    vars(view).pop("forward", None)
    return view


class _Watched(nn.Module):
    """An up block whose input is seen."""

    def __init__(self, block: nn.Module, keep: Callable[[torch.Tensor], None]) -> None:
        super().__init__()
        self.block, self._keep = block, keep
        # Which diffusers asks a block for.
        self.resnets = block.resnets
        self.has_cross_attention = getattr(block, "has_cross_attention", False)

    def forward(self, hidden_states: torch.Tensor, **given: Any) -> torch.Tensor:
        """As the block itself."""
        self._keep(hidden_states)
        output: torch.Tensor = self.block(hidden_states=hidden_states, **given)
        return output


class _Recalled(nn.Module):
    """Stands where the deep blocks were."""

    def __init__(self, features_BChw: torch.Tensor) -> None:
        super().__init__()
        self._features_BChw = features_BChw

    def forward(self, *_: Any) -> torch.Tensor:
        """What they gave before."""
        return self._features_BChw
