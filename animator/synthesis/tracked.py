"""Joints of a take as a render finds them: tracked in its pictures, cleaned, carried onto the pose found in the photo.

What is drawn at random (`tracker_noise`) has the sizes of a tracker's errors, but not their reasons: those come from
what the pictures show, a skirt, an arm before the trunk, a foot in shadow, and so can be told from them.

Legend: H W pixels, T frames, K keypoints.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path

import numpy as np

from animator.synthesis.lens import Lens, photograph, random_lens
from animator.synthesis.take import Take, TakeOptions
from animator.synthesis.wardrobe import fingerprint_wardrobe
from pose_tracking.errors import AbsenceError
from pose_tracking.frame import Frame
from pose_tracking.person import choose_person
from pose_tracking.photo import track_photo
from pose_tracking.retargeting import RetargetConfig, retarget
from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import BLAZEPOSE_33
from pose_tracking.tracking import TrackerConfig, open_tracker, track
from temporal.borders import doubt_beyond_borders
from temporal.motion import MotionConfig, clean_motion

_TRACKER = TrackerConfig()
# The answer is where it is: nothing is held back to keep it in the picture.
_RETARGETING = RetargetConfig(stay_in_view=False)
# Joints that tell where somebody stands and how large.
LIMBS = [
    BLAZEPOSE_33.index(f"{side}_{joint}")
    for side in ("left", "right")
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
]


class TrackedTake:
    """A take that the tracker has looked at.

    Args:
        motion: what `find_motion` gave, one pose per frame.
    """

    def __init__(self, motion: PoseSequence) -> None:
        self._motion = motion
        self._last: tuple[int, tuple[PoseSequence, PoseSequence] | None] | None = None

    def seen_from(self, photo_HWC: np.ndarray, *, number: int) -> tuple[PoseSequence, PoseSequence] | None:
        """The pose that the tracker finds in a photo, and the take's motion carried onto it; none if it finds nobody.

        Args:
            photo_HWC: uint8 RGB, a frame of the take.
            number: of the photo; what was found in the last one is remembered.
        """
        if self._last is None or self._last[0] != number:
            pose = find_pose(photo_HWC)
            self._last = number, None if pose is None else (pose, carried(self._motion, pose))
        return self._last[1]


def look_at(
    take: Take, seed: int, options: TakeOptions, *, is_photographed: bool, folder: Path | None = None
) -> TrackedTake | None:
    """Show a take to the tracker, once; none where it sees nobody.

    Args:
        take: of `random_take(seed, options)`.
        seed, options: name the take.
        is_photographed: whether its pictures are taken through a lens, drawn from the seed.
        folder: where takes that were tracked are kept and looked for; none: nowhere.
    """
    kept = None if folder is None else folder / f"{take_key(seed, options, is_photographed=is_photographed)}.npz"
    if kept is not None and kept.is_file():
        return TrackedTake(PoseSequence.load(kept))
    rng = np.random.default_rng([seed, 0x636C6970])
    lens = random_lens(rng) if is_photographed else Lens()
    pictures = (photograph(frame.image_HWC, lens, rng) for frame in take)
    motion = find_motion(pictures, fps=options.fps, num_frames=len(take))
    if motion is not None and kept is not None:
        motion.save(kept)
    return None if motion is None else TrackedTake(motion)


def find_motion(pictures: Iterable[np.ndarray], *, fps: float, num_frames: int) -> PoseSequence | None:
    """The person's motion as a render prepares it, one pose per picture, px; none where the tracker sees nobody.

    Args:
        pictures: uint8 RGB [H, W, 3] each, all of one size.
        fps: their rate.
        num_frames: how many there are.
    """
    rate = Fraction(fps).limit_denominator(1001)
    rest = iter(pictures)
    first = next(rest)
    frames = (
        Frame(pixels_HWC=pixels, time_s=float(index / rate), index=index)
        for index, pixels in enumerate(_with_first(first, rest))
    )
    size = (first.shape[1], first.shape[0])
    try:
        with open_tracker(_TRACKER) as tracker:
            tracked = track(frames, tracker, frame_size=size, config=_TRACKER, source="a rendered take")
    except AbsenceError:
        return None
    motion, _ = clean_motion(tracked, MotionConfig(), fps=rate, duration_s=float(num_frames / rate))
    return doubt_beyond_borders(motion)


def find_pose(photo_HWC: np.ndarray) -> PoseSequence | None:
    """One pose, as a render finds it in a photo; none where it finds nobody."""
    height, width = photo_HWC.shape[:2]
    person = choose_person(track_photo(photo_HWC, _TRACKER), _TRACKER.person, frame_size=(width, height))
    if person is None:
        return None
    return PoseSequence(
        keypoints_TK2=person.keypoints_K2[None],
        confidence_TK=person.confidence_K[None],
        times_s_T=np.zeros(1),
        skeleton=BLAZEPOSE_33,
        frame_size=(width, height),
    )


def carried(motion: PoseSequence, photo: PoseSequence) -> PoseSequence:
    """`motion` with the limbs of `photo`, as `retarget` carries it, but where the take shows it.

    A render puts the motion where the photo's person stands. The answer to a training sample is a frame of the take,
    so one scale and one shift for the whole take (least squares) lay what was carried back onto what was tracked.
    """
    there = retarget(motion, onto=photo, canvas_size=photo.frame_size, config=_RETARGETING)
    if (there.seen_TK[:, LIMBS] & motion.seen_TK[:, LIMBS]).sum() < len(LIMBS):
        return motion
    return laid_onto(there, np.where(motion.seen_TK[..., None], motion.keypoints_TK2, np.nan))


def laid_onto(motion: PoseSequence, there_TK2: np.ndarray) -> PoseSequence:
    """`motion` under the one scale and shift for which its limb joints lie closest to others (least squares).

    Args:
        there_TK2: px, NaN where unknown; as many frames.
    """
    seen = motion.seen_TK[:, LIMBS] & np.isfinite(there_TK2[:, LIMBS]).all(axis=-1)
    found_N2, true_N2 = (each[:, LIMBS][seen].astype(np.float64) for each in (motion.keypoints_TK2, there_TK2))
    from_2, to_2 = found_N2.mean(0), true_N2.mean(0)
    scale = ((found_N2 - from_2) * (true_N2 - to_2)).sum() / np.square(found_N2 - from_2).sum()
    laid_TK2 = (motion.keypoints_TK2 - from_2) * scale + to_2
    return motion.replace(keypoints_TK2=laid_TK2.astype(np.float32))


def take_key(seed: int, options: TakeOptions, *, is_photographed: bool) -> str:
    """Names the take with this seed among all takes of all settings, wherever the files lie that it is made of."""
    facts = (
        version("pose-animator"),
        seed,
        options.split,
        options.width,
        options.height,
        options.num_frames,
        options.fps,
        None if options.wardrobe is None else fingerprint_wardrobe(options.wardrobe),
        None if options.motions is None else options.motions.fingerprint(),
        is_photographed,
        _TRACKER.model_dump_json(),
        MotionConfig().model_dump_json(),
    )
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:24]


def _with_first(first: np.ndarray, rest: Iterable[np.ndarray]) -> Iterable[np.ndarray]:
    yield first
    yield from rest
