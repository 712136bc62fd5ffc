"""A render job is a folder: where everything in it lies. Nothing in it is ever half-written.

job.json          what is rendered, from what, with what (`record.py`)
poses.npz         retargeted motion, canvas px        | made once, hashed in job.json
tracked.npz       what was found in the clip, clip px |
subject.npz       the photo on the canvas             |
frames/%06d.png   each appears whole, by a rename
chunks/*.json     what was made, where, how fast (`ledger.py`)
leases/           who is at work, where several machines share the folder (`leases.py`)
out.mp4           the result, unless it was asked for elsewhere
result.json       what was made of it; there when the job is done, at least in part
report.html       the same for people
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from animator.encoding.atomic_file import explained
from animator.encoding.leftovers import held, sweep_leftovers
from animator.errors import JobError
from animator.jobs.plan import Chunk
from pose_tracking.atomic_file import hidden_name, put_in_place

MAX_JSON_BYTES = 4 * 1024 * 1024


class JobFolder:
    """Names and places within one job's folder.

    Args:
        path: the folder; it need not exist yet.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).absolute()

    def __repr__(self) -> str:
        return f"JobFolder({str(self.path)!r})"

    @property
    def name(self) -> str:
        """For messages."""
        return self.path.name

    @property
    def record(self) -> Path:
        """What is rendered."""
        return self.path / "job.json"

    @property
    def poses(self) -> Path:
        """The motion, one pose per frame, canvas px."""
        return self.path / "poses.npz"

    @property
    def tracked(self) -> Path:
        """What was found in the clip."""
        return self.path / "tracked.npz"

    @property
    def subject(self) -> Path:
        """The person on the canvas."""
        return self.path / "subject.npz"

    @property
    def frames(self) -> Path:
        """Folder of the pictures."""
        return self.path / "frames"

    @property
    def has_frames(self) -> bool:
        """Whether any picture is made."""
        return any(self.frames.glob("*.png"))

    @property
    def chunks(self) -> Path:
        """Folder of the ledger."""
        return self.path / "chunks"

    @property
    def leases(self) -> Path:
        """Folder of claims and signs of life."""
        return self.path / "leases"

    @property
    def result(self) -> Path:
        """What was made of the job."""
        return self.path / "result.json"

    @property
    def failure(self) -> Path:
        """Why the last attempt ended without a result."""
        return self.path / "failure.json"

    @property
    def delivering(self) -> Path:
        """There while the result is written, and after whoever wrote it was killed."""
        return self.path / "delivering"

    @property
    def cancelled(self) -> Path:
        """There when nobody is to work on the job any more."""
        return self.path / "cancelled"

    @property
    def report(self) -> Path:
        """The job for people."""
        return self.path / "report.html"

    @property
    def lock(self) -> Path:
        """Held by whoever works here."""
        return self.path / "lock"

    def frame(self, index: int) -> Path:
        """The picture of one frame."""
        return self.frames / f"{index:06d}.png"

    def entry(self, chunk: Chunk) -> Path:
        """The ledger's entry of one chunk."""
        return self.chunks / f"{chunk.name}.json"

    def make(self) -> None:
        """Make the folder and the folders in it.

        Raises:
            EncodeError, DiskError: it cannot be made.
        """
        with explained(self.path):
            for folder in (self.path, self.frames, self.chunks, self.leases):
                folder.mkdir(parents=True, exist_ok=True)

    def sweep(self) -> None:
        """Remove what killed writers left under hidden names; nobody may be making frames."""
        for folder in (self.path, self.frames, self.chunks):
            for left in folder.glob(".*.tmp"):
                left.unlink(missing_ok=True)

    def holds_something_else(self) -> bool:
        """Whether a folder without job.json is more than one that was being made when the power went."""
        ours = {place.name for place in (self.frames, self.chunks, self.leases, self.lock)}
        if not self.path.exists():
            return False
        if not self.path.is_dir():
            return True
        entries = list(self.path.iterdir())
        strange = [each for each in entries if each.name not in ours and not each.match(".*.tmp")]
        return bool(strange) or any(self.frames.glob("*")) or any(self.chunks.glob("*"))

    def check(self) -> None:
        """Refuse a folder that is no job, and one in which something points elsewhere.

        Raises:
            JobError: no job.json, or a link where a file or folder of the job belongs.
        """
        if not self.record.is_file():
            raise JobError(
                f"{self.path}: holds no job (no job.json). Give the folder that `animator jobs submit` made."
            )
        for place in (*self.path.iterdir(), *self.frames.glob("*"), *self.chunks.glob("*")):
            if place.is_symlink():
                raise JobError(f"{self.name}: {place.name} is a link; what belongs to a job lies in its folder")


def sweep_beside(path: Path) -> None:
    """Remove what a killed process left of `path` under hidden names, files and folders."""
    pattern = re.compile(re.escape(f".{path.name[:40]}.") + r"[0-9a-f]{8}\..*tmp")
    if not path.parent.is_dir():
        return
    for left in path.parent.iterdir():
        if pattern.fullmatch(left.name):
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)


@contextmanager
def kept_or_passing(path: Path | None, *, near: Path) -> Iterator[JobFolder]:
    """The job's folder that was asked for, or one beside `near` that vanishes however the block ends."""
    if path is not None:
        yield JobFolder(path)
        return
    sweep_leftovers(near.absolute())
    passing = hidden_name(near.absolute())
    with explained(near):
        passing.mkdir(parents=True)
    try:
        with held(passing):
            yield JobFolder(passing)
    finally:
        shutil.rmtree(passing, ignore_errors=True)


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """A hidden name beside `path`, written by the block and then put in place; removed when the block fails.

    Raises:
        DiskError: the disk is full or fails.
        EncodeError: the folder cannot be written.
    """
    temporary = hidden_name(path)
    try:
        with explained(path):
            yield temporary
            put_in_place(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_json(path: Path, values: Any) -> None:
    """Write JSON, whole or not at all."""
    with appearing(path) as temporary:
        text = json.dumps(values, indent=1, ensure_ascii=False) + "\n"
        # A file's name need not be UTF-8; what is left of it as a surrogate becomes JSON's own escape.
        temporary.write_bytes(text.encode("utf-8", errors="backslashreplace"))


def read_json(path: Path) -> Any:
    """Read JSON of ours.

    Raises:
        FileNotFoundError: no such file.
        JobError: too large, damaged, or not JSON.
    """
    if os.path.getsize(path) > MAX_JSON_BYTES:
        raise JobError(f"{path.parent.name}/{path.name}: too large, at most {MAX_JSON_BYTES} bytes are read")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise JobError(f"{path.parent.name}/{path.name}: damaged, no JSON ({error})") from error
