"""State of a training on the disk: safetensors and JSON, whole or not there at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from animator.encoding.atomic_file import replacing_folder, sync
from animator.errors import JobError, ModelError
from animator.training.config import TrainConfig

# Settings that may change between sittings: they do not change what is learned.
_FREE = {"steps", "workers", "checkpoint_every", "gradient_checkpointing", "patience"}
_PREFIX, _FACTS = "step-", "training.json"
# What a training cannot be gone on with without.
_TOLD = ("step", "config", "learns_from", "best", "misses", "scale")


def save_checkpoint(
    folder: Path,
    step: int,
    *,
    nets: Mapping[str, nn.Module],
    averages: Mapping[str, list[torch.Tensor]],
    optimizer: torch.optim.Optimizer,
    facts: dict[str, Any],
) -> None:
    """Write `folder/step-…`, then delete older ones.

    Args:
        step: updates done.
        nets: what is trained.
        averages: averaged weights, in the order of each net's trainable parameters.
        facts: what a resumed training must agree with, and what it has to remember; JSON values.
    """
    target = checkpoint_place(folder, step)
    if target.exists():
        return
    with replacing_folder(target) as temporary:
        for name, net in nets.items():
            save_file(_contiguous(_trained(net)), temporary / f"{name}.safetensors")
        for name, tensors in averages.items():
            save_file(_contiguous(_numbered(tensors)), temporary / f"{name}.ema.safetensors")
        save_file(_contiguous(_flat(optimizer)), temporary / "optimizer.safetensors")
        (temporary / _FACTS).write_text(json.dumps({"step": step, **facts}, indent=2) + "\n", encoding="utf-8")
        for path in sorted(temporary.iterdir()):
            sync(path)
    for old in _checkpoints(folder):
        if old != target:
            _remove(old)


def check_agreement(folder: Path, facts: Mapping[str, Any], config: TrainConfig, *, learns_from: str) -> None:
    """Refuse to go on with a checkpoint of another training.

    Args:
        folder: where it lies.
        facts: from `load_checkpoint`.
        config, learns_from: of the training that is to go on.

    Raises:
        JobError: other data, other weights at the start, or a setting that changes what is learned.
    """
    if facts["learns_from"] != learns_from:
        raise JobError(
            f"{folder}: a training of other photos, clips or weights was begun here. Delete the folder, or choose "
            "another --output."
        )
    for key in sorted(set(TrainConfig.model_fields) - _FREE):
        before, now = facts["config"][key], getattr(config, key)
        if before != now:
            raise JobError(
                f"{folder}: this training was begun with {key} = {before}, now {now}. Use the old value, or another "
                "folder."
            )


def checkpoint_place(folder: Path, step: int) -> Path:
    """Where the checkpoint after `step` updates lies."""
    return folder / f"{_PREFIX}{step:08d}"


def load_checkpoint(
    folder: Path,
    *,
    nets: Mapping[str, nn.Module],
    averages: Mapping[str, list[torch.Tensor]],
    optimizer: torch.optim.Optimizer,
) -> dict[str, Any] | None:
    """Put the newest checkpoint's state into the networks and the optimiser; its facts, or none if there is none.

    Raises:
        ModelError: damaged, or of other networks.
    """
    found = _checkpoints(folder)
    if not found:
        return None
    newest = found[-1]
    try:
        facts: dict[str, Any] = json.loads((newest / _FACTS).read_text(encoding="utf-8"))
        lacking = {*_TOLD} - {*facts}
        if lacking:
            raise ModelError(f"{newest / _FACTS}: {min(lacking)} is missing. Delete {newest.name} to begin anew.")
        for name, net in nets.items():
            saved = load_file(newest / f"{name}.safetensors")
            if set(saved) != set(_trained(net)):
                raise ModelError(
                    f"{newest}: {name} holds other weights; it belongs to another training, such as one with another "
                    "--lora. Use the old value, or another --output."
                )
            net.load_state_dict(saved, strict=False)
        for name, tensors in averages.items():
            saved = load_file(newest / f"{name}.ema.safetensors")
            for number, tensor in enumerate(tensors):
                tensor.copy_(saved[str(number)])
        _restore(optimizer, load_file(newest / "optimizer.safetensors"))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        if isinstance(error, ModelError):
            raise
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{newest}: cannot be resumed ({reason}). Delete it to begin anew.") from error
    return facts


def _checkpoints(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob(f"{_PREFIX}*") if (path / _FACTS).is_file())


def _remove(folder: Path) -> None:
    # The facts first: what is left of a half-deleted checkpoint is not taken for one.
    (folder / _FACTS).unlink()
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def _trained(net: nn.Module) -> dict[str, torch.Tensor]:
    """What changes in training: parameters with gradients, and buffers that are saved."""
    names = {name for name, parameter in net.named_parameters() if parameter.requires_grad}
    frozen = {name for name, parameter in net.named_parameters() if not parameter.requires_grad}
    state = net.state_dict()
    return {name: tensor for name, tensor in state.items() if name in names or name not in frozen}


def _numbered(tensors: list[torch.Tensor]) -> dict[str, torch.Tensor]:
    return {str(number): tensor for number, tensor in enumerate(tensors)}


def _contiguous(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}


def _flat(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The optimiser's state, a tensor per parameter and quantity."""
    state = optimizer.state_dict()["state"]
    return {
        f"{parameter}.{quantity}": torch.as_tensor(value)
        for parameter, quantities in state.items()
        for quantity, value in quantities.items()
    }


def _restore(optimizer: torch.optim.Optimizer, flat: Mapping[str, torch.Tensor]) -> None:
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in flat.items():
        parameter, quantity = name.split(".", 1)
        state.setdefault(int(parameter), {})[quantity] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
