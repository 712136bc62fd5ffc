"""DreamPose's released weights as a model folder of ours.

Source of the file names, tensor names and value ranges: the release of Karras et al. 2023. Its rendering feeds the
photo to the autoencoder in 0 ... 255, cuts CLIP's square out of the middle, and maps U and V to -1 ... 1; other
checkpoints were trained with other ranges, which is why they are options.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file
from transformers import CLIPVisionModel

from animator.conditioning.pose_map import DENSEPOSE_CHANNELS
from animator.encoding.atomic_file import check_folder_place
from animator.errors import ModelError
from animator.models.adapter import AppearanceAdapter
from animator.models.bases import DEFAULT_CANVAS, check_unet, locate, new_adapter, open_image_encoder
from animator.models.loading import load_net
from animator.models.manifest import BaseInfo, Manifest, Phase, ValueRanges, check_canvas
from animator.models.pickles import convert_pickle
from animator.models.subject_model import SCHEDULE_FILE, SubjectModel, read_noise_schedule

RELEASE_RANGES = ValueRanges(appearance=(0.0, 255.0), image_encoder_fit="crop", pose=(-1.0, 1.0))
# Attention layers of the autoencoder, as diffusers named them until 0.12 and since.
_OLD_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
_ATTENTION_KEY = re.compile(r"(?<=\.)(query|key|value|proj_attn)(?=\.(?:weight|bias)$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class DreamPoseFiles:
    """The files of one epoch; without `vae` the base's own autoencoder is used."""

    unet: Path
    adapter: Path
    vae: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartReport:
    """How one part was read.

    Attributes:
        part: `unet`, `adapter` or `vae`.
        num_tensors: how many.
        num_renamed: names brought up to date.
        key_shape: shape of the tensor that tells most about the part.
    """

    part: str
    num_tensors: int
    num_renamed: int
    key_shape: tuple[int, ...]

    def line(self) -> str:
        """One line for a person."""
        return f"{self.part}: {self.num_tensors} tensors, {self.num_renamed} renamed, {list(self.key_shape)}"


def find_files(folder: Path, *, epoch: int | None = None) -> DreamPoseFiles:
    """Look for `unet_epoch_E.pth`, `adapter_E.pth` and `vae_E.pth`; without `epoch` the last of each counts.

    Raises:
        ModelError: no UNet, or no adapter of the same epoch.
    """
    epochs = _epochs(folder, "unet_epoch")
    chosen = epoch if epoch is not None else max(epochs, default=None)
    if chosen is None or chosen not in epochs:
        there = f"epochs {', '.join(map(str, sorted(epochs)))} are there" if epochs else "none is there"
        raise ModelError(f"{folder}: unet_epoch_{'E' if epoch is None else epoch}.pth is missing ({there})")
    adapters, vaes = _epochs(folder, "adapter"), _epochs(folder, "vae")
    if chosen not in adapters:
        raise ModelError(f"{folder}: adapter_{chosen}.pth is missing, which belongs to {epochs[chosen].name}")
    # The decoder is tuned in a run of its own, whose epochs are counted apart.
    return DreamPoseFiles(unet=epochs[chosen], adapter=adapters[chosen], vae=vaes[max(vaes)] if vaes else None)


def import_dreampose(
    files: DreamPoseFiles,
    output: Path,
    *,
    base: str | Path,
    clip: str | Path | None = None,
    canvas: tuple[int, int] = DEFAULT_CANVAS,
    ranges: ValueRanges = RELEASE_RANGES,
    dtype: torch.dtype | None = None,
) -> tuple[PartReport, ...]:
    """Write the release's weights as a model folder.

    Args:
        files: pickles; read by a process with limits, never by this one.
        output: a new folder.
        base: the Stable Diffusion 1.x folder or hub id the weights were tuned from: architecture, noise schedule,
            image encoder and licence come from there.
        clip: image encoder, where the base has none.
        canvas: (width, height) px the weights were trained on.
        ranges: what pictures and poses looked like in training.
        dtype: of the weights on the disk.

    Raises:
        ModelError: a file or the base is missing, or tensors do not fit the base.
        EncodeError, DiskError: `output` cannot be written.
    """
    check_folder_place(output)
    check_canvas(canvas)
    folder, info = locate(base)
    settings = UNet2DConditionModel.load_config(_config(folder / "unet"))
    # Before the pickles: that it is missing need not take minutes to find out.
    encoder = open_image_encoder(folder, clip, token_dim=int(settings["cross_attention_dim"]))
    unet, unet_report = _open_unet(files.unet, settings, folder)
    vae, vae_report = _open_vae(files.vae, folder)
    adapter, adapter_report = _open_adapter(files.adapter, encoder, vae, canvas)
    model = SubjectModel(
        unet=unet,
        adapter=adapter,
        vae=vae,
        image_encoder=encoder,
        noise_schedule=read_noise_schedule(folder / SCHEDULE_FILE),
        manifest=_manifest(unet, info, phase="base" if files.vae is None else "subject", canvas=canvas, ranges=ranges),
    )
    model.save(output, dtype=dtype)
    return tuple(report for report in (unet_report, adapter_report, vae_report) if report is not None)


def _manifest(
    unet: UNet2DConditionModel, base: BaseInfo, *, phase: Phase, canvas: tuple[int, int], ranges: ValueRanges
) -> Manifest:
    return Manifest(
        base=base,
        phase=phase,
        skeleton="densepose-uv",
        num_poses=(unet.config.in_channels - unet.config.out_channels) // DENSEPOSE_CHANNELS,
        pose_channels=DENSEPOSE_CHANNELS,
        warp=False,
        canvas=canvas,
        ranges=ranges,
        licence=base.licence,
    )


