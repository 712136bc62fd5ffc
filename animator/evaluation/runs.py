"""Evaluations from start to end: a clip against itself, or a photo moved by a clip; baselines always beside.

Legend: T frames, H W canvas pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from animator.canvas import CanvasConfig, place_photo
from animator.evaluation.baselines import HoldGenerator
from animator.evaluation.evaluators import CrossEvaluator, RealFrame, SelfEvaluator
from animator.evaluation.page import write_html
from animator.evaluation.real_clip import RealClip, frames_on_screen
from animator.evaluation.report import write_json
from animator.evaluation.retracking import track_again
from animator.evaluation.scores import Evaluation, Scores
from animator.evaluation.subject_frame import best_subject_frame, person_extent, subject_of_frame
from animator.generators.protocol import FrameGenerator
from animator.generators.puppet import PuppetGenerator
from animator.photo import read_photo
from animator.pipeline import clean_clip_motion, generate, place_subject, track_clip
from animator.preview import ContactSheet
from animator.progress import Progress, SilentProgress
from animator.subject import Portrait, Subject
from pose_tracking.clip import DrivingClip
from pose_tracking.frame import Frame
from pose_tracking.person import PersonChoice
from pose_tracking.retargeting import RetargetConfig, retarget
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33
from pose_tracking.trackers.blazepose import face_landmarks
from pose_tracking.trackers.silhouette import segment_person
from pose_tracking.tracking import TrackerConfig
from temporal.absence import hold_through_absence
from temporal.motion import MotionConfig

SHEET_FRAMES = 8
SHEET_SIDE_PX = 280


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSettings:
    """Everything an evaluation depends on besides its media; the defaults are those of a render.

    Attributes:
        canvas: size of the pictures.
        tracker: finds the person in clip and photo, and again in generated frames.
        photo_person: whom of another photo to animate.
        motion: how the tracked motion is cleaned.
        retarget: how it is carried onto the person of another photo.
        start_s: leave out what the clip shows before, seconds.
        end_s: leave out what it shows from there on.
        trust_plugins: whether a smoother named as outside code may be run.
        background: another picture behind the person of another photo; none: the photo's own background.
    """

    canvas: CanvasConfig = field(default_factory=CanvasConfig)
    tracker: TrackerConfig = field(default_factory=TrackerConfig)
    photo_person: PersonChoice = "largest"
    motion: MotionConfig = field(default_factory=MotionConfig)
    retarget: RetargetConfig = field(default_factory=RetargetConfig)
    start_s: float = 0.0
    end_s: float | None = None
    trust_plugins: bool = False
    background: Path | None = None


DEFAULT_SETTINGS = EvaluationSettings()


def evaluate_self(
    clip_path: str | Path,
    *,
    generators: Sequence[FrameGenerator] = (),
    settings: EvaluationSettings = DEFAULT_SETTINGS,
    progress: Progress | None = None,
) -> Evaluation:
    """The clip's best frame is the photo, the clip drives it, every output frame is held against the real one.

    Photo and clip lie on the canvas in one placement, chosen so that the person fits throughout; the motion is the
    clip's own, cleaned but not retargeted. Where the output has more frames than the clip, or others, each is held
    against the frame on screen at its time. Frames without the person count for the whole-frame metrics only.

    Args:
        clip_path: the clip.
        generators: what to evaluate; `puppet` and `hold` are added.
        settings: canvas, tracker and motion; `retarget` and `background` are not used.
        progress: told about stages and warnings.

    Raises:
        PipelineError: one of its leaves: unreadable clip, nobody in it.
    """
    progress = progress or SilentProgress()
    clip, motion, is_partial = _tracked_motion(clip_path, settings, progress)
    chosen = best_subject_frame(motion)
    placement = place_photo(motion.frame_size, settings.canvas, person=person_extent(motion))
    with progress.stage("photo", 1) as stage:
        subject = subject_of_frame(clip, motion, chosen, placement)
        stage.advance()
    target = motion.replace(keypoints_TK2=placement.to_canvas(motion.keypoints_TK2), frame_size=placement.canvas_size)
    real_clip = RealClip(clip, target, placement, border_HWC=subject.photo_HWC)
    with progress.stage("real clip", len(target)) as stage:
        sheets = {"real": _sheet_of(real_clip.examine(stage), len(target))}
    scores, made = evaluate_against(
        real_clip.frames,
        generators,
        subject,
        target,
        settings=settings,
        progress=progress,
        inside_HW=placement.inside_HW(),
        photo_frame=chosen,
    )
    sheets |= made
    photo = f"the clip at {motion.times_s_T[chosen]:.2f} s, where the person shows best"
    facts = {"photo": photo, **_facts(clip, target, settings)}
    return Evaluation(mode="self", facts=facts, scores=tuple(scores), sheets=sheets, partial=is_partial)


def evaluate_against(
    real_frames: Callable[[], Iterator[RealFrame]],
    generators: Sequence[FrameGenerator],
    subject: Subject,
    target: PoseSequence,
    *,
    settings: EvaluationSettings = DEFAULT_SETTINGS,
    progress: Progress | None = None,
    inside_HW: np.ndarray | None = None,
    photo_frame: int | None = None,
) -> tuple[list[Scores], dict[str, np.ndarray]]:
    """Every generator's frames against the same real ones; scores and contact sheets by name.

    Args:
        real_frames: gives the real frames anew, one per pose of `target`; read in step with the generated ones.
        generators: what to evaluate; `puppet` and `hold` are added.
        subject: the photo.
        target: the real person's poses, canvas px.
        settings: how frames are tracked again.
        progress: told about stages.
        inside_HW: see `SelfEvaluator`.
        photo_frame: see `SelfEvaluator`.
    """
    progress = progress or SilentProgress()
    scores, sheets = [], {}
    for generator in _with_baselines(generators):
        evaluator = SelfEvaluator(
            generator.name,
            target=target,
            segment=segment_person,
            finder=face_landmarks,
            inside_HW=inside_HW,
            photo_frame=photo_frame,
        )
        add = partial(_add_pair, evaluator, real_frames())
        result, sheets[generator.name] = _run_system(generator, subject, target, evaluator, add, settings, progress)
        scores.append(result)
    return scores, sheets


def best_photo(
    clip_path: str | Path, *, settings: EvaluationSettings = DEFAULT_SETTINGS, progress: Progress | None = None
) -> np.ndarray:
    """The frame that `evaluate_self` takes for the photo, uint8 [H, W, 3] in the clip's own size."""
    clip, motion, _ = _tracked_motion(clip_path, settings, progress or SilentProgress())
    chosen = best_subject_frame(motion)
    return next(frames_on_screen(clip, motion.times_s_T[chosen : chosen + 1])).pixels_HWC


