"""Generated frames, tracked as the clip was: is the person where the motion says?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from pose_tracking.errors import TrackingError
from pose_tracking.frame import Frame
from pose_tracking.sequence import PoseSequence
from pose_tracking.tracking import TrackerConfig, open_tracker, track


def track_again(
    frames: Iterator[Frame], target: PoseSequence, config: TrackerConfig, *, on_frame: Callable[[int], None]
) -> PoseSequence:
    """The poses found in generated frames; unseen throughout where the tracker finds nobody at all."""
    config = config.model_copy(update={"recorded": None, "person": "largest", "max_missing": 1.0})
    num_frames = 0

    def count(number: int) -> None:
        nonlocal num_frames
        num_frames = number
        on_frame(number)

    with open_tracker(config) as tracker:
        try:
            return track(frames, tracker, frame_size=target.frame_size, config=config, on_frame=count)
        except TrackingError:
            # Nobody in any frame is a result here; an error before the last frame is not.
            if num_frames < len(target):
                raise
        return target.replace(keypoints_TK2=np.full_like(target.keypoints_TK2, np.nan))
