"""Everybody in a photo.

Legend: H W pixels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pose_tracking.frame import Frame
from pose_tracking.person import Detection
from pose_tracking.tracking import TrackerConfig, open_tracker


def track_photo(pixels_HWC: np.ndarray, config: TrackerConfig) -> list[Detection]:
    """Everybody in a photo, from left to right; `choose_person` picks the one that `config.person` asks for.

    Args:
        pixels_HWC: uint8 RGB [H, W, 3].
        config: a recording is not looked at: it belongs to the clip.

    Raises:
        TrackingError: mediapipe or the model is not at hand.
    """
    if config.kind.endswith(".task"):
        with open_tracker(config.model_copy(update={"recorded": None})) as tracker:
            people = tracker.detect(Frame(pixels_HWC=pixels_HWC, time_s=0.0, index=0))
        return sorted(people, key=lambda person: person.center[0])
    from pose_tracking.trackers.blazepose import find_people

    return find_people(pixels_HWC, **_photo_options(config))


def track_photo_close_up(pixels_HWC: np.ndarray, config: TrackerConfig) -> list[Detection]:
    """Whoever is too small in a photo for `track_photo`, from left to right; for photos in which that finds nobody.

    Args: as those of `track_photo`. A `.task` file is not asked: it finds nobody.

    Raises:
        TrackingError: mediapipe or the model is not at hand.
    """
    if config.kind.endswith(".task"):
        return []
    from pose_tracking.trackers.blazepose import find_people_close_up

    return find_people_close_up(pixels_HWC, **_photo_options(config))


def _photo_options(config: TrackerConfig) -> dict[str, Any]:
    return {
        "holistic": config.kind == "holistic",
        "confidence": config.detection_confidence,
        "min_visibility": config.min_visibility,
    }
