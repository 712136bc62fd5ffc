"""Models as people look at them: which there are, what one is made of, under which licence. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from animator.errors import ModelError
from animator.models.manifest import MANIFEST, verify_files
from animator.models.source import EMBEDDED, ModelSource, PartSize, embedded_folder, look_up, part_sizes

_LICENCE_FILES = ("LICENSE*", "LICENCE*", "COPYING*", "NOTICE*")
_MAX_LICENCE_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What can be said of a model without reading a weight.

    Attributes:
        source: where it is and what its manifest says.
        parts: what its networks weigh.
        problem: what is wrong with it, or nothing.
    """

    source: ModelSource
    parts: tuple[PartSize, ...]
    problem: str | None = None

    @property
    def num_bytes(self) -> int:
        """Of all weights."""
        return sum(part.num_bytes for part in self.parts)

    @property
    def num_parameters(self) -> int:
        """Of all networks."""
        return sum(part.num_parameters for part in self.parts)

    @property
    def licence(self) -> str:
        """The licence's name; `unknown` where nobody wrote it down."""
        if self.source.manifest is not None:
            return self.source.manifest.licence
        from animator.models.bases import card_licence  # brings diffusers along, which takes seconds

        return card_licence(self.source.folder)

    def as_dict(self) -> dict[str, Any]:
        """All of it in JSON's own types, without the hashes."""
        manifest = self.source.manifest
        return {
            "name": self.source.name,
            "folder": str(self.source.folder),
            "manifest": None if manifest is None else manifest.model_dump(mode="json", exclude={"files"}),
            "licence": self.licence,
            "num_parameters": self.num_parameters,
            "num_bytes": self.num_bytes,
            "parts": [
                {
                    "name": part.name,
                    "num_parameters": part.num_parameters,
                    "num_bytes": part.num_bytes,
                    "dtypes": list(part.dtypes),
                }
                for part in self.parts
            ],
            "problem": self.problem,
        }


def list_models(folders: Iterable[Path]) -> tuple[list[ModelFacts], list[str]]:
    """The embedded base, and the models that `folders` are or hold; and what is wrong with those left out.

    Raises:
        ModelError: a folder that is not there.
    """
    found, problems = [], []
    for name in _names(folders):
        try:
            source = look_up(name)
            found.append(ModelFacts(source=source, parts=tuple(part_sizes(source.folder))))
        except ModelError as error:
            problems.append(str(error))
    return found, problems


def examine_model(name: str | Path) -> ModelFacts:
    """Look at one model and compare every file with its hash; a changed file is told as its `problem`.

    Raises:
        ModelError: not there, or neither a model nor a base.
    """
    source = look_up(name)
    problem = None
    try:
        if source.manifest is not None:
            verify_files(source.folder, source.manifest)
    except ModelError as error:
        problem = str(error)
    return ModelFacts(source=source, parts=tuple(part_sizes(source.folder)), problem=problem)


def licence_texts(source: ModelSource) -> dict[str, str]:
    """Licence files of a model by name, as they lie in its folder."""
    paths = sorted({path for pattern in _LICENCE_FILES for path in source.folder.glob(pattern) if path.is_file()})
    return {
        path.name: path.read_text(encoding="utf-8", errors="replace")
        for path in paths
        if path.stat().st_size <= _MAX_LICENCE_BYTES
    }


def _names(folders: Iterable[Path]) -> Iterator[str | Path]:
    if (embedded_folder() / MANIFEST).is_file():
        yield EMBEDDED
    for folder in folders:
        if not folder.is_dir():
            raise ModelError(f"{folder}: no such folder. Give a model folder, or one that holds some.")
        if (folder / MANIFEST).is_file():
            yield folder
        else:
            yield from sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))
