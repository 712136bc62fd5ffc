"""A model by its name, before any weight is read: where it lies and what it says of itself. Imports no torch.

Looking for a model first lets a wrong name, a wrong canvas or a pickle end a render within a second.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from dataclasses import dataclass, replace
from importlib.resources import files
from math import prod
from pathlib import Path

from animator.errors import ModelError
from animator.models.manifest import MANIFEST, Manifest, read_manifest
from pose_tracking.hashing import file_sha256

EMBEDDED = "embedded"
# Parts of a Stable Diffusion folder that a render reads, and those without which there is no base.
PARTS = ("unet", "vae", "image_encoder", "scheduler")
_NEEDED = ("unet", "vae")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSource:
    """A model that was found and not yet opened.

    Attributes:
        name: what `open_base` opens; a hub id carries the commit that was found.
        folder: where its files are.
        manifest: of a model of ours; none for a Stable Diffusion base.
        image_encoder: a CLIP vision encoder from elsewhere, for a base.
    """

    name: str
    folder: Path
    manifest: Manifest | None = None
    image_encoder: ModelSource | None = None

    @property
    def title(self) -> str:
        """The name without the way to it, fit to be published: no folder of the person's home is told."""
        return self.folder.resolve().name if os.path.isabs(os.path.expanduser(self.name)) else self.name

    def fingerprint(self) -> str:
        """SHA-256 that is another one when any weight is.

        A manifest and a commit vouch for all files; files of other folders are read, at the disk's pace.
        """
        if self.manifest is not None:
            return file_sha256(self.folder / MANIFEST)
        digest = hashlib.sha256()
        if self.name.rpartition("@")[2] == self.folder.name:
            digest.update(self.name.encode())
        else:
            for path in _weighty_files(self.folder):
                digest.update(f"{path.relative_to(self.folder).as_posix()} {file_sha256(path)}\n".encode())
        if self.image_encoder is not None:
            digest.update(self.image_encoder.fingerprint().encode())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSize:
    """What one part of a model weighs.

    Attributes:
        name: folder within the model.
        num_bytes: of its safetensors files.
        num_parameters: numbers in them.
        dtypes: formats of the numbers, as safetensors names them, the commonest first.
    """

    name: str
    num_bytes: int
    num_parameters: int
    dtypes: tuple[str, ...]


def find_model(name: str | Path, *, image_encoder: str | Path | None = None) -> ModelSource:
    """Find a model to render with, by name; a hub id that is not in the cache is fetched.

    Args:
        name: see `open_base`.
        image_encoder: folder or hub id of a CLIP vision encoder, for a base that has none.

    Raises:
        ModelError: not there, a single file, a folder that is neither a model nor a base, no image encoder, or a
            file that is no safetensors.
    """
    found = look_up(name)
    part_sizes(found.folder)  # weights that are none end a render before any work
    if found.manifest is not None:
        return found
    if image_encoder is not None:
        return replace(found, image_encoder=_located(image_encoder))
    if not (found.folder / "image_encoder").is_dir():
        raise ModelError(
            f"{name}: image_encoder/ is missing. Give a CLIP vision encoder with --image-encoder, for Stable "
            "Diffusion 1.x openai/clip-vit-base-patch32 or a folder with it."
        )
    return found


def look_up(name: str | Path) -> ModelSource:
    """Find a model or a base by name, whether or not it could render as it is.

    Raises:
        ModelError: not there, a single file, or a folder that is neither a model nor a base.
    """
    if str(name) == EMBEDDED:
        return ModelSource(name=EMBEDDED, folder=embedded_folder(), manifest=_embedded_manifest())
    found = _located(name)
    if (found.folder / MANIFEST).is_file():
        return replace(found, manifest=read_manifest(found.folder))
    if not all((found.folder / part).is_dir() for part in _NEEDED):
        raise ModelError(
            f"{name}: neither a model of ours ({MANIFEST}) nor a Stable Diffusion folder (unet/, vae/). "
            "A single .safetensors or .ckpt file has to be converted to diffusers' layout first."
        )
    return found


def refuse_unknown(*names: str | Path | None) -> None:
    """Tell a name of nothing at once: before torch and diffusers are loaded, which takes seconds.

    Raises:
        ModelError: neither something on the disk nor a name that a repository could have.
    """
    for name in names:
        if name is not None and str(name) != EMBEDDED and not os.path.exists(os.path.expanduser(name)):
            check_hub_id(name)


def check_hub_id(name: str | Path) -> None:
    """Refuse what cannot be the name of a repository.

    Raises:
        ModelError: nothing of that name can be had from anywhere.
    """
    if not _HUB_ID.fullmatch(str(name)) or str(name).startswith((".", "~")):
        raise ModelError(
            f"{name}: no such folder, and no hub id (owner/name). Use a folder, a hub id, or {EMBEDDED!r}."
        )


def embedded_folder() -> Path:
    """Where the base that comes with the package lies, if it does."""
    return Path(str(files("animator") / "weights"))


def part_sizes(folder: Path) -> list[PartSize]:
    """What the parts of a model weigh, from the headers of their files; no weight is read.

    Raises:
        ModelError: a file that is no safetensors.
    """
    return [_part_size(part) for part in sorted(path for path in folder.iterdir() if any(path.glob("*.safetensors")))]


def _embedded_manifest() -> Manifest:
    folder = embedded_folder()
    if not (folder / MANIFEST).is_file():
        raise ModelError(
            "the embedded base is not part of this installation. Use --generator puppet, or give a model folder, a "
            "Stable Diffusion 1.x folder or a hub id with --model."
        )
    return read_manifest(folder)


def _located(name: str | Path) -> ModelSource:
    """A folder, or the snapshot of a hub repository."""
    path = Path(os.path.expanduser(name))
    if path.is_dir():
        return ModelSource(name=str(path.absolute()), folder=path)
    if path.is_file():
        why = "a pickle, which can run code when it is read, and is not opened" if path.suffix in _PICKLES else "a file"
        raise ModelError(
            f"{name}: {why}; a model is a folder in diffusers' layout with .safetensors. For DreamPose's .pth files: "
            "animator import-dreampose"
        )
    check_hub_id(name)
    from animator.models.bases import locate  # brings diffusers along, which takes seconds

    folder, info = locate(name)
    return ModelSource(name=f"{info.name}@{info.revision}" if info.revision else str(name), folder=folder)


def _weighty_files(folder: Path) -> list[Path]:
    places = [folder / part for part in PARTS if (folder / part).is_dir()] or [folder]
    return sorted(path for place in places for path in place.iterdir() if path.suffix in {".json", ".safetensors"})


def _part_size(part: Path) -> PartSize:
    from safetensors import SafetensorError, safe_open

    paths = sorted(part.glob("*.safetensors"))
    dtypes: Counter[str] = Counter()
    for path in paths:
        if not path.is_file():  # whoever opens a pipe waits for ever
            raise ModelError(f"{path}: a folder, pipe, device, or a link to nowhere. Copy the model again.")
        try:
            with safe_open(path, framework="np") as file:
                for key in file.keys():  # noqa: SIM118  # it is no mapping
                    tensor = file.get_slice(key)
                    dtypes[tensor.get_dtype()] += prod(tensor.get_shape())
        except SafetensorError as error:
            raise ModelError(f"{path}: no safetensors file ({error}). Copy the model again.") from error
    return PartSize(
        name=part.name,
        num_bytes=sum(path.stat().st_size for path in paths),
        num_parameters=sum(dtypes.values()),
        dtypes=tuple(dtype for dtype, _ in dtypes.most_common()),
    )
