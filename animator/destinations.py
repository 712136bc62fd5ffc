"""Where a render writes: every place is tried before any work, and none of them is an input."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

from animator.config import RenderJob
from animator.encoding import check_output, spare_inputs
from animator.encoding.atomic_file import check_file_place
from animator.errors import EncodeError, JobError
from animator.preview.paths import preview_paths
from animator.provenance import require_compliance
from animator.sidecar import check_sidecar_place, sidecar_path


def check_destinations(job: RenderJob, *, fps: Fraction) -> None:
    """Find out whether the result, its sidecar and its previews can be written, leaving nothing behind.

    Args:
        job: what will be rendered.
        fps: rate of the result.

    Raises:
        JobError: something is there already, and the job does not allow it to be replaced; a policy demands what
            the job does not do; or the result cannot be signed as asked.
        EncodeError: a place that cannot be written, an ending nobody knows, or a file that the job reads.
        DiskError: the disk is full or fails.
    """
    require_compliance(job.provenance)
    inputs = _inputs(job)
    check_output(job.output, job.encode, fps=fps, inputs=inputs)
    companions = _companions(job)
    for path in companions:
        spare_inputs(path, inputs)
        check_file_place(path)
    there = next((path for path in (job.output, *companions) if path.exists()), None)
    if there is not None and not job.overwrite:
        raise JobError(f"{there}: exists already. Choose another --output, or replace it: --set overwrite=true")
    if job.provenance.sidecar:
        check_sidecar_place(sidecar_path(job.output))
    job.provenance.check_signer()


def check_job_place(job: RenderJob, path: Path) -> None:
    """Find out whether the job itself can be written to `path`.

    Raises:
        EncodeError: it cannot be written, or is a file that the job reads or writes.
        DiskError: the disk is full or fails.
    """
    spare_inputs(path, _inputs(job))
    if any(os.path.realpath(path) == os.path.realpath(result) for result in (job.output, *_companions(job))):
        raise EncodeError(f"{path}: is where the job writes its result; give --job-out another name")
    check_file_place(path)


def _inputs(job: RenderJob) -> tuple[Path, ...]:
    """The files a render reads, those of models apart."""
    signer = (job.provenance.certificate, job.provenance.key)
    return tuple(path for path in (*job.inputs.values(), *signer) if path is not None)


def _companions(job: RenderJob) -> tuple[Path, ...]:
    """What is written beside the result."""
    sidecars = (sidecar_path(job.output),) if job.provenance.sidecar else ()
    wanted = job.preview
    return (
        *sidecars,
        *preview_paths(job.output, contact_sheet=wanted.contact_sheet, side_by_side=wanted.side_by_side),
    )
