"""The whole way from a photo and a clip to a moving picture, each story on one page.

The only module that knows `pose_tracking`, `temporal` and `animator` together.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path

from animator.config import RenderJob, RenderReport
from animator.encoding import AudioSource, EncodeResult, encode, provenance_metadata
from animator.errors import JobError
from animator.generators.protocol import FrameGenerator
from animator.generators.registry import ChosenGenerator, choose_generator
from animator.photo import read_photo
from animator.preview.previews import Previews
from animator.progress import Progress, SilentProgress, Stage
from animator.subject import Subject
from pose_tracking.clip import DrivingClip
from pose_tracking.frame import Frame
from pose_tracking.mismatch import WARN_FROM, mismatch
from pose_tracking.retargeting import retarget
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33
from pose_tracking.tracking import TrackerConfig, open_tracker, track
from temporal.absence import hold_through_absence
from temporal.motion import MotionConfig, clean_motion
from temporal.windows import pose_windows

# The pose model looks at 256 px around the person; this much is left for people who are small in the picture.
TRACKING_SIDE_PX = 1280


def animate(job: RenderJob, *, progress: Progress | None = None, trust: bool = False) -> RenderReport:
    """Make the person in `job.photo` move as the person in `job.clip` does, and write the result.

    Args:
        job: everything the render depends on.
        progress: told about stages, steps and warnings.
        trust: allow the job to name Python code.

    Raises:
        PipelineError: one of its leaves, in one line that says what to do.
    """
    progress = progress or SilentProgress()
    began_s = time.monotonic()
    if job.output.exists() and not job.overwrite:
        raise JobError(f"{job.output}: exists already. Choose another --output, or allow it to be overwritten.")
    told = _Told(progress)
    chosen = choose_generator(job.generator, job.generator_settings(on_note=told.note), trust=trust)
    job = job.model_copy(update={"canvas": chosen.canvas})
    told.note(*chosen.notes)
    generator = chosen.open()
    clip = DrivingClip.open(job.clip, start_s=job.start_s or None, end_s=job.end_s)
    with progress.stage("photo", 1) as stage:
        subject = Subject.from_photo(read_photo(job.photo), job.canvas, job.tracker)
        stage.advance()
    tracked = track_clip(clip, job.tracker, progress=progress)
    damage = clip.damage
    motion, fps, absences = prepare_motion(clip, tracked, job.motion, trust=trust)
    fit = mismatch(motion, subject.pose)
    told.note(*subject.warnings, *([damage] if damage else []), *absences)
    told.note(*(fit.reasons if fit.score >= WARN_FROM else ()))
    driving = retarget(motion, onto=subject.pose, config=job.retarget, canvas_size=job.canvas.size)
    previews = Previews(
        job.output,
        contact_sheet=job.preview.contact_sheet,
        side_by_side=job.preview.side_by_side,
        subject=subject,
        clip=clip,
        tracked=tracked,
        num_frames=len(driving),
        fps=fps,
    )
    mark = fingerprint(job, clip, chosen)
    with previews, progress.stage("render", len(driving)) as stage:
        frames = _counted(previews.watch(generate(driving, subject, generator)), stage)
        result = write_result(job, clip, frames, fps, metadata=_provenance(chosen, mark))
    told.note(*result.warnings)
    return RenderReport(
        path=result.path,
        num_frames=result.num_frames,
        duration_s=result.duration_s,
        seconds=time.monotonic() - began_s,
        fingerprint=mark,
        previews=previews.paths,
        warnings=tuple(told.messages),
        partial=damage is not None,
    )


def track_clip(clip: DrivingClip, config: TrackerConfig, *, progress: Progress) -> PoseSequence:
    """The person's keypoints in every frame of `clip`, in px of the clip."""
    size = (clip.info.width, clip.info.height)
    with progress.stage("track", clip.info.num_frames or None) as stage, open_tracker(config) as tracker:
        return track(
            clip.frames(max_side_px=TRACKING_SIDE_PX),
            tracker,
            frame_size=size,
            config=config,
            on_frame=lambda _: stage.advance(),
            source=clip.path.name,
        )


def prepare_motion(
    clip: DrivingClip, tracked: PoseSequence, config: MotionConfig, *, trust: bool = False
) -> tuple[PoseSequence, Fraction, list[str]]:
    """Clean motion without gaps on the output grid, its rate, and what a person should know about it."""
    duration_s = clip.info.duration_s or float(tracked.times_s_T[-1]) + float(1 / clip.info.fps)
    motion, _ = clean_motion(tracked, config, fps=clip.info.fps, duration_s=duration_s, trust_plugins=trust)
    held, absences = hold_through_absence(motion.to_skeleton(BLAZEPOSE_33))
    warnings = []
    if absences:
        spans = ", ".join(f"{start:.1f}-{end:.1f} s" for start, end in absences[:4])
        more = f" and {len(absences) - 4} more" if len(absences) > 4 else ""
        warnings.append(
            f"{clip.path.name}: nobody in view at {spans}{more}; the pose is held. Leave it out with --start/--end."
        )
    return held, config.fps or clip.info.fps, warnings


def generate(driving: PoseSequence, subject: Subject, generator: FrameGenerator) -> Iterator[Frame]:
    """One picture of the subject per pose of `driving` (canvas px)."""
    return generator.generate(pose_windows(driving), subject)


def write_result(
    job: RenderJob, clip: DrivingClip, frames: Iterator[Frame], fps: Fraction, *, metadata: Mapping[str, str]
) -> EncodeResult:
    """Encode `frames` with the clip's sound and the mark that they are made."""
    audio = AudioSource(path=clip.path, start_s=clip.picture_start_s) if clip.info.has_audio else None
    return encode(frames, job.output, job.encode, fps=fps, audio=audio, metadata=metadata, inputs=(job.photo, job.clip))


def fingerprint(job: RenderJob, clip: DrivingClip, chosen: ChosenGenerator) -> str:
    """SHA-256 over the photo, the clip, the model's weights and every setting that shapes the pictures."""
    places = {"photo", "clip", "output", "overwrite", "preview", "model", "image_encoder", "device"}
    digest = hashlib.sha256(job.model_dump_json(exclude=places).encode())
    digest.update(hashlib.sha256(Path(job.photo).read_bytes()).digest())
    digest.update(clip.sha256().encode())
    if chosen.model is not None:
        digest.update(chosen.model.fingerprint().encode())
    return digest.hexdigest()


def _provenance(chosen: ChosenGenerator, fingerprint: str) -> dict[str, str]:
    """What the result says of its making."""
    model = {} if chosen.model is None else {"model": chosen.model.title}
    return provenance_metadata(generator=chosen.name, source_type=chosen.source_type, fingerprint=fingerprint, **model)


def _counted(frames: Iterator[Frame], stage: Stage) -> Iterator[Frame]:
    for frame in frames:
        stage.advance()
        yield frame


class _Told:
    """Warnings, said at once and kept for the report."""

    def __init__(self, progress: Progress) -> None:
        self.messages: list[str] = []
        self._progress = progress

    def note(self, *messages: str) -> None:
        """Say something that the person should know."""
        for message in messages:
            self.messages.append(message)
            self._progress.warn(message)
