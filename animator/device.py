"""The one place that picks a device and the number format to compute in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from animator.errors import DeviceError


def pick_device(name: str = "auto") -> torch.device:
    """The device called `name`; `auto` takes CUDA, then Apple's GPU, then the CPU.

    Raises:
        DeviceError: no such device here.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceError(f"device {name!r} is unknown; use auto, cpu, cuda, cuda:1 or mps") from error
    missing = (device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()) or (
        device.type == "mps" and not torch.backends.mps.is_available()
    )
    if missing:
        raise DeviceError(
            f"device {name!r} is not there ({torch.cuda.device_count()} CUDA GPUs found); use auto or cpu"
        )
    return device


def num_gpus() -> int:
    """CUDA GPUs of this machine."""
    return torch.cuda.device_count()


def working_dtype(device: torch.device) -> torch.dtype:
    """float16 on GPUs; float32 on the CPU, where half precision is several times slower."""
    return torch.float32 if device.type == "cpu" else torch.float16


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` is a failed allocation, which torch words differently on every device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and ("DefaultCPUAllocator" in text or "MPS backend out of memory" in text)


@contextmanager
def one_thread() -> Iterator[None]:
    """For hundreds of small operations a frame: they gain nothing from more threads, and lose much where cores are
    busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
