"""Rendered people as a render meets them: photos in which the person is found and cut out, films that are tracked.

What a refiner of the warp is to mend is what all of a render gets wrong together: the cut, the photo's joints, the
clip's, and the motion of somebody with other limbs. So a take is two films of one motion, by two people, and a still of
the second, and three kinds of samples come from it; of each, the true answer is a frame of the second film.

Legend: H W pixels, T frames, K keypoints.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from animator.canvas import CanvasConfig, place_photo
from animator.errors import PhotoError
from animator.subject import Subject
from animator.synthesis.lens import photograph, random_lens
from animator.synthesis.take import Take, TakeOptions, paired_takes
from animator.synthesis.tracked import LIMBS, carried, find_motion, find_pose, laid_onto
from animator.training.augmentation import Photometric
from animator.training.pairs import Reference
from animator.training.rendered import refinement_sample
from animator.training.samples import Sample
from pose_tracking.person import Detection
from pose_tracking.retargeting import retarget
from pose_tracking.sequence import PoseSequence
from pose_tracking.trackers.silhouette import segment_photo

# A frame moved by its own film, poses as tracked; a frame found as a photo, moved by its own film; a still and a frame,
# moved by the other's film. In turn, so many samples of each take.
KINDS = ("itself", "still", "carried", "frame")
PER_TAKE = 20
# Takes in turn, so that neighbours show different people; they are kept at hand.
OPEN_TAKES = 4
# Rates and lengths of films.
_FILMS = ((12.5, 38), (25.0, 50), (25.0, 76))
# Least time between a frame that is the photo and one that is the target.
_MIN_GAP_S = 0.3
# Takes tried in the place of one in which a tracker finds nobody.
_TRIES = 20


class FilmPairs:
    """What `RefinementPairs` gives, of people as a render meets them; neighbours show other takes. A `SampleSource`.

    Args:
        options: people, motions, backdrops, size; lengths and rates are drawn.
        seed: of all.

    Raises:
        PhotoError: asked for a sample, where the tracker finds nobody in any of many takes.
    """

    def __init__(self, options: TakeOptions, *, seed: int) -> None:
        self._options, self._seed = options, seed
        self._films: OrderedDict[int, list[_Scene]] = OrderedDict()

    def sample(self, number: int) -> Sample:
        """Sample `number`."""
        group, rest = divmod(number, OPEN_TAKES * PER_TAKE)
        turn, place = divmod(rest, OPEN_TAKES)
        scenes = self._scenes(group * OPEN_TAKES + place)
        # A kind for which nobody was found leaves its samples to those that there are.
        scene = scenes[turn % len(scenes)]
        rng = np.random.default_rng([self._seed, number, 0x66696C6D])
        return scene.sample(int(rng.choice(scene.targets)))

    def _scenes(self, take: int) -> list[_Scene]:
        if take not in self._films:
            for attempt in range(_TRIES):
                scenes = list(_scenes_of(np.random.default_rng([self._seed, take, attempt]), self._options))
                if scenes:
                    break
            else:
                size = f"{self._options.width}x{self._options.height}"
                raise PhotoError(f"nobody is found in {_TRIES} films of {size} px; render larger ones")
            self._films[take] = scenes
            while len(self._films) > OPEN_TAKES:
                self._films.popitem(last=False)
        return self._films[take]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Film:
    """A take, taken through a lens.

    Attributes:
        pictures: uint8 RGB [H, W, 3] each.
        mattes: [H, W] in [0, 1], true.
        true_TK2: joints, px, true.
        motion: as a render finds it; none where it finds nobody.
    """

    pictures: list[np.ndarray]
    mattes: list[np.ndarray]
    true_TK2: np.ndarray
    motion: PoseSequence | None

    @classmethod
    def of(cls, take: Take, rng: np.random.Generator, *, fps: float) -> _Film:
        lens, frames = random_lens(rng), list(take)
        pictures = [photograph(frame.image_HWC, lens, rng) for frame in frames]
        return cls(
            pictures=pictures,
            mattes=[frame.matte_HW for frame in frames],
            true_TK2=np.stack([take.keypoints(index) for index in range(len(take))]),
            motion=find_motion(pictures, fps=fps, num_frames=len(take)),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Scene:
    """A photo, made ready, and the motion that it is given.

    Attributes:
        targets: frames that may be asked for.
    """

    reference: Reference
    motion: PoseSequence
    film: _Film
    colours: Photometric
    targets: np.ndarray

    def sample(self, frame: int) -> Sample:
        return refinement_sample(
            self.reference,
            self.motion.keypoints_TK2[frame],
            self.motion.confidence_TK[frame],
            self.colours.apply(self.film.pictures[frame]),
            self.film.mattes[frame],
        )


def _scenes_of(rng: np.random.Generator, options: TakeOptions) -> Iterator[_Scene]:
    """Of every kind for which the tracker finds somebody."""
    fps, num_frames = _FILMS[rng.integers(len(_FILMS))]
    drawn = replace(options, num_frames=num_frames, fps=fps)
    take, other, still = paired_takes(int(rng.integers(1 << 31)), drawn)
    driver, film = _Film.of(take, rng, fps=fps), _Film.of(other, rng, fps=fps)
    facing_T = other.motion.rotations_TJ33[:, 0, :, 2] @ -other.camera.world_to_camera_33[2]
    for kind in KINDS:
        colours = Photometric.draw(rng)
        # Of four frames the one that faces the camera most.
        shown = max(rng.integers(num_frames, size=4), key=lambda frame: facing_T[frame])
        if kind == "still":
            photo, far = photograph(still.frame(0).image_HWC, random_lens(rng), rng), np.ones(num_frames, bool)
        else:
            photo, far = film.pictures[shown], np.abs(np.arange(num_frames) - shown) >= _MIN_GAP_S * fps
        made = _moved(kind, colours.apply(photo), int(shown), driver, film)
        if made is None:
            continue
        subject, motion = made
        whole = np.isfinite(motion.keypoints_TK2[:, LIMBS]).all(axis=(1, 2))
        targets = np.flatnonzero(far[: len(whole)] & whole)
        if len(targets):
            reference = Reference.prepare(subject)
            yield _Scene(reference=reference, motion=motion, film=film, colours=colours, targets=targets)


def _moved(
    kind: str, photo_HWC: np.ndarray, shown: int, driver: _Film, film: _Film
) -> tuple[Subject, PoseSequence] | None:
    """The subject of a photo and the motion that it is given, px of the film; none where somebody is not found."""
    if kind == "itself":
        if film.motion is None:
            return None
        return _cut_out(photo_HWC, film.motion[shown : shown + 1]), film.motion
    given, pose = film.motion if kind == "carried" else driver.motion, find_pose(photo_HWC)
    if given is None or pose is None:
        return None
    if kind == "carried":
        return _cut_out(photo_HWC, pose), carried(given, pose)
    there = retarget(given, onto=pose, canvas_size=pose.frame_size)
    return _cut_out(photo_HWC, pose), laid_onto(there, film.true_TK2)


def _cut_out(photo_HWC: np.ndarray, pose: PoseSequence) -> Subject:
    person = Detection(keypoints_K2=pose.keypoints_TK2[0], confidence_K=pose.confidence_TK[0])
    height, width = photo_HWC.shape[:2]
    placement = place_photo((width, height), CanvasConfig(width=width, height=height))
    return Subject.from_parts(Image.fromarray(photo_HWC), person, segment_photo(photo_HWC, person), placement)
