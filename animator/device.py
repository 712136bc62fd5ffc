"""The one place that picks a device, the number format to compute in, and how much is computed at once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar
from weakref import finalize

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from animator.errors import DeviceError

Item = TypeVar("Item")
Result = TypeVar("Result")
Precision = Literal["auto", "float32", "bfloat16", "float16"]
# The rest is for fragments, for what libraries take inside an operation, and for other programs.
USABLE_SHARE = 0.8


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


def warp_device(device: torch.device) -> torch.device:
    """Where the photo is carried for a network on `device`.

    Apple's GPU lacks operations that the warp needs, and shares its memory with the CPU.
    """
    return torch.device("cpu") if device.type == "mps" else device


def working_dtype(device: torch.device, precision: Precision = "auto") -> torch.dtype:
    """The number format to compute in: as asked for, or what the device multiplies fastest.

    bfloat16 where the hardware knows it: NVIDIA from Ampere on, and CPUs with AVX512-BF16 or AMX, where a frame of the
    embedded base takes 0.7 of the time and differs from float32's by 60 dB (PSNR). Else float16 on GPUs, and float32 on
    CPUs, where half precision would be several times slower.
    """
    if precision != "auto":
        dtype: torch.dtype = getattr(torch, precision)
        return dtype
    if device.type == "cpu":
        return torch.bfloat16 if _cpu_multiplies_bfloat16() else torch.float32
    if device.type == "cuda" and torch.cuda.get_device_capability(device)[0] >= 8:
        return torch.bfloat16
    return torch.float16


@functools.cache
def _cpu_multiplies_bfloat16() -> bool:
    """Whether this CPU has instructions for it; torch imitates them elsewhere, slowly."""
    # Older versions of torch know fewer of these questions.
    questions = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, question, bool)()) for question in questions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """Memory that making frames takes beside the weights, as a trial measured it.

    Attributes:
        fixed_bytes: whatever the number of frames.
        frame_bytes: added by each frame at once, all branches of the guidance in one go.
        lone_branch_bytes: added by each frame at once, one branch after the other.
    """

    fixed_bytes: int
    frame_bytes: int
    lone_branch_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePlan:
    """How much is computed at once.

    Attributes:
        batch: frames in one call of the network, a power of two.
        branches_together: all branches of the guidance in one call.
        workers: batches side by side; one on a GPU.
        offload: what is needed once per photo leaves the device afterwards.
    """

    batch: int
    branches_together: bool
    workers: int = 1
    offload: bool = False


def plan_device(
    footprint: Footprint,
    *,
    free_bytes: int,
    most_frames: int,
    most_workers: int = 1,
    branches: int = 1,
    offloadable_bytes: int = 0,
    low_vram: bool = False,
) -> DevicePlan:
    """As much at once as fits into `USABLE_SHARE` of the free memory.

    Where not even one frame does, the encoders leave the device first, then the branches are computed one after the
    other. The plan for too little memory is the smallest: whether it suffices only trying tells.

    Args:
        footprint: from `measure_footprint`.
        free_bytes: with the weights in place.
        most_frames: in one call of the network.
        most_workers: batches side by side.
        branches: of the guidance.
        offloadable_bytes: weights that are needed once per photo.
        low_vram: take as little as possible, whatever is free.
    """
    if low_vram:
        return DevicePlan(batch=1, branches_together=branches == 1, offload=offloadable_bytes > 0)
    for offload in (False, True):
        budget = USABLE_SHARE * (free_bytes + (offloadable_bytes if offload else 0))
        for together, each in ((True, footprint.frame_bytes), (False, footprint.lone_branch_bytes)):
            if not together and (branches == 1 or (offloadable_bytes and not offload)):
                continue
            at_once = int((budget - footprint.fixed_bytes) // max(each, 1))
            if at_once >= 1:
                batch = 2 ** (min(at_once, most_frames).bit_length() - 1)
                workers = max(1, min(most_workers, at_once // batch))
                return DevicePlan(batch=batch, branches_together=together, workers=workers, offload=offload)
    return DevicePlan(batch=1, branches_together=branches == 1, offload=offloadable_bytes > 0)


def measure_footprint(trial: Callable[[int, int], object], device: torch.device, *, branches: int) -> Footprint | None:
    """What frames take, found out by making one, and two.

    Args:
        trial: computes so many frames with so many branches at once.
        device: where.
        branches: of the guidance.

    Returns:
        None where not even a single branch of one frame fits.
    """
    try:
        lone, two = peak_bytes(lambda: trial(1, 1), device), peak_bytes(lambda: trial(2, 1), device)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return None
    each = max(two - lone, 1)
    try:
        whole = lone if branches == 1 else peak_bytes(lambda: trial(1, branches), device)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        whole = lone + (branches - 1) * each
    fixed = max(lone - each, 0)
    return Footprint(fixed_bytes=fixed, frame_bytes=max(whole - fixed, each), lone_branch_bytes=each)


def peak_bytes(work: Callable[[], object], device: torch.device) -> int:
    """Memory that `work` holds at its worst moment, beside what was there before."""
    if device.type != "cuda":
        with _Count() as count, torch.inference_mode():
            work()
        return count.peak
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    with torch.inference_mode():
        work()
    torch.cuda.synchronize(device)
    return int(torch.cuda.max_memory_allocated(device) - before)


def free_bytes(device: torch.device) -> int:
    """Memory that may still be taken: of the GPU, or of the machine as far as this container may use it."""
    if device.type == "cuda":
        # What torch keeps for itself is free for torch.
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0] + kept)
    import psutil

    return min(int(psutil.virtual_memory().available), _left_in_container())


def _left_in_container(folder: Path = Path("/sys/fs/cgroup")) -> int:
    """What a control group leaves, in bytes; a great deal where there is none."""
    try:
        most, taken = (int((folder / name).read_text()) for name in ("memory.max", "memory.current"))
    except (OSError, ValueError):  # no such file; or "max", which is no limit
        return 2**62
    return max(most - taken, 0)


class _Count(TorchDispatchMode):
    """Adds up the tensors that live at once. What libraries allocate inside an operation is not seen."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = self._now = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        given = {tensor.untyped_storage().data_ptr() for tensor in _tensors((args, kwargs))}
        for tensor in _tensors(result):
            self._note(tensor.untyped_storage(), given)
        return result

    def _note(self, storage: torch.UntypedStorage, given: set[int]) -> None:
        place, size = storage.data_ptr(), storage.nbytes()
        if size == 0 or place in self._known or place in given:  # a view of a weight takes nothing
            return
        self._known.add(place)
        self._now += size
        self.peak = max(self.peak, self._now)
        finalize(storage, self._forget, place, size)

    def _forget(self, place: int, size: int) -> None:
        self._known.discard(place)
        self._now -= size


def _tensors(tree: Any) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


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


def side_by_side(make: Callable[[Item], Result], items: Sequence[Item], device: torch.device) -> list[Result]:
    """`make` of every item, in their order; on a CPU in a thread each, with one thread of torch."""
    if device.type != "cpu" or len(items) < 2:
        return [make(item) for item in items]
    is_inference = torch.is_inference_mode_enabled()  # a property of the thread

    def quietly(item: Item) -> Result:
        torch.set_num_threads(1)
        with torch.inference_mode(is_inference):
            return make(item)

    with one_thread(), ThreadPoolExecutor(len(items), thread_name_prefix="beside") as pool:
        return list(pool.map(quietly, items))
