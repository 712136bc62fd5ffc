"""A render whose inputs were found and checked: made at once, or step by step as a job's folder asks for it."""

from __future__ import annotations

import copy
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from animator.beside import Beside
from animator.config import RenderJob, RenderReport
from animator.delivery import deliver
from animator.destinations import check_destinations
from animator.encoding import provenance_metadata
from animator.errors import ModelError
from animator.generators.registry import ChosenGenerator, choose_generator
from animator.jobs.executors.protocol import Executor, Work
from animator.jobs.folder import JobFolder
from animator.jobs.inputs import INPUT_SETTINGS, input_sha256, with_places
from animator.jobs.ledger import ATTEMPTS
from animator.jobs.making import Made, make_frames
from animator.jobs.plan import DEFAULT_BATCH, chunk_size
from animator.jobs.record import (
    DELIVERY,
    PLACES,
    STATEMENTS,
    JobRecord,
    software,
)
from animator.jobs.scene import Scene, save_scene
from animator.jobs.session import run_job
from animator.jobs.worker import OpenedGenerator
from animator.preview.paths import preview_paths
from animator.preview.previews import clip_panels, panels_ahead
from animator.progress import Progress, Stage, Told
from animator.sidecar import sidecar_path
from pose_tracking.clip import DrivingClip
from pose_tracking.frame import Frame
from pose_tracking.sequence import PoseSequence
from temporal.windows import pose_windows


class SceneMaker(Protocol):
    """What comes before the first frame: `pipeline.prepare_scene`."""

    def __call__(
        self,
        job: RenderJob,
        clip: DrivingClip,
        *,
        progress: Progress,
        note: Callable[..., None],
        trust: bool = False,
        on_tracked: Callable[[PoseSequence], None] | None = None,
    ) -> Scene:
        """The scene of a job; `on_tracked` is told of the clip's poses as soon as they are known."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Render:
    """A render whose inputs, output and model were found and checked. What a job's folder asks of it: `Steps`.

    Attributes:
        job: with a canvas that has a size.
        clip: the driving clip.
        chosen: the generator.
        told: what the person was told so far.
        progress: told about stages.
        trust: the job may name Python code.
        make_scene: finds the person in the photo, the motion in the clip, and a place that suits both.
        began_s: when that was, on the monotonic clock.
    """

    job: RenderJob
    clip: DrivingClip
    chosen: ChosenGenerator
    told: Told
    progress: Progress
    trust: bool
    make_scene: SceneMaker
    began_s: float

    @classmethod
    def of(cls, job: RenderJob, make_scene: SceneMaker, *, progress: Progress, trust: bool) -> Render:
        """Check everything that can be checked before any work."""
        began_s = time.monotonic()
        clip = DrivingClip.open(job.clip, start_s=job.start_s or None, end_s=job.end_s)
        check_destinations(job, fps=job.motion.fps or clip.info.fps)
        told = Told(progress)
        chosen = choose_generator(job.generator, job.generator_settings(on_note=told.note), trust=trust)
        told.note(*chosen.notes, *chosen.about_photo(job.photo), *([clip.shortfall] if clip.shortfall else []))
        job = job.model_copy(update={"canvas": chosen.canvas})
        return cls(
            job=job,
            clip=clip,
            chosen=chosen,
            told=told,
            progress=progress,
            trust=trust,
            make_scene=make_scene,
            began_s=began_s,
        )

    @property
    def output(self) -> Path:
        """Where the result goes."""
        return self.job.output

    @property
    def places(self) -> tuple[Path, ...]:
        """The result and all that may lie beside it."""
        previews = preview_paths(self.job.output, contact_sheet=True, side_by_side=True)
        return (self.job.output, *previews, sidecar_path(self.job.output))

    @property
    def fingerprint(self) -> str:
        """Of the result."""
        return fingerprint(self.job, self.clip, self.chosen)

    def at_once(self) -> RenderReport:
        """From here to the result in one go: frames pass from the generator to the encoder, and nothing is kept."""
        panels: Iterator[Frame] | None = None

        def begin_panels(tracked: PoseSequence) -> None:
            nonlocal panels
            if self.job.preview.side_by_side:
                # Of a copy: what a pass finds damaged is noted in the clip.
                panels = beside.ahead(clip_panels(copy.copy(self.clip), tracked), most=panels_ahead(self.clip.info))

        with Beside() as beside:
            opening = beside.start(self.chosen.open)
            scene = self._scene(beside.watching(self.progress), on_tracked=begin_panels)
            generator = opening.result()
            damage = self.clip.damage  # a later pass may stop before it comes to the damage
            windows = pose_windows(scene.driving)
            made = make_frames(windows, scene.subject, generator, attempts=ATTEMPTS)
            with self.progress.stage("render", len(scene.driving)) as stage, closing(made):
                return self._deliver(scene, _counted(made, stage), damage=damage, panels=panels)

    def in_folder(self, folder: JobFolder, executor: Executor) -> RenderReport:
        """From wherever the job is to the result, by an executor."""
        work = Work(folder=folder, open_generator=open_generator_of, devices=self._devices(), trust=self.trust)
        report = run_job(work, self, executor=executor, progress=self.progress)
        self.told.note(*(message for message in report.warnings if message not in self.told.messages))
        return report

    def record(self) -> JobRecord:
        """What a job's folder holds of this render."""
        model = self.chosen.model
        found = {} if model is None else {"model": model.name}
        return JobRecord(
            software=software(),
            fingerprint=frames_fingerprint(self.job, self.clip, self.chosen),
            inputs=dict(_input_hashes(self.job, self.clip)),
            model=None if model is None else {"name": model.name, "fingerprint": model.fingerprint()},
            generator=self.chosen.name,
            canvas=self.chosen.canvas.size,
            chunk_size=chunk_size(self.job.sampler.batch or DEFAULT_BATCH),
            job=with_places(self.job.model_copy(update=found)),
        )

    def prepare(self, folder: JobFolder, record: JobRecord) -> None:
        """Make the scene and save it."""
        scene = self._scene(self.progress)
        save_scene(folder, record, scene, warnings=tuple(self.told.messages), damage=self.clip.damage)

    def deliver(self, record: JobRecord, scene: Scene, frames: Iterator[Made]) -> RenderReport:
        """Write the result of a job's frames, and its previews."""
        self.told.note(*(each for each in record.ready.warnings if each not in self.told.messages))
        return self._deliver(scene, frames, damage=record.ready.damage)

    def _devices(self) -> tuple[str, ...]:
        """Where workers may compute: on every GPU, unless the job names a device."""
        if self.job.device != "auto" or self.chosen.device != "cuda":
            return (self.chosen.device,)
        from animator.device import num_gpus

        return tuple(f"cuda:{index}" for index in range(num_gpus()))

    def _scene(self, progress: Progress, on_tracked: Callable[[PoseSequence], None] | None = None) -> Scene:
        note, trust = self.told.note, self.trust
        return self.make_scene(self.job, self.clip, progress=progress, note=note, trust=trust, on_tracked=on_tracked)

    def _deliver(
        self, scene: Scene, made: Iterator[Made], *, damage: str | None, panels: Iterator[Frame] | None = None
    ) -> RenderReport:
        return deliver(
            self.job,
            self.clip,
            scene,
            made,
            origin=_provenance(self.job, self.chosen, self.fingerprint),
            told=self.told,
            began_s=self.began_s,
            damage=damage,
            panels=panels,
        )


