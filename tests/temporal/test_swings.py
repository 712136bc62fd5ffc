"""A limb that passes the line of sight swings from one direction to the other; lengths stay as they were tracked."""

from __future__ import annotations

import numpy as np
import pytest

from pose_tracking.skeleton import BLAZEPOSE_33, HOLISTIC_543, WHOLEBODY_133, Skeleton
from temporal.swings import swing_through
from tests.temporal.motions import TORSO_PX, as_sequence, kicking, standing, swaying

ELBOW, WRIST, INDEX, PINKY, THUMB = (
    BLAZEPOSE_33.index(f"left_{joint}") for joint in ("elbow", "wrist", "index", "pinky", "thumb")
)
FOREARM = 0.5 * TORSO_PX


def _raised(fps: float, *, lasting_s: float = 0.4, aside: float = 0.02, num_s: float = 2.0) -> np.ndarray:
    """A forearm that comes up between body and camera: its length shrinks to nearly nothing and grows again."""
    times_s_T = np.arange(round(num_s * fps)) / fps
    keypoints = standing(len(times_s_T))
    middle_s = num_s / 2 + 0.5 / fps  # between two frames
    along_T = np.cos(np.pi * ((times_s_T - middle_s) / lasting_s + 0.5).clip(0, 1))
    forearm_T2 = FOREARM * np.stack([np.full_like(along_T, aside), along_T], axis=1)
    keypoints[:, WRIST] = keypoints[:, ELBOW] + forearm_T2
    for joint, across in ((INDEX, -3.0), (PINKY, 3.0), (THUMB, -5.0)):
        keypoints[:, joint] = keypoints[:, WRIST] + 0.25 * forearm_T2 + (across, 0.0)
    return keypoints


def _forearm(keypoints_TK2: np.ndarray) -> np.ndarray:
    return keypoints_TK2[:, WRIST] - keypoints_TK2[:, ELBOW]


def _turns_deg(limb_T2: np.ndarray) -> np.ndarray:
    """By how much the direction changes from frame to frame."""
    angle_T = np.unwrap(np.arctan2(limb_T2[:, 1], limb_T2[:, 0]))
    return np.rad2deg(np.abs(np.diff(angle_T)))


@pytest.mark.parametrize(("fps", "most_deg"), [(15, 75), (24, 60), (30, 50), (60, 25)])
def test_a_forearm_that_passes_the_line_of_sight_does_not_flip(fps: float, most_deg: float) -> None:
    tracked = _raised(fps)
    swung = swing_through(as_sequence(tracked, fps=fps)).keypoints_TK2

    assert _turns_deg(_forearm(tracked)).max() > 100
    assert _turns_deg(_forearm(swung)).max() < most_deg
    np.testing.assert_allclose(
        np.linalg.norm(_forearm(swung), axis=-1), np.linalg.norm(_forearm(tracked), axis=-1), atol=1e-3
    )


def test_it_points_where_it_was_tracked_before_and_after() -> None:
    tracked = _raised(30)
    swung = swing_through(as_sequence(tracked)).keypoints_TK2

    np.testing.assert_allclose(swung[:20], tracked[:20], atol=0.02 * TORSO_PX)
    np.testing.assert_allclose(swung[-20:], tracked[-20:], atol=0.02 * TORSO_PX)


def test_the_hand_goes_with_its_forearm() -> None:
    tracked = _raised(30)
    swung = swing_through(as_sequence(tracked)).keypoints_TK2

    moved = np.linalg.norm(swung[:, WRIST] - tracked[:, WRIST], axis=-1)
    hand = (swung[:, INDEX] + swung[:, PINKY]) / 2 - swung[:, WRIST]
    assert moved.max() > 0.05 * TORSO_PX
    assert _turns_deg(hand).max() < 60
    for finger in (INDEX, PINKY, THUMB):
        np.testing.assert_allclose(
            np.linalg.norm(swung[:, finger] - swung[:, WRIST], axis=-1),
            np.linalg.norm(tracked[:, finger] - tracked[:, WRIST], axis=-1),
            atol=1e-3,
        )


