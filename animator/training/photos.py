"""A subject's own photos as training pairs: crops and turns of photo, pose and matte together.

The photo that is warped is another view than the one that is to come out, so copying is not the answer. Recipe:
DreamPose (Karras et al. 2023, section 3.4), whose release let target and pose differ; here they move as one.

Legend: H W canvas pixels, N window, K keypoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from animator.errors import PhotoError
from animator.models.warp_refiner import WarpRefiner
from animator.subject import Subject
from animator.training.augmentation import Photometric, View
from animator.training.pairs import Reference, on_cpu, pair_sample
from animator.training.samples import Sample
from pose_tracking.skeleton import BLAZEPOSE_33
from temporal.windows import WINDOW_SIZE

# Views that photos are warped from; each costs as much to prepare as the photo itself.
_VIEWS = 6
# Standard deviation of the joints' errors in torso lengths: what trackers get wrong between photo and clip.
_JOINT_NOISE = 0.02
# Speed of the made-up motion around the photo's pose, torso lengths per frame.
_SPEED = 0.04


class SubjectPhotos:
    """A `SampleSource` over one or several photos of a person.

    Args:
        subjects: the photos, prepared, all on the canvas of the model.
        seed: of all draws.
        flip: whether mirrored views are made; clothes with writing or a parting in the hair lose by it.
        held_out: false gives training samples, true those that are kept for checks.
        colours: strength of the changes of light, 0 to 1.
        refiner: of the model that is trained, if it has one.

    Raises:
        PhotoError: no photo.
    """

    def __init__(
        self,
        subjects: Sequence[Subject],
        *,
        seed: int,
        flip: bool = True,
        held_out: bool = False,
        colours: float = 0.5,
        refiner: WarpRefiner | None = None,
    ) -> None:
        if not subjects:
            raise PhotoError("no photo to learn from: give at least one")
        self._subjects = tuple(subjects)
        self._seed, self._flip, self._held_out, self._colours = seed, flip, held_out, colours
        self._refiner = on_cpu(refiner)
        self._references: dict[int, tuple[Reference, Photometric, bool]] = {}

    def sample(self, number: int) -> Sample:
        stream = 2 * number + int(self._held_out)
        rng = np.random.default_rng([self._seed, stream, 0x70686F74])
        place = int(rng.integers(_VIEWS * len(self._subjects)))
        reference, colours, mirrored = self._reference(place)
        subject = self._subjects[place % len(self._subjects)]
        view = self._view(subject, rng, mirrored=mirrored)
        seen = viewed(subject, view, colours)
        keypoints, confidence = seen.pose.keypoints_TK2[0], seen.pose.confidence_TK[0]
        return pair_sample(
            reference,
            seen.photo_HWC,
            *_window(rng, keypoints, confidence),
            matte_HW=seen.matte_HW,
            background_HWC=seen.background_HWC,
        )

    def _reference(self, place: int) -> tuple[Reference, Photometric, bool]:
        """A photo in one of the views that are warped, its colours, and whether it is mirrored."""
        if place not in self._references:
            rng = np.random.default_rng([self._seed, place, int(self._held_out), 0x76696577])
            subject = self._subjects[place % len(self._subjects)]
            # The first view of each photo is the photo itself: what rendering will see.
            first = place < len(self._subjects)
            mirrored = self._flip and not first and bool(rng.random() < 0.5)
            colours = Photometric.draw(rng, 0.0 if first else self._colours)
            seen = subject if first else viewed(subject, self._view(subject, rng, mirrored=mirrored), colours)
            self._references[place] = (Reference.prepare(seen, self._refiner), colours, mirrored)
        return self._references[place]

    def _view(self, subject: Subject, rng: np.random.Generator, *, mirrored: bool) -> View:
        height, width = subject.matte_HW.shape
        points = subject.pose.keypoints_TK2[0]
        inside = points[~np.isnan(points).any(1)].clip(0, (width, height))
        centre = inside.mean(0) if len(inside) else np.array([width / 2, height / 2])
        return View.draw(rng, (width, height), centre=(float(centre[0]), float(centre[1])), mirrored=mirrored)


def viewed(subject: Subject, view: View, colours: Photometric) -> Subject:
    """A subject as another camera sees it: photo, pose, matte and background together."""
    pose = subject.pose.to_skeleton(BLAZEPOSE_33)
    keypoints, confidence = view.points(pose.keypoints_TK2, pose.confidence_TK)
    return replace(
        subject,
        photo_HWC=colours.apply(view.picture(subject.photo_HWC)),
        pose=replace(pose, keypoints_TK2=keypoints.astype(np.float32), confidence_TK=confidence.astype(np.float32)),
        matte_HW=view.picture(subject.matte_HW).clip(0, 1),
        background_HWC=colours.apply(view.picture(subject.background_HWC)),
    )


def _window(
    rng: np.random.Generator, keypoints_K2: np.ndarray, confidence_K: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The pose as the middle of a smooth motion [N, K, 2] that a tracker saw: never five times the same."""
    torso = float(
        np.linalg.norm(np.nanmean(keypoints_K2[[11, 12]], axis=0) - np.nanmean(keypoints_K2[[23, 24]], axis=0))
        if not np.isnan(keypoints_K2[[11, 12, 23, 24]]).any()
        else 40.0
    )
    steps = np.arange(WINDOW_SIZE)[:, None, None] - WINDOW_SIZE // 2
    shared, own = rng.normal(0, _SPEED, (1, 1, 2)), rng.normal(0, _SPEED / 2, (1, len(keypoints_K2), 2))
    errors = rng.normal(0, _JOINT_NOISE, (1, len(keypoints_K2), 2))
    # Faces are found much better than limbs.
    errors[:, :11] *= 0.4
    window = keypoints_K2 + torso * (steps * (shared + own) + errors)
    return window.astype(np.float32), np.repeat(confidence_K[None], WINDOW_SIZE, 0).astype(np.float32)
