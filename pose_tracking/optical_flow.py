"""How the picture around each joint moves from frame to frame.

A tracker finds the pose of every frame anew and errs by a per cent or two of the body each time; what the picture
itself does between two frames is known to a fraction of a px. `temporal.tying` brings the two together.

Legend: H W pixels, T frames, K keypoints, J those of them inside the picture, D cells of a joint, P cells of all.
"""

from __future__ import annotations

from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass
from types import TracebackType

import numpy as np
from typing_extensions import Self

from pose_tracking.person import Detection

# The part of the frames around the person is looked at in this size, at most; more gains nothing.
SIDE_PX = 256
# Mean difference of two frames, in grey levels, up to which the second one repeats the first but for the coding.
SAME_LEVELS = 0.5
# Smaller pictures show too little of a person to follow.
MIN_SIDE_PX = 48
# How far beyond the joints the picture is looked at: share of the diagonal of the box around them.
MARGIN = 0.1
# Motion is measured in the middle of cells of this side, and a joint moves as the median of its own cell and the four
# beside it: about as wide as a forearm in a picture of `SIDE_PX`.
CELL_PX = 6
CROSS_D2 = np.array([(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)])
# What is compared around such a middle, how often the picture is halved for what moves far, and how many steps each
# size is given. The values were found on six real clips of 5 to 60 frames/s; more of any gained nothing.
WINDOW_PX, NUM_HALVINGS, NUM_STEPS = 17, 2, 5
# A step this short ends the search.
SHORTEST_STEP_PX = 0.03
# Frames wait for the measurement up to this many pairs; the pictures of each are kept until then.
MAX_WAITING = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Seen:
    """A frame, the followed person in it in its px, and how much larger (x, y) the steps are wanted."""

    pixels_HWC: np.ndarray
    person: Detection
    stretch: tuple[float, float]


