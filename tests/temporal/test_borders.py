"""Limbs that a tracker guesses beyond the picture are not believed."""

from __future__ import annotations

import numpy as np
import pytest

from pose_tracking.sequence import PoseSequence
from temporal.borders import doubt_beyond_borders
from tests.temporal.motions import TORSO_PX, as_sequence, standing


def _cut_off(*, below_hips: float) -> PoseSequence:
    """A person at rest whom the picture's lower edge cuts off so many torso lengths below the hips."""
    whole = as_sequence(standing(5))
    hips_y = float(whole.joint("left_hip")[0, 1])
    return whole.replace(frame_size=(640, round(hips_y + below_hips * TORSO_PX)))


def _confidence(sequence: PoseSequence, joint: str) -> np.ndarray:
    return sequence.confidence_TK[:, sequence.skeleton.index(joint)]


@pytest.mark.parametrize("side", ["left", "right"])
def test_legs_below_the_picture_are_not_believed(side: str) -> None:
    told = doubt_beyond_borders(_cut_off(below_hips=0.3))
    for joint in ("knee", "ankle", "foot_index"):
        np.testing.assert_array_equal(_confidence(told, f"{side}_{joint}"), 0)
    for joint in ("hip", "wrist", "shoulder"):
        np.testing.assert_array_equal(_confidence(told, f"{side}_{joint}"), 1)


def test_feet_that_the_edge_cuts_are_believed() -> None:
    cut = _cut_off(below_hips=1.62)
    assert cut.joint("left_foot_index")[0, 1] > cut.frame_size[1]
    np.testing.assert_array_equal(doubt_beyond_borders(cut).confidence_TK, cut.confidence_TK)


def test_belief_ends_without_a_step() -> None:
    heights = np.arange(0.3, 0.9, 0.01)
    told = [float(_confidence(doubt_beyond_borders(_cut_off(below_hips=height)), "left_knee")[0]) for height in heights]
    assert (told[0], told[-1]) == (0, 1)
    assert np.abs(np.diff(told)).max() < 0.15


def test_hips_and_heads_beyond_the_picture_keep_their_confidence() -> None:
    bust = _cut_off(below_hips=-0.5)
    np.testing.assert_array_equal(_confidence(doubt_beyond_borders(bust), "left_hip"), 1)
    low = standing(5) - [0.0, 100.0]
    headless = as_sequence(low)
    assert headless.joint("left_eye")[0, 1] < 0
    np.testing.assert_array_equal(_confidence(doubt_beyond_borders(headless), "left_eye"), 1)


def test_positions_stay_and_unseen_joints_stay_unseen() -> None:
    cut = _cut_off(below_hips=0.3)
    told = doubt_beyond_borders(cut)
    np.testing.assert_array_equal(told.keypoints_TK2, cut.keypoints_TK2)
    np.testing.assert_array_equal(told.seen_TK, cut.seen_TK)
