"""Pickled weights rewritten as safetensors, by a process of its own with limits.

`torch.load(weights_only=True)` builds no objects but tensors; the limits bound what a crafted file can still cost.
Run as `python -m animator.models.pickles SOURCE TARGET`.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from animator.errors import ModelError

MAX_BYTES = 16 * 2**30
MAX_SECONDS = 900
# Beside the tensors themselves: the interpreter and torch.
_ROOM_BYTES = 4 * 2**30


def convert_pickle(source: Path, target: Path, *, max_seconds: float = MAX_SECONDS) -> None:
    """Write the tensors of the state dict in `source` to the safetensors file `target`.

    Raises:
        ModelError: not there, too large, no state dict, more than tensors inside, or over a limit.
    """
    if not source.is_file():
        raise ModelError(f"{source}: no such file")
    if source.stat().st_size > MAX_BYTES:
        raise ModelError(f"{source}: {source.stat().st_size / 2**30:.1f} GiB, at most {MAX_BYTES >> 30} are read")
    command = [sys.executable, "-m", "animator.models.pickles", str(source.resolve()), str(target.resolve())]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=max_seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"{source}: not read within {max_seconds:.0f} s; the file is damaged or crafted") from error
    if done.returncode < 0:
        raise ModelError(f"{source}: reading it took more than its size allows (signal {-done.returncode})")
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1][:300]
        raise ModelError(f"{source}: {reason}")


def _limit(num_bytes: int) -> None:
    """Bound this process to what a state dict of this size can need."""
    try:
        import resource
    except ImportError:  # Windows has no such limits; the time limit of the parent remains
        return
    for kind, most in (
        ("RLIMIT_DATA", 4 * num_bytes + _ROOM_BYTES),
        ("RLIMIT_FSIZE", 2 * num_bytes + 2**20),
        ("RLIMIT_CPU", MAX_SECONDS),
        ("RLIMIT_CORE", 0),
    ):
        which = getattr(resource, kind)
        _, hard = resource.getrlimit(which)
        resource.setrlimit(which, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _rewrite(source: Path, target: Path) -> None:
    import torch
    from safetensors.torch import save_file

    _limit(source.stat().st_size)
    state = torch.load(source, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(source))
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not state:
        raise ValueError(f"holds a {type(state).__name__}, expected a state dict")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise ValueError(f"{str(name)[:80]!r} holds a {type(value).__name__}, expected tensors by name")
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise ValueError(f"{name[:80]} holds NaN or infinity")
    # Cloned: safetensors takes no tensors that share their memory.
    save_file({name: value.clone().contiguous() for name, value in state.items()}, target)


def _main(source: str, target: str) -> int:
    try:
        _rewrite(Path(source), Path(target))
    except MemoryError:
        print("reading it took more memory than its size allows", file=sys.stderr)
        return 1
    except Exception as error:  # the parent turns the line into an error for a person
        lines = str(error).strip().splitlines() or [type(error).__name__]
        print(f"no state dict can be read safely: {lines[0][:250]}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:3]))
