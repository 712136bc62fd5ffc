"""Retargeting with parts that are not there: gaps, half bodies, limbs torn off."""

from __future__ import annotations

import numpy as np
import pytest

from pose_tracking.errors import TrackingError
from pose_tracking.retargeting import retarget
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.pose_tracking.driven_figure import (
    CANVAS,
    dance,
    distance,
    lowest,
    middle,
    sequence_of,
    subject,
    without,
)

LEGS = ("knee", "ankle", "heel", "foot_index")


def test_unseen_joints_stay_unseen_and_confidence_is_carried_over() -> None:
    motion = without(sequence_of(dance()), "left_wrist", "right_knee", frames=slice(10, 30))
    confidence = motion.confidence_TK * np.linspace(0.6, 1.0, len(motion))[:, None]
    motion = motion.replace(confidence_TK=confidence)
    result = retarget(motion, onto=subject(), canvas_size=CANVAS)
    assert (result.seen_TK == motion.seen_TK).all()
    assert (result.confidence_TK == motion.confidence_TK).all()
    assert (result.times_s_T == motion.times_s_T).all()


def test_a_hand_whose_elbow_is_unseen_hangs_on_the_shoulder() -> None:
    motion = sequence_of(dance())
    whole = retarget(motion, onto=subject(), canvas_size=CANVAS)
    gap = retarget(without(motion, "left_elbow", frames=slice(10, 30)), onto=subject(), canvas_size=CANVAS)
    assert np.abs(gap.joint("left_wrist") - whole.joint("left_wrist")).max() < 0.06 * 120


def test_a_hip_that_comes_and_goes_does_not_shake_the_body() -> None:
    motion = sequence_of(dance())
    flicker = np.arange(len(motion)) % 3 == 0
    whole = retarget(motion, onto=subject({"hips": 0.5}), canvas_size=CANVAS)
    gaps = retarget(without(motion, "left_hip", frames=flicker), onto=subject({"hips": 0.5}), canvas_size=CANVAS)
    apart = gaps.keypoints_TK2 - whole.keypoints_TK2
    assert np.nanmax(np.abs(np.diff(apart, axis=0))) < 0.02 * 120


def test_frames_without_a_person_stay_empty() -> None:
    motion = without(sequence_of(dance()), "", frames=slice(20, 25))
    result = retarget(motion, onto=subject(), canvas_size=CANVAS)
    assert not result.seen_TK[20:25].any()
    assert result.seen_TK[:20].all()


def test_a_full_body_dance_on_a_half_body_photo_has_legs_below_the_crop() -> None:
    half = without(subject(), *LEGS)
    result = retarget(sequence_of(dance()), onto=half, canvas_size=CANVAS)
    assert result.seen_TK.all()
    assert np.median(lowest(result)) == pytest.approx(700.0, abs=0.15 * 120)


def test_legs_a_tracker_guesses_below_the_picture_are_not_taken_for_the_floor() -> None:
    guessed = subject()
    confidence = guessed.confidence_TK.copy()
    places = [place for place, name in enumerate(BLAZEPOSE_33.joints) if any(leg in name for leg in LEGS)]
    confidence[:, places] = 0.02
    wrong = guessed.keypoints_TK2.copy()
    wrong[:, places] -= (0.0, 60.0)
    result = retarget(
        sequence_of(dance()), onto=guessed.replace(confidence_TK=confidence, keypoints_TK2=wrong), canvas_size=CANVAS
    )
    assert np.median(lowest(result)) == pytest.approx(700.0, abs=0.15 * 120)


def test_a_half_body_clip_moves_the_upper_body_of_a_full_body_photo() -> None:
    motion = without(sequence_of(dance()), *LEGS)
    result = retarget(motion, onto=subject(), canvas_size=CANVAS)
    assert (result.seen_TK == motion.seen_TK).all()
    assert np.abs(np.median(middle(result, "hip") - middle(subject(), "hip"), axis=0)).max() < 0.15 * 120


def test_head_and_shoulders_go_where_the_photos_shoulders_are() -> None:
    motion = without(sequence_of(dance(), scale=300.0), *LEGS, "hip", "elbow", "wrist", "pinky", "index", "thumb")
    bust = without(subject(), *LEGS, "hip", "elbow", "wrist", "pinky", "index", "thumb")
    for onto in (bust, subject()):
        result = retarget(motion, onto=onto, canvas_size=CANVAS)
        assert np.abs(np.median(middle(result, "shoulder") - middle(onto, "shoulder"), axis=0)).max() < 0.12 * 120
        assert np.max(distance(result, "left_shoulder", "right_shoulder")) == pytest.approx(0.64 * 120, rel=0.08)


def test_a_limb_torn_off_by_the_tracker_is_held_back() -> None:
    motion = sequence_of(dance())
    torn = motion.keypoints_TK2.copy()
    torn[33, BLAZEPOSE_33.index("left_wrist")] += (400.0, -500.0)
    result = retarget(motion.replace(keypoints_TK2=torn), onto=subject(), canvas_size=CANVAS)
    assert distance(result, "left_elbow", "left_wrist")[33] < 1.35 * 0.53 * 120


def test_nobody_in_the_clip_or_the_photo_is_named() -> None:
    with pytest.raises(TrackingError, match="seen in the clip"):
        retarget(without(sequence_of(dance()), ""), onto=subject(), canvas_size=CANVAS)
    with pytest.raises(TrackingError, match="seen in the photo"):
        retarget(sequence_of(dance()), onto=without(subject(), ""), canvas_size=CANVAS)


def test_legs_alone_cannot_drive_a_bust() -> None:
    legs = without(sequence_of(dance()), "shoulder", "elbow", "wrist", "ear", "eye", "nose", "mouth")
    bust = without(subject(), *LEGS, "hip")
    with pytest.raises(TrackingError, match="in common"):
        retarget(legs, onto=bust, canvas_size=CANVAS)
