"""The real clip as an evaluation sees it: on the canvas, at the motion's times, with person and face known.

Legend: T frames, H W canvas pixels, L face landmarks.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from animator.canvas import Placement
from animator.evaluation.evaluators import PERSON_OPACITY, RealFrame
from animator.evaluation.faces import find_face
from animator.progress import Stage
from pose_tracking.clip import DrivingClip
from pose_tracking.frame import Frame
from pose_tracking.person import Detection
from pose_tracking.sequence import PoseSequence
from pose_tracking.trackers.blazepose import face_landmarks
from pose_tracking.trackers.silhouette import segment_person

# Frame times are decimal or come from clock ticks, grid times are fractions.
SAME_TIME_S = 1e-3


class RealClip:
    """The clip's frames on the canvas, one per pose of its own motion.

    Mattes and faces are found once, by `examine`, and kept for all systems, mattes as packed bits: a few KiB a frame.

    Args:
        clip: the clip.
        motion: the person's motion in px of the canvas.
        placement: where the clip lies on the canvas.
        border_HWC: uint8 picture that is shown where the clip does not reach. Nothing is compared there; it should
            only not disturb what is compared beside it.
    """

    def __init__(
        self, clip: DrivingClip, motion: PoseSequence, placement: Placement, *, border_HWC: np.ndarray
    ) -> None:
        self._clip = clip
        self._motion = motion
        self._placement = placement
        self._border_HWC = border_HWC
        self._inside_HW1 = placement.inside_HW()[..., None]
        self._known: list[tuple[bytes, np.ndarray | None]] = []

    def examine(self, stage: Stage) -> Iterator[Frame]:
        """Yield the frames, having found person and face in each."""
        self._known.clear()
        for frame in self._placed():
            self._known.append(self._find(frame))
            stage.advance()
            yield frame

    def frames(self) -> Iterator[RealFrame]:
        """The frames with what `examine` found in them."""
        for frame, (packed, face_L2) in zip(self._placed(), self._known, strict=True):
            person_HW = _unpacked(packed, frame.pixels_HWC.shape[:2])
            yield RealFrame(pixels_HWC=frame.pixels_HWC, person_HW=person_HW, face_L2=face_L2)

    def _placed(self) -> Iterator[Frame]:
        for index, frame in enumerate(frames_on_screen(self._clip, self._motion.times_s_T)):
            placed = np.asarray(self._placement.place(Image.fromarray(frame.pixels_HWC)))
            pixels_HWC = np.where(self._inside_HW1, placed, self._border_HWC)
            yield Frame(pixels_HWC=pixels_HWC, time_s=float(self._motion.times_s_T[index]), index=index)

    def _find(self, frame: Frame) -> tuple[bytes, np.ndarray | None]:
        """The person's matte, packed, and the landmarks of the face."""
        keypoints_K2 = self._motion.keypoints_TK2[frame.index]
        confidence_K = self._motion.confidence_TK[frame.index]
        if np.isnan(keypoints_K2).all():
            return _packed(np.zeros(frame.pixels_HWC.shape[:2], dtype=bool)), None
        person = Detection(keypoints_K2=keypoints_K2, confidence_K=confidence_K)
        matte_HW = segment_person(frame.pixels_HWC, person)
        face_L2 = find_face(frame.pixels_HWC, keypoints_K2, confidence_K, self._motion.skeleton, finder=face_landmarks)
        return _packed(matte_HW > PERSON_OPACITY), face_L2


def frames_on_screen(clip: DrivingClip, times_s_T: np.ndarray) -> Iterator[Frame]:
    """The frame that is on screen at each of the rising times, counted from the clip's first frame."""
    frames = clip.frames()
    shown = next(frames)
    coming = next(frames, None)
    for time_s in times_s_T:
        while coming is not None and coming.time_s <= time_s + SAME_TIME_S:
            shown, coming = coming, next(frames, None)
        yield shown


def _packed(mask_HW: np.ndarray) -> bytes:
    return zlib.compress(np.packbits(mask_HW).tobytes(), level=1)


def _unpacked(packed: bytes, size: tuple[int, ...]) -> np.ndarray:
    bits = np.frombuffer(zlib.decompress(packed), dtype=np.uint8)
    return np.unpackbits(bits, count=size[0] * size[1]).reshape(size).astype(bool)