@pytest.mark.parametrize("fps", [24, 60])
def test_limbs_that_show_their_length_stay_where_they_were_tracked(fps: float) -> None:
    times_s_T = np.arange(2 * fps) / fps
    for keypoints in (standing(len(times_s_T)), kicking(times_s_T), swaying(times_s_T)):
        swung = swing_through(as_sequence(keypoints, fps=fps)).keypoints_TK2

        assert np.nanmax(np.abs(swung - keypoints)) < 0.05 * TORSO_PX


def test_where_nobody_sees_which_way_an_elbow_turned_it_opens_by_way_of_the_straight_arm() -> None:
    keypoints = standing(30)
    keypoints[:, ELBOW] = keypoints[:, BLAZEPOSE_33.index("left_shoulder")] + (0.0, 50.0)
    # Bent by 100 degrees to one side, and from one frame to the next by 100 to the other, all of it pointing at us.
    bend_T = np.deg2rad(np.where(np.arange(30) < 15, 100, -100))
    length_T = np.where(np.abs(np.arange(30) - 14.5) < 4, 0.05, 1.0) * FOREARM
    keypoints[:, WRIST] = keypoints[:, ELBOW] + length_T[:, None] * np.stack([np.sin(bend_T), np.cos(bend_T)], axis=1)

    forearm = _forearm(swing_through(as_sequence(keypoints)).keypoints_TK2)
    bends = np.rad2deg(np.arctan2(forearm[:, 0], forearm[:, 1]))

    assert np.abs(bends).max() < 101
    assert np.abs(np.diff(bends)).max() < 60


def test_what_was_not_seen_stays_unseen_and_links_nothing() -> None:
    keypoints = _raised(30)
    keypoints[25:35, WRIST] = np.nan
    swung = swing_through(as_sequence(keypoints)).keypoints_TK2

    np.testing.assert_array_equal(np.isnan(swung), np.isnan(keypoints.astype(np.float32)))
    np.testing.assert_allclose(_forearm(swung)[:25], _forearm(keypoints)[:25], atol=0.05 * TORSO_PX)
    nobody = np.full((5, 33, 2), np.nan)
    assert np.isnan(swing_through(as_sequence(nobody)).keypoints_TK2).all()
    assert len(swing_through(as_sequence(standing(1)))) == 1


@pytest.mark.parametrize("skeleton", [HOLISTIC_543, WHOLEBODY_133], ids=lambda skeleton: skeleton.name)
def test_fingers_and_toes_of_every_skeleton_go_along(skeleton: Skeleton) -> None:
    body = _raised(30)
    knee, ankle = BLAZEPOSE_33.index("left_knee"), BLAZEPOSE_33.index("left_ankle")
    body[:, ankle] = body[:, knee] + _forearm(body)
    keypoints = np.full((60, len(skeleton), 2), np.nan, np.float32)
    ends = {"left_hand": WRIST, "left_big": ankle, "left_small": ankle}
    for place, joint in enumerate(skeleton.joints):
        if joint in BLAZEPOSE_33:
            keypoints[:, place] = body[:, BLAZEPOSE_33.index(joint)]
        elif (end := ends.get("_".join(joint.split("_")[:2]))) is not None:
            keypoints[:, place] = body[:, end] + (3.0, 1.0)
    swung = swing_through(as_sequence(keypoints, skeleton=skeleton)).keypoints_TK2

    for root, joints in (("left_wrist", ("left_hand_5", "left_hand_20")), ("left_ankle", ("left_big_toe",))):
        moved = (swung - keypoints)[:, skeleton.index(root)]
        assert np.abs(moved).max() > 0.05 * TORSO_PX
        for joint in joints:
            if joint in skeleton:
                offset = swung[:, skeleton.index(joint)] - swung[:, skeleton.index(root)]
                np.testing.assert_allclose(np.linalg.norm(offset, axis=-1), np.hypot(3.0, 1.0), atol=1e-3)
