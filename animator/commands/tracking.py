"""`animator track`: the motion of a clip, without a photo."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from animator.commands.choices import Overrides, typed_job, with_choices
from animator.commands.console import PARTIAL, Console
from animator.commands.option import written

if TYPE_CHECKING:
    from animator.config import RenderJob
    from animator.progress import Progress
    from pose_tracking.clip import DrivingClip
    from pose_tracking.frame import Frame
    from pose_tracking.report import TrackingReport
    from pose_tracking.sequence import PoseSequence

# The keys of a job, or their tables, that tracking looks at.
_KEYS = frozenset({"clip", "start_s", "end_s", "pose_cache", "tracker"})


@with_choices("start", "end", "person", "tracker")
def track(
    context: typer.Context,
    clip_path: Annotated[Path, typer.Argument(metavar="CLIP", help="Video to track: MP4, MOV, WebM, GIF, ...")],
    output: Annotated[Path, written("--output", "-o", text="The poses: .npz or .json.")],
    preview: Annotated[
        Path | None, written(metavar="VIDEO", text="Also write the clip with its skeleton: .mp4, .gif or .webp.")
    ] = None,
    overrides: Overrides = None,
    *,
    changes: Mapping[str, Any],
) -> None:
    """Track the person in CLIP, write the poses as they were seen, and report how well it went."""
    from animator.encoding.atomic_file import explained

    if output.suffix.lower() not in {".npz", ".json"}:
        raise typer.BadParameter(f"--output: got {str(output)!r}, expected a name ending in .npz or .json")
    values = {"photo": str(clip_path), "clip": str(clip_path), "output": str(output)}
    job = typed_job(values, overrides or (), changes=changes)
    console = Console.of(context)
    clip = _open_clip(job, preview)
    progress = console.progress()
    for key in _idle_keys(overrides or ()):
        progress.warn(f"poses are written as they were seen: {key} changes nothing of them")
    if console.dry_run:
        plan = {"clip": str(clip_path), "output": str(output), "num_frames": clip.info.num_frames or None}
        frames = f"{clip.info.num_frames} frames" if clip.info.num_frames else "a number of frames it does not tell"
        console.result("plan", plan, [f"{clip_path}: {frames} to track, poses to {output}"])
        return
    tracked = _track(clip, job, progress)
    with explained(output):
        tracked.save(output)
    if preview is not None:
        _write_preview(clip, tracked, preview, progress)
    _tell(console, tracked, output, damaged=clip.damage is not None)
    if clip.damage is not None:
        raise typer.Exit(PARTIAL)


def _open_clip(job: RenderJob, preview: Path | None) -> DrivingClip:
    """The clip, once it is sure that poses and preview can be written."""
    from animator.encoding import check_output, spare_inputs
    from animator.encoding.atomic_file import check_file_place
    from pose_tracking.clip import DrivingClip

    check_file_place(job.output)
    clip = DrivingClip.open(job.clip, start_s=job.start_s or None, end_s=job.end_s)
    inputs = [path for path in (job.clip, job.tracker.recorded) if path is not None]
    spare_inputs(job.output, inputs)
    if preview is not None:
        check_output(preview, fps=clip.info.fps, inputs=[*inputs, job.output])
    return clip


def _track(clip: DrivingClip, job: RenderJob, progress: Progress) -> PoseSequence:
    from animator.pipeline import track_clip
    from pose_tracking.pose_cache import PoseCache

    if clip.shortfall is not None:
        progress.warn(clip.shortfall)
    cache = PoseCache.default() if job.pose_cache else None
    tracked = track_clip(clip, job.tracker, progress=progress, cache=cache, anew=True)
    if clip.damage is not None:
        progress.warn(clip.damage)
    return tracked


def _tell(console: Console, tracked: PoseSequence, output: Path, *, damaged: bool) -> None:
    from pose_tracking.report import report_tracking

    report = report_tracking(tracked)
    lines = [f"{output}: {tracked.skeleton.name}", *(f"  {line}" for line in report.lines())]
    console.result("report", {"path": str(output), **_fields(report), "partial": damaged}, lines)


def _idle_keys(overrides: Sequence[str]) -> list[str]:
    """Those of `key=value` that tracking does not look at; once each, as they were typed."""
    keys = dict.fromkeys(setting.partition("=")[0].strip() for setting in overrides)
    return [key for key in keys if key.partition(".")[0] not in _KEYS]


def _write_preview(clip: DrivingClip, tracked: PoseSequence, path: Path, progress: Progress) -> None:
    from animator.encoding import encode
    from animator.pipeline import played_s
    from animator.preview.previews import at_even_times, clip_with_skeleton

    fps = clip.info.fps

    with progress.stage("preview", len(tracked)) as stage:

        def counted() -> Iterator[Frame]:
            for frame in clip_with_skeleton(clip, tracked):
                stage.advance()
                yield frame

        frames = at_even_times(counted(), fps=fps, duration_s=played_s(clip, tracked))
        encode(frames, path, fps=fps, inputs=[clip.path])


def _fields(report: TrackingReport) -> dict[str, Any]:
    """The report for JSON, which knows no NaN."""
    fields = dataclasses.asdict(report)
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in fields.items()}
