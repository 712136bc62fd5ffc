"""A subject's own photos as training pairs: carried to another pose and back again, seen in other crops and turns.

A render shows what the network makes where the warp cannot be trusted: stretched, hidden, torn. Between two crops of a
photo there is no such place. So the photo is carried to a made-up pose, becomes a photo in that pose, and is carried
back from there; what comes out has the faults of a render, and the photo is the truth of it. Crops and turns of photo,
pose and matte together: DreamPose (Karras et al. 2023, section 3.4). Colours stay the photo's, as in its renders.

Legend: H W canvas pixels, N window, K keypoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from einops import rearrange

from animator.conditioning.inputs import picture_tensor
from animator.errors import PhotoError
from animator.models.warp_refiner import WarpRefiner
from animator.subject import Subject
from animator.training.augmentation import NOTHING, View
from animator.training.other_poses import draw_other_pose
from animator.training.pairs import Reference, on_cpu, pair_sample, planes
from animator.training.samples import Sample
from pose_tracking.skeleton import BLAZEPOSE_33
from temporal.windows import WINDOW_SIZE

# Poses that photos are carried back from; each costs twice as much to prepare as the photo itself.
_VIEWS = 12
# Standard deviation of the joints' errors in torso lengths: what trackers get wrong between photo and clip.
_JOINT_NOISE = 0.02
# Speed of the made-up motion around the photo's pose, torso lengths per frame.
_SPEED = 0.04


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Source:
    """What samples are carried back from.

    Attributes:
        reference: a photo in a pose that was made up.
        photo_HWC: uint8 RGB, the photo that it was made of.
        mirrored: whether left and right are exchanged in it.
    """

    reference: Reference
    photo_HWC: np.ndarray
    mirrored: bool


class SubjectPhotos:
    """A `SampleSource` over one or several photos of a person.

    Args:
        subjects: the photos, prepared, all on the canvas of the model.
        seed: of all draws.
        flip: whether mirrored views are made; clothes with writing or a parting in the hair lose by it.
        held_out: false gives training samples, true those that are kept for checks.
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
        refiner: WarpRefiner | None = None,
    ) -> None:
        if not subjects:
            raise PhotoError("no photo to learn from: give at least one")
        self._subjects = tuple(subjects)
        self._seed, self._flip, self._held_out = seed, flip, held_out
        self._refiner = on_cpu(refiner)
        self._sources: dict[int, _Source] = {}

    def sample(self, number: int) -> Sample:
        stream = 2 * number + int(self._held_out)
        rng = np.random.default_rng([self._seed, stream, 0x70686F74])
        # In turn: the few samples of a check show as many poses.
        place = number % (_VIEWS * len(self._subjects))
        source = self._source(place)
        subject = self._subjects[place % len(self._subjects)]
        seen = viewed(subject, self._view(subject, rng, mirrored=source.mirrored))
        keypoints, confidence = seen.pose.keypoints_TK2[0], seen.pose.confidence_TK[0]
        sample = pair_sample(
            source.reference,
            seen.photo_HWC,
            *_window(rng, keypoints, confidence),
            matte_HW=seen.matte_HW,
            background_HWC=seen.background_HWC,
        )
        # The model is shown the photo itself, as in a render, and not what became of it on its way.
        return {**sample, "photo": planes(source.photo_HWC)}

    def _source(self, place: int) -> _Source:
        """A photo in one of the poses that it is carried back from."""
        if place not in self._sources:
            rng = np.random.default_rng([self._seed, place, int(self._held_out), 0x76696577])
            subject = self._subjects[place % len(self._subjects)]
            # The first of each photo is the photo itself: what rendering will see.
            first = place < len(self._subjects)
            mirrored = self._flip and not first and bool(rng.random() < 0.5)
            seen = subject if first else viewed(subject, self._view(subject, rng, mirrored=mirrored))
            self._sources[place] = _Source(
                reference=Reference.prepare(in_other_pose(seen, rng, self._refiner), self._refiner),
                photo_HWC=seen.photo_HWC,
                mirrored=mirrored,
            )
        return self._sources[place]

    def _view(self, subject: Subject, rng: np.random.Generator, *, mirrored: bool) -> View:
        height, width = subject.matte_HW.shape
        points = subject.pose.keypoints_TK2[0]
        inside = points[~np.isnan(points).any(1)].clip(0, (width, height))
        centre = inside.mean(0) if len(inside) else np.array([width / 2, height / 2])
        return View.draw(rng, (width, height), centre=(float(centre[0]), float(centre[1])), mirrored=mirrored)


def in_other_pose(subject: Subject, rng: np.random.Generator, refiner: WarpRefiner | None = None) -> Subject:
    """What a photo of the subject in another pose would look like, made by the warp; photo, pose and matte together."""
    pose = subject.pose.to_skeleton(BLAZEPOSE_33)
    height, width = subject.matte_HW.shape
    keypoints = draw_other_pose(rng, pose.keypoints_TK2[0], (width, height))
    reference = Reference.prepare(subject, refiner)
    warped = reference.carried(torch.from_numpy(keypoints), torch.from_numpy(pose.confidence_TK[0].copy()))
    shown = warped.over(picture_tensor(subject.background_HWC, torch.device("cpu")))[0]
    return replace(
        subject,
        photo_HWC=rearrange(shown.mul(255).add(0.5).clamp(0, 255).to(torch.uint8).numpy(), "c h w -> h w c"),
        pose=replace(pose, keypoints_TK2=keypoints[None]),
        matte_HW=warped.coverage_BHW[0].numpy(),
    )


def viewed(subject: Subject, view: View) -> Subject:
    """A subject as another camera sees it: photo, pose, matte and background together.

    Beyond the border the picture goes on as the background does: the person goes on nowhere.
    """
    pose = subject.pose.to_skeleton(BLAZEPOSE_33)
    keypoints, confidence = view.points(pose.keypoints_TK2, pose.confidence_TK)
    background = view.picture(subject.background_HWC)
    inside = view.picture(np.ones(subject.matte_HW.shape, np.float32), border=NOTHING).clip(0, 1)[..., None]
    photo = np.round(background + inside * (view.picture(subject.photo_HWC).astype(np.float32) - background))
    return replace(
        subject,
        photo_HWC=photo.astype(np.uint8),
        pose=replace(pose, keypoints_TK2=keypoints.astype(np.float32), confidence_TK=confidence.astype(np.float32)),
        matte_HW=view.picture(subject.matte_HW, border=NOTHING).clip(0, 1),
        background_HWC=background,
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
