"""The whole way from a photo and a clip to a moving picture, each story on one page.

The only module that knows `pose_tracking`, `temporal` and `animator` together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from shlex import quote

from animator.beside import Beside
from animator.canvas import CanvasConfig
from animator.config import RenderJob, RenderReport
from animator.device import one_thread
from animator.encoding import read_provenance
from animator.errors import JobError
from animator.generators.protocol import FrameGenerator
from animator.jobs.beginning import begin_job, refuse_changes
from animator.jobs.executors.local import LocalExecutor
from animator.jobs.executors.protocol import Executor
from animator.jobs.folder import JobFolder, kept_or_passing
from animator.jobs.inputs import INPUT_SETTINGS
from animator.jobs.record import read_record
from animator.jobs.scene import Scene
from animator.jobs.session import retry_gaps
from animator.motion_warnings import motion_warnings
from animator.photo import read_photo
from animator.progress import Progress, SilentProgress
from animator.rendering import Render
from animator.subject import Portrait, Subject
from pose_tracking.clip import DrivingClip
from pose_tracking.clip_part import ClipPart
from pose_tracking.frame import Frame
from pose_tracking.mismatch import WARN_FROM, mismatch
from pose_tracking.pose_cache import PoseCache
from pose_tracking.retargeting import RetargetConfig, reach, retarget
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33
from pose_tracking.tracking import TrackerConfig, open_tracker, track
from temporal.absence import drop_passages, hold_through_absence
from temporal.borders import doubt_beyond_borders
from temporal.motion import MotionConfig, clean_motion
from temporal.windows import pose_windows

# The pose model looks at 256 px around the person; this much is left for people who are small in the picture.
TRACKING_SIDE_PX = 1280


def animate(
    job: RenderJob,
    *,
    progress: Progress | None = None,
    trust: bool = False,
    folder: Path | None = None,
    executor: Executor | None = None,
) -> RenderReport:
    """Make the person in `job.photo` move as the person in `job.clip` does, and write the result.

    Args:
        job: everything the render depends on.
        progress: told about stages, steps and warnings.
        trust: allow the job to name Python code.
        folder: keep the job here; taken up again where it was left. None: nothing is kept.
        executor: who makes the frames; None: this process.

    Raises:
        PipelineError: one of its leaves, in one line that says what to do.
    """
    render = Render.of(job, prepare_scene, progress=progress or SilentProgress(), trust=trust)
    if folder is None and executor is None:
        return render.at_once()
    with kept_or_passing(folder, near=job.output) as place:
        begin_job(place, render.record())
        retry_gaps(place)
        return render.in_folder(place, executor or LocalExecutor())


def submit(job: RenderJob, folder: Path, *, progress: Progress | None = None, trust: bool = False) -> JobFolder:
    """Make a job's folder, to be rendered later.

    Raises:
        PipelineError: what `animate` would find before any work; or the folder holds another job.
    """
    render = Render.of(job, prepare_scene, progress=progress or SilentProgress(), trust=trust)
    place = JobFolder(folder)
    begin_job(place, render.record())
    return place


def is_made(job: RenderJob, *, trust: bool = False) -> bool:
    """Whether the output is there already, made from these inputs with these settings, and says so as was asked.

    Raises:
        PipelineError: what `animate` would find before any work.
    """
    if not job.output.exists():
        return False
    render = Render.of(
        job.model_copy(update={"overwrite": True}), prepare_scene, progress=SilentProgress(), trust=trust
    )
    is_of_this = (read_provenance(job.output) or {}).get("fingerprint") == render.fingerprint
    return is_of_this and job.provenance.is_met_by(job.output)


def resume(
    folder: Path,
    overrides: Sequence[str] = (),
    *,
    anew: bool = False,
    progress: Progress | None = None,
    trust: bool = False,
    executor: Executor | None = None,
) -> RenderReport:
    """Bring a job's folder to its result, which is put into the folder.

    Args:
        folder: the job's.
        overrides: `key.key=value` each: of encoding, previews and provenance, which delivers the same frames anew; or
            where photo, clip and model lie now.
        anew: take up one that was cancelled, too, and try frames again that were given up.
        progress: told about stages, steps and warnings.
        trust: allow the job to name Python code.
        executor: who makes the frames; None: this process.

    Raises:
        JobError: no job, or its inputs have changed, or an override would change its frames.
        PipelineError: what `animate` would raise.
    """
    place = JobFolder(folder)
    record = read_record(place)
    changed = record.render_job(overrides, trust=trust)
    job = changed.model_copy(update={"output": place.path / f"out{record.ending}"})
    _refuse_missing(place, job)
    render = Render.of(job, prepare_scene, progress=progress or SilentProgress(), trust=trust)
    now = render.record()
    if overrides or now.software != record.software:
        begin_job(place, now)
    else:
        refuse_changes(place, record, now)
    if anew:
        place.cancelled.unlink(missing_ok=True)
        retry_gaps(place)
    return render.in_folder(place, executor or LocalExecutor())


def _refuse_missing(place: JobFolder, job: RenderJob) -> None:
    """Say how a job learns where its files lie now; their contents are compared later."""
    for role, path in job.inputs.items():
        if not path.exists():
            raise JobError(
                f"{place.name}: its {role} {path} cannot be found any more. Put it back, or say where it lies now: "
                f"animator jobs resume {quote(str(place.path))} --set {INPUT_SETTINGS[role]}=FILE"
            )


def prepare_scene(
    job: RenderJob,
    clip: DrivingClip,
    *,
    progress: Progress,
    note: Callable[..., None],
    trust: bool = False,
    on_tracked: Callable[[PoseSequence], None] | None = None,
) -> Scene:
    """Find the person in the photo, the motion in the clip, and a place on the canvas that suits both.

    The photo is looked at while the clip is tracked; where it lies on the canvas depends on the motion.

    Args:
        job: what to render; its canvas has a size.
        clip: the driving clip.
        progress: told about stages.
        note: told what the person should know, one line at a time.
        trust: allow the job to name a smoother of its own.
        on_tracked: told of the clip's poses as soon as they are known.
    """
    cache = PoseCache.default() if job.pose_cache else None
    # A file that is no picture ends the render before any work.
    photo = read_photo(job.photo)
    behind = None if job.background_picture is None else read_photo(job.background_picture, role="background")
    with Beside() as beside:
        finding = beside.start(lambda: Portrait.from_photo(photo, job.photo_tracker()))
        tracked = track_clip(clip, job.tracker, progress=beside.watching(progress), cache=cache)
        if on_tracked is not None:
            on_tracked(tracked)
        motion, fps, absences = prepare_motion(clip, tracked, job.motion, trust=trust)
        with progress.stage("photo", 2) as stage:
            portrait = finding.result()
            stage.advance()
            comparing = beside.start(lambda: mismatch(motion, portrait.pose))
            with one_thread():
                subject = place_subject(portrait, motion, canvas=job.canvas, config=job.retarget)
                if behind is not None:
                    subject = subject.before(behind.image)
            stage.advance()
    behind_notes = portrait.notes_before(behind) if behind else ()
    note(*portrait.warnings, *behind_notes, *([clip.damage] if clip.damage else []), *absences)
    fit = comparing.result()
    note(*(fit.reasons if fit.score >= WARN_FROM else ()))
    driving = retarget(motion, onto=subject.pose, config=job.retarget, canvas_size=job.canvas.size)
    return Scene(subject=subject, driving=driving, tracked=tracked, fps=fps)


def kept_poses(job: RenderJob, clip: DrivingClip) -> PoseSequence | None:
    """The poses of the job's clip, if they are kept from before and the job may take them."""
    cache = PoseCache.default() if job.pose_cache else None
    return None if cache is None else cache.find(clip, job.tracker, max_side_px=TRACKING_SIDE_PX)


