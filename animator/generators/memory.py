"""How much a diffusion model computes at once on this device, planned by a short trial."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import nn

from animator.device import DevicePlan, Footprint, free_bytes, measure_footprint, peak_bytes, plan_device
from animator.models.deep_features import whole_network
from animator.models.reference import read_photo
from animator.models.subject_model import SubjectModel
from animator.sampling.config import SamplerConfig
from animator.sampling.guidance import Guidance

# A GPU is idle with less than so many frames at once, and gains little from more; a CPU gains from its workers.
GPU_BATCH, CPU_BATCH = 8, 1


def plan_model(model: SubjectModel, config: SamplerConfig, *, workers: int = 1, low_vram: bool = False) -> DevicePlan:
    """What `model` computes at once where it is; `config.batch` is the most frames, if it is set.

    Args:
        model: on its device, in its precision.
        config: guidance and batch.
        workers: most batches side by side, on a CPU.
        low_vram: as little as possible at once.
    """
    if low_vram:
        return _least_plan(model, config)
    trial = partial(run_once, model, kept_branches=num_branches(config) if (config.completed().reuse or 1) > 1 else 0)
    if model.device.type == "cpu":
        return _cpu_plan(trial, model.device, config, workers=workers)
    return _gpu_plan(trial, model, config)


def _least_plan(model: SubjectModel, config: SamplerConfig) -> DevicePlan:
    return plan_device(
        Footprint(fixed_bytes=0, frame_bytes=0, lone_branch_bytes=0),
        free_bytes=0,
        most_frames=1,
        branches=num_branches(config),
        offloadable_bytes=_encoder_bytes(model),
        low_vram=True,
    )


def _cpu_plan(
    trial: Callable[[int, int], None], device: torch.device, config: SamplerConfig, *, workers: int
) -> DevicePlan:
    """Batches side by side, as many as memory has room for."""
    batch, branches = config.batch or CPU_BATCH, num_branches(config)
    if workers == 1:
        return DevicePlan(batch=batch, branches_together=True)
    # A second trial would cost what a frame does; every branch takes at most as much as the first.
    lone = peak_bytes(partial(trial, 1, 1), device)
    footprint = Footprint(fixed_bytes=0, frame_bytes=batch * branches * lone, lone_branch_bytes=batch * lone)
    fit = plan_device(footprint, free_bytes=free_bytes(device), most_frames=1, most_workers=workers, branches=branches)
    return DevicePlan(batch=batch, branches_together=fit.branches_together, workers=fit.workers)


def _gpu_plan(trial: Callable[[int, int], None], model: SubjectModel, config: SamplerConfig) -> DevicePlan:
    """One batch as large as memory has room for."""
    most, branches = config.batch or GPU_BATCH, num_branches(config)
    measured = measure_footprint(trial, model.device, branches=branches)
    if measured is None:
        return DevicePlan(batch=1, branches_together=branches == 1, offload=True)
    plan = plan_device(
        measured,
        free_bytes=free_bytes(model.device),
        most_frames=most,
        branches=branches,
        offloadable_bytes=_encoder_bytes(model),
    )
    if config.batch is not None and plan.batch >= most // 2 + 1:
        return replace(plan, batch=most)  # what was asked for is not rounded
    return plan


def num_branches(config: SamplerConfig) -> int:
    """Evaluations of the network for one step of one frame where guidance applies."""
    return len(Guidance(image=config.guidance_image, pose=config.guidance_pose).weights(0.0))


def run_once(model: SubjectModel, frames: int, branches: int, *, kept_branches: int = 0) -> None:
    """One evaluation of the UNet and one decoding of so many frames, of nothing.

    Args:
        model: on its device, in its precision.
        frames: at once.
        branches: at once.
        kept_branches: of so many, the deep features of an earlier step are kept meanwhile (`DeepReuse`).
    """
    width, height = model.latent_size
    kept: list[torch.Tensor] = []
    if kept_branches:
        _evaluate(model, whole_network(model.unet, kept.append), 1)
        kept = [kept[0].new_empty(frames * kept_branches, *kept[0].shape[1:])]
    _evaluate(model, model.unet, frames * branches)
    model.codec.decode(torch.zeros(frames, model.vae.config.latent_channels, height, width, device=model.device))
    kept.clear()


def _evaluate(model: SubjectModel, network: nn.Module, batch: int) -> None:
    width, height = model.latent_size
    settings, like = model.unet.config, {"device": model.device, "dtype": model.unet.dtype}
    tokens = model.adapter.config.num_tokens
    inputs = torch.zeros(batch, settings.in_channels, height, width, **like)
    told: dict[str, Any] = {"encoder_hidden_states": torch.zeros(batch, tokens, settings.cross_attention_dim, **like)}
    if model.reference is not None:
        seen = read_photo(model.unet, inputs[:1], told["encoder_hidden_states"][:1])
        told["cross_attention_kwargs"] = {"photo": model.reference(seen)}
    network(inputs, torch.zeros((), device=model.device), return_dict=False, **told)


def _encoder_bytes(model: SubjectModel) -> int:
    nets = [net for net in (model.image_encoder, model.reference) if net is not None]
    return sum(weight.numel() * weight.element_size() for net in nets for weight in net.parameters())
