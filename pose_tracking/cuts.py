"""Where a clip goes over to another shot: hard cuts, told by the picture alone.

Legend: H W pixels, S side of a sketch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from pose_tracking.frame import Frame

# Frames are compared as square sketches of this side: of a body they keep where it is and how it stands.
SIDE = 32
# A sketch tells the grey of each cell against that around it (cells), in units of the contrast there, so that neither
# a lamp switched on nor a flare of the sun makes another picture; contrasts below this, grey levels, are noise.
AROUND_CELLS, NOISE_LEVELS = 7, 10.0
# So much of a sketch has to be new, on average, for another shot. Cuts on joined real clips, jumps within one scene
# among them, come to 0.06 to 0.4; the fastest dance at 25 frames/s to 0.035, somebody who walks through the whole
# picture at 10 frames/s to 0.044, a head that fills the picture and nods to 0.057, a flare of the sun to 0.02.
LEAST_NEW = 0.06
# And so many times what is new in so many frames on either side, all but one of them: what goes on, as when the camera
# pans, is no cut, not even where every other frame is repeated; and two cuts may lie a frame apart.
TIMES_USUAL, NUM_AROUND = 3.0, 4
# A flash has the same picture before and behind it: all those frames have to differ at least by this share.
STAYS_NEW = 0.5
# No frame is looked at more closely than this, px.
LOOK_PX = 160


def with_cuts(frames: Iterable[Frame]) -> Iterator[tuple[Frame, bool]]:
    """The same frames, each with whether it is the first of another shot; `NUM_AROUND` of them are read ahead.

    Fades and wipes are no cuts, and flashes are none. Within one scene, as where a piece was cut out of a take, a cut
    is told where the body is somewhere else; where it all but stands as before, nothing has to be told.
    """
    coming: deque[Frame] = deque()
    # Of the coming frames and those before them: what they look like, and how new that is.
    sketches: deque[np.ndarray] = deque()
    steps: deque[float] = deque()
    num_before = 0
    for frame in frames:
        sketch_SS = _sketch(frame.pixels_HWC)
        steps.append(_new(sketches[-1], sketch_SS) if sketches else np.nan)
        sketches.append(sketch_SS)
        coming.append(frame)
        if len(coming) > NUM_AROUND:
            yield coming.popleft(), _is_cut(sketches, steps, num_before)
            num_before += 1
        if num_before > NUM_AROUND:
            sketches.popleft()
            steps.popleft()
            num_before -= 1
    while coming:
        yield coming.popleft(), _is_cut(sketches, steps, num_before)
        num_before += 1


def _is_cut(sketches: Sequence[np.ndarray], steps: Sequence[float], place: int) -> bool:
    step = steps[place]
    around = sorted(new for at, new in enumerate(steps) if at != place and not np.isnan(new))
    if not around or not step >= LEAST_NEW:  # the first frame of a clip is no step, and one step alone tells nothing
        return False
    usual = around[
        -2 if len(around) == 2 * NUM_AROUND else -1
    ]  # beside an end of the clip too few tell of an exception
    if step < TIMES_USUAL * usual:
        return False
    before, behind = range(place), range(place, len(sketches))
    return all(_new(sketches[a], sketches[b]) >= STAYS_NEW * step for a in before for b in behind)


def _sketch(pixels_HWC: np.ndarray) -> np.ndarray:
    """Local contrasts [S, S] of a picture, about -3 to 3."""
    import cv2

    height, width = pixels_HWC.shape[:2]
    some_HWC = np.ascontiguousarray(pixels_HWC[:: max(1, height // LOOK_PX), :: max(1, width // LOOK_PX)])
    small = cv2.resize(some_HWC, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    grey_SS = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    around = (AROUND_CELLS, AROUND_CELLS)
    apart_SS = grey_SS - cv2.blur(grey_SS, around)
    return np.asarray(apart_SS / np.sqrt(cv2.blur(apart_SS**2, around) + NOISE_LEVELS**2))


def _new(one_SS: np.ndarray, other_SS: np.ndarray) -> float:
    """What neither sketch has of the other, in the same cell or in one beside it, where things may have moved to."""
    import cv2

    beside = np.ones((3, 3), np.uint8)

    def missing(here_SS: np.ndarray, there_SS: np.ndarray) -> float:
        over_SS = there_SS - cv2.dilate(here_SS, beside)
        under_SS = cv2.erode(here_SS, beside) - there_SS
        return float(np.maximum(np.maximum(over_SS, under_SS), 0.0).mean())

    return (missing(one_SS, other_SS) + missing(other_SS, one_SS)) / 2