def read_state(path: Path) -> tuple[dict[str, torch.Tensor], int]:
    """The tensors of a pickle under their present names, float32, and how many names were changed.

    Raises:
        ModelError: see `convert_pickle`; or two tensors that get the same name.
    """
    with tempfile.TemporaryDirectory(prefix="animator-import-") as folder:
        safe = Path(folder) / "weights.safetensors"
        convert_pickle(path, safe)
        # Cloned: the file under the mapped tensors is about to go.
        raw = {name: value.clone().float() for name, value in load_file(safe).items()}
    state, num_renamed = {}, 0
    for old, value in raw.items():
        new = present_name(old)
        if new in state:
            raise ModelError(f"{path}: {old} and another tensor both become {new}")
        num_renamed += new != old
        state[new] = value
    return state, num_renamed


def present_name(name: str) -> str:
    """A tensor's name as diffusers has it today: no `module.` in front, attention as `to_q`, `to_k`, ..."""
    name = name.removeprefix("module.")
    return _ATTENTION_KEY.sub(lambda found: _OLD_ATTENTION[found[0]], name)


def count_poses(unet_state: Mapping[str, torch.Tensor], *, latent_channels: int) -> int:
    """Poses the UNet looks at, from the width of its first layer.

    Raises:
        ModelError: no first layer, or a width that is no odd number of U,V pairs.
    """
    weight = unet_state.get("conv_in.weight")
    if weight is None or weight.ndim != 4:
        raise ModelError("the UNet file has no conv_in.weight: expected a UNet2DConditionModel's state dict")
    num_poses, rest = divmod(weight.shape[1] - latent_channels, DENSEPOSE_CHANNELS)
    if rest or num_poses < 1 or num_poses % 2 == 0:
        raise ModelError(
            f"conv_in.weight has shape {list(weight.shape)}: expected {latent_channels} + 2 · N input channels with N "
            "odd, for DreamPose 14"
        )
    return num_poses


def _open_unet(path: Path, settings: dict[str, Any], folder: Path) -> tuple[UNet2DConditionModel, PartReport]:
    """The tuned UNet, made after the base in `folder` and as wide as its own first layer."""
    check_unet(UNet2DConditionModel.from_config(settings), folder)
    state, renamed = read_state(path)
    channels = int(settings["out_channels"])
    num_poses = count_poses(state, latent_channels=channels)
    unet = UNet2DConditionModel.from_config({**settings, "in_channels": channels + num_poses * DENSEPOSE_CHANNELS})
    return unet, _fill(unet, state, renamed, "unet", "conv_in.weight", path)


def _open_adapter(
    path: Path, encoder: CLIPVisionModel, vae: AutoencoderKL, canvas: tuple[int, int]
) -> tuple[AppearanceAdapter, PartReport]:
    """The tuned adapter, for a canvas of that size."""
    adapter = new_adapter(encoder, vae, canvas)
    state, renamed = read_state(path)
    return adapter, _fill(adapter, state, renamed, "adapter", "vae2clip.weight", path)


def _open_vae(path: Path | None, folder: Path) -> tuple[AutoencoderKL, PartReport | None]:
    """The tuned autoencoder, or the base's own."""
    if path is None:
        return load_net(AutoencoderKL, folder / "vae"), None
    vae = AutoencoderKL.from_config(AutoencoderKL.load_config(_config(folder / "vae")))
    state, renamed = read_state(path)
    return vae, _fill(vae, state, renamed, "vae", "decoder.conv_in.weight", path)


def _fill(
    net: torch.nn.Module, state: dict[str, torch.Tensor], renamed: int, part: str, key: str, path: Path
) -> PartReport:
    """Load `state` into `net`, all of it and nothing else."""
    wanted = {name: tuple(value.shape) for name, value in net.state_dict().items()}
    for name, value in state.items():
        # Attention was a 1 x 1 convolution in the oldest checkpoints.
        if name in wanted and value.ndim == len(wanted[name]) + 2 and value.shape[2:] == (1, 1):
            state[name] = value[..., 0, 0]
    problems = [
        *(f"{name} is missing" for name in sorted(wanted.keys() - state.keys())),
        *(f"{name} is unknown" for name in sorted(state.keys() - wanted.keys())),
        *(
            f"{name} has shape {list(state[name].shape)}, expected {list(shape)}"
            for name, shape in wanted.items()
            if name in state and tuple(state[name].shape) != shape
        ),
    ]
    if problems:
        more = f", and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise ModelError(f"{path}: does not fit the {part} of the base: {'; '.join(problems[:3])}{more}")
    net.load_state_dict(state, strict=True)
    net.eval().requires_grad_(False)
    return PartReport(part=part, num_tensors=len(state), num_renamed=renamed, key_shape=wanted[key])


def _config(folder: Path) -> Path:
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder}: config.json is missing; --base takes a Stable Diffusion 1.x folder or hub id")
    return folder


def _epochs(folder: Path, stem: str) -> dict[int, Path]:
    """Files `stem_E.pth` by epoch."""
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such folder")
    found = {}
    for path in folder.glob(f"{stem}_*.pth"):
        number = path.stem.removeprefix(f"{stem}_")
        if number.isdecimal():
            found[int(number)] = path
    return found
