"""How much of what a device can compute a network makes use of.

Source: Williams, Waterman & Patterson 2009, "Roofline". The roof is measured, not read off a data sheet: a large
matrix product in the same number format gives the peak, a large copy the bandwidth.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

_ROUNDS, _WARM = 5, 2
_CPU_SIDE, _GPU_SIDE = 2048, 8192
_CPU_COPY_BYTES, _GPU_COPY_BYTES = 2**28, 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class Roof:
    """What a device reaches at best.

    Attributes:
        flops_per_s: of a large matrix product.
        bytes_per_s: of a large copy, read and written.
    """

    flops_per_s: float
    bytes_per_s: float

    def at(self, intensity: float) -> float:
        """Attainable FLOP/s at `intensity` FLOP per byte."""
        return min(self.flops_per_s, intensity * self.bytes_per_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One network at work.

    Attributes:
        name: of the network.
        flops: of one call.
        moved_bytes: inputs, outputs and weights of its layers, each counted once per call.
        seconds: of one call.
    """

    name: str
    flops: float
    moved_bytes: float
    seconds: float

    @property
    def intensity(self) -> float:
        """FLOP per byte."""
        return self.flops / self.moved_bytes

    @property
    def flops_per_s(self) -> float:
        """What it reached."""
        return self.flops / self.seconds


def measure_roof(device: torch.device, dtype: torch.dtype, *, side: int | None = None) -> Roof:
    """Measure a matrix product and a copy; a second on a CPU.

    Args:
        device: to measure.
        dtype: that networks compute in.
        side: of the square matrices; by the device if not given.
    """
    on_cpu = device.type == "cpu"
    side = side or (_CPU_SIDE if on_cpu else _GPU_SIDE)
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    product_s = median_seconds(lambda: left @ right, device)
    num_bytes = min(_CPU_COPY_BYTES if on_cpu else _GPU_COPY_BYTES, 64 * side * side)
    source = torch.zeros(num_bytes, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    copy_s = median_seconds(lambda: target.copy_(source), device)
    return Roof(flops_per_s=2 * side**3 / product_s, bytes_per_s=2 * num_bytes / copy_s)


def measure_load(name: str, net: nn.Module, call: Callable[[], Any], device: torch.device) -> Load:
    """Count and time what `call` does with `net`.

    Args:
        name: to report it by.
        net: whose layers' traffic is counted.
        call: uses it once.
        device: it computes on.
    """
    with Traffic(net) as traffic, FlopCounterMode(display=False) as counter:
        call()
    seconds = median_seconds(call, device)
    return Load(name=name, flops=counter.get_total_flops(), moved_bytes=traffic.moved_bytes, seconds=seconds)


def median_seconds(call: Callable[[], Any], device: torch.device) -> float:
    """Median over a few calls, after some that warm up."""
    from animator.benchmarking.clock import Clock

    clock = Clock(device)
    until = time.monotonic() + 20  # on a slow machine two calls have to do
    for number in range(_ROUNDS + _WARM):
        with clock.measured("warm" if number < _WARM else "call"):
            call()
        if time.monotonic() > until and "call" in clock.seconds:
            break
    return statistics.median(clock.seconds["call"])


class Traffic:
    """Counts, within its block, the bytes that the leaf layers of a network read and write."""

    def __init__(self, net: nn.Module) -> None:
        self.moved_bytes = 0
        self._net, self._stack = net, ExitStack()

    def __enter__(self) -> Traffic:
        for layer in self._net.modules():
            if not list(layer.children()):
                handle = layer.register_forward_hook(self._count)
                self._stack.callback(handle.remove)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _count(self, layer: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        tensors = [each for each in (*inputs, output) if isinstance(each, torch.Tensor)]
        self.moved_bytes += sum(math.prod(each.shape) * each.element_size() for each in tensors)
        self.moved_bytes += sum(each.numel() * each.element_size() for each in layer.parameters())
