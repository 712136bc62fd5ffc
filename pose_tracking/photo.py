"""Everybody in a photo.

Legend: H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    if config.task_file is not None:
        with open_tracker(config.model_copy(update={"recorded": None})) as tracker:
            people = tracker.detect(Frame(pixels_HWC=pixels_HWC, time_s=0.0, index=0))
        return sorted(people, key=lambda person: person.center[0])
    from pose_tracking.trackers.blazepose import find_people

    return find_people(pixels_HWC, **_photo_options(config))


def track_photo_close_up(
    pixels_HWC: np.ndarray,
    config: TrackerConfig,
    *,
    known: Sequence[Detection] = (),
    point: tuple[float, float] | None = None,
) -> list[Detection]:
    """Whoever is too small in a photo for `track_photo`, from left to right, and those of `known` who are people.

    Args:
        pixels_HWC, config: as those of `track_photo`. A `.task` file is not asked: it finds nobody else.
        known: what `track_photo` found. Without a point, these are taken for small ones: they stay if they show close
            up, too, unless a part of the photo shows more of them.
        point: fractions (x, y) of width and height; only the person there is looked for, and all of `known` stay.

    Raises:
        TrackingError: mediapipe or the model is not at hand.
    """
    if config.task_file is not None:
        return list(known)
    from pose_tracking.trackers.blazepose import find_people_close_up

    return find_people_close_up(pixels_HWC, known=known, point=point, **_photo_options(config))


def _photo_options(config: TrackerConfig) -> dict[str, Any]:
    return {
        "holistic": config.kind == "holistic",
        "confidence": config.detection_confidence,
        "min_visibility": config.min_visibility,
    }
