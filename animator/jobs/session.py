"""A job from its folder to its result: prepared once, rendered by whoever is there, delivered once."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from animator.config import RenderReport
from animator.errors import JobError, ModelError
from animator.jobs.executors.protocol import Crew, Executor, Work
from animator.jobs.folder import JobFolder, read_json, sweep_beside, write_json
from animator.jobs.frame_files import read_frame
from animator.jobs.ledger import State, read_entry, write_entry
from animator.jobs.making import FailedFrame, Made
from animator.jobs.record import JobRecord, read_record
from animator.jobs.report import write_report
from animator.jobs.scene import Scene, load_scene
from animator.jobs.worker import checked_entry
from animator.progress import Progress
from pose_tracking.errors import PipelineError
from pose_tracking.frame import Frame


class Steps(Protocol):
    """What a job needs and cannot know: how a scene is made, and how frames become a result."""

    def prepare(self, folder: JobFolder, record: JobRecord) -> None:
        """Make the scene and save it (`save_scene`)."""

    def deliver(self, record: JobRecord, scene: Scene, frames: Iterator[Made]) -> RenderReport:
        """Write the result and its previews."""

    @property
    def output(self) -> Path:
        """Where the result goes."""

    @property
    def places(self) -> tuple[Path, ...]:
        """All that `deliver` writes: the result and what lies beside it."""


class DamagedFrameError(JobError):
    """A frame is not what the ledger says it is."""


def run_job(work: Work, steps: Steps, *, executor: Executor, progress: Progress) -> RenderReport:
    """Bring a job to its end, from wherever it is.

    Args:
        work: the job's folder, with job.json, and how its generator is opened.
        steps: what comes before and after the frames.
        executor: who makes the frames.
        progress: told about stages.

    Raises:
        JobError: cancelled, or somebody else is at work.
        PipelineError: whatever ended it; the folder says so, and can be taken up again.
    """
    folder = work.folder
    folder.make()
    if folder.cancelled.exists():
        raise JobError(f"{folder.name}: was cancelled; animator jobs resume takes it up again")
    with executor.on(folder) as crew:
        began_s = time.monotonic()
        try:
            folder.failure.unlink(missing_ok=True)
            crew.once("prepare", lambda: steps.prepare(folder, read_record(folder)), is_done=lambda: _prepared(folder))
            _render(work, crew, progress)

            def deliver() -> None:
                _deliver(work, crew, steps, progress=progress, began_s=began_s)

            crew.once("deliver", deliver, is_done=lambda: is_delivered(folder, steps.output))
        except Exception as error:
            if not folder.record.exists():
                raise JobError(
                    f"{folder.path}: was moved or removed while it was rendered; run it again where it lies now"
                ) from error
            _note_failure(folder, error)
            raise
    return read_result(folder)


def retry_gaps(folder: JobFolder) -> None:
    """Forget that frames were given up, so that they are tried again; nothing else changes."""
    record = read_record(folder)
    if record.prepared is None:
        return
    for chunk in record.chunks:
        entry = read_entry(folder, chunk)
        if entry.gaps:
            write_entry(folder, chunk, entry.without(entry.gaps))
            folder.result.unlink(missing_ok=True)


def read_state(folder: JobFolder) -> State:
    """What lies in the folder, in a word."""
    record = read_record(folder)
    if folder.cancelled.exists():
        return "cancelled"
    result = find_result(folder)
    if result is not None:
        return "partial" if result.partial else "done"
    if folder.failure.is_file():
        return "failed"
    if record.prepared is None:
        return "created"
    return "rendering" if folder.has_frames else "prepared"


def is_delivered(folder: JobFolder, output: Path) -> bool:
    """Whether the result is there, at this place."""
    result = find_result(folder)
    return result is not None and result.path == output.absolute() and output.exists()


def find_result(folder: JobFolder) -> RenderReport | None:
    """What was made of a job, if anything; a result.json that cannot be read is none, and the result is made again."""
    try:
        return read_result(folder)
    except JobError:
        return None


def read_result(folder: JobFolder) -> RenderReport:
    """What was made of a job.

    Raises:
        JobError: nothing yet, or a damaged file.
    """
    try:
        values = read_json(folder.result)
        lists = {name: tuple(values[name]) for name in ("warnings", "gaps")}
        lists["previews"] = tuple(Path(path) for path in values["previews"])
        sidecar = None if values["sidecar"] is None else Path(values["sidecar"])
        return RenderReport(**{**values, **lists, "path": Path(values["path"]), "sidecar": sidecar})
    except FileNotFoundError as error:
        raise JobError(f"{folder.name}: has no result yet") from error
    except (TypeError, KeyError, AttributeError) as error:
        raise JobError(f"{folder.name}/result.json: damaged ({error})") from error


def _prepared(folder: JobFolder) -> bool:
    return read_record(folder).prepared is not None


def _render(work: Work, crew: Crew, progress: Progress) -> None:
    seen: set[int] = set()
    with progress.stage("render", read_record(work.folder).ready.num_frames) as stage:

        def advance(index: int) -> None:
            if index not in seen:
                seen.add(index)
                stage.advance()

        for chunk in read_record(work.folder).chunks:
            entry = read_entry(work.folder, chunk)
            for index in () if entry.pending else entry.frames:
                advance(index)
        crew.render(work, on_frame=advance)


def _deliver(work: Work, crew: Crew, steps: Steps, *, progress: Progress, began_s: float) -> None:
    folder = work.folder
    record = read_record(folder)
    scene = load_scene(folder, record)

    def attempt() -> RenderReport:
        with progress.stage("assemble", record.ready.num_frames) as stage:
            return steps.deliver(record, scene, _counted(assembled(folder, record, scene), stage.advance))

    if folder.delivering.exists():  # whoever wrote before was killed: a hidden file of the length of a film may be left
        for place in steps.places:
            sweep_beside(place)
    write_json(folder.delivering, {})
    try:
        report = attempt()
    except DamagedFrameError:
        for chunk in record.chunks:
            write_entry(folder, chunk, checked_entry(folder, record, chunk))
        _render(work, crew, progress)
        report = attempt()
    folder.delivering.unlink(missing_ok=True)
    notes = [note for note in _notes(folder, record) if note not in report.warnings]
    report = dataclasses.replace(
        report,
        path=report.path.absolute(),
        seconds=time.monotonic() - began_s,
        warnings=(*report.warnings, *notes),
    )
    write_json(folder.result, _plain(report))
    write_report(folder, record, report)
    folder.sweep()


def assembled(folder: JobFolder, record: JobRecord, scene: Scene) -> Iterator[Made]:
    """All frames in order, each held against the ledger; what was given up says why.

    Raises:
        DamagedFrameError: a picture is missing, damaged, or not the one that was made.
    """
    for chunk in record.chunks:
        entry = read_entry(folder, chunk)
        for index in chunk.frames:
            time_s = float(scene.driving.times_s_T[index])
            if index in entry.failures:
                yield FailedFrame(index=index, time_s=time_s, error=ModelError(entry.failures[index][-1]))
                continue
            try:
                pixels_HWC, digest = read_frame(folder, index, size=record.canvas, job=record.fingerprint)
            except FileNotFoundError:
                raise DamagedFrameError(f"{folder.name}: frame {index} is missing") from None
            except JobError as error:
                raise DamagedFrameError(f"{folder.name}: {error}") from error
            if digest != entry.frames.get(index):
                raise DamagedFrameError(f"{folder.name}: frame {index} is not the one that was made")
            yield Frame(pixels_HWC=pixels_HWC, time_s=time_s, index=index)


def _notes(folder: JobFolder, record: JobRecord) -> list[str]:
    """What generators said while frames were made, each note once."""
    sittings = [sitting for chunk in record.chunks for sitting in read_entry(folder, chunk).sittings]
    return [*dict.fromkeys(note for sitting in sittings for note in sitting.notes)]


def _counted(frames: Iterator[Made], advance: Callable[[], None]) -> Iterator[Made]:
    for made in frames:
        advance()
        yield made


def _note_failure(folder: JobFolder, error: BaseException) -> None:
    message = " ".join(str(error).split()) or type(error).__name__
    with suppress(OSError, PipelineError):  # a full disk, or one that cannot be written, takes no note either
        write_json(folder.failure, {"error": type(error).__name__, "message": message})


def _plain(report: RenderReport) -> dict[str, Any]:
    places = {
        "path": str(report.path),
        "previews": [str(path.absolute()) for path in report.previews],
        "sidecar": None if report.sidecar is None else str(report.sidecar.absolute()),
    }
    return {**dataclasses.asdict(report), **places}