def place_subject(portrait: Portrait, motion: PoseSequence, *, canvas: CanvasConfig, config: RetargetConfig) -> Subject:
    """The photo on the canvas, with room for the motion's reach where the person is to stay in view."""
    is_held = config.stay_in_view and config.mode != "identity"
    reached = reach(motion, onto=portrait.pose, config=config) if is_held else None
    return Subject.from_portrait(portrait, canvas, reach=reached)


def track_clip(
    clip: DrivingClip,
    config: TrackerConfig,
    *,
    progress: Progress,
    cache: PoseCache | None = None,
    anew: bool = False,
) -> PoseSequence:
    """The person's keypoints in every frame of `clip`, in px of the clip.

    Args:
        clip: to track.
        config: how.
        progress: told about the stage `track`, or `poses` where they were kept from before.
        cache: where poses are kept; none: nowhere.
        anew: track, whatever is kept.
    """
    kept = None if cache is None or anew else cache.find(clip, config, max_side_px=TRACKING_SIDE_PX)
    if kept is not None:
        with progress.stage("poses", len(kept)) as stage:
            stage.advance(len(kept))
        return kept
    size = (clip.info.width, clip.info.height)
    with progress.stage("track", clip.info.num_frames or None) as stage, open_tracker(config, clip=clip) as tracker:
        tracked = track(
            clip.frames(max_side_px=TRACKING_SIDE_PX),
            tracker,
            frame_size=size,
            config=config,
            on_frame=lambda _: stage.advance(),
            source=clip.path.name,
        ).replace(part=ClipPart(sha256=clip.sha256(), start_s=clip.trim_s[0]))
    if cache is not None:
        cache.keep(clip, config, tracked, max_side_px=TRACKING_SIDE_PX, on_note=progress.warn)
    return tracked


def clean_clip_motion(
    clip: DrivingClip, tracked: PoseSequence, config: MotionConfig, *, trust: bool = False
) -> PoseSequence:
    """Clean motion on the output grid, as long as the clip, or as what could be read of a damaged one."""
    duration_s = played_s(clip, tracked)
    motion, _ = clean_motion(tracked, config, fps=clip.info.fps, duration_s=duration_s, trust_plugins=trust)
    return doubt_beyond_borders(motion)


def played_s(clip: DrivingClip, tracked: PoseSequence) -> float:
    """How many seconds of a clip there are, once it was tracked: a damaged one promises more than can be read."""
    duration_s = clip.info.duration_s
    if clip.damage is None and duration_s:
        return duration_s
    read_s = float(tracked.times_s_T[-1]) + float(1 / clip.info.fps)
    return min(duration_s or read_s, read_s)


def prepare_motion(
    clip: DrivingClip, tracked: PoseSequence, config: MotionConfig, *, trust: bool = False
) -> tuple[PoseSequence, Fraction, list[str]]:
    """Clean motion without gaps on the output grid, its rate, and what a person should know about it."""
    motion = clean_clip_motion(clip, tracked, config, trust=trust)
    whole, passages = drop_passages(motion.to_skeleton(BLAZEPOSE_33))
    held, absences = hold_through_absence(whole)
    warnings = motion_warnings(clip, cuts_s=motion.cuts_s, absences=absences, passages=passages)
    return held, config.fps or clip.info.fps, warnings


def generate(driving: PoseSequence, subject: Subject, generator: FrameGenerator) -> Iterator[Frame]:
    """One picture of the subject per pose of `driving` (canvas px)."""
    return generator.generate(pose_windows(driving), subject)
