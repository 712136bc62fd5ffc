"""A trunk in profile keeps its side; one that really turns does not."""

from __future__ import annotations

import numpy as np

from pose_tracking.skeleton import BLAZEPOSE_33
from temporal.facing import hold_facing
from tests.temporal.motions import TORSO_PX, as_sequence, standing, turning

CORNERS = [BLAZEPOSE_33.index(f"{side}_{joint}") for joint in ("shoulder", "hip") for side in ("left", "right")]


def _with_breadth(breadth_T: np.ndarray) -> np.ndarray:
    """Somebody upright whose shoulders and hips are so broad, torso lengths."""
    keypoints = standing(len(breadth_T))
    for left, right in (CORNERS[:2], CORNERS[2:]):
        keypoints[:, left, 0] = 320 + breadth_T * TORSO_PX / 2
        keypoints[:, right, 0] = 320 - breadth_T * TORSO_PX / 2
    return keypoints


def _breadth(keypoints_TK2: np.ndarray) -> np.ndarray:
    """Left minus right [T, shoulders and hips], torso lengths."""
    corners = keypoints_TK2[:, CORNERS, 0]
    return (corners[:, ::2] - corners[:, 1::2]) / TORSO_PX


def test_noise_in_profile_does_not_turn_anybody_round() -> None:
    breadth = np.concatenate([np.linspace(0.5, 0.03, 10), 0.03 * (-1.0) ** np.arange(30), np.linspace(0.03, 0.5, 10)])
    held = hold_facing(as_sequence(_with_breadth(breadth))).keypoints_TK2

    assert (np.diff(np.sign(breadth)) != 0).sum() > 20
    assert (_breadth(held) > 0).all()
    # Nothing but shoulders and hips, and these by no more than what was wrong with them.
    changed = np.abs(held - _with_breadth(breadth).astype(np.float32))
    assert np.nanmax(changed) < 0.03 * TORSO_PX
    assert np.nanmax(np.delete(changed, CORNERS, axis=1)) == 0


def test_a_moment_on_the_wrong_side_is_put_back() -> None:
    breadth = np.full(60, -0.2)
    breadth[28:33] = 0.05, 0.12, 0.14, 0.12, 0.05

    assert (_breadth(hold_facing(as_sequence(_with_breadth(breadth))).keypoints_TK2) < 0).all()


def test_somebody_who_turns_round_turns_round() -> None:
    times_s_T = np.arange(90) / 30
    for motion in (turning(times_s_T), _with_breadth(0.5 * np.cos(2 * np.pi * times_s_T))):
        sequence = as_sequence(motion)

        np.testing.assert_array_equal(hold_facing(sequence).keypoints_TK2, sequence.keypoints_TK2)


def test_the_side_does_not_depend_on_frames_per_second() -> None:
    for fps in (10, 30, 120):
        times_s_T = np.arange(2 * fps) / fps
        breadth = 0.3 - 0.34 * np.exp(-(((times_s_T - 1) / 0.15) ** 2))
        sequence = as_sequence(_with_breadth(breadth), fps=fps)

        assert breadth.min() < 0
        assert (_breadth(hold_facing(sequence).keypoints_TK2) > 0).all()


def test_frames_without_a_hip_and_clips_without_a_trunk_are_left_alone() -> None:
    keypoints = _with_breadth(np.where(np.arange(40) % 7 == 3, -0.05, 0.3))
    keypoints[3:11, CORNERS[3]] = np.nan
    held = hold_facing(as_sequence(keypoints)).keypoints_TK2

    np.testing.assert_array_equal(held[3:11], keypoints[3:11].astype(np.float32))
    assert (_breadth(held)[11:] > 0).all()
    nobody = as_sequence(np.full((4, 33, 2), np.nan))
    assert np.isnan(hold_facing(nobody).keypoints_TK2).all()
    assert len(hold_facing(as_sequence(standing(1)))) == 1
