"""People for tests: a standing pose anywhere in a picture, and a detector that sees what is drawn.

Legend: H W pixels, K keypoints.
"""

from __future__ import annotations

import numpy as np

from pose_tracking.frame import Frame
from pose_tracking.person import Detection
from pose_tracking.skeleton import BLAZEPOSE_33

# Places of the joints that matter in a person of height 1, from the top of the head; x from the middle.
_PLACES = {
    "nose": (0.0, 0.08),
    "eye": (0.02, 0.06),
    "ear": (0.04, 0.07),
    "mouth": (0.02, 0.1),
    "shoulder": (0.1, 0.2),
    "elbow": (0.14, 0.36),
    "wrist": (0.16, 0.5),
    "pinky": (0.17, 0.54),
    "index": (0.16, 0.55),
    "thumb": (0.15, 0.53),
    "hip": (0.07, 0.53),
    "knee": (0.08, 0.75),
    "ankle": (0.08, 0.95),
    "heel": (0.08, 0.98),
    "foot": (0.1, 0.99),
}


def standing(x: float, top: float = 100.0, height: float = 300.0, *, confidence: float = 0.9) -> Detection:
    """Somebody who faces the camera, `x` px from the left."""
    keypoints = np.zeros((len(BLAZEPOSE_33), 2), dtype=np.float32)
    for place, joint in enumerate(BLAZEPOSE_33.joints):
        part = next(name for name in _PLACES if name in joint)
        aside, down = _PLACES[part]
        keypoints[place] = (x + (aside if "left" in joint else -aside) * height, top + down * height)
    return Detection(keypoints_K2=keypoints, confidence_K=np.full(len(BLAZEPOSE_33), confidence, dtype=np.float32))


def blank_frame(index: int = 0, *, width: int = 640, height: int = 480, fps: float = 25.0) -> Frame:
    """A grey picture in its place in a clip."""
    return Frame(pixels_HWC=np.full((height, width, 3), 90, np.uint8), time_s=index / fps, index=index)