def open_generator_of(
    folder: JobFolder, record: JobRecord, *, device: str | None, trust: bool, on_note: Callable[[str], None]
) -> OpenedGenerator:
    """Open the generator of a job's folder, in whatever process works on it. A `GeneratorOpener`."""
    job = record.render_job(trust=trust)
    if device is not None:
        job = job.model_copy(update={"device": device})
    chosen = choose_generator(job.generator, job.generator_settings(on_note=on_note), trust=trust)
    if chosen.canvas.size != record.canvas or (chosen.model and chosen.model.fingerprint()) != record.weights:
        raise ModelError(f"{folder.name}: the model here is not the one that this job was begun with")
    return OpenedGenerator(generator=chosen.open(), device=chosen.device)


def fingerprint(job: RenderJob, clip: DrivingClip, chosen: ChosenGenerator) -> str:
    """SHA-256 over the inputs, the model's weights and every setting that shapes the result."""
    return _digest(job, clip, chosen, without={"provenance": set(STATEMENTS)})


def frames_fingerprint(job: RenderJob, clip: DrivingClip, chosen: ChosenGenerator) -> str:
    """The same without what is done with finished frames."""
    return _digest(job, clip, chosen, without=dict.fromkeys(DELIVERY, True))


def _digest(job: RenderJob, clip: DrivingClip, chosen: ChosenGenerator, *, without: Mapping[str, Any]) -> str:
    unseen: Any = {**dict.fromkeys(PLACES, True), **without}
    for role in job.inputs:  # the content counts, not where it lies
        group, _, key = INPUT_SETTINGS[role].partition(".")
        unseen[group] = {*unseen.get(group, ()), key} if key else True
    digest = hashlib.sha256(job.model_dump_json(exclude=unseen).encode())
    for role, content in _input_hashes(job, clip):
        digest.update(f"{role} {content}\n".encode())
    if chosen.model is not None:
        digest.update(chosen.model.fingerprint().encode())
    return digest.hexdigest()


def _input_hashes(job: RenderJob, clip: DrivingClip) -> Iterator[tuple[str, str]]:
    """(role, SHA-256) of everything that a job reads, those of models that draw apart."""
    for role, path in job.inputs.items():
        yield role, clip.sha256() if role == "clip" else input_sha256(path)


def _provenance(job: RenderJob, chosen: ChosenGenerator, fingerprint: str) -> dict[str, str]:
    """What the result says of its making."""
    more = {} if chosen.model is None else {"model": chosen.model.title}
    more |= job.provenance.stated()
    return provenance_metadata(generator=chosen.name, source_type=chosen.source_type, fingerprint=fingerprint, **more)


def _counted(frames: Iterator[Made], stage: Stage) -> Iterator[Made]:
    for made in frames:
        stage.advance()
        yield made
