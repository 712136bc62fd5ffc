"""The whole way from a photo and a clip to a moving picture, each story on one page.

The only module that knows `pose_tracking`, `temporal` and `animator` together.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from animator.canvas import CanvasConfig
from animator.config import RenderJob, RenderReport
from animator.destinations import check_destinations
from animator.encoding import AudioSource, EncodeResult, encode, provenance_metadata
from animator.generators.protocol import FrameGenerator
from animator.generators.registry import ChosenGenerator, choose_generator
from animator.photo import read_photo
from animator.preview.previews import Previews
from animator.progress import Progress, SilentProgress, Stage
from animator.subject import Portrait, Subject
from pose_tracking.clip import DrivingClip
from pose_tracking.frame import Frame
from pose_tracking.mismatch import WARN_FROM, mismatch
from pose_tracking.retargeting import RetargetConfig, reach, retarget
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33
from pose_tracking.tracking import TrackerConfig, open_tracker, track
from temporal.absence import drop_passages, hold_through_absence
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
    clip = DrivingClip.open(job.clip, start_s=job.start_s or None, end_s=job.end_s)
    check_destinations(job, fps=job.motion.fps or clip.info.fps)
    told = _Told(progress)
    chosen = choose_generator(job.generator, job.generator_settings(on_note=told.note), trust=trust)
    job = job.model_copy(update={"canvas": chosen.canvas})
    told.note(*chosen.notes)
    generator = chosen.open()
    scene = prepare_scene(job, clip, progress=progress, note=told.note, trust=trust)
    is_partial = clip.damage is not None  # a later pass may stop before it comes to the damage
    previews = _previews(job, clip, scene)
    mark = fingerprint(job, clip, chosen)
    with previews, progress.stage("render", len(scene.driving)) as stage:
        frames = _counted(previews.watch(generate(scene.driving, scene.subject, generator)), stage)
        result = write_result(job, clip, frames, scene.fps, metadata=_provenance(chosen, mark))
    told.note(*result.warnings)
    return RenderReport(
        path=result.path,
        num_frames=result.num_frames,
        duration_s=result.duration_s,
        seconds=time.monotonic() - began_s,
        fingerprint=mark,
        previews=previews.paths,
        warnings=tuple(told.messages),
        partial=is_partial,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """Who does what: all that a generator is given.

    Attributes:
        subject: the person of the photo, on the canvas.
        driving: one pose per output frame, canvas px.
        tracked: what was found in the clip, px of the clip.
        fps: rate of the output.
    """

    subject: Subject
    driving: PoseSequence
    tracked: PoseSequence
    fps: Fraction


def prepare_scene(
    job: RenderJob, clip: DrivingClip, *, progress: Progress, note: Callable[..., None], trust: bool = False
) -> Scene:
    """Find the person in the photo, the motion in the clip, and a place on the canvas that suits both.

    Args:
        job: what to render; its canvas has a size.
        clip: the driving clip.
        progress: told about stages.
        note: told what the person should know, one line at a time.
        trust: allow the job to name a smoother of its own.
    """
    with progress.stage("photo", 1) as stage:
        portrait = Portrait.from_photo(read_photo(job.photo), job.photo_tracker())
        stage.advance()
    tracked = track_clip(clip, job.tracker, progress=progress)
    motion, fps, absences = prepare_motion(clip, tracked, job.motion, trust=trust)
    note(*portrait.warnings, *([clip.damage] if clip.damage else []), *absences)
    fit = mismatch(motion, portrait.pose)
    note(*(fit.reasons if fit.score >= WARN_FROM else ()))
    subject = place_subject(portrait, motion, canvas=job.canvas, config=job.retarget)
    driving = retarget(motion, onto=subject.pose, config=job.retarget, canvas_size=job.canvas.size)
    return Scene(subject=subject, driving=driving, tracked=tracked, fps=fps)


def place_subject(portrait: Portrait, motion: PoseSequence, *, canvas: CanvasConfig, config: RetargetConfig) -> Subject:
    """The photo on the canvas, with room for the motion's reach where the person is to stay in view."""
    is_held = config.stay_in_view and config.mode != "identity"
    reached = reach(motion, onto=portrait.pose, config=config) if is_held else None
    return Subject.from_portrait(portrait, canvas, reach=reached)


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


def clean_clip_motion(
    clip: DrivingClip, tracked: PoseSequence, config: MotionConfig, *, trust: bool = False
) -> PoseSequence:
    """Clean motion on the output grid, as long as the clip, or as what could be read of a damaged one."""
    duration_s = clip.info.duration_s
    if clip.damage is not None or not duration_s:
        read_s = float(tracked.times_s_T[-1]) + float(1 / clip.info.fps)
        duration_s = min(duration_s or read_s, read_s)
    motion, _ = clean_motion(tracked, config, fps=clip.info.fps, duration_s=duration_s, trust_plugins=trust)
    return motion


def prepare_motion(
    clip: DrivingClip, tracked: PoseSequence, config: MotionConfig, *, trust: bool = False
) -> tuple[PoseSequence, Fraction, list[str]]:
    """Clean motion without gaps on the output grid, its rate, and what a person should know about it."""
    motion = clean_clip_motion(clip, tracked, config, trust=trust)
    whole, passages = drop_passages(motion.to_skeleton(BLAZEPOSE_33))
    held, absences = hold_through_absence(whole)
    warnings = []
    if absences:
        warnings.append(
            f"{clip.path.name}: nobody in view at {_listed(absences)}; the pose is held. "
            "Leave it out with --start/--end."
        )
    if passages:
        warnings.append(
            f"{clip.path.name}: only part of the person in view, coming or leaving, at {_listed(passages)}; "
            "taken for not in view."
        )
    return held, config.fps or clip.info.fps, warnings


def _listed(spans: tuple[tuple[float, float], ...]) -> str:
    """The first of these spans of seconds, and how many more there are."""
    listed = ", ".join(f"{start:.1f}-{end:.1f} s" for start, end in spans[:4])
    return listed + (f" and {len(spans) - 4} more" if len(spans) > 4 else "")


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


def _previews(job: RenderJob, clip: DrivingClip, scene: Scene) -> Previews:
    return Previews(
        job.output,
        contact_sheet=job.preview.contact_sheet,
        side_by_side=job.preview.side_by_side,
        subject=scene.subject,
        clip=clip,
        tracked=scene.tracked,
        num_frames=len(scene.driving),
        fps=scene.fps,
    )


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
