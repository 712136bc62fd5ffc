"""What every training asks first: where to compute, which process this is, whether the model can be trained here."""

from __future__ import annotations

import os

import torch

from animator.device import pick_device
from animator.errors import JobError
from animator.models.subject_model import SubjectModel
from animator.training.config import TrainConfig


def training_device(name: str) -> torch.device:
    """The device to train on; each of several processes gets the GPU of its number.

    accelerate chooses for itself unless it is told: both must choose the same.

    Raises:
        DeviceError: no such device.
    """
    device = pick_device(name)
    if device.type != "cuda":
        return device
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", device.index or 0)))
    torch.cuda.set_device(device)
    if "LOCAL_RANK" not in os.environ:
        os.environ["ACCELERATE_TORCH_DEVICE"] = str(device)
    return device


def is_main_process() -> bool:
    """Whether this process writes what the others only compute.

    Launchers number their processes in the environment; asking accelerate before its set-up would fix that set-up.
    """
    return os.environ.get("RANK", "0") == "0"


def refuse_uneven(*stages: TrainConfig) -> None:
    """Tell before any work that a batch cannot be split among the processes: that of a later stage, too.

    Raises:
        JobError: a batch that is no multiple of their number.
    """
    num_processes = int(os.environ.get("WORLD_SIZE", "1"))
    for config in stages:
        if config.batch % num_processes:
            raise JobError(f"a batch of {config.batch} cannot be split among {num_processes} processes; use a multiple")


def refuse_densepose(model: SubjectModel) -> None:
    """Models on DensePose arrays render; to train them, arrays for every sample would be needed.

    Raises:
        JobError: such a model.
    """
    if model.manifest.skeleton == "densepose-uv":
        raise JobError("this model takes DensePose arrays; it can be rendered with, but not trained here")
