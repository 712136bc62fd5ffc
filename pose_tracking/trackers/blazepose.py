"""MediaPipe's solutions behind our own types: poses, mattes and faces.

Models come with mediapipe 0.10.21: BlazePose (Bazarevsky et al. 2020, arXiv 2006.10204) at complexity 1, Holistic
(body, hands, face mesh), selfie segmentation, face mesh. They see one person at a time; the others are found by
painting that one out (`crowd`), or by a `.task` file in the Tasks API (`task_file`).

Legend: H W pixels, K keypoints.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial

import numpy as np

from pose_tracking.both_sides import from_both_sides
from pose_tracking.close_look import find_person_at, find_small_people
from pose_tracking.crowd import find_everybody
from pose_tracking.frame import Frame
from pose_tracking.person import SAME_PERSON, Detection
from pose_tracking.region import Region, cut, paint_around, region_within, view_of
from pose_tracking.skeleton import BLAZEPOSE_33, HOLISTIC_543, Skeleton
from pose_tracking.trackers.graphs import POSE_STREAM, Graph, check_model, lend_still, lend_still_pose
from pose_tracking.trackers.landmarks import body_of, on_holistic, read_landmarks

# A photo shows what its owner wants animated: where nobody is found at the tracker's own confidence, one lower
# look is taken. It finds drawn people, and, on empty rooms, bits of furniture, which are small and barely visible.
_SECOND_LOOK_CONFIDENCE = 0.5
_SECOND_LOOK_MIN_SIZE = 0.25
_SECOND_LOOK_MIN_VISIBILITY = 0.6
_CLOSE_UP_MIN_VISIBILITY = 0.5
_LOOK_MARGIN = 0.2
_MAX_FACES = 8


class BlazePoseTracker(AbstractContextManager["BlazePoseTracker"]):
    """MediaPipe Pose or Holistic in video mode: one person at a time, smoothed from frame to frame.

    Args:
        holistic: 543 keypoints (body, hands, face mesh) instead of 33, at half the speed.
        complexity: 0, 1 or 2; only the model of 1 comes with the package.
        detection_confidence: in [0, 1], for a person to be found. MediaPipe's own default of 0.5 takes furniture
            for people; 0.7 does not.
        tracking_confidence: in [0, 1], for a person to be kept.
        min_visibility: mean visibility of the body below which a find is not a person.

    Raises:
        TrackingError: mediapipe or the model is not at hand.
    """

    def __init__(
        self,
        *,
        holistic: bool = False,
        complexity: int = 1,
        detection_confidence: float = 0.7,
        tracking_confidence: float = 0.7,
        min_visibility: float = 0.3,
    ) -> None:
        check_model(complexity)
        self.skeleton: Skeleton = HOLISTIC_543 if holistic else BLAZEPOSE_33
        self._detection_confidence = detection_confidence
        self._min_visibility = min_visibility
        self._region: Region | None = None
        self._view: Region | None = None
        self._is_stale = False
        self._is_told_intervals = not holistic  # only our own stream can be
        self._time_s: float | None = None
        self._graph = Graph(
            "holistic" if holistic else POSE_STREAM,
            model_complexity=complexity,
            min_detection_confidence=detection_confidence,
            min_tracking_confidence=tracking_confidence,
        )

    def detect(self, frame: Frame) -> list[Detection]:
        """The person in the frame, or nobody. Frames are handed in order; the first of another clip may be older."""
        pixels = frame.pixels_HWC
        size = (pixels.shape[1], pixels.shape[0])
        view = (0, 0, *size) if self._region is None else view_of(self._region, self._view, size=size)
        if view != self._view:
            # The model looks for the person where they were in the last picture: that place has moved.
            self._is_stale |= self._view is not None
            self._view = view
        shown = pixels if self._region is None else cut(paint_around(pixels, self._region), view)
        if self._is_stale:
            # An empty picture makes it forget, in a seventh of the time that `reset` takes to load the models again.
            self._graph.process(np.zeros_like(shown))
            self._is_stale = False
        before_s, self._time_s = self._time_s, frame.time_s
        passed = {}
        if self._is_told_intervals and before_s is not None:
            passed["interval_s"] = frame.time_s - before_s
        person = self._graph.find(shown, self.skeleton, min_visibility=self._min_visibility, **passed)
        return [] if person is None else [person.moved(view[:2])]

    def look_at(self, region: Region | None) -> None:
        """Show the model only this part of the following frames, close up; None shows all of them."""
        self._region = region

    def forget(self) -> None:
        """Let go of whoever was seen last, so that the next frame is searched anew."""
        self._is_stale = True

    def search(self, frame: Frame, *, known: Sequence[Detection] = (), cut_outs: bool = True) -> list[Detection]:
        """Everybody in the frame, from left to right, apart from the tracking; see `find_everybody`."""
        with lend_still_pose(self._detection_confidence) as still:
            find_one = partial(still.find, skeleton=self.skeleton, min_visibility=self._min_visibility)
            return find_everybody(frame.pixels_HWC, find_one, self.skeleton, known=known, cut_outs=cut_outs)

    def close(self) -> None:
        """Free the models."""
        self._graph.close()

    def __exit__(self, *error: object) -> None:
        self.close()


def find_people(
    pixels_HWC: np.ndarray, *, holistic: bool = False, confidence: float = 0.7, min_visibility: float = 0.3
) -> list[Detection]:
    """Everybody in a photo, from left to right.

    Args:
        pixels_HWC: uint8 RGB [H, W, 3].
        holistic: 543 keypoints each instead of 33.
        confidence: in [0, 1], for a person to be found; where nobody is, one more look at 0.5 is taken, which
            finds drawn people.
        min_visibility: mean visibility of the body below which a find is not a person.
    """

    def search(confidence: float, min_visibility: float) -> list[Detection]:
        with lend_still_pose(confidence) as still:
            find_one = partial(still.find, skeleton=BLAZEPOSE_33, min_visibility=min_visibility)
            return find_everybody(pixels_HWC, find_one, BLAZEPOSE_33)

    people = search(confidence, min_visibility)
    if not people and confidence > _SECOND_LOOK_CONFIDENCE:
        smallest = _SECOND_LOOK_MIN_SIZE * math.hypot(*pixels_HWC.shape[:2])
        people = search(_SECOND_LOOK_CONFIDENCE, max(min_visibility, _SECOND_LOOK_MIN_VISIBILITY))
        people = [person for person in people if person.size_px >= smallest]
    people = [_seen_twice(pixels_HWC, person, people) for person in people]
    return [_with_hands_and_face(pixels_HWC, person) for person in people] if holistic else people


def find_people_close_up(
    pixels_HWC: np.ndarray,
    *,
    known: Sequence[Detection] = (),
    point: tuple[float, float] | None = None,
    holistic: bool = False,
    confidence: float = 0.7,
    min_visibility: float = 0.3,
) -> list[Detection]:
    """People too small in a photo for `find_people`, from left to right, with up to fifty looks at its parts, and three
    for each find.

    Args: `known` and `point` as those of `close_look.find_small_people` (`at_once`) and `find_person_at`; with a point,
        only the person there is looked for, beside the known ones. The others as those of `find_people`.
    """
    visibility = max(min_visibility, _CLOSE_UP_MIN_VISIBILITY)
    with lend_still_pose(confidence) as still:
        find_one = partial(still.find, skeleton=BLAZEPOSE_33, min_visibility=visibility)
        bodies = [body_of(one) for one in known]
        if point is None:
            people = find_small_people(pixels_HWC, find_one, at_once=bodies)
        else:
            found = find_person_at(pixels_HWC, point, find_one, known=bodies)
            people = sorted([*bodies, *([found] if found else [])], key=lambda person: person.center[0])
    same = [next((one for one, body in zip(known, bodies, strict=True) if body is person), None) for person in people]
    pairs = zip(same, people, strict=True)
    people = [person if one is not None else _seen_twice(pixels_HWC, person, people) for one, person in pairs]
    if not holistic:
        return [one or person for one, person in zip(same, people, strict=True)]
    return [one or _with_hands_and_face(pixels_HWC, person) for one, person in zip(same, people, strict=True)]


def face_landmarks(pixels_HWC: np.ndarray) -> list[np.ndarray]:
    """The 468 points of MediaPipe's face mesh for each face in the picture, float32 [468, 2] px.

    Faces that fill little of the picture are missed: hand in the head, cut out and enlarged.
    """
    with lend_still("face_mesh", max_num_faces=_MAX_FACES, static_image_mode=True) as still:
        result = still.process(np.ascontiguousarray(pixels_HWC))
    size = (pixels_HWC.shape[1], pixels_HWC.shape[0])
    return [read_landmarks(face.landmark, size=size).keypoints_K2 for face in result.multi_face_landmarks or ()]


def _seen_twice(pixels_HWC: np.ndarray, person: Detection, people: Sequence[Detection]) -> Detection:
    """One of these people with what the mirror image shows of them."""
    others = [other for other in people if other is not person]
    with lend_still_pose(_SECOND_LOOK_CONFIDENCE) as still:
        find_one = partial(still.find, skeleton=BLAZEPOSE_33, min_visibility=0.0)
        return from_both_sides(person, pixels_HWC, find_one, BLAZEPOSE_33, others=others)


def _with_hands_and_face(pixels_HWC: np.ndarray, body: Detection) -> Detection:
    """The same person with Holistic's further keypoints, as far as they show."""
    padded = on_holistic(body)
    region = region_within(body.box(margin=_LOOK_MARGIN), (pixels_HWC.shape[1], pixels_HWC.shape[0]))
    view = pixels_HWC if region is None else paint_around(pixels_HWC, region)
    with lend_still_pose(_SECOND_LOOK_CONFIDENCE, solution="holistic") as still:
        whole = still.find(view, HOLISTIC_543, min_visibility=0.0)
        if whole is None and region is not None:  # too small in the whole picture
            whole = still.find(cut(pixels_HWC, region), HOLISTIC_543, min_visibility=0.0)
            whole = None if whole is None else whole.moved(region[:2])
    return padded if whole is None or whole.distance(padded) > SAME_PERSON else whole
