"""Jitter, lag and foot slide of motions whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pose_tracking.skeleton import BLAZEPOSE_33, COCO_17, Skeleton
from temporal.metrics import foot_slide, jitter, lag_s
from tests.temporal.motions import LEGS, TORSO_PX, as_sequence, standing, swaying, with_noise


def test_motion_at_constant_velocity_has_no_jitter():
    times_s = np.cumsum(np.random.default_rng(0).uniform(0.01, 0.09, size=50))
    line = standing(50) + times_s[:, None, None] * [90.0, -40.0]
    assert jitter(as_sequence(line, times_s=times_s)) == pytest.approx(0, abs=1e-5)


def test_jitter_is_the_second_difference_in_torso_lengths():
    back_and_forth = standing(40)
    back_and_forth[..., 0] += np.where(np.arange(40) % 2, 1.0, -1.0)[:, None] * 0.01 * TORSO_PX
    assert jitter(as_sequence(back_and_forth)) == pytest.approx(0.04, rel=1e-3)
    assert jitter(as_sequence(3 * back_and_forth)) == pytest.approx(0.04, rel=1e-3)


def test_jitter_of_a_few_wild_joints_is_not_the_body_s():
    keypoints = standing(40)
    keypoints[::2, BLAZEPOSE_33.index("nose")] += TORSO_PX
    assert jitter(as_sequence(keypoints)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("keypoints", [standing(2), np.full((9, 33, 2), np.nan)])
def test_jitter_is_unknown_where_nothing_was_seen_three_times(keypoints):
    assert math.isnan(jitter(as_sequence(keypoints)))


@pytest.mark.parametrize("delay_s", [-0.1, -0.004, 0.0, 0.004, 0.02, 0.1])
@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_lag_is_found_to_a_fraction_of_a_frame(delay_s, noise):
    times_s = np.arange(150) / 30
    reference = as_sequence(swaying(times_s))
    later = as_sequence(with_noise(swaying(times_s - delay_s), noise))
    assert lag_s(reference, later) == pytest.approx(delay_s, abs=1e-3)


def test_lag_needs_motion():
    assert math.isnan(lag_s(as_sequence(standing(60)), as_sequence(standing(60))))
    assert math.isnan(lag_s(as_sequence(swaying(np.arange(3) / 30)), as_sequence(swaying(np.arange(3) / 30))))
    assert math.isnan(lag_s(as_sequence(standing(0)), as_sequence(standing(0))))


def test_lag_uses_what_is_seen_in_both():
    times_s = np.arange(150) / 30
    first, second = swaying(times_s), swaying(times_s - 0.03)
    first[20:60, :20] = np.nan
    second[90:120, 10:] = np.nan
    assert lag_s(as_sequence(first), as_sequence(second)) == pytest.approx(0.03, abs=1e-3)


def _walking(slide_torso_per_s):
    """Steps in place: each foot up for half a second, down for half a second while it slides."""
    times_s = np.arange(120) / 30
    keypoints = standing(120)
    for side, phase in (("left", 0.0), ("right", 0.5)):
        turn = (times_s + phase) % 1.0
        lift = np.where(turn < 0.5, np.sin(2 * np.pi * turn), 0.0) * 0.4 * TORSO_PX
        slide = np.where(turn < 0.5, 0.25 - turn, turn - 0.75) * slide_torso_per_s * TORSO_PX
        for joint in ("ankle", "heel", "foot_index"):
            place = BLAZEPOSE_33.index(f"{side}_{joint}")
            keypoints[:, place] += np.stack([slide, -lift], axis=-1)
    return as_sequence(keypoints)


@pytest.mark.parametrize("speed", [0.0, 0.3, 0.8])
def test_foot_slide_is_the_speed_of_standing_feet(speed):
    assert foot_slide(_walking(speed)) == pytest.approx(speed, abs=0.02)


def test_planted_feet_do_not_slide_and_sliding_feet_do():
    keypoints = standing(60)
    assert foot_slide(as_sequence(keypoints)) == pytest.approx(0, abs=1e-6)
    skating = keypoints + np.arange(60)[:, None, None] / 30 * [0.5 * TORSO_PX, 0.0]
    assert foot_slide(as_sequence(skating)) == pytest.approx(0.5, abs=0.01)


def test_feet_in_the_air_say_nothing():
    times_s = np.arange(60) / 30
    flying = standing(60)
    flying[..., 1] -= (6 * times_s - 3 * times_s**2)[:, None] * TORSO_PX
    flying[..., 0] += times_s[:, None] * TORSO_PX
    leaping = foot_slide(as_sequence(flying[5:-5]))
    assert math.isnan(leaping) or leaping == pytest.approx(1.0, abs=0.05)


def test_foot_slide_is_unknown_without_feet():
    unseen = standing(30)
    for word in LEGS:
        for place, joint in enumerate(BLAZEPOSE_33.joints):
            if word in joint:
                unseen[:, place] = np.nan
    assert math.isnan(foot_slide(as_sequence(unseen)))
    assert math.isnan(foot_slide(as_sequence(standing(2))))
    dots = Skeleton(name="dots", joints=("a",), limbs=())
    assert math.isnan(foot_slide(as_sequence(np.zeros((9, 1, 2)), skeleton=dots)))
    assert foot_slide(as_sequence(standing(30)).to_skeleton(COCO_17)) == pytest.approx(0, abs=1e-6)
