"""Networks of Stable Diffusion's make with a few thousand random weights: they run in milliseconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPVisionConfig, CLIPVisionModel

from animator.conditioning.pose_map import POSE_CHANNELS
from animator.models.bases import widen_base, with_reference
from animator.models.loading import quiet
from animator.models.manifest import BaseInfo, Skeleton
from animator.models.reference import ReferenceAttention
from animator.models.subject_model import SubjectModel

CANVAS = (128, 192)
LATENT = (16, 24)
WIDTH = 32
SCHEDULE: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
}


def tiny_unet(in_channels: int = 4) -> UNet2DConditionModel:
    torch.manual_seed(0)
    return UNet2DConditionModel(
        sample_size=24,
        in_channels=in_channels,
        block_out_channels=(16, 32),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        norm_num_groups=8,
        cross_attention_dim=WIDTH,
        attention_head_dim=8,
    ).eval()


def tiny_vae() -> AutoencoderKL:
    torch.manual_seed(1)
    return AutoencoderKL(
        block_out_channels=(8, 8, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        norm_num_groups=4,
        latent_channels=4,
        sample_size=64,
        scaling_factor=0.5,
    ).eval()


def tiny_image_encoder(width: int = WIDTH) -> CLIPVisionModel:
    torch.manual_seed(2)
    settings = CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=64,
        patch_size=32,
    )
    return CLIPVisionModel(settings).eval()


def tiny_model(
    *,
    warp: bool = True,
    canvas: tuple[int, int] = CANVAS,
    num_poses: int = 5,
    pose_channels: int = POSE_CHANNELS,
    skeleton: Skeleton = "blazepose-33",
    reference: Literal["untrained", "trained"] | None = None,
) -> SubjectModel:
    """Untrained, but with a random first layer, so that poses and warp have a say.

    With `reference` its self-attention can look at the photo; as if it were trained, it sees something there.
    """
    model = widen_base(
        tiny_unet(),
        tiny_vae(),
        tiny_image_encoder(),
        dict(SCHEDULE),
        info=BaseInfo(name="tiny", licence="cc0-1.0"),
        canvas=canvas,
        warp=warp,
        num_poses=num_poses,
        pose_channels=pose_channels,
        skeleton=skeleton,
    )
    draws = torch.Generator().manual_seed(3)
    with torch.no_grad():
        weight = model.unet.conv_in.weight
        weight[:, 4:] = 0.1 * torch.randn(weight[:, 4:].shape, generator=draws)
    if reference is None:
        return model
    model = with_reference(model)
    if reference == "trained":
        teach_to_look(model.reference)
    return model


def teach_to_look(reference: ReferenceAttention | None) -> None:
    """Values that are no longer zero."""
    assert reference is not None
    draws = torch.Generator().manual_seed(4)
    for layer in reference.layers.values():
        layer.to_v.weight.data = 0.5 * torch.randn(layer.to_v.weight.shape, generator=draws)


def save_base(folder: Path, *, image_encoder: bool = True) -> Path:
    """A folder as diffusers would write it for a Stable Diffusion 1.x model."""
    with quiet():
        tiny_unet().save_pretrained(folder / "unet")
        tiny_vae().save_pretrained(folder / "vae")
        if image_encoder:
            tiny_image_encoder().save_pretrained(folder / "image_encoder")
    DDIMScheduler(**SCHEDULE).save_pretrained(folder / "scheduler")
    (folder / "README.md").write_text("---\nlicense: creativeml-openrail-m\n---\n# A model\n", encoding="utf-8")
    return folder
