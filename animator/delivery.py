"""Frames become a result: the film with its sound and marks, its sidecar, and the previews beside it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from animator.config import RenderJob, RenderReport
from animator.encoding import AudioSource, EncodeResult, encode
from animator.errors import DiskError, EncodeError
from animator.jobs.making import Gaps, Made, stand_in
from animator.jobs.scene import Scene
from animator.preview.paths import preview_paths
from animator.preview.previews import Previews
from animator.progress import Told
from animator.sidecar import sidecar_path, with_sidecar
from pose_tracking.clip import DrivingClip
from pose_tracking.frame import Frame


def deliver(
    job: RenderJob,
    clip: DrivingClip,
    scene: Scene,
    made: Iterator[Made],
    *,
    origin: Mapping[str, str],
    told: Told,
    began_s: float,
    damage: str | None,
    panels: Iterator[Frame] | None = None,
) -> RenderReport:
    """Write the result, then what lies beside it, each whole or not at all.

    Args:
        job: what was rendered.
        clip: the driving clip, for its sound and for the previews.
        scene: who does what.
        made: the frames in order, and what kept some from being made.
        origin: what the result says of its making (`provenance_metadata`).
        told: what the person was told so far, and is told now.
        began_s: when the render began, on the monotonic clock.
        damage: what could not be read of the clip, if anything.
        panels: see `Previews`.

    Raises:
        EncodeError, DiskError: something cannot be written; where that is not the result, it says what is missing.
    """
    gaps = Gaps()
    previews = _previews(job, clip, scene, panels, origin)
    report: RenderReport | None = None
    try:
        with previews:
            frames = previews.watch(stand_in(made, gaps.add))
            result = _write_result(job, clip, frames, scene.fps, origin)
            told.note(*result.warnings, *gaps.warnings(), *job.provenance.notes_on(result.path))
            report = RenderReport(
                path=result.path,
                num_frames=result.num_frames,
                duration_s=result.duration_s,
                seconds=time.monotonic() - began_s,
                fingerprint=origin["fingerprint"],
                warnings=tuple(told.messages),
                partial=damage is not None or bool(gaps.frames),
                gaps=tuple(gaps.frames),
            )
            # Before the previews: of all that lies beside a result, it is what the result needs most.
            report = with_sidecar(job, report, origin)
    except (DiskError, EncodeError) as error:
        if report is None:
            raise
        missing = ", ".join(path.name for path in _missing(job, report, previews))
        raise type(error)(f"{error} {job.output.name} is complete; not written: {missing}.") from error
    return replace(report, previews=previews.paths)


def _missing(job: RenderJob, report: RenderReport, previews: Previews) -> Iterator[Path]:
    """What was to lie beside the result, and does not, or is that of an earlier one."""
    if job.provenance.sidecar and report.sidecar is None:
        yield sidecar_path(job.output)
    wanted = preview_paths(job.output, contact_sheet=job.preview.contact_sheet, side_by_side=job.preview.side_by_side)
    yield from (path for path in wanted if path not in previews.paths)


def _write_result(
    job: RenderJob, clip: DrivingClip, frames: Iterator[Frame], fps: Fraction, metadata: Mapping[str, str]
) -> EncodeResult:
    """Encode `frames` with the clip's sound and the marks that they are made."""
    audio = AudioSource(path=clip.path, start_s=clip.picture_start_s) if clip.info.has_audio else None
    marked = job.provenance.watermarked(frames, metadata["fingerprint"])
    seal = job.provenance.seal(metadata)
    inputs = job.inputs.values()
    return encode(marked, job.output, job.encode, fps=fps, audio=audio, metadata=metadata, inputs=inputs, seal=seal)


def _previews(
    job: RenderJob, clip: DrivingClip, scene: Scene, panels: Iterator[Frame] | None, origin: Mapping[str, str]
) -> Previews:
    return Previews(
        job.output,
        contact_sheet=job.preview.contact_sheet,
        side_by_side=job.preview.side_by_side,
        subject=scene.subject,
        clip=clip,
        tracked=scene.tracked,
        num_frames=len(scene.driving),
        fps=scene.fps,
        panels=panels,
        metadata=origin,
    )