def evaluate_cross(
    photo_path: str | Path,
    clip_path: str | Path,
    *,
    generators: Sequence[FrameGenerator] = (),
    settings: EvaluationSettings = DEFAULT_SETTINGS,
    progress: Progress | None = None,
) -> Evaluation:
    """The person of a photo moved by a clip, held against the retargeted pose: there are no real frames.

    Args:
        photo_path: the person to animate.
        clip_path: the motion.
        generators: what to evaluate; `puppet` and `hold` are added.
        settings: canvas, tracker, motion, retargeting and background.
        progress: told about stages and warnings.

    Raises:
        PipelineError: one of its leaves: unreadable photo or clip, nobody in one of them.
    """
    progress = progress or SilentProgress()
    with progress.stage("photo", 1) as stage:
        tracker = settings.tracker.model_copy(update={"person": settings.photo_person})
        portrait = Portrait.from_photo(read_photo(photo_path), tracker)
        behind = None if settings.background is None else read_photo(settings.background, role="background")
        stage.advance()
    for warning in (*portrait.warnings, *(portrait.notes_before(behind) if behind else ())):
        progress.warn(warning)
    clip, motion, is_partial = _tracked_motion(clip_path, settings, progress)
    # As a render places it.
    subject = place_subject(portrait, motion, canvas=settings.canvas, config=settings.retarget)
    if behind is not None:
        subject = subject.before(behind.image)
    target = retarget(motion, onto=subject.pose, canvas_size=settings.canvas.size, config=settings.retarget)
    sheets = {"driving clip": _sheet_of(frames_on_screen(clip, motion.times_s_T), len(motion))}
    scores = []
    for generator in _with_baselines(generators):
        evaluator = CrossEvaluator(generator.name, target=target, segment=segment_person)
        result, sheets[generator.name] = _run_system(
            generator, subject, target, evaluator, evaluator.add, settings, progress
        )
        scores.append(result)
    facts = {"photo": Path(photo_path).name, **_facts(clip, target, settings)}
    return Evaluation(mode="cross", facts=facts, scores=tuple(scores), sheets=sheets, partial=is_partial)


