"""The unit in which thresholds are stated."""

from __future__ import annotations

import numpy as np
import pytest

from pose_tracking.skeleton import BLAZEPOSE_33, HOLISTIC_543, Skeleton
from temporal.scale import torso_length_px
from tests.temporal.motions import TORSO_PX, as_sequence, standing, turning


def test_torso_is_mid_shoulder_to_mid_hip():
    assert torso_length_px(as_sequence(standing(5))) == pytest.approx(TORSO_PX)


def test_torso_does_not_shrink_when_the_person_turns():
    assert torso_length_px(as_sequence(turning(np.arange(90) / 30))) == pytest.approx(TORSO_PX)


def test_torso_is_guessed_from_the_spread_where_hips_are_unseen():
    keypoints = standing(5)
    keypoints[:, [BLAZEPOSE_33.index("left_hip"), BLAZEPOSE_33.index("right_hip")]] = np.nan
    assert torso_length_px(as_sequence(keypoints)) == pytest.approx(TORSO_PX, rel=0.1)


def test_shoulders_tracked_onto_the_hips_are_no_torso():
    keypoints = standing(5)
    for side in ("left", "right"):
        keypoints[:, BLAZEPOSE_33.index(f"{side}_shoulder")] = keypoints[:, BLAZEPOSE_33.index(f"{side}_hip")]
    assert torso_length_px(as_sequence(keypoints)) > 0.25 * TORSO_PX


@pytest.mark.parametrize("num_frames", [0, 3])
def test_torso_is_positive_where_nobody_was_seen(num_frames):
    assert torso_length_px(as_sequence(np.full((num_frames, 33, 2), np.nan))) > 0


def test_any_skeleton_has_a_scale():
    dots = Skeleton(name="dots", joints=("a", "b"), limbs=())
    sequence = as_sequence([[[0.0, 0.0], [30.0, 40.0]]], skeleton=dots)
    assert torso_length_px(sequence) == pytest.approx(0.3 * 50)
    assert torso_length_px(as_sequence(np.zeros((1, 543, 2)), skeleton=HOLISTIC_543)) > 0
