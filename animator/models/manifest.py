"""What a model folder says about itself: `manifest.json`, checked before any weight is read. Imports no torch."""

from __future__ import annotations

import os
import re
import reprlib
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from animator.errors import ModelError
from pose_tracking.hashing import file_sha256

MANIFEST = "manifest.json"
_MAX_MANIFEST_BYTES = 1_000_000
# Every level of a Stable Diffusion UNet halves the latents, which are an eighth of the canvas.
CANVAS_MULTIPLE = 64

# What the networks' readers would open; a README or a system's own files may lie around.
READABLE = (".json", ".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".pkl", ".py")

Skeleton = Literal["blazepose-33", "densepose-uv"]
Phase = Literal["untrained", "base", "subject"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class BaseInfo(_Part):
    """Where the weights come from.

    Attributes:
        name: `embedded`, a hub id, or the name of a folder.
        revision: commit of the hub repository, where there is one.
        licence: as the base's own model card names it.
    """

    name: str = Field(min_length=1, max_length=200)
    revision: str | None = Field(default=None, max_length=100)
    licence: str = Field(default="unknown", min_length=1, max_length=200)


class ValueRanges(_Part):
    """What pictures and poses look like to the networks; docs/checkpoint-format.md is the contract.

    Attributes:
        appearance: what black and white of the photo become before the autoencoder, on the way to tokens.
        image_encoder: the same before CLIP's own normalisation.
        image_encoder_fit: how the canvas becomes CLIP's square: `pad` shows all of it, `crop` its middle.
        pose: what 0 and 1 of DensePose's U and V become; limb fields are always [0, 1].
    """

    appearance: tuple[float, float] = (-1.0, 1.0)
    image_encoder: tuple[float, float] = (0.0, 1.0)
    image_encoder_fit: Literal["pad", "crop"] = "pad"
    pose: tuple[float, float] = (0.0, 1.0)


class Manifest(_Part):
    """Facts of a model and the hash of every file in it.

    Attributes:
        phase: `untrained` (a widened base that has seen no poses), `base`, or `subject` (knows one person).
        skeleton: what the pose channels hold.
        num_poses: N, poses per window.
        pose_channels: channels per pose.
        warp: whether the network sees the warped photo.
        residual: whether it predicts the clean latents as a difference to the warped photo's.
        reference: whether its self-attention looks at the photo, too (`reference/`).
        refiner: whether it corrects where the warped photo lies (`refiner/`).
        canvas: (width, height) px the model was made for.
        steps: of sampling that suffice; none says nothing.
        repair: how much of the warped photo the network is to repair (`sampler.repair`); none says nothing.
        refine: how far the warped photo is to follow the refiner (`sampler.refine`); none says nothing.
        subject_photos: SHA-256 of the photos that a model of one person was tuned to, as files; empty: not known.
        files: SHA-256 by path within the folder.
    """

    format: Literal["pose-animator-model"] = "pose-animator-model"
    format_version: Literal[1] = 1
    base: BaseInfo
    phase: Phase
    skeleton: Skeleton
    num_poses: int = Field(ge=1, le=99)
    pose_channels: int = Field(ge=1, le=256)
    warp: bool
    residual: bool = False
    reference: bool = False
    refiner: bool = False
    canvas: tuple[int, int]
    steps: int | None = Field(default=None, ge=1, le=1000)
    repair: float | None = Field(default=None, ge=0, le=1)
    refine: float | None = Field(default=None, ge=0, le=1)
    ranges: ValueRanges = ValueRanges()
    subject_photos: tuple[str, ...] = ()
    licence: str = Field(min_length=1, max_length=200)
    files: dict[str, str] = Field(default_factory=dict)

    @field_validator("num_poses")
    @classmethod
    def _has_a_middle(cls, num_poses: int) -> int:
        if num_poses % 2 == 0:
            raise ValueError(f"{num_poses} poses have no middle one")
        return num_poses

    @field_validator("canvas")
    @classmethod
    def _fits_the_network(cls, canvas: tuple[int, int]) -> tuple[int, int]:
        check_canvas(canvas)
        return canvas

    @field_validator("files")
    @classmethod
    def _stays_in_the_folder(cls, files: dict[str, str]) -> dict[str, str]:
        for name in files:
            parts = PurePosixPath(name).parts
            if not parts or name.startswith("/") or ".." in parts or "\\" in name or ":" in name:
                raise ValueError(f"path {name!r} leaves the folder")
        return files


def check_canvas(canvas: tuple[int, int]) -> None:
    """Refuse a canvas the network cannot halve often enough.

    Raises:
        ModelError: a side that is no positive multiple of 64.
    """
    if any(side < CANVAS_MULTIPLE or side % CANVAS_MULTIPLE for side in canvas):
        near = "x".join(str(max(1, round(side / CANVAS_MULTIPLE)) * CANVAS_MULTIPLE) for side in canvas)
        raise ModelError(
            f"canvas {canvas[0]}x{canvas[1]}: both sides must be multiples of {CANVAS_MULTIPLE} px, for example {near}"
        )


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a model folder; no other file is opened.

    Raises:
        ModelError: no such folder, no manifest, or one that says something impossible.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise ModelError(f"{folder}: not a model folder, {MANIFEST} is missing. See: animator models")
    if path.stat().st_size > _MAX_MANIFEST_BYTES:
        raise ModelError(f"{path}: {path.stat().st_size} bytes are no manifest")
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ModelError(
            f"{path}: {_complaint(error)}. The folder was made by another version, or edited: copy the model again, or "
            "use the version that made it."
        ) from error


def _complaint(error: ValidationError) -> str:
    """What came and what was expected, of the first fault: `format_version: got 2, expected 1`."""
    first = error.errors(include_url=False)[0]
    place, kind = ".".join(map(str, first["loc"])), first["type"]
    if kind == "extra_forbidden":
        # A key of ours, or one that a later version knows: docs/checkpoint-format.md has them all.
        near = get_close_matches(str(first["loc"][-1]), Manifest.model_fields, n=1)
        return f"{place}: unknown key" + (f"; did you mean {near[0]}?" if near else "")
    if kind == "missing":
        return f"{place}: missing"
    message = first["msg"].removeprefix("Value error, ")
    if kind == "value_error" or not place:
        return f"{place}: {message}" if place else message
    wanted = re.sub(r"^(Input|String|Value|Tuple) should (be |have )?", "", message)
    return f"{place}: got {reprlib.repr(first['input'])}, expected {wanted}"


def verify_files(folder: Path, manifest: Manifest) -> None:
    """Compare every file with its hash, before anything reads it as weights.

    Raises:
        ModelError: a file is missing, was changed, or could be read in place of one that is listed.
    """
    weighty = (path for path in folder.rglob("*") if path.is_file() and (path.suffix in READABLE))
    present = {path.relative_to(folder).as_posix() for path in weighty} - {MANIFEST}
    for name in sorted(name for name in manifest.files if not (folder / name).is_file()):
        raise ModelError(f"{folder}: {name} is missing. Copy the model again, all of it.")
    for name in sorted(present - manifest.files.keys()):
        raise ModelError(f"{folder}: {name} is not in the manifest. Move it elsewhere, or copy the model again.")
    for name, expected in manifest.files.items():
        found = file_sha256(folder / name)
        if found != expected:
            raise ModelError(
                f"{folder}: {name} was changed (SHA-256 {found[:12]}…, the manifest says {expected[:12]}…). "
                "Copy the model again."
            )


def write_manifest(folder: Path, manifest: Manifest) -> Manifest:
    """Hash all files of `folder`, write the manifest beside them and return it."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / MANIFEST)
    files = {path.relative_to(folder).as_posix(): file_sha256(path) for path in paths}
    complete = manifest.model_copy(update={"files": files})
    with open(folder / MANIFEST, "w", encoding="utf-8") as file:
        file.write(complete.model_dump_json(indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return complete
