"""Motions of all kinds for hypothesis, and the steps that they go through."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from pose_tracking.sequence import PoseSequence
from pose_tracking.skeleton import COCO_17
from temporal.facing import hold_facing
from temporal.gaps import fill_gaps
from temporal.motion import MotionConfig, clean_motion
from temporal.outliers import reject_outliers
from temporal.resampling import resample
from temporal.smoothing import SMOOTHERS, smooth_positions, smoother_by_name
from temporal.swaps import repair_swaps
from temporal.swings import swing_through
from temporal.tying import tie_to_picture

Step = Callable[[PoseSequence], PoseSequence]
WINDOW_S = MotionConfig().window_s
# Positions are float32: at 4000 px the next number is 0.00025 px away.
TIGHT_PX = 2e-3

SMOOTHING: dict[str, Step] = {
    name: lambda sequence, name=name: smooth_positions(sequence, smoother_by_name(name, window_s=WINDOW_S))
    for name in SMOOTHERS
}

IN_PLACE: dict[str, Step] = {
    **SMOOTHING,
    "gaps": fill_gaps,
    "outliers": reject_outliers,
    "swaps": repair_swaps,
    "tie": lambda sequence: tie_to_picture(sequence, weight=MotionConfig().picture_weight),
}


def _whole(**settings: bool) -> dict[str, Step]:
    """The whole chain with each smoother."""
    configs = {name: MotionConfig(smoother=name, **settings) for name in SMOOTHERS if name != "none"}
    return {
        f"motion {name}": lambda sequence, config=config: clean_motion(sequence, config, fps=Fraction(25))[0]
        for name, config in configs.items()
    }


WHOLE = _whole()
# A limb that passes through a point is to swing, though each of its ends moves evenly.
WITHOUT_FLIPS = _whole(repair_flips=False)
FLIPS: dict[str, Step] = {"facing": hold_facing, "swings": swing_through}

EVERY: dict[str, Step] = {
    **IN_PLACE,
    **FLIPS,
    "grid": lambda sequence: resample(sequence, fps=Fraction(25)),
    **WHOLE,
}

quick = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def frame_times(draw: st.DrawFn, *, min_frames: int = 1, max_frames: int = 50) -> np.ndarray:
    """Rising times from 0, even or not, at 5 to 120 frames/s."""
    num_frames = draw(st.integers(min_frames, max_frames))
    step_s = 1 / draw(st.sampled_from([5, 10, 24, 29.97, 30, 60, 120]))
    unevenness = draw(st.sampled_from([0.0, 0.0, 0.3, 0.9]))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    steps_s = step_s * (1 + unevenness * random.uniform(-1, 1, size=num_frames))
    return np.concatenate([[0.0], np.cumsum(steps_s)[:-1]])


@st.composite
def linear_motions(draw: st.DrawFn, *, holes: bool = False) -> PoseSequence:
    """Every joint at its own constant velocity, zero included; perhaps with unseen keypoints inside."""
    times_s = draw(frame_times())
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    speed = draw(st.sampled_from([0.0, 5.0, 100.0, 400.0]))
    start_K2 = random.uniform(0, 1000, size=(17, 2))
    keypoints = start_K2 + times_s[:, None, None] * random.uniform(-speed, speed, size=(17, 2))
    if holes:
        keypoints[random.random(keypoints.shape[:2]) < draw(st.sampled_from([0.05, 0.3]))] = np.nan
    return _sequence(keypoints, times_s, random.uniform(0, 1, size=keypoints.shape[:2]))


@st.composite
def wild_motions(draw: st.DrawFn, *, min_frames: int = 1) -> PoseSequence:
    """Anything a tracker can give: wandering joints, noise, spikes, swaps, holes, uneven times.

    Coordinates are eighths of a px, so that moving them by whole px, doubling and mirroring lose no digit.
    """
    times_s = draw(frame_times(min_frames=min_frames))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (len(times_s), 17, 2)
    wander = np.cumsum(random.normal(size=shape) * draw(st.sampled_from([0.0, 1.0, 10.0])), axis=0)
    keypoints = random.uniform(200, 600, size=(17, 2)) + wander
    keypoints += random.normal(size=shape) * draw(st.sampled_from([0.0, 2.0]))
    spikes = random.random(shape[:2]) < draw(st.sampled_from([0.0, 0.02]))
    keypoints[spikes] += random.normal(size=(int(spikes.sum()), 2)) * 200
    if draw(st.booleans()) and len(times_s) > 3:
        cut = slice(len(times_s) // 3, len(times_s) // 2)
        keypoints[cut] = keypoints[cut][:, list(COCO_17.mirror)]
    keypoints[random.random(shape[:2]) < draw(st.sampled_from([0.0, 0.1, 0.6]))] = np.nan
    return _sequence(np.round(keypoints * 8) / 8, times_s, random.uniform(0, 1, size=shape[:2]))


def _sequence(keypoints: np.ndarray, times_s: np.ndarray, confidence: np.ndarray) -> PoseSequence:
    return PoseSequence(
        keypoints_TK2=keypoints, confidence_TK=confidence, times_s_T=times_s, skeleton=COCO_17, frame_size=(1024, 768)
    )


def with_picture(sequence: PoseSequence) -> PoseSequence:
    """With a picture that moves exactly as the joints do."""
    keypoints = sequence.keypoints_TK2.astype(np.float64)
    return sequence.replace(steps_TK2=np.diff(keypoints, axis=0, prepend=keypoints[:1]))


def assert_alike(first: PoseSequence, second: PoseSequence, *, atol: float = TIGHT_PX) -> None:
    np.testing.assert_array_equal(first.seen_TK, second.seen_TK)
    np.testing.assert_allclose(first.keypoints_TK2, second.keypoints_TK2, atol=atol, rtol=0)
    np.testing.assert_allclose(first.confidence_TK, second.confidence_TK, atol=1e-5)
    np.testing.assert_allclose(first.times_s_T, second.times_s_T, atol=1e-9)