def write_reports(evaluation: Evaluation, folder: str | Path) -> tuple[Path, Path]:
    """Write `evaluation.json` and `evaluation.html` into `folder`; their paths."""
    folder = Path(folder)
    return write_json(evaluation, folder / "evaluation.json"), write_html(evaluation, folder / "evaluation.html")


def _tracked_motion(
    clip_path: str | Path, settings: EvaluationSettings, progress: Progress
) -> tuple[DrivingClip, PoseSequence, bool]:
    """The clip, its person's cleaned motion in px of the clip, unseen where nobody is in view, and whether the clip
    could be read only in part."""
    clip = DrivingClip.open(clip_path, start_s=settings.start_s or None, end_s=settings.end_s)
    if clip.shortfall:
        progress.warn(clip.shortfall)
    tracked = track_clip(clip, settings.tracker, progress=progress)
    if clip.damage:
        progress.warn(clip.damage)
    motion = clean_clip_motion(clip, tracked, settings.motion, trust=settings.trust_plugins)
    return clip, motion, clip.damage is not None


def _add_pair(evaluator: SelfEvaluator, real: Iterator[RealFrame], generated_HWC: np.ndarray) -> None:
    evaluator.add(generated_HWC, next(real))


def _sheet_of(frames: Iterable[Frame], num_frames: int) -> np.ndarray:
    sheet = ContactSheet(num_frames, num=SHEET_FRAMES, max_side=SHEET_SIDE_PX)
    for frame in frames:
        sheet.add(frame)
    return sheet.draw(columns=SHEET_FRAMES)


def _with_baselines(generators: Sequence[FrameGenerator]) -> list[FrameGenerator]:
    """The generators, then the baselines that are not among them."""
    names = {generator.name for generator in generators}
    baselines: list[FrameGenerator] = [PuppetGenerator(), HoldGenerator()]
    return [*generators, *(baseline for baseline in baselines if baseline.name not in names)]


def _run_system(
    generator: FrameGenerator,
    subject: Subject,
    target: PoseSequence,
    evaluator: CrossEvaluator,
    add: Callable[[np.ndarray], None],
    settings: EvaluationSettings,
    progress: Progress,
) -> tuple[Scores, np.ndarray]:
    """Generate, evaluate and track again in one pass over the frames; scores and contact sheet."""
    sheet = ContactSheet(len(target), num=SHEET_FRAMES, max_side=SHEET_SIDE_PX)
    driving, _ = hold_through_absence(target.to_skeleton(BLAZEPOSE_33))

    def watched() -> Iterator[Frame]:
        for frame in sheet.watch(generate(driving, subject, generator)):
            add(frame.pixels_HWC)
            yield frame

    with progress.stage(generator.name, len(target)) as stage:
        retracked = track_again(watched(), target, settings.tracker, on_frame=lambda _: stage.advance())
    return evaluator.result(retracked), sheet.draw(columns=SHEET_FRAMES)


def _facts(clip: DrivingClip, target: PoseSequence, settings: EvaluationSettings) -> dict[str, str]:
    rate = float(settings.motion.fps or clip.info.fps)
    return {
        "clip": clip.path.name,
        "canvas": "{}x{} px".format(*target.frame_size),
        "frames": f"{len(target)} at {rate:.3g} fps",
    }
