"""One person among several: chosen once, followed from frame to frame, never exchanged for a neighbour.

Legend: H W pixels, K keypoints.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

import numpy as np

from pose_tracking.region import Region, region_within

# Which person to follow: the one who looks largest or stands nearest to the picture's centre, the n-th from the
# left (0 is the leftmost), or the one at a point given as fractions (x, y) of width and height.
PersonChoice = Literal["largest", "center"] | int | tuple[float, float]

CONFIDENT = 0.5
# Two finds in one picture closer than this (`Detection.distance`) are the same person: second looks at somebody lay
# up to 0.2 apart, different people, also one in front of the other, at least 0.37.
SAME_PERSON = 0.25
# How far a person surely moves between frames, in person sizes. From frame to frame (1/60 to 1/5 s) the people of
# sixteen real clips moved by up to 0.08, a tracker that went over to a neighbour by 0.31 or more.
SURE_STEP, SURE_SPEED_PER_S = 0.15, 0.5
# Farther, up to here, it may be them (a sprint, a slow frame rate, a pose found wrong at first and then put right)
# if nobody else is in view.
FAR_STEP, FAR_SPEED_PER_S = 0.4, 1.5
# Out of sight for longer, the person is let go and the choice is made anew among those in view. Whoever was seen for
# a shorter time only is waited for no longer than that: finds at the edge of the picture are often bits of a person.
FORGET_AFTER_S = 1.0
FORGET_AFTER_AT_LEAST_S = 0.3
_LOOK_MARGIN = 0.2
_SIZE_WEIGHT = 0.5
# Nobody can look much larger than somebody of this share of the picture's height.
_LARGE = 0.6
# A search for everybody costs as much as several frames, most of all where it is of least use: in an empty scene.
_SEARCH_EVERY_S, _SEARCH_EMPTY_EVERY_S = 0.25, 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Detection:
    """One person in one picture.

    Attributes:
        keypoints_K2: float32 px, x right, y down; NaN where unseen.
        confidence_K: float32 in [0, 1].
    """

    keypoints_K2: np.ndarray
    confidence_K: np.ndarray

    def box(self, margin: float = 0.0) -> tuple[float, float, float, float]:
        """(left, top, right, bottom) px around the confident joints, widened by `margin` times the diagonal.

        Where no two joints are confident, all joints with a position count; a box of NaN means there is none.
        """
        placed = ~np.isnan(self.keypoints_K2[:, 0])
        confident = placed & (self.confidence_K >= CONFIDENT)
        points = self.keypoints_K2[confident if confident.sum() > 1 else placed]
        if len(points) == 0:
            return (math.nan, math.nan, math.nan, math.nan)
        (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        extra = margin * math.hypot(right - left, bottom - top)
        return (left - extra, top - extra, right + extra, bottom + extra)

    @property
    def size_px(self) -> float:
        """Diagonal of the box: how large the person looks."""
        left, top, right, bottom = self.box()
        return math.hypot(right - left, bottom - top)

    @property
    def center(self) -> tuple[float, float]:
        """Middle of the box, px."""
        left, top, right, bottom = self.box()
        return ((left + right) / 2, (top + bottom) / 2)

    def is_beside(self, other: Detection, *, margin: float) -> bool:
        """Whether the boxes of two people overlap, each widened by `margin` as in `box`."""
        left, top, right, bottom = self.box(margin)
        other_left, other_top, other_right, other_bottom = other.box(margin)
        return left < other_right and other_left < right and top < other_bottom and other_top < bottom

    def moved(self, offset: tuple[float, float]) -> Detection:
        """The same person, `offset` (right, down) px away."""
        return Detection(
            keypoints_K2=self.keypoints_K2 + np.array(offset, dtype=np.float32), confidence_K=self.confidence_K
        )

    def scaled(self, factors: tuple[float, float]) -> Detection:
        """The same person in a picture stretched by `factors` (horizontally, vertically)."""
        return Detection(
            keypoints_K2=self.keypoints_K2 * np.array(factors, dtype=np.float32), confidence_K=self.confidence_K
        )

    def distance(self, other: Detection) -> float:
        """How far two detections lie apart, in units of the larger of the two; inf when they share no joint.

        The median distance of the joints both show, or that of their median places if that is less: a pose found
        with left and right exchanged is still the same person.
        """
        shared = ~np.isnan(self.keypoints_K2[:, 0] + other.keypoints_K2[:, 0])
        confident = shared & (np.minimum(self.confidence_K, other.confidence_K) >= CONFIDENT)
        joints = confident if confident.sum() > 2 else shared
        if not joints.any():
            return math.inf
        here, there = self.keypoints_K2[joints].T, other.keypoints_K2[joints].T
        # Of a few numbers, Python's own median takes a tenth of numpy's time; this is asked for every frame.
        of_joints = median(np.hypot(*(here - there)).tolist())
        of_places = math.dist(map(median, here.tolist()), map(median, there.tolist()))
        return min(of_joints, of_places) / max(self.size_px, other.size_px, 1.0)


def choose_person(
    people: Sequence[Detection], person: PersonChoice, *, frame_size: tuple[int, int]
) -> Detection | None:
    """The detection that `person` asks for, None when it is not in view.

    Args:
        people: everybody found in one picture.
        person: see `PersonChoice`. A point chooses the nearest of those whose box, widened by a tenth, holds it.
        frame_size: (width, height) px of the picture.
    """
    people = [one for one in people if not math.isnan(one.size_px)]
    if not people:
        return None
    if person == "largest":
        return max(people, key=lambda one: one.size_px)
    if isinstance(person, int):
        from_left = sorted(people, key=lambda one: one.center[0])
        return from_left[person] if person < len(from_left) else None
    width, height = frame_size
    x, y = (0.5, 0.5) if isinstance(person, str) else person
    wanted = (x * width, y * height)
    if not isinstance(person, str):
        people = [one for one in people if _holds(one.box(margin=0.1), wanted)]
    return min(people, key=lambda one: math.dist(one.center, wanted), default=None)


class PersonFollower:
    """Picks the same person out of each frame's detections.

    The choice is made at first sight. Afterwards the nearest detection is taken as long as it lies within reach;
    a jump to somebody else becomes a gap. A person out of sight for long (`FORGET_AFTER_S`) is let go: `largest`
    and `center` are then decided anew; an index or a point was meant for the first sight, and goes on with
    whoever is nearest to where the person was lost. So it is in another shot of the clip, once `forget` was called.

    Args:
        person: whom to follow.
        frame_size: (width, height) px of the frames.
    """

    def __init__(self, person: PersonChoice, *, frame_size: tuple[int, int]) -> None:
        self._person = person
        self._frame_size = frame_size
        self._last: Detection | None = None
        self._first_seen_s = -math.inf
        self._seen_s = -math.inf
        self._searched_s = -math.inf
        self._is_crowded = False
        self._is_small = False
        self.most_in_view = 0

    def forget(self) -> None:
        """Let the person go at once: the next frame is of another shot."""
        self._seen_s = self._searched_s = -math.inf

    def region(self, time_s: float) -> Region | None:
        """Where the person can be at `time_s`: the part of the frame worth showing to a tracker that sees only one
        person. None means everywhere: nobody is followed, or they are alone and were found without a search."""
        if self._last is None or not (self._is_crowded or self._is_small) or self._is_forgotten(time_s):
            return None
        margin = _LOOK_MARGIN + SURE_SPEED_PER_S * (time_s - self._seen_s)
        return region_within(self._last.box(margin=margin), self._frame_size)

    def step(
        self, found: Sequence[Detection], time_s: float, *, everyone: Callable[[], Sequence[Detection]] | None = None
    ) -> Detection | None:
        """The followed person in this frame, or None.

        Args:
            found: what the tracker saw.
            time_s: the frame's time in seconds, rising from call to call.
            everyone: for trackers that see one person at a time: searches the frame for all of them. Called only
                when a choice has to be made, or when `found` is too far away to be sure.
        """
        self.most_in_view = max(self.most_in_view, len(found))
        if self._last is None or self._is_forgotten(time_s):
            return self._choose(found, time_s, everyone)
        if not found:
            return None
        nearest = self._nearest(found)
        if self._is_within(nearest, time_s, SURE_STEP, SURE_SPEED_PER_S):
            return self._remember(nearest, time_s)
        people = found
        if everyone is not None and self._is_search_due(found, time_s):
            people = self._search(everyone, time_s)
            nearest = self._nearest(people)
        self._is_crowded |= len(people) > 1
        if self._is_within(nearest, time_s, SURE_STEP, SURE_SPEED_PER_S) or (
            not self._is_crowded and self._is_within(nearest, time_s, FAR_STEP, FAR_SPEED_PER_S)
        ):
            return self._remember(nearest, time_s)
        return None

    def _choose(
        self, found: Sequence[Detection], time_s: float, everyone: Callable[[], Sequence[Detection]] | None
    ) -> Detection | None:
        people = found
        is_obvious = self._person == "largest" and any(
            person.size_px >= _LARGE * self._frame_size[1] for person in found
        )
        if everyone is not None and not is_obvious:
            if not self._is_search_due(found, time_s):
                return None
            people = self._search(everyone, time_s)
        if self._last is not None and not isinstance(self._person, str):
            chosen = self._nearest(people) if people else None
        else:
            chosen = choose_person(people, self._person, frame_size=self._frame_size)
        if chosen is None:
            return None
        self._is_crowded, self._is_small = len(people) > 1, not found
        self._first_seen_s = time_s
        return self._remember(chosen, time_s)

    def _is_search_due(self, found: Sequence[Detection], time_s: float) -> bool:
        return time_s >= self._searched_s + (_SEARCH_EVERY_S if found else _SEARCH_EMPTY_EVERY_S)

    def _search(self, everyone: Callable[[], Sequence[Detection]], time_s: float) -> Sequence[Detection]:
        self._searched_s = time_s
        people = everyone()
        self.most_in_view = max(self.most_in_view, len(people))
        return people

    def _remember(self, detection: Detection, time_s: float) -> Detection:
        self._last, self._seen_s = detection, time_s
        return detection

    def _nearest(self, people: Sequence[Detection]) -> Detection:
        return people[0] if len(people) == 1 else min(people, key=self._unlikeness)

    def _unlikeness(self, detection: Detection) -> float:
        """Distance, and as people pass each other also how much larger or smaller they look."""
        assert self._last is not None
        ratio = max(1.0, detection.size_px) / max(1.0, self._last.size_px)
        return self._last.distance(detection) + _SIZE_WEIGHT * abs(math.log(ratio))

    def _is_within(self, detection: Detection, time_s: float, step: float, speed_per_s: float) -> bool:
        assert self._last is not None
        return self._last.distance(detection) <= step + speed_per_s * (time_s - self._seen_s)

    def _is_forgotten(self, time_s: float) -> bool:
        patience_s = min(FORGET_AFTER_S, max(FORGET_AFTER_AT_LEAST_S, self._seen_s - self._first_seen_s))
        return time_s - self._seen_s > patience_s


def _holds(box: tuple[float, float, float, float], point: tuple[float, float]) -> bool:
    left, top, right, bottom = box
    return left <= point[0] <= right and top <= point[1] <= bottom
