"""Gradients of a batch, in as many parts as the memory asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import torch
from torch import nn

from animator.device import is_out_of_memory
from animator.training.packing import unpacked
from animator.training.samples import Batch
from animator.training.stage import Stage


class BatchGradients:
    """Computes gradients; when the memory does not suffice, of half as many samples at once from then on.

    A loss is a mean over samples, so the gradients of the parts add up to those of the batch, but for the order of
    sums.

    Args:
        stage: gives the losses.
        nets: its networks, wrapped by `accelerator`.
        parameters: of these networks, those that are trained.
        accelerator: accelerate's.
        at_once: samples to begin with, in each process.
        warn: told in one line when the parts become smaller.
    """

    def __init__(
        self,
        stage: Stage,
        nets: Mapping[str, nn.Module],
        parameters: list[nn.Parameter],
        accelerator: Any,
        *,
        at_once: int,
        warn: Callable[[str], None],
    ) -> None:
        self.parameters = parameters
        self._stage, self._nets, self._accelerator, self._warn = stage, nets, accelerator, warn
        self._at_once = at_once

    def leave(self, batch: Batch) -> dict[str, float]:
        """Leave the gradients of a batch, mean over all processes, with the parameters; this process's losses.

        Raises:
            torch.OutOfMemoryError: with one sample at a time, here or in another process.
        """
        while True:
            losses = self._losses_or_none(batch)
            # A process whose memory sufficed goes back with those whose did not.
            if not self._anywhere(losses is None):
                break
            for parameter in self.parameters:
                parameter.grad = None
            self._use_less_memory()
        assert losses is not None
        if self._accelerator.num_processes > 1:
            for parameter in self.parameters:
                if parameter.grad is not None:
                    parameter.grad.copy_(self._accelerator.reduce(parameter.grad, "mean"))
        return losses

    def _losses_or_none(self, batch: Batch) -> dict[str, float] | None:
        """Gradients and losses within this process; none when out of memory."""
        losses: dict[str, float] = {}
        try:
            with ExitStack() as stack:
                # Left to itself, a wrapped network waits, half-way through its gradients, for processes that may
                # have run out of memory.
                for net in self._nets.values():
                    stack.enter_context(self._accelerator.no_sync(net))
                for part, share in parts(batch, self._at_once):
                    given = unpacked({name: self._moved(tensor) for name, tensor in part.items()})
                    with self._accelerator.autocast():
                        each = self._stage.losses(given, self._nets)
                    self._accelerator.backward(each["loss"] * share)
                    for name, value in each.items():
                        losses[name] = losses.get(name, 0.0) + share * float(value.detach())
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return None
        return losses

    def _moved(self, tensor: torch.Tensor) -> torch.Tensor:
        # From pinned memory, where `batches` puts samples for a GPU, the copy goes on beside the work.
        return tensor.to(self._accelerator.device, non_blocking=True)

    def _use_less_memory(self) -> None:
        # Here and not where it was caught: the exception held on to the tensors it died of.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if self._at_once == 1:
            raise torch.OutOfMemoryError("with one sample at a time")
        fewer = self._at_once // 2
        self._warn(
            f"training {self._stage.name}: out of memory with {self._at_once} samples at once: going on with {fewer}, "
            "whose gradients add up to the same batch"
        )
        self._at_once = fewer

    def _anywhere(self, here: bool) -> bool:
        """Whether something is so in any of the processes."""
        if self._accelerator.num_processes == 1:
            return here
        told = torch.tensor(float(here), device=self._accelerator.device)
        return bool(self._accelerator.reduce(told, "sum") > 0)


def parts(batch: Batch, at_once: int) -> Iterator[tuple[Batch, float]]:
    """Parts of a batch of at most `at_once` samples, and the share of the batch that each is."""
    size = len(next(iter(batch.values())))
    for first in range(0, size, at_once):
        part = {name: tensor[first : first + at_once] for name, tensor in batch.items()}
        yield part, min(at_once, size - first) / size
