"""How the picture around each joint moves from frame to frame.

A tracker finds the pose of every frame anew and errs by a per cent or two of the body each time; what the picture
itself does between two frames is known to a fraction of a px. `temporal.tying` brings the two together.

Legend: H W pixels, T frames, K keypoints.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType

import numpy as np
from typing_extensions import Self

from pose_tracking.person import Detection

# The part of the frames around the person is looked at in this size, at most; more gains nothing.
SIDE_PX = 256
# Mean difference of two frames, in grey levels, up to which the second one repeats the first but for the coding.
SAME_LEVELS = 0.5
# Smaller pictures have no room for the flow's coarsest grid.
MIN_SIDE_PX = 48
# How far beyond the joints the picture is looked at, and how far around a joint it counts as the joint's own: shares
# of the diagonal of the box around the joints. A wrist is about as thick as the second is wide.
MARGIN, RADIUS = 0.1, 0.018
MIN_RADIUS_PX = 3.0
# Frames wait for the measurement up to this many pairs; the pictures of each are kept until then.
MAX_WAITING = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Seen:
    """A frame, the followed person in it in its px, and how much larger (x, y) the steps are wanted."""

    pixels_HWC: np.ndarray
    person: Detection
    stretch: tuple[float, float]


class StepMeter:
    """Measures steps in a thread of its own, each pair of frames while the tracker is at the next.

    Use it in a `with` block; hand it every frame in order.

    Args:
        frame_size: (width, height) px of the picture in which poses are given and steps are wanted. Frames may be
            smaller, of the same shape.
    """

    def __init__(self, frame_size: tuple[int, int]) -> None:
        self._frame_size = frame_size
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="optical-flow")
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

        self._worker.shutdown(wait=True, cancel_futures=True)
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
    is_same = float(cv2.absdiff(grey[0], grey[1]).mean()) <= SAME_LEVELS
    flow_HW2 = np.zeros((*grey[0].shape, 2), np.float32) if is_same else _flow(grey[0], grey[1])
    radius_px = max(MIN_RADIUS_PX, RADIUS * before.person.size_px * scale)
    steps_K2 = _around((points_K2 - (left, top)) * scale, flow_HW2, radius_px=radius_px)
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


def _flow(before_HW: np.ndarray, now_HW: np.ndarray) -> np.ndarray:
    """Dense inverse search (Kroeger et al. 2016, "Fast optical flow using dense inverse search"): [H, W, 2] px.

    One scale finer than the preset, which resolves limbs that are a few px wide. Its refinement is half of the time,
    and worth it: with two steps of five, `temporal.tying` gained a third less on the clip that was tried.
    """
    import cv2

    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    search.setFinestScale(1)
    return np.asarray(search.calc(before_HW, now_HW, None))  # type: ignore[call-overload]


def _around(points_K2: np.ndarray, flow_HW2: np.ndarray, *, radius_px: float) -> np.ndarray:
    """The median flow [K, 2] within a disc around each point; NaN for points that are unseen or outside."""
    height, width = flow_HW2.shape[:2]
    reach = int(radius_px)
    down_D, right_D = np.nonzero(np.hypot(*np.mgrid[-reach : reach + 1, -reach : reach + 1]) <= radius_px)
    offsets_D2 = np.stack([right_D, down_D], axis=-1) - reach
    with np.errstate(invalid="ignore"):
        inside_K = ((points_K2 >= 0) & (points_K2 < (width, height))).all(axis=-1)
    centers_K2 = np.where(inside_K[:, None], points_K2, 0).astype(int)
    places_KD2 = (centers_K2[:, None] + offsets_D2).clip(0, (width - 1, height - 1))
    median_K2 = np.median(flow_HW2[places_KD2[..., 1], places_KD2[..., 0]], axis=1)
    return np.where(inside_K[:, None], median_K2, np.nan).astype(np.float32)


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
