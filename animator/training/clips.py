"""A folder of clips as training pairs: two frames of one clip, the later pose as a true five-frame window.

Legend: T frames, H W canvas pixels.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from animator.canvas import CanvasConfig, Placement
from animator.errors import JobError, PhotoError
from animator.models.warp_refiner import WarpRefiner
from animator.photo import Photo
from animator.progress import Progress
from animator.subject import Subject
from animator.training.pairs import Reference, on_cpu, pair_sample
from animator.training.samples import Sample
from pose_tracking.clip import DrivingClip
from pose_tracking.errors import PipelineError
from pose_tracking.random_access import FrameReader, open_random_access
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33
from pose_tracking.tracking import TrackerConfig, open_tracker, track
from temporal.windows import WINDOW_SIZE

_ENDINGS = {".mp4", ".mov", ".webm", ".mkv", ".avi", ".m4v", ".gif"}
# Clips opened and photos prepared at a time.
_OPEN = 8
# Samples that share a photo, which is costly to prepare.
_PER_REFERENCE = 8
_MIN_FRAMES = 2 * WINDOW_SIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedClip:
    """A clip and its poses.

    Attributes:
        path: the clip.
        poses: BlazePose-33, one per frame, as tracked.
        usable_T: bool, frames in which both shoulders were found.
    """

    path: Path
    poses: PoseSequence
    usable_T: np.ndarray


class ClipPairs:
    """A `SampleSource` over clips that were tracked beforehand (`track_folder`).

    Args:
        tracked: clips and poses.
        canvas: of the model.
        seed: of all draws.
        tracker: finds the person in reference frames.
        refiner: of the model that is trained, if it has one.
    """

    def __init__(
        self,
        tracked: list[TrackedClip],
        canvas: CanvasConfig,
        *,
        seed: int,
        tracker: TrackerConfig,
        refiner: WarpRefiner | None = None,
    ) -> None:
        self._clips, self._canvas, self._seed, self._tracker = tracked, canvas, seed, tracker
        self._refiner = on_cpu(refiner)
        self._readers: OrderedDict[int, FrameReader] = OrderedDict()
        self._references: OrderedDict[int, tuple[int, int, Reference]] = OrderedDict()

    def sample(self, number: int) -> Sample:
        group, rng = number // _PER_REFERENCE, np.random.default_rng([self._seed, number, 0x636C70])
        which, shown, reference = self._reference(group)
        clip = self._clips[which]
        others = np.flatnonzero(clip.usable_T & (np.arange(len(clip.poses)) != shown))
        target = int(rng.choice(others))
        placement = reference.subject.placement
        around = np.arange(target - WINDOW_SIZE // 2, target + WINDOW_SIZE // 2 + 1).clip(0, len(clip.poses) - 1)
        return pair_sample(
            reference,
            placed(self._reader(which).frame(target).pixels_HWC, placement, reference.subject.background_HWC),
            placement.to_canvas(clip.poses.keypoints_TK2[around]),
            clip.poses.confidence_TK[around],
        )

    def _reference(self, group: int) -> tuple[int, int, Reference]:
        if group not in self._references:
            rng = np.random.default_rng([self._seed, group, 0x726566])
            self._references[group] = self._prepare(rng)
            while len(self._references) > _OPEN:
                self._references.popitem(last=False)
        return self._references[group]

    def _prepare(self, rng: np.random.Generator) -> tuple[int, int, Reference]:
        """A random frame of a random clip that makes a photo; most do."""
        for _ in range(20):
            which = int(rng.integers(len(self._clips)))
            clip = self._clips[which]
            shown = int(rng.choice(np.flatnonzero(clip.usable_T)))
            image = Image.fromarray(self._reader(which).frame(shown).pixels_HWC)
            photo = Photo(image=image, opacity_HW=None, original_size=image.size, name=clip.path.name)
            try:
                subject = Subject.from_photo(photo, self._canvas, self._tracker)
            except PhotoError:
                continue
            return which, shown, Reference.prepare(subject, self._refiner)
        raise PhotoError("nobody is found in single frames of these clips: see animator track CLIP --preview")

    def _reader(self, which: int) -> FrameReader:
        if which not in self._readers:
            self._readers[which] = open_random_access(DrivingClip.open(self._clips[which].path))
            while len(self._readers) > _OPEN:
                self._readers.popitem(last=False)[1].close()
        self._readers.move_to_end(which)
        return self._readers[which]


def track_folder(
    folder: Path, tracker: TrackerConfig, *, cache: Path, progress: Progress
) -> tuple[list[TrackedClip], list[str]]:
    """Track every clip below `folder` once; poses are kept in `cache`.

    Returns:
        clips, and one line for each that cannot be used.

    Raises:
        JobError: no such folder, or no usable clip in it.
    """
    if not folder.is_dir():
        raise JobError(f"{folder}: no such folder of clips")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _ENDINGS)
    found, refused = [], []
    with progress.stage("track clips", len(paths)) as stage:
        for path in paths:
            try:
                found.append(_tracked(path, tracker, cache))
            except PipelineError as error:
                refused.append(" ".join(str(error).split()))
            stage.advance()
    if not found:
        raise JobError(f"{folder}: no usable clip ({refused[0] if refused else 'no video files'})")
    return found, refused


def _tracked(path: Path, tracker: TrackerConfig, cache: Path) -> TrackedClip:
    clip = DrivingClip.open(path)
    key = hashlib.sha256(f"{clip.sha256()} {tracker.model_dump_json()}".encode()).hexdigest()[:24]
    kept = cache / f"{key}.npz"
    if kept.is_file():
        poses = PoseSequence.load(kept)
    else:
        with open_tracker(tracker) as opened:
            size = (clip.info.width, clip.info.height)
            raw = track(clip.frames(), opened, frame_size=size, config=tracker, source=path.name)
        # As tracked, frame by frame: what is resampled has no picture to go with it.
        poses = raw.to_skeleton(BLAZEPOSE_33)
        cache.mkdir(parents=True, exist_ok=True)
        poses.save(kept)
    usable = ~np.isnan(poses.joint("left_shoulder")).any(-1) & ~np.isnan(poses.joint("right_shoulder")).any(-1)
    if usable.sum() < _MIN_FRAMES:
        raise JobError(f"{path.name}: a person in {int(usable.sum())} frames, {_MIN_FRAMES} are needed")
    return TrackedClip(path=path, poses=poses, usable_T=usable)


def placed(pixels_HWC: np.ndarray, placement: Placement, border_HWC: np.ndarray) -> np.ndarray:
    """A frame on the canvas, where its reference lies; `border_HWC` where the clip does not reach."""
    on_canvas = np.asarray(placement.place(Image.fromarray(pixels_HWC)))
    return np.where(placement.inside_HW()[..., None], on_canvas, border_HWC)
