"""Evaluators see a system's frames one by one and end with its scores; memory does not grow with the clip, but
for a few numbers a frame.

Legend: H W canvas pixels, L face landmarks.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from animator.evaluation import metrics
from animator.evaluation.faces import FaceFinder, face_error, find_face
from animator.evaluation.pose_metrics import limb_drift, pck, pose_error
from animator.evaluation.scores import Scores
from animator.evaluation.temporal_metrics import BackgroundFlicker, TemporalError, frames_of_motion
from pose_tracking.sequence import PoseSequence

# Opacity [H, W] in [0, 1] of the person in uint8 RGB [H, W, 3].
PersonSegmenter = Callable[[np.ndarray], np.ndarray]
PERSON_OPACITY = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RealFrame:
    """What a generated frame is held against.

    Attributes:
        pixels_HWC: uint8 RGB, the clip's frame on the canvas.
        person_HW: bool, where the person is.
        face_L2: landmarks of the person's face in canvas px; None where no face is found.
    """

    pixels_HWC: np.ndarray
    person_HW: np.ndarray
    face_L2: np.ndarray | None


class CrossEvaluator:
    """Scores that need no real frames: the pose asked for, kept proportions, a background that holds still.

    Args:
        system: whose frames these are.
        target: the wanted poses, one per frame, canvas px.
        segment: finds the person in a generated frame.
    """

    def __init__(self, system: str, *, target: PoseSequence, segment: PersonSegmenter) -> None:
        self._system = system
        self._target = target
        self._segment = segment
        self._flicker = BackgroundFlicker()
        self._per_frame: dict[str, list[float]] = defaultdict(list)

    def add(self, generated_HWC: np.ndarray) -> None:
        """Take the next frame, uint8 RGB at canvas size."""
        self._add_background(generated_HWC)

    def result(self, retracked: PoseSequence) -> Scores:
        """The scores, given the poses tracked again in the frames that were added."""
        whole_clip = {
            "pck": pck(retracked, self._target),
            "pose_error": pose_error(retracked, self._target),
            "limb_drift": limb_drift(retracked, self._target),
        }
        return Scores.from_frames(self._system, self._per_frame, whole_clip=whole_clip)

    def _add_background(self, generated_HWC: np.ndarray) -> None:
        person_HW = self._segment(generated_HWC) > PERSON_OPACITY
        self._append("background_flicker", self._flicker.add(generated_HWC, person_HW))

    def _append(self, key: str, value: float) -> None:
        self._per_frame[key].append(value)


class SelfEvaluator(CrossEvaluator):
    """All scores: generated frames against the real ones.

    Args:
        system: whose frames these are.
        target: the real person's poses, which drove the system, one per frame, canvas px.
        segment: finds the person in a generated frame.
        finder: finds faces.
        inside_HW: bool, canvas pixels that the real clip covers; the others are not compared. None means all.
        photo_frame: index of the frame that is the subject's photo. It is left out of the picture scores: there
            `hold` shows the real frame itself, and one infinitely good PSNR would outweigh the whole clip.
    """

    def __init__(
        self,
        system: str,
        *,
        target: PoseSequence,
        segment: PersonSegmenter,
        finder: FaceFinder,
        inside_HW: np.ndarray | None = None,
        photo_frame: int | None = None,
    ) -> None:
        super().__init__(system, target=target, segment=segment)
        self._finder = finder
        self._inside = None if inside_HW is None or inside_HW.all() else metrics.region_tensor(inside_HW)
        self._temporal = {
            "temporal_error": TemporalError(),
            "person_temporal_error": TemporalError(),
            "person_motion_error": TemporalError(frames_of_motion(target.times_s_T)),
        }
        self._photo_frame = photo_frame
        self._num_frames = 0

    def add(self, generated_HWC: np.ndarray, real: RealFrame | None = None) -> None:
        """Take the next frame, uint8 RGB at canvas size, and the real one.

        Raises:
            ValueError: no real frame, or one of another size.
        """
        if real is None or generated_HWC.shape != real.pixels_HWC.shape:
            wanted = "none" if real is None else list(real.pixels_HWC.shape)
            raise ValueError(f"a generated frame {list(generated_HWC.shape)} needs a real one alike, got {wanted}")
        generated, target = metrics.frame_tensor(generated_HWC), metrics.frame_tensor(real.pixels_HWC)
        person = metrics.region_tensor(real.person_HW)
        if self._inside is not None:
            person = person * self._inside
        self._add_picture(generated, target, person)
        self._add_face(generated_HWC, real)
        self._add_background(generated_HWC)
        self._num_frames += 1

    def _add_picture(self, generated: Tensor, target: Tensor, person: Tensor) -> None:
        pyramid = metrics.similarity_pyramid(generated, target)
        is_photo = self._num_frames == self._photo_frame
        for prefix, region in (("", self._inside), ("person_", person)):
            scores = {
                "l1": metrics.l1(generated, target, region),
                "psnr": metrics.psnr(generated, target, region),
                "ssim": metrics.ssim(pyramid, region),
                "ms_ssim": metrics.ms_ssim(pyramid, region),
                "gmsd": metrics.gmsd(generated, target, region),
            }
            for key, score in scores.items():
                self._append(f"{prefix}{key}", math.nan if is_photo else score)
        self._append("sharpness", metrics.sharpness_ratio(generated, target, person))
        difference = generated - target
        for key, error in self._temporal.items():
            self._append(key, error.add(difference, person if key.startswith("person_") else self._inside))

    def _add_face(self, generated_HWC: np.ndarray, real: RealFrame) -> None:
        found, error = math.nan, math.nan
        if real.face_L2 is not None:
            pose = self._target.keypoints_TK2[self._num_frames], self._target.confidence_TK[self._num_frames]
            face = find_face(generated_HWC, *pose, self._target.skeleton, finder=self._finder)
            found = 0.0 if face is None else 1.0
            error = math.nan if face is None else face_error(face, real.face_L2)
        self._append("faces_found", found)
        self._append("face_error", error)
