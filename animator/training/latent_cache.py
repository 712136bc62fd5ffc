"""Samples encoded once and kept on the disk: on a CPU, making a sample costs more than learning from it.

Legend: C h w latents.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from animator.conditioning.conditioning import Conditioner
from animator.encoding.atomic_file import replacing
from animator.errors import JobError
from animator.training.denoising import encoded
from animator.training.samples import Sample, SampleSource

_HALVED = ("photo_latents", "target_latents", "warp", "weight")


class LatentCache:
    """A `SampleSource` that keeps the first `size` samples of another one, encoded, and repeats them.

    Args:
        source: asked only for what is not on the disk yet.
        conditioner: of the model that is trained; a cache belongs to its autoencoder.
        folder: for the files, about 0.4 MB per sample at 256x320.
        size: samples kept.
        of: stands for the source and the autoencoder; a cache of others is refused.

    Raises:
        JobError: the folder holds samples of something else.
    """

    def __init__(
        self, source: SampleSource, conditioner: Conditioner, folder: Path, *, size: int, of: str = ""
    ) -> None:
        self._source, self._conditioner, self._folder, self._size = source, conditioner, folder, size
        folder.mkdir(parents=True, exist_ok=True)
        name = folder / "cache.json"
        if name.is_file() and _read(name) != {"of": of}:
            raise JobError(f"{folder}: holds samples of another source or autoencoder; choose another --cache")
        with replacing(name) as temporary:
            temporary.write_text(json.dumps({"of": of}) + "\n", encoding="utf-8")

    def sample(self, number: int) -> Sample:
        """Sample `number` modulo the size."""
        place = number % self._size
        path = self._folder / f"{place:06d}.safetensors"
        if not path.is_file() or not _is_whole(path):
            made = self._source.sample(place)
            batch = {name: tensor[None].to(self._conditioner.model.device) for name, tensor in made.items()}
            kept = {name: tensor[0].cpu().contiguous() for name, tensor in encoded(batch, self._conditioner).items()}
            with replacing(path) as temporary:
                save_file({k: v.to(torch.float16) if k in _HALVED else v for k, v in kept.items()}, temporary)
        return load_file(path)


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None


def _is_whole(path: Path) -> bool:
    """A sample that was damaged is made again, like one that is not there."""
    try:
        with safe_open(path, framework="pt"):
            return True
    except SafetensorError:
        return False
