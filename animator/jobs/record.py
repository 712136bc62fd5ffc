"""job.json: what a job renders, from what, with what."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from animator.config import RenderJob
from animator.errors import JobError
from animator.job_file import build_job
from animator.job_schema import complain
from animator.jobs.folder import JobFolder, read_json, write_json
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