class StepMeter:
    """Measures steps beside the tracker, each pair of frames while it is at the next.

    Use it in a `with` block; hand it every frame in order.

    Args:
        frame_size: (width, height) px of the picture in which poses are given and steps are wanted. Frames may be
            smaller, of the same shape.
        worker: measures; stays open.
    """

    def __init__(self, frame_size: tuple[int, int], worker: Executor) -> None:
        self._frame_size = frame_size
        self._worker = worker
        self._before: _Seen | None = None
        self._threads = 1
        self._steps: list[Future[np.ndarray] | None] = []

    def __enter__(self) -> Self:
        import cv2

        # More threads than the one it has would take the tracker's core.
        self._threads = cv2.getNumThreads()
        cv2.setNumThreads(1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import cv2

        pending = [step for step in self._steps if step is not None and not step.cancel()]
        wait(pending)  # none may still run when it gets its threads back
        cv2.setNumThreads(self._threads)

    def add(self, pixels_HWC: np.ndarray, person: Detection | None) -> None:
        """The next frame (uint8 RGB), and the person in it in px of `frame_size`; None where nobody is followed."""
        now = None if person is None else self._seen(pixels_HWC, person)
        before, self._before = self._before, now
        pair = None if before is None or now is None else self._worker.submit(_measure, before, now)
        self._steps.append(pair)
        if len(self._steps) > MAX_WAITING and (waiting := self._steps[-1 - MAX_WAITING]) is not None:
            waiting.result()

    def steps_TK2(self, num_joints: int) -> np.ndarray:
        """[T, K, 2] px of `frame_size`: the motion around each joint since the frame before, NaN where it is not known.

        A step belongs to the place where the joint was found in the frame before. Waits for what is still measured.
        """
        steps_TK2 = np.full((len(self._steps), num_joints, 2), np.nan, dtype=np.float32)
        for place, step in enumerate(self._steps):
            if step is not None:
                steps_TK2[place] = step.result()
        return steps_TK2

    def _seen(self, pixels_HWC: np.ndarray, person: Detection) -> _Seen:
        height, width = pixels_HWC.shape[:2]
        stretch = (self._frame_size[0] / width, self._frame_size[1] / height)
        return _Seen(pixels_HWC=pixels_HWC, person=person.scaled((1 / stretch[0], 1 / stretch[1])), stretch=stretch)


def _measure(before: _Seen, now: _Seen) -> np.ndarray:
    """Steps [K, 2] px, as large as they are wanted."""
    import cv2

    points_K2 = before.person.keypoints_K2
    box = _box(before, now)
    if box is None:
        return np.full_like(points_K2, np.nan)
    left, top, right, bottom = box
    # Never enlarged: what the frame does not show, nobody can follow.
    scale = min(1.0, SIDE_PX / max(right - left, bottom - top))
    grey = []
    for seen in (before, now):
        part = cv2.cvtColor(seen.pixels_HWC[top:bottom, left:right], cv2.COLOR_RGB2GRAY)
        grey.append(_shrunk(part, scale))
    if min(grey[0].shape) < MIN_SIDE_PX:
        return np.full_like(points_K2, np.nan)
    steps_K2 = _steps((points_K2 - (left, top)) * scale, grey[0], grey[1])
    return (steps_K2 / scale * before.stretch).astype(np.float32)


def _shrunk(picture_HW: np.ndarray, scale: float) -> np.ndarray:
    """The picture at `scale`, at most 1: halved as often as it can be, which is cheap, then interpolated."""
    import cv2

    while scale <= 0.5:
        height, width = (side // 2 for side in picture_HW.shape)
        # Without an odd row or column: by exactly two, it takes a fiftieth of the time.
        picture_HW = cv2.resize(picture_HW[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
        scale *= 2
    return cv2.resize(picture_HW, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)


def _steps(points_K2: np.ndarray, before_HW: np.ndarray, now_HW: np.ndarray) -> np.ndarray:
    """How the picture moves around each point, [K, 2] px; NaN for points that are unseen or outside.

    Every cell is measured once for all joints that share it: those of a hand or a face lie within a few.
    """
    import cv2

    height, width = before_HW.shape
    with np.errstate(invalid="ignore"):
        inside_K = ((points_K2 >= 0) & (points_K2 < (width, height))).all(axis=-1)
    steps_K2 = np.full(points_K2.shape, np.nan, dtype=np.float32)
    if float(cv2.absdiff(before_HW, now_HW).mean()) <= SAME_LEVELS:
        steps_K2[inside_K] = 0
    elif inside_K.any():
        cells_J12 = (points_K2[inside_K, None] / CELL_PX).astype(int)
        last_cell = ((width - 1) // CELL_PX, (height - 1) // CELL_PX)
        numbers_JD = (cells_J12 + CROSS_D2).clip(0, last_cell) @ (1, width)
        cells_P, places_JD = np.unique(numbers_JD, return_inverse=True)
        # OpenCV counts from the middle of the first pixel.
        middles_P2 = np.stack([cells_P % width, cells_P // width], axis=-1) * CELL_PX + (CELL_PX - 1) / 2
        flow_P2 = _flow(middles_P2.astype(np.float32), before_HW, now_HW)
        steps_K2[inside_K] = _median(flow_P2[places_JD.reshape(numbers_JD.shape)])
    return steps_K2


def _flow(points_P2: np.ndarray, before_HW: np.ndarray, now_HW: np.ndarray) -> np.ndarray:
    """Lucas' and Kanade's flow on pyramids (Bouguet 2001, "Pyramidal implementation of the affine Lucas Kanade feature
    tracker"): [P, 2] px; NaN where the picture is too plain to follow, or leaves it.

    Nearly as good for `temporal.tying` as dense inverse search (Kroeger et al. 2016), in a sixth of the time: the
    joints of a person touch few cells, and median and tie forgive what a refined dense field gets right.
    """
    import cv2

    found_P2, is_found_P1, _ = cv2.calcOpticalFlowPyrLK(  # type: ignore[call-overload]
        before_HW,
        now_HW,
        points_P2,
        None,
        winSize=(WINDOW_PX, WINDOW_PX),
        maxLevel=NUM_HALVINGS,
        criteria=(cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, NUM_STEPS, SHORTEST_STEP_PX),
    )
    return np.where(is_found_P1 > 0, found_P2 - points_P2, np.nan)


def _median(values_JD2: np.ndarray) -> np.ndarray:
    """The median [J, 2] over D of what is known, NaN where nothing is; several times faster than `np.nanmedian`."""
    num_J = np.isfinite(values_JD2[..., 0]).sum(axis=1)
    ordered_JD2 = np.sort(values_JD2, axis=1)  # NaN goes last
    every_J = np.arange(len(num_J))
    lower_J2, upper_J2 = ordered_JD2[every_J, (num_J - 1).clip(0) // 2], ordered_JD2[every_J, num_J // 2]
    return np.asarray((lower_J2 + upper_J2) / 2)


def _box(before: _Seen, now: _Seen) -> tuple[int, int, int, int] | None:
    """(left, top, right, bottom) px around the person in both frames; None where there is none within them."""
    if before.pixels_HWC.shape != now.pixels_HWC.shape:
        return None
    boxes = np.array([before.person.box(MARGIN), now.person.box(MARGIN)])
    if np.isnan(boxes).any():
        return None
    height, width = now.pixels_HWC.shape[:2]
    left, top = np.floor(boxes[:, :2].min(axis=0)).clip(0, (width, height)).astype(int).tolist()
    right, bottom = np.ceil(boxes[:, 2:].max(axis=0)).clip(0, (width, height)).astype(int).tolist()
    return (left, top, right, bottom) if right > left and bottom > top else None
