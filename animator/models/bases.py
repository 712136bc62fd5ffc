"""Bases by name: the embedded one, a model folder, a Stable Diffusion 1.x folder, or a hub id."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from diffusers import UNet2DConditionModel
from transformers import CLIPVisionModel

from animator.conditioning.pose_map import POSE_CHANNELS
from animator.errors import ModelError
from animator.models.adapter import AppearanceAdapter
from animator.models.loading import load_net
from animator.models.manifest import MANIFEST, BaseInfo, Manifest, Skeleton, check_canvas
from animator.models.reference import ReferenceAttention
from animator.models.source import EMBEDDED, PARTS, check_hub_id, look_up
from animator.models.subject_model import OPTIONAL, SCHEDULE_FILE, SubjectModel, num_tokens, read_noise_schedule
from animator.models.unet import conditioning_channels, widen_conv_in
from animator.models.vae import Autoencoder, LatentCodec, load_autoencoder
from animator.models.warp_refiner import WarpRefiner
from temporal.windows import WINDOW_SIZE

# DreamPose's canvas, which Stable Diffusion 1.x draws well.
DEFAULT_CANVAS = (512, 640)
# What is fetched of a repository: networks as safetensors, settings, and the card that names the licence. A star
# stands for folders, too, so what lies at the top is named.
_HUB_PART = ("{}/*.json", "{}/*.safetensors")
_HUB_TOP = ("model_index.json", "config.json", MANIFEST, "README.md", "LICENSE*", "NOTICE*")
_HUB_ENCODER = ("config.json", "model.safetensors", "image_encoder/*.json", "image_encoder/*.safetensors")
# What our own model folders hold besides.
_OWN_PARTS = ("adapter", *OPTIONAL)
_CLIP_TEXT = ("text_model.", "text_projection.", "visual_projection.", "logit_scale")


def open_base(
    name: str | Path,
    *,
    canvas: tuple[int, int] | None = None,
    clip: str | Path | None = None,
    warp: bool = True,
) -> SubjectModel:
    """Open a base, on the CPU in float32.

    A Stable Diffusion base comes widened and untrained: it draws as before and knows no poses yet.

    Args:
        name: `embedded`; a folder, either of our own models or with `unet/`, `vae/` and `image_encoder/` as diffusers
            writes them; or a hub id, `owner/name` or `owner/name@revision`, which honours `HF_HUB_OFFLINE`.
        canvas: (width, height) px for a Stable Diffusion base; our own models have theirs.
        clip: folder or hub id of the CLIP vision encoder, where the base has none.
        warp: whether a Stable Diffusion base gets channels for the warped photo.

    Raises:
        ModelError: not there, pickled, damaged, incomplete, or of shapes that do not fit together.
    """
    if str(name) == EMBEDDED:
        return SubjectModel.load(look_up(EMBEDDED).folder)
    folder, info = locate(name)
    if (folder / MANIFEST).is_file():
        return SubjectModel.load(folder)
    if not (folder / "unet").is_dir():
        raise ModelError(
            f"{folder}: neither a model of ours ({MANIFEST}) nor a Stable Diffusion folder (unet/, vae/). "
            "A single .safetensors or .ckpt file has to be converted to diffusers' layout first."
        )
    unet = load_net(UNet2DConditionModel, folder / "unet")
    check_unet(unet, folder)
    return widen_base(
        unet,
        load_autoencoder(folder / "vae"),
        open_image_encoder(folder, clip, token_dim=int(unet.config.cross_attention_dim)),
        read_noise_schedule(folder / SCHEDULE_FILE),
        info=info,
        canvas=canvas or DEFAULT_CANVAS,
        warp=warp,
    )


def widen_base(
    unet: UNet2DConditionModel,
    vae: Autoencoder,
    image_encoder: CLIPVisionModel,
    noise_schedule: dict[str, Any],
    *,
    info: BaseInfo,
    canvas: tuple[int, int],
    warp: bool = True,
    num_poses: int = WINDOW_SIZE,
    pose_channels: int = POSE_CHANNELS,
    skeleton: Skeleton = "blazepose-33",
    residual: bool = False,
    steps: int | None = None,
) -> SubjectModel:
    """Make an untrained model of the parts of a base; `unet` is widened in place.

    Raises:
        ModelError: a canvas that is no multiple of 64, or parts that do not fit each other.
    """
    check_canvas(canvas)
    extra = conditioning_channels(
        num_poses=num_poses, pose_channels=pose_channels, warp=warp, latent_channels=int(vae.config.latent_channels)
    )
    manifest = Manifest(
        base=info,
        phase="untrained",
        skeleton=skeleton,
        num_poses=num_poses,
        pose_channels=pose_channels,
        warp=warp,
        residual=residual,
        canvas=canvas,
        steps=steps,
        licence=info.licence,
    )
    return SubjectModel(
        unet=widen_conv_in(unet, extra),
        adapter=new_adapter(image_encoder, vae, canvas).eval().requires_grad_(False),
        vae=vae,
        image_encoder=image_encoder,
        noise_schedule=noise_schedule,
        manifest=manifest,
    )


def new_adapter(image_encoder: CLIPVisionModel, vae: Autoencoder, canvas: tuple[int, int]) -> AppearanceAdapter:
    """An untrained adapter between these parts, for photos on a canvas of (width, height) px."""
    codec = LatentCodec(vae)
    return AppearanceAdapter(
        num_tokens=num_tokens(image_encoder),
        token_dim=int(image_encoder.config.hidden_size),
        latent_channels=int(vae.config.latent_channels),
        latent_height=canvas[1] // codec.reduction,
        latent_width=canvas[0] // codec.reduction,
    )


def with_reference(model: SubjectModel) -> SubjectModel:
    """`model`, able to learn to look at the photo; until it does, it draws the same bits. Networks are shared.

    Raises:
        ModelError: it can look already, or was made for another range of the photo's values.
    """
    if model.reference is not None:
        raise ModelError("this model looks at the photo already")
    facts = model.manifest.model_copy(update={"reference": True, "files": {}})
    return replace(model, reference=ReferenceAttention.of(model.unet), manifest=facts)


def with_refiner(model: SubjectModel, refiner: WarpRefiner | None) -> SubjectModel:
    """`model` with another refiner of the warped photo, or none. Networks are shared.

    Raises:
        ModelError: it takes no warped photo.
    """
    facts = model.manifest.model_copy(update={"refiner": refiner is not None, "files": {}})
    return replace(model, refiner=refiner, manifest=facts)


def locate(name: str | Path, *, parts: tuple[str, ...] = PARTS) -> tuple[Path, BaseInfo]:
    """The folder of a base, and what is known of its origin.

    Raises:
        ModelError: no such folder or hub id, or not to be had offline.
    """
    folder = Path(os.path.expanduser(name))
    if folder.is_dir():
        return folder, BaseInfo(name=folder.resolve().name or str(folder), licence=card_licence(folder))
    if folder.is_file():
        raise ModelError(
            f"{name}: a file; a model is a folder in diffusers' layout with .safetensors. For DreamPose's .pth files: "
            "animator import-dreampose"
        )
    check_hub_id(name)
    repository, _, revision = str(name).partition("@")
    wanted = [*parts, *_OWN_PARTS] if parts else []
    patterns = [pattern.format(part) for part in wanted for pattern in _HUB_PART] or list(_HUB_ENCODER)
    folder = _fetch(repository, revision or None, [*patterns, *_HUB_TOP])
    return folder, BaseInfo(name=repository, revision=folder.name, licence=card_licence(folder))


def open_image_encoder(folder: Path, clip: str | Path | None, *, token_dim: int) -> CLIPVisionModel:
    """The base's own CLIP vision encoder, or the one at `clip`.

    Raises:
        ModelError: none there, or tokens of another width than the UNet's cross-attention takes.
    """
    if clip is not None:
        place, _ = locate(clip, parts=())
        place = place / "image_encoder" if (place / "image_encoder").is_dir() else place
    elif (folder / "image_encoder").is_dir():
        place = folder / "image_encoder"
    else:
        raise ModelError(
            f"{folder}: image_encoder/ is missing. Give a CLIP vision encoder with --image-encoder, for Stable "
            "Diffusion 1.x openai/clip-vit-base-patch32 or a folder with it."
        )
    encoder = load_net(CLIPVisionModel, place, may_hold=_CLIP_TEXT)
    if encoder.config.hidden_size != token_dim:
        raise ModelError(
            f"{place}: its tokens are {encoder.config.hidden_size} wide, the UNet takes {token_dim}. "
            "Stable Diffusion 1.x goes with CLIP ViT-B/32 (768)."
        )
    return encoder


def check_unet(unet: UNet2DConditionModel, folder: Path) -> None:
    """Refuse what is not Stable Diffusion 1.x in kind: other inputs, or conditions we cannot give.

    Raises:
        ModelError: naming the difference.
    """
    settings = unet.config
    if settings.in_channels != settings.out_channels:
        raise ModelError(
            f"{folder}: its UNet takes {settings.in_channels} channels and gives {settings.out_channels}, a base has "
            "as many of both. Inpainting and depth models do not serve as base."
        )
    if settings.addition_embed_type is not None or not isinstance(settings.cross_attention_dim, int):
        raise ModelError(f"{folder}: its UNet is of another family than Stable Diffusion 1.x (SDXL?)")


def card_licence(folder: Path) -> str:
    """The licence that a model card's header names; `unknown` without one."""
    try:
        text = (folder / "README.md").read_text(encoding="utf-8", errors="replace")[:20_000]
    except OSError:
        return "unknown"
    header = text.split("---")[1] if text.startswith("---") and text.count("---") >= 2 else ""
    found = re.search(r"^license:\s*([^\s#]{1,100})\s*$", header, re.MULTILINE)
    return found[1].strip("'\"") if found else "unknown"


def _fetch(repository: str, revision: str | None, patterns: list[str]) -> Path:
    """Snapshot of a hub repository in the local cache; its folder is named by the commit."""
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        found = huggingface_hub.snapshot_download(
            repository, revision=revision, allow_patterns=patterns, ignore_patterns=["*.non_ema.*", "*.bin"]
        )
    except LocalEntryNotFoundError as error:
        offline = huggingface_hub.constants.HF_HUB_OFFLINE
        why = "HF_HUB_OFFLINE is set" if offline else "the hub cannot be reached"
        raise ModelError(
            f"{repository}: not in the local cache, and {why}. Go online once, or give a folder with the model."
        ) from error
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{repository}: no such folder, and it cannot be fetched from the hub ({reason})") from error
    return Path(found)
