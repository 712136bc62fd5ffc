"""Seconds by name, with the device waited for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import torch


class Clock:
    """Collects the seconds that blocks and calls take, by name.

    Args:
        device: waited for before and after every measurement, since a GPU answers before it has computed.
    """

    def __init__(self, device: torch.device) -> None:
        self.seconds: dict[str, list[float]] = {}
        self._device = device

    @contextmanager
    def measured(self, name: str) -> Iterator[None]:
        """Measure a block."""
        self._wait()
        began = time.perf_counter()
        yield
        self._wait()
        self.seconds.setdefault(name, []).append(time.perf_counter() - began)

    @contextmanager
    def watching(self, thing: Any, method: str, name: str) -> Iterator[None]:
        """Measure every call of `thing.method` within the block; `thing` may be a module."""
        original, is_own = getattr(thing, method), method in vars(thing)
        put = setattr if isinstance(thing, ModuleType) else object.__setattr__  # which frozen objects allow, too

        def call(*arguments: Any, **options: Any) -> Any:
            with self.measured(name):
                return original(*arguments, **options)

        put(thing, method, call)
        try:
            yield
        finally:
            if is_own:
                put(thing, method, original)
            else:
                object.__delattr__(thing, method)

    def total(self, name: str) -> float:
        """All seconds under `name`; 0 where nothing was measured."""
        return sum(self.seconds.get(name, ()))

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        elif self._device.type == "mps":
            torch.mps.synchronize()
