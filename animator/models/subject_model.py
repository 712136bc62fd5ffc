"""A model folder: the networks, the noise schedule they were trained with, and a manifest that vouches for them.

Legend: B frames, C h w latents, L tokens, D token width.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from transformers import CLIPVisionModel

from animator.encoding.atomic_file import replacing_folder, sync
from animator.errors import ModelError
from animator.models.adapter import AppearanceAdapter
from animator.models.loading import load_net, quiet
from animator.models.manifest import Manifest, read_manifest, verify_files, write_manifest
from animator.models.reference import ReferenceAttention
from animator.models.unet import conditioning_channels
from animator.models.vae import PICTURE_RANGE, Autoencoder, LatentCodec, load_autoencoder
from animator.models.warp_refiner import WarpRefiner
from animator.sampling.schedulers import NOISE_SCHEDULE_KEYS

COMPONENTS = {
    "unet": UNet2DConditionModel,
    "adapter": AppearanceAdapter,
    "image_encoder": CLIPVisionModel,
}
# What a model may have besides, if its manifest says so under the same name.
OPTIONAL = {"reference": ReferenceAttention, "refiner": WarpRefiner}
SCHEDULE_FILE = "scheduler/scheduler_config.json"
MAX_SHARD = "2GB"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SubjectModel:
    """Everything a picture is generated with.

    Attributes:
        unet: sees noisy latents, the pose maps and, if `manifest.warp`, the warped photo.
        adapter: joins both views of the photo into tokens.
        vae: pictures to latents and back.
        image_encoder: the photo as CLIP tokens.
        noise_schedule: diffusers' names for the betas and what the network predicts.
        manifest: facts and hashes.
        reference: how the UNet's self-attention looks at the photo, if `manifest.reference`.
        refiner: corrects where the warped photo lies, if `manifest.refiner`.
    """

    unet: UNet2DConditionModel
    adapter: AppearanceAdapter
    vae: Autoencoder
    image_encoder: CLIPVisionModel
    noise_schedule: dict[str, Any]
    manifest: Manifest
    reference: ReferenceAttention | None = None
    refiner: WarpRefiner | None = None

    def __post_init__(self) -> None:
        facts, latent_channels = self.manifest, int(self.vae.config.latent_channels)
        width = latent_channels + conditioning_channels(
            num_poses=facts.num_poses,
            pose_channels=facts.pose_channels,
            warp=facts.warp,
            latent_channels=latent_channels,
        )
        pairs = (
            ("the UNet's input channels", self.unet.config.in_channels, width),
            ("the UNet's output channels", self.unet.config.out_channels, latent_channels),
            ("the UNet's token width", self.unet.config.cross_attention_dim, self.adapter.config.token_dim),
            ("the image encoder's token width", self.image_encoder.config.hidden_size, self.adapter.config.token_dim),
            ("the image encoder's tokens", num_tokens(self.image_encoder), self.adapter.config.num_tokens),
            (
                "the adapter's latents",
                (self.adapter.config.latent_width, self.adapter.config.latent_height),
                self.latent_size,
            ),
        )
        if facts.residual and (not facts.warp or self.noise_schedule.get("prediction_type") != "sample"):
            raise ModelError(
                "a residual model needs the warped photo and a noise schedule with prediction_type 'sample': "
                "the manifest contradicts itself"
            )
        for what, got, expected in pairs:
            if got != expected:
                raise ModelError(f"{what}: {got}, expected {expected}: the parts belong to different models")
        if (self.refiner is not None) != facts.refiner:
            raise ModelError("a refiner of the warp is there but not in the manifest, or the other way round")
        if self.refiner is not None and not facts.warp:
            raise ModelError(
                "a refiner of the warp in a model that takes no warped photo: the manifest contradicts itself"
            )
        self._connect_reference()

    def _connect_reference(self) -> None:
        if (self.reference is not None) != self.manifest.reference:
            raise ModelError("reference attention is there but not in the manifest, or the other way round")
        if self.reference is None:
            return
        if self.manifest.ranges.appearance != PICTURE_RANGE:
            # The UNet reads the photo's latents, and knows those of pictures.
            raise ModelError(
                f"ranges.appearance is {self.manifest.ranges.appearance}: with reference attention it has to be "
                f"{PICTURE_RANGE}"
            )
        self.reference.connect(self.unet)

    @property
    def codec(self) -> LatentCodec:
        """The autoencoder with its scaling."""
        return LatentCodec(self.vae)

    @property
    def latent_size(self) -> tuple[int, int]:
        """(w, h) of the canvas in latent cells."""
        reduction = self.codec.reduction
        return self.manifest.canvas[0] // reduction, self.manifest.canvas[1] // reduction

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        device: torch.device = self.unet.conv_in.weight.device  # diffusers' own `device` looks for hooks for 2 ms
        return device

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> SubjectModel:
        """Move all networks, in place."""
        for net in self.nets.values():
            # diffusers' own `to` logs about layers to be kept in float32, of which there are none.
            torch.nn.Module.to(net, device=device, dtype=dtype)
        return self

    @property
    def nets(self) -> dict[str, Any]:
        """The networks by name."""
        found = {name: getattr(self, name) for name in (*COMPONENTS, "vae", *OPTIONAL)}
        return {name: net for name, net in found.items() if net is not None}

    @classmethod
    def load(
        cls, folder: str | Path, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
    ) -> SubjectModel:
        """Read a model folder: hashes first, then weights, every one of them.

        Raises:
            ModelError: not a model folder, changed, pickled, incomplete, or parts that do not fit each other.
        """
        folder = Path(folder)
        manifest = read_manifest(folder)
        verify_files(folder, manifest)
        nets: dict[str, Any] = {name: load_net(kind, folder / name) for name, kind in COMPONENTS.items()}
        nets["vae"] = load_autoencoder(folder / "vae")
        for name, kind in OPTIONAL.items():
            if getattr(manifest, name):
                nets[name] = load_net(kind, folder / name)
        schedule = read_noise_schedule(folder / SCHEDULE_FILE)
        try:
            model = cls(**nets, noise_schedule=schedule, manifest=manifest)
        except ModelError as error:  # what does not go together knows of no folder
            raise ModelError(f"{folder}: {error}. Copy the model again, all of it.") from error
        return model.to(device, dtype)

    def save(
        self,
        folder: str | Path,
        *,
        dtype: torch.dtype | None = None,
        max_shard_size: str = MAX_SHARD,
        texts: Mapping[str, str] | None = None,
    ) -> None:
        """Write a model folder; it appears whole or not at all.

        Args:
            folder: new, or empty.
            dtype: of the floating-point weights on the disk; none keeps what they have.
            max_shard_size: larger networks are written in several files.
            texts: further files by name, such as the licence of the base.

        Raises:
            EncodeError: something is in the way.
            DiskError: the disk is full.
        """
        with replacing_folder(Path(folder)) as temporary:
            for name, net in self.nets.items():
                # A copy: converted in place, the networks at hand would lose their precision.
                written = net if dtype is None else torch.nn.Module.to(copy.deepcopy(net), dtype=dtype)
                with quiet():
                    written.save_pretrained(temporary / name, max_shard_size=max_shard_size)
                _forget_origin(temporary / name / "config.json")
            path = temporary / SCHEDULE_FILE
            path.parent.mkdir()
            path.write_text(json.dumps(self.noise_schedule, indent=2) + "\n", encoding="utf-8")
            for name, text in (texts or {}).items():
                (temporary / name).write_text(text, encoding="utf-8")
            for path in sorted(temporary.rglob("*")):
                sync(path)
            write_manifest(temporary, self.manifest)


def _forget_origin(path: Path) -> None:
    """Take out of a configuration where its network was read from: it names folders of the maker's machine."""
    settings = json.loads(path.read_text(encoding="utf-8"))
    if settings.pop("_name_or_path", None) is not None:
        path.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def num_tokens(image_encoder: CLIPVisionModel) -> int:
    """Tokens that a vision transformer gives: its patches and the class token."""
    settings = image_encoder.config
    return int((settings.image_size // settings.patch_size) ** 2 + 1)


def read_noise_schedule(path: Path) -> dict[str, Any]:
    """What a scheduler's configuration says about training; how to step is chosen elsewhere.

    Raises:
        ModelError: missing, or not what diffusers writes.
    """
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        schedule = {key: settings[key] for key in NOISE_SCHEDULE_KEYS if settings.get(key) is not None}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ModelError(
            f"{path}: no noise schedule can be read here ({reason}). Copy the model again, all of it."
        ) from error
    if "num_train_timesteps" not in schedule or "beta_schedule" not in schedule:
        raise ModelError(f"{path}: names no num_train_timesteps or beta_schedule; expected a scheduler of diffusers")
    return {"prediction_type": "epsilon", **schedule}
