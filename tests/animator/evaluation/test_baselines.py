from types import SimpleNamespace

import numpy as np

from animator.evaluation.baselines import HoldGenerator
from temporal.windows import PoseWindow


def test_hold_repeats_the_photo_at_the_windows_times() -> None:
    photo = np.random.default_rng(0).integers(0, 255, (12, 10, 3), dtype=np.uint8)
    nothing = {"keypoints_NK2": np.zeros((5, 33, 2)), "confidence_NK": np.zeros((5, 33))}
    windows = [PoseWindow(**nothing, center=center, time_s=center / 25) for center in (3, 4)]
    frames = list(HoldGenerator().generate(windows, SimpleNamespace(photo_HWC=photo)))  # type: ignore[arg-type]
    assert [(frame.index, frame.time_s) for frame in frames] == [(3, 0.12), (4, 0.16)]
    assert all((frame.pixels_HWC == photo).all() for frame in frames)
