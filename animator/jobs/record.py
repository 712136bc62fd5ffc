"""job.json: what a job renders, from what, with what; nothing goes on that does not fit it."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from animator.config import RenderJob
from animator.encoding.atomic_file import check_file_place
from animator.errors import JobError
from animator.job_file import build_job
from animator.job_schema import as_toml, complain
from animator.jobs.folder import JobFolder, read_json, write_json
from animator.jobs.inputs import INPUT_SETTINGS
from animator.jobs.locks import BusyError, locked
from animator.jobs.plan import Chunk, plan_chunks
from pose_tracking.source_code import source_sha256

FORMAT: Literal["pose-animator-job/1"] = "pose-animator-job/1"
# Where things lie, what is written beside them and how fast it goes: may change between two sittings.
PLACES = frozenset(
    {
        *("photo", "clip", "output", "overwrite", "preview", "model", "image_encoder", "device"),
        *("workers", "low_vram", "pose_cache"),
    }
)
# Of the provenance: what is said about the frames, not what is in them.
STATEMENTS = frozenset({"kind", "certificate", "key", "sidecar", "consent"})
# Parts of a job that shape its delivery alone; changed, the same frames are delivered anew.
DELIVERY = ("encode", "preview", "provenance")
# Parts of a job in which, between two jobs of one fingerprint, nothing differs but where things lie.
_PLACED = ("photo", "clip", "background", "tracker", "sampler", "model", "image_encoder")
MAX_FRAMES = 1_000_000
_ANEW = "Submit the job into a new folder."


class Prepared(BaseModel):
    """What the steps over the whole clip found out; they are done once.

    Attributes:
        num_frames: of the result.
        fps: of the result, exact, such as 30000/1001.
        sha256: of the files they wrote, by name.
        warnings: what the person should know, one line each.
        damage: what could not be read of the clip, if anything.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    num_frames: int = Field(ge=1, le=MAX_FRAMES)
    fps: str = Field(pattern=r"^\d{1,9}(/\d{1,9})?$")
    sha256: dict[str, str]
    warnings: tuple[str, ...] = ()
    damage: str | None = None

    @property
    def rate(self) -> Fraction:
        """Frames per second."""
        return Fraction(self.fps)


class JobRecord(BaseModel):
    """A job as its folder holds it.

    Attributes:
        format: version of this scheme.
        software: what began the job.
        fingerprint: SHA-256 over inputs, weights and every setting that shapes the frames; how they are delivered
            is no part of it.
        inputs: SHA-256 of photo, clip and whatever else the job reads, by role.
        model: name and fingerprint of the weights; none for the puppet.
        generator: what makes the pictures.
        canvas: (width, height) px.
        chunk_size: frames per chunk.
        job: the `RenderJob`.
        prepared: none until the steps over the whole clip are done.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["pose-animator-job/1"] = "pose-animator-job/1"
    software: str
    fingerprint: str
    inputs: dict[str, str]
    model: dict[str, str] | None = None
    generator: str
    canvas: tuple[int, int]
    chunk_size: int = Field(ge=1, le=4096)
    job: dict[str, Any]
    prepared: Prepared | None = None

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """The plan.

        Raises:
            JobError: the job is not prepared.
        """
        return plan_chunks(self.ready.num_frames, self.chunk_size)

    @property
    def ready(self) -> Prepared:
        """What the preparation found out.

        Raises:
            JobError: the job is not prepared.
        """
        if self.prepared is None:
            raise JobError("the job is not prepared yet; animator jobs run does that first")
        return self.prepared

    @property
    def ending(self) -> str:
        """Of the result's name."""
        return Path(str(self.job.get("output", ""))).suffix

    @property
    def weights(self) -> str | None:
        """The model's fingerprint, if there is a model."""
        return None if self.model is None else self.model.get("fingerprint")

    def render_job(self, overrides: Sequence[str] = (), *, trust: bool = False) -> RenderJob:
        """The job, checked again as if a stranger had written it, with `key.key=value` overrides on top.

        Raises:
            JobError: wrong values, or Python code named without `trust`.
            OptionError: the job is right, and `overrides` are not.
        """
        return build_job(self.job, overrides, trust=trust, source="job.json")


def software() -> str:
    """Name, version and source of this program: between two releases the version alone does not tell."""
    package = Path(__file__).parents[1]
    source = source_sha256(*(package.parent / name for name in ("animator", "pose_tracking", "temporal")))
    return f"pose-animator {importlib.metadata.version('pose-animator')}, source {source[:12]}"


def write_record(folder: JobFolder, record: JobRecord) -> JobRecord:
    """Write job.json, whole or not at all."""
    write_json(folder.record, record.model_dump(mode="json"))
    return record


