"""Samples on the disk, for trainings that go on in stretches: what was made once need not be made again."""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping
from pathlib import Path

from safetensors.torch import load_file, save_file

from animator.training.samples import Sample

_ENDING = ".safetensors"


class SampleFolder(MutableMapping[int, Sample]):
    """Samples by number, a file each. Several processes may share a folder if none deletes what another asks for.

    Args:
        folder: made when the first sample is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers: set[int] | None = None

    def __getitem__(self, number: int) -> Sample:
        if number not in self._known():
            raise KeyError(number)
        return load_file(self._place(number))

    def __setitem__(self, number: int, sample: Sample) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        # Whole or not there; not forced to the disk, since it can be made again.
        temporary = self._folder / f".{number}.{os.getpid()}"
        save_file({name: tensor.contiguous() for name, tensor in sample.items()}, temporary)
        temporary.rename(self._place(number))
        self._known().add(number)

    def __delitem__(self, number: int) -> None:
        self._known().remove(number)
        self._place(number).unlink(missing_ok=True)

    def __contains__(self, number: object) -> bool:
        return number in self._known()

    def __iter__(self) -> Iterator[int]:
        return iter(self._known())

    def __len__(self) -> int:
        return len(self._known())

    def _known(self) -> set[int]:
        """Listed once: a folder of ten thousands of files is not to be read for every sample."""
        if self._numbers is None:
            self._numbers = {int(path.stem) for path in self._folder.glob(f"[0-9]*{_ENDING}")}
        return self._numbers

    def _place(self, number: int) -> Path:
        return self._folder / f"{number:09d}{_ENDING}"
