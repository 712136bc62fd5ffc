"""Feet of retargeted figures: on the floor, over it in a jump, not sliding; and the way the hips take."""

from __future__ import annotations

import numpy as np
import pytest

from pose_tracking.retargeting import RetargetConfig, retarget
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.pose_tracking.driven_figure import CANVAS, dance, distance, lowest, middle, pose_of, sequence_of, subject


def test_standing_feet_do_not_slide_under_longer_legs() -> None:
    waves = np.sin(np.linspace(0, 4 * np.pi, 80))
    poses = np.array([pose_of(strides=(0.12, 0.12), knees=(0.6 * abs(w), 0.6 * abs(w)), lean=0.2 * w) for w in waves])
    poses -= poses[:, [BLAZEPOSE_33.index("left_ankle")]] * (1.0, 0.0)
    legs = {"thigh": 0.95, "shin": 0.93}
    result = retarget(sequence_of(poses), onto=subject(legs), canvas_size=CANVAS)
    feet = (result.joint("left_heel") + result.joint("right_heel")) / 2
    driven = sequence_of(poses)
    slide = np.ptp((driven.joint("left_heel") + driven.joint("right_heel"))[:, 0] / 2)
    assert np.ptp(feet[:, 0]) < 1.5 * slide + 1.0
    assert np.abs(lowest(result) - 700.0).max() < 1.0


def test_a_jump_leaves_the_floor_by_the_subjects_measure() -> None:
    height = np.concatenate([np.zeros(30), np.sin(np.linspace(0, np.pi, 12)) * 0.5, np.zeros(30)])
    motion = sequence_of(np.array([pose_of(lift=lift) for lift in height]))
    result = retarget(motion, onto=subject(arms=(1.5, 1.5)), canvas_size=CANVAS)
    assert lowest(result)[:30] == pytest.approx(700.0, abs=1.0)
    assert lowest(result).min() == pytest.approx(700.0 - 0.5 * 120, rel=0.01)


def test_jumping_all_the_time_still_stands_on_the_floor_in_between() -> None:
    height = np.abs(np.sin(np.linspace(0, 8 * np.pi, 120))) * 0.4
    motion = sequence_of(np.array([pose_of(lift=lift) for lift in height]))
    result = retarget(motion, onto=subject(arms=(1.5, 1.5)), canvas_size=CANVAS)
    assert lowest(result).max() == pytest.approx(700.0, abs=0.06 * 120)


def test_coming_nearer_makes_the_subject_grow() -> None:
    scale = np.linspace(80.0, 160.0, 60)
    motion = sequence_of(dance(), scale=scale, at=np.stack([np.full(60, 300.0), 300 + scale], axis=1))
    result = retarget(motion, onto=subject(arms=(0.0, 2.0)), canvas_size=CANVAS)
    growth = distance(result, "left_ear", "right_ear") / distance(motion, "left_ear", "right_ear")
    assert growth == pytest.approx(np.full(60, growth[0]), rel=1e-3)
    assert np.median(distance(result, "left_hip", "left_shoulder")) == pytest.approx(
        np.median(distance(subject(), "left_hip", "left_shoulder")), rel=0.1
    )


def test_locked_root_holds_the_hips_over_one_place_and_lets_them_sink() -> None:
    bends = np.abs(np.sin(np.linspace(0, 2 * np.pi, 60)))
    poses = np.array([pose_of(knees=(bend, bend), lean=0.3 * bend) for bend in bends])
    motion = sequence_of(poses + np.linspace(0, 2, 60)[:, None, None] * (1.0, 0.0))
    result = retarget(motion, onto=subject(), canvas_size=CANVAS, config=RetargetConfig(lock_root=True))
    assert middle(result, "hip")[:, 0] == pytest.approx(320.0, abs=0.5)
    assert np.ptp(middle(result, "hip")[:, 1]) == pytest.approx(1.2 * np.ptp(middle(motion, "hip")[:, 1]), rel=0.05)
    assert lowest(result) == pytest.approx(700.0, abs=1.0)


def test_root_scale_shortens_the_way() -> None:
    motion = sequence_of(dance(sway=0.8))
    let_go = RetargetConfig(stay_in_view=False)
    whole = retarget(motion, onto=subject(), canvas_size=CANVAS, config=let_go)
    shorter = let_go.model_copy(update={"root_scale": 0.5})
    half = retarget(motion, onto=subject(), canvas_size=CANVAS, config=shorter)
    assert np.ptp(middle(half, "hip")[:, 0]) == pytest.approx(np.ptp(middle(whole, "hip")[:, 0]) / 2, rel=1e-3)
    assert lowest(half) == pytest.approx(lowest(whole), abs=0.01)


def test_without_the_floor_the_hips_lie_on_the_subjects_hips() -> None:
    motion = sequence_of(dance())
    onto = subject({"thigh": 0.95, "shin": 0.95})
    config = RetargetConfig(keep_feet_on_floor=False)
    result = retarget(motion, onto=onto, canvas_size=CANVAS, config=config)
    assert np.abs(np.median(middle(result, "hip") - middle(onto, "hip"), axis=0)).max() < 0.1 * 120
    locked = config.model_copy(update={"lock_root": True})
    held = middle(retarget(motion, onto=onto, canvas_size=CANVAS, config=locked), "hip")
    assert np.ptp(held, axis=0) == pytest.approx([0.0, 0.0], abs=0.01)