def read_record(folder: JobFolder) -> JobRecord:
    """Read job.json.

    Raises:
        JobError: missing, damaged, or of another scheme.
    """
    folder.check()
    try:
        values = read_json(folder.record)
    except JobError as error:
        raise JobError(f"{error}. {_ANEW}") from error
    if not isinstance(values, Mapping) or values.get("format") != FORMAT:
        got = values.get("format") if isinstance(values, Mapping) else type(values).__name__
        raise JobError(f"{folder.name}/job.json: format {got!r}, this version reads {FORMAT!r}. {_ANEW}")
    try:
        return JobRecord.model_validate(values)
    except ValidationError as error:
        raise JobError(f"{folder.name}/job.json: {complain(error)}. {_ANEW}") from error


def begin_job(folder: JobFolder, record: JobRecord) -> JobRecord:
    """Make a job's folder, or take up one that holds the same job.

    Where only the delivery is another one (encoding, previews, what the result says of itself), the job goes on with
    the new one, and a result that was made with the old one counts no longer. Where its files lie now is written down
    for the next time, unless somebody is at work.

    Raises:
        JobError: the folder holds something else, or a job with other inputs or settings; or somebody is at work on
            a job whose delivery would be another one.
        DiskError: the disk is full or fails.
    """
    if folder.record.exists():
        before = read_record(folder)
        refuse_changes(folder, before, record)
        delivery, moved = _changes(before, record, DELIVERY), _changes(before, record, _PLACED)
        if not delivery and not moved:
            return before
        try:
            with locked(folder):
                now = read_record(folder)  # whoever was at work before may have prepared it
                if delivery:
                    folder.result.unlink(missing_ok=True)
                changes = {"model": record.model, "job": {**now.job, **delivery, **moved}}
                return write_record(folder, now.model_copy(update=changes))
        except BusyError:
            if delivery:
                raise
            return before  # on a shared folder, things may lie elsewhere for every machine
    _refuse_place(folder, record)
    folder.make()
    return write_record(folder, record)


def check_begin(folder: JobFolder, record: JobRecord) -> None:
    """Find out whether a job could be begun here, or gone on with, leaving nothing behind.

    Raises:
        JobError: the folder holds something else, or a job with other inputs or settings.
        EncodeError: the folder cannot be written.
        DiskError: the disk is full or fails.
    """
    if folder.record.exists():
        refuse_changes(folder, read_record(folder), record)
    else:
        _refuse_place(folder, record)
    check_file_place(folder.record if folder.path.is_dir() else folder.path)


def refuse_changes(folder: JobFolder, before: JobRecord, now: JobRecord) -> None:
    """Refuse to go on with other inputs, weights or settings than a job was begun with.

    Raises:
        JobError: what differs, in one line.
    """
    if (before.software, before.fingerprint) != (now.software, now.fingerprint):
        what = next(_differences(before, now), "a setting has changed")
        raise JobError(
            f"{folder.name}: {what} since this job was begun, and its frames would not fit together. "
            "Put it back, or start a new job folder."
        )


def _refuse_place(folder: JobFolder, record: JobRecord) -> None:
    if folder.holds_something_else():
        what = "already holds something else" if folder.path.is_dir() else "is a file, and a job is a folder"
        raise JobError(f"{folder.path}: {what}; give a new folder, or one that holds a job")
    if os.path.realpath(folder.path) == os.path.realpath(record.job["output"]):
        raise JobError(f"{folder.path}: is where the result goes; give the job a folder of its own")


def _changes(before: JobRecord, now: JobRecord, names: Sequence[str]) -> dict[str, Any]:
    """Of the parts of a job called so, those that are others now."""
    return {name: now.job.get(name) for name in names if now.job.get(name) != before.job.get(name)}


def _differences(before: JobRecord, now: JobRecord) -> Iterator[str]:
    if before.software != now.software:
        yield f"the program has changed ({before.software} then, {now.software} now)"
    for name, digest in before.inputs.items():
        if now.inputs.get(name) != digest:
            yield f"the {name} {'have' if name == 'poses' else 'has'} changed ({_file_name(now, name)})"
    if before.generator != now.generator:
        yield f"the generator has changed ({before.generator} then, {now.generator} now)"
    if (before.model or {}).get("fingerprint") != (now.model or {}).get("fingerprint"):
        yield "the model has changed"
    if before.canvas != now.canvas:
        sizes = ["{}x{}".format(*canvas) for canvas in (before.canvas, now.canvas)]
        yield f"the canvas has changed ({sizes[0]} px then, {sizes[1]} px now)"
    then, today = dict(_flat(before.job)), dict(_flat(now.job))
    compared = {INPUT_SETTINGS.get(role) for role in before.inputs.keys() & now.inputs.keys()}
    for key in sorted((then.keys() | today.keys()) - compared):
        if then.get(key) != today.get(key):
            yield f"{key} has changed ({as_toml(then.get(key))} then, {as_toml(today.get(key))} now)"


def _file_name(record: JobRecord, role: str) -> str:
    place: Any = record.job
    for key in INPUT_SETTINGS.get(role, role).split("."):
        place = place.get(key) if isinstance(place, Mapping) else None
    return Path(str(place or role)).name


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of everything that shapes frames."""
    for key, value in values.items():
        if not prefix and (key in PLACES or key in DELIVERY):
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif value is not None:
            yield prefix + key, value
