"""Feet that stand stay where they are while the body is kept in the picture."""

from __future__ import annotations

import numpy as np
import pytest

from pose_tracking.retargeting import RetargetConfig, retarget
from pose_tracking.sequence import PoseSequence
from pose_tracking.standing import calmed, walks
from tests.pose_tracking.driven_figure import CANVAS, pose_of, sequence_of

TIMES_S = np.arange(100) / 25


def kick(num_frames: int = 50) -> PoseSequence:
    """On the left foot, the other leg goes far out and back."""
    out = np.sin(np.linspace(0, np.pi, num_frames)) ** 4
    poses = np.array([pose_of(strides=(0.0, 1.5 * share), lean=0.5 * share) for share in out])
    foot = 27  # left ankle, which carries the body
    return sequence_of(poses - poses[:, foot : foot + 1] * (1, 0))


@pytest.mark.parametrize("x", [200.0, 250.0])
def test_a_kick_over_the_edge_does_not_push_the_foot_that_stands(x: float) -> None:
    akimbo = pose_of(arms=(0.9, 0.9), elbows=(-1.8, -1.8))  # as at no time of the kick
    onto = sequence_of(akimbo, scale=170.0, at=(x, 760.0), frame_size=CANVAS)
    free = retarget(kick(), onto=onto, canvas_size=CANVAS, config=RetargetConfig(stay_in_view=False))
    held = retarget(kick(), onto=onto, canvas_size=CANVAS)
    assert np.nanmin(free.keypoints_TK2[..., 0]) < 0
    assert np.nanmin(held.keypoints_TK2[..., 0]) > 0
    assert np.ptp(held.joint("left_ankle")[:, 0]) < 0.1 * 170


def test_a_shift_that_may_stay_the_same_all_the_time_does() -> None:
    shift = 40 * np.exp(-(((TIMES_S - 1) / 0.3) ** 2))
    calm = calmed(shift[:50], TIMES_S[:50], (shift[:50], np.full(50, 90.0)))
    np.testing.assert_allclose(calm, 40.0, atol=1.0)
    assert (calm >= shift[:50]).all()


def test_a_shift_that_limits_change_goes_no_faster_than_they_ask() -> None:
    need = 20 * np.tanh((TIMES_S - 2) / 0.5)
    calm = calmed(need, TIMES_S, (need - 10, need + 10))
    assert np.abs(np.diff(calm)).max() < 0.6 * np.abs(np.diff(need)).max()


def test_limits_are_kept_and_a_shift_beyond_them_is_not_taken_farther() -> None:
    random = np.random.default_rng(0)
    shift, least = random.normal(0, 20, 100), random.normal(-10, 5, 100)
    most = least + 15
    calm = calmed(shift, TIMES_S, (least, most))
    assert (calm >= np.fmin(least, shift)).all()
    assert (calm <= np.fmax(most, shift)).all()


def test_frames_that_are_held_keep_their_shift() -> None:
    shift, held = np.linspace(0, 50, 100), np.zeros(100)
    held[:5] = 1
    wide = np.full(100, -100.0), np.full(100, 100.0)
    np.testing.assert_allclose(calmed(shift, TIMES_S, wide, held_T=held)[:5], shift[:5])


def test_without_a_shift_nothing_is_moved() -> None:
    np.testing.assert_array_equal(calmed(np.zeros(100), TIMES_S, (np.full(100, -9.0), np.full(100, 9.0))), 0)


def test_a_sway_over_two_feet_is_no_walk() -> None:
    assert not walks(90 * np.sin(2 * np.pi * TIMES_S), TIMES_S, torso_px=100.0)
    assert not walks(np.linspace(0, 90, 100), TIMES_S, torso_px=100.0)
    assert walks(np.linspace(0, 300, 100), TIMES_S, torso_px=100.0)
