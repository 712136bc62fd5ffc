"""The deep layers' output of one denoising step used again in the next ones.

Source: DeepCache (Ma et al. 2024): from one step to the next the deep features of a UNet change little, its outermost
blocks much. In a step that reuses, only the first down block and the last up block of a diffusers
`UNet2DConditionModel` are computed; what the blocks between them gave is kept from the last whole step.

Measured by `bench_ladder.py`; not part of the product.

Legend: B frames and branches, C h w features.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from diffusers import UNet2DConditionModel


class DeepReuse:
    """Lets a UNet skip its deep blocks in all but every `every`-th evaluation of a sampling.

    Each thread is in a sampling of its own; before its first one the network computes as ever. All evaluations of a
    sampling must be of the same size, so guidance must not begin or end within it.

    Args:
        unet: with two levels at least.
        every: 1 computes every evaluation whole.
    """

    def __init__(self, unet: UNet2DConditionModel, every: int) -> None:
        self._unet, self._every, self._own = unet, every, threading.local()

    @contextmanager
    def installed(self) -> Iterator[DeepReuse]:
        """In place within the block, and gone after it."""
        deep = [*self._unet.down_blocks[1:], self._unet.mid_block, *self._unet.up_blocks[:-1]]
        for block in deep:
            block.forward = self._skipping(block, block.forward, is_last=block is deep[-1])
        handle = self._unet.register_forward_pre_hook(self._count)
        try:
            yield self
        finally:
            handle.remove()
            for block in deep:
                del block.forward

    def begin(self) -> None:
        """A new sampling in this thread: its first evaluation is whole."""
        self._own.evaluations, self._own.features = 0, None

    def _count(self, *_: Any) -> None:
        done = getattr(self._own, "evaluations", None)
        if done is None:
            return
        self._own.is_whole = done % self._every == 0
        self._own.evaluations = done + 1

    def _skipping(self, block: torch.nn.Module, compute: Any, *, is_last: bool) -> Any:
        # A down block also hands one feature map per layer across; the skipped up blocks only count them.
        handed = len(block.resnets) + len(block.downsamplers or ()) if hasattr(block, "downsamplers") else 0

        def forward(hidden_states: torch.Tensor, *given: Any, **more: Any) -> Any:
            if getattr(self._own, "is_whole", True):
                output = compute(hidden_states, *given, **more)
                if is_last and getattr(self._own, "evaluations", None) is not None:
                    self._own.features = output
                return output
            if handed:
                return hidden_states, (hidden_states,) * handed
            return self._own.features if is_last else hidden_states

        return forward
