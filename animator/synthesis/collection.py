"""Folders of rendered clips or pairs, with a manifest that is true at any moment: a run can be taken up again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from animator.encoding.atomic_file import check_file_place, replacing
from animator.errors import JobError
from animator.synthesis.export import Advance, ExportOptions, write_clip, write_pair
from animator.synthesis.wardrobe import fingerprint_wardrobe
from animator.synthesis.workers import share_out

MANIFEST = "manifest.json"
KINDS = ("clips", "pairs")
# What a run that is killed outright may leave: hidden files of ours, beside a clip or in a pair's folder.
_LEFT_OVERS = (".clip_*.tmp", f".{MANIFEST}*.tmp", "pair_*/.*.tmp")


@dataclass(slots=True, kw_only=True)
class Collection:
    """A folder, the settings of all that is in it, and what is done.

    Attributes:
        folder: where.
        kind: "clips" or "pairs".
        settings: what every clip of the folder has in common, as JSON has it.
        done: files of each finished seed, relative to the folder.
    """

    folder: Path
    kind: str
    settings: dict[str, Any]
    done: dict[int, list[str]]

    @classmethod
    def open(cls, kind: str, folder: Path, options: ExportOptions) -> Collection:
        """The collection in `folder`, empty if there is none; nothing is written.

        Raises:
            JobError: a file is in the way, or the folder holds something else, or clips of other settings.
            EncodeError, DiskError: the folder cannot be written.
        """
        if folder.exists() and not folder.is_dir():
            raise JobError(f"{folder}: is a file; {kind} go into a folder: give --output the name of one, new or ours")
        check_file_place(folder / MANIFEST)
        collection = cls(folder=folder, kind=kind, settings=settings_of(kind, options), done={})
        if (folder / MANIFEST).exists():
            collection._read()
        elif any(folder.glob(f"{kind[:-1]}_*")):
            raise JobError(f"{folder}: holds {kind} but no {MANIFEST} that says how they were made; give a new folder")
        return collection

    def _read(self) -> None:
        path = self.folder / MANIFEST
        try:
            about = json.loads(path.read_text(encoding="utf-8"))
            there = {name: about.get(name) for name in self.settings}
            entries = {int(entry["seed"]): list(entry["files"]) for entry in about.get(self.kind, [])}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise JobError(f"{path}: is no manifest of rendered {self.kind} ({error}); give a new folder") from error
        other = [
            f"{name} {_show(there[name])} there, {_show(value)} now"
            for name, value in self.settings.items()
            if there[name] != value
        ]
        if other:
            raise JobError(
                f"{self.folder}: holds {self.kind} of other settings ({'; '.join(other)}); "
                "give the same, or a new folder"
            )
        whole = {
            seed: files for seed, files in entries.items() if all((self.folder / name).is_file() for name in files)
        }
        self.done.update(whole)

    @property
    def manifest(self) -> Path:
        """Where the manifest lies."""
        return self.folder / MANIFEST

    def missing(self, seeds: range) -> list[int]:
        """Those of the seeds that are not done."""
        return [seed for seed in seeds if seed not in self.done]

    def add(self, seed: int, files: Sequence[str]) -> None:
        """Notes that a seed is done."""
        self.done[seed] = list(files)
        self.save()

    def save(self) -> None:
        """Writes the manifest."""
        entries = [{"seed": seed, "files": files} for seed, files in sorted(self.done.items())]
        with replacing(self.manifest) as temporary:
            text = json.dumps({**self.settings, self.kind: entries}, indent=1)
            temporary.write_text(text + "\n", encoding="utf-8")

    def sweep(self) -> None:
        """Removes what a run that was killed outright left half-written."""
        for pattern in _LEFT_OVERS:
            for path in self.folder.glob(pattern):
                path.unlink(missing_ok=True)


def settings_of(kind: str, options: ExportOptions) -> dict[str, Any]:
    """What must be the same for two runs to write into one folder: all but the seeds, their number and the jobs."""
    take = options.take
    return {
        "format": f"rendered-{kind}/2",
        "version": version("pose-animator"),
        "split": take.split,
        "size": [take.width, take.height],
        "fps": take.fps,
        "num_frames": take.num_frames,
        "crf": options.crf,
        "maps": options.maps,
        "wardrobe": fingerprint_wardrobe(take.wardrobe) if take.wardrobe is not None else None,
        "motions": take.motions.fingerprint() if take.motions is not None else None,
    }


def _show(value: object) -> str:
    return "x".join(map(str, value)) if isinstance(value, list) else "none" if value is None else str(value)


def write_many(
    kind: str,
    folder: Path,
    count: int,
    options: ExportOptions,
    *,
    seed: int,
    jobs: int = 1,
    advance: Advance | None = None,
) -> Path:
    """Writes `count` clips ("clips") or pairs ("pairs") into `folder` with a manifest; seeds count up from `seed`.

    What the folder already holds of the same settings is kept and not made again, so a run that was stopped is taken
    up by starting it once more, and other seeds can be added.

    Args:
        jobs: processes at work; the files do not depend on it.
        advance: called with the number of clips or pairs that are done, at once for those found done.

    Returns:
        The manifest; it lists all that is in the folder.

    Raises:
        JobError: see `Collection.open`; or a process died.
    """
    if count < 1 or jobs < 1:
        raise JobError(f"{count} {kind} by {jobs} processes; expected at least one of each")
    collection = Collection.open(kind, folder, options)
    seeds = collection.missing(range(seed, seed + count))
    if advance is not None and len(seeds) < count:
        advance(count - len(seeds))
    collection.sweep()
    collection.save()
    write = {"clips": _write_numbered_clip, "pairs": _write_numbered_pair}[kind]
    try:
        for done, files in share_out(partial(write, folder=folder, options=options), seeds, jobs=jobs):
            collection.add(done, files)
            if advance is not None:
                advance(1)
    finally:
        collection.sweep()
    return collection.manifest


def _write_numbered_clip(seed: int, *, folder: Path, options: ExportOptions) -> tuple[int, list[str]]:
    paths = write_clip(seed, folder / f"clip_{seed:06d}.mp4", options)
    return seed, [path.name for path in paths]


def _write_numbered_pair(seed: int, *, folder: Path, options: ExportOptions) -> tuple[int, list[str]]:
    name = f"pair_{seed:06d}"
    paths = write_pair(seed, folder / name, options)
    return seed, [f"{name}/{path.name}" for path in paths]
