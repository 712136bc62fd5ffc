"""Clips and photos that do not go together are told apart from those that do, in words a person understands."""

from __future__ import annotations

import numpy as np
import pytest

from pose_tracking.mismatch import WARN_FROM, mismatch
from pose_tracking.sequence import PoseSequence
from tests.pose_tracking.driven_figure import ADULT, dance, pose_of, sequence_of, without

LEGS = ("knee", "ankle", "heel", "foot")
ARMS = ("elbow", "wrist", "pinky", "index", "thumb")


def photo(build: dict[str, float] | None = None, **pose: float) -> PoseSequence:
    return sequence_of(pose_of({**ADULT, **(build or {})}, **pose), scale=150.0, frame_size=(640, 640))  # type: ignore[arg-type]


def test_a_full_body_photo_and_a_full_body_dance_go_together() -> None:
    found = mismatch(sequence_of(dance()), photo())
    assert found.score == 0.0
    assert found.reasons == ()
    assert found.clip_coverage == found.photo_coverage == {"head": 1.0, "torso": 1.0, "arms": 1.0, "legs": 1.0}


def test_a_half_body_photo_with_a_full_body_dance_warns_about_the_legs() -> None:
    found = mismatch(sequence_of(dance()), without(photo(), *LEGS))
    assert found.score >= WARN_FROM
    assert found.photo_coverage["legs"] == 0.0
    assert found.reasons == (
        "The clip moves the knees and ankles, which the photo hides or cuts off: that part has to be invented. "
        "Take a photo that shows the legs, or a clip without them.",
    )


def test_head_and_shoulders_for_a_full_body_photo_warn_about_what_stays_still() -> None:
    found = mismatch(without(sequence_of(dance()), *LEGS, *ARMS, "hip"), photo())
    assert found.score >= WARN_FROM
    assert len(found.reasons) == 3
    assert all("nothing there will move" in reason for reason in found.reasons)


def test_a_half_body_clip_for_a_full_body_photo_is_remarked_on_below_the_warning() -> None:
    found = mismatch(without(sequence_of(dance()), *LEGS), photo())
    assert 0.0 < found.score < WARN_FROM
    assert "shows the knees and ankles" in found.reasons[0]


def test_one_hidden_hand_is_no_warning() -> None:
    found = mismatch(sequence_of(dance()), without(photo(), "left_wrist"))
    assert 0.0 < found.score < WARN_FROM
    assert "the left wrist," in found.reasons[0]


def test_joints_outside_the_picture_count_as_cut_off() -> None:
    low = photo()
    shifted = low.replace(keypoints_TK2=low.keypoints_TK2 + np.array([0.0, 300.0]))
    assert mismatch(sequence_of(dance()), shifted).photo_coverage["legs"] == 0.0


def test_joints_a_tracker_only_guesses_count_as_cut_off() -> None:
    guessed = photo()
    confidence = np.where(["ankle" in name for name in guessed.skeleton.joints], 0.1, 0.9)[None]
    assert mismatch(sequence_of(dance()), guessed.replace(confidence_TK=confidence)).photo_coverage["legs"] == 0.5


@pytest.mark.parametrize(("clip_turn", "photo_turn", "unseen"), [(np.pi, 0.0, "back"), (0.0, np.pi, "front")])
def test_a_view_from_the_other_side_warns(clip_turn: float, photo_turn: float, unseen: str) -> None:
    motion = sequence_of(np.array([pose_of(turn=clip_turn, arms=(0.3 + w, 0.3)) for w in np.linspace(0, 1, 20)]))
    found = mismatch(motion, photo(turn=photo_turn))
    assert found.score >= WARN_FROM
    assert f"the person's {unseen} in 100%" in found.reasons[0]


def turned_in_the_picture(poses: PoseSequence, degrees: float) -> PoseSequence:
    """The picture itself turned about its middle, as a photo that lies on its side or stands on its head."""
    angle = np.deg2rad(degrees)
    turn_22 = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle_2 = np.array(poses.frame_size) / 2
    return poses.replace(keypoints_TK2=(poses.keypoints_TK2 - middle_2) @ turn_22.T + middle_2)


@pytest.mark.parametrize("degrees", [90.0, 180.0, 270.0])
def test_a_photo_turned_in_its_plane_still_shows_the_same_side(degrees: float) -> None:
    seen_whole = photo().replace(frame_size=(2000, 2000))
    assert mismatch(sequence_of(dance()), turned_in_the_picture(seen_whole, degrees)).reasons == ()
    behind = photo(turn=np.pi).replace(frame_size=(2000, 2000))
    found = mismatch(sequence_of(dance()), turned_in_the_picture(behind, degrees))
    assert "the person's front in 100%" in found.reasons[0]


def test_without_hips_the_side_is_told_by_the_picture_s_own_upright() -> None:
    found = mismatch(sequence_of(dance()), without(photo(turn=np.pi), *LEGS, "hip"))
    assert any("the person's front in 100%" in reason for reason in found.reasons)


def test_a_turn_counts_by_the_share_of_its_back_views() -> None:
    angles = np.concatenate([np.zeros(30), np.linspace(0, np.pi, 10)])
    found = mismatch(sequence_of(np.array([pose_of(turn=angle) for angle in angles])), photo())
    assert 0.0 < found.score < WARN_FROM
    assert "back in 1" in found.reasons[0]


def test_a_head_twice_the_drivers_is_remarked_on() -> None:
    found = mismatch(sequence_of(dance()), photo({"head": 0.48, "neck": 0.6}))
    assert found.score > 0.2
    assert any("size of head" in reason for reason in found.reasons)


def test_adults_of_different_build_are_not_remarked_on() -> None:
    found = mismatch(sequence_of(dance()), photo({"thigh": 0.82, "shoulders": 0.7, "head": 0.22}))
    assert found.score == 0.0


def test_more_that_does_not_fit_scores_higher_and_the_gravest_comes_first() -> None:
    motion = sequence_of(dance())
    legs = mismatch(motion, without(photo(), *LEGS))
    both = mismatch(motion, without(photo(), *LEGS, *ARMS))
    assert both.score > legs.score
    assert "knees" in both.reasons[0]
    assert "elbows" in both.reasons[1]


def test_nobody_in_the_photo_scores_one() -> None:
    found = mismatch(sequence_of(dance()), without(photo(), ""))
    assert found.score == pytest.approx(1.0)
    assert any("seen in the photo" in reason for reason in found.reasons)
