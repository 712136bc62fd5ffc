"""Made-up poses are poses of the same body, in the same picture."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from animator.training.other_poses import draw_other_pose
from pose_tracking.skeleton import BLAZEPOSE_33
from tests.animator.generators.scene import standing

CANVAS = (256, 320)
LIMBS = [
    (f"{side}_{start}", f"{side}_{end}")
    for side in ("left", "right")
    for start, end in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
]


def lengths(points: np.ndarray) -> np.ndarray:
    return np.array(
        [np.linalg.norm(points[BLAZEPOSE_33.index(start)] - points[BLAZEPOSE_33.index(end)]) for start, end in LIMBS]
    )


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_limbs_are_at_most_foreshortened_and_stay_in_the_picture(seed: int) -> None:
    pose = standing(CANVAS)
    drawn = draw_other_pose(np.random.default_rng(seed), pose, CANVAS)
    grown = lengths(drawn) / lengths(pose)
    assert grown.min() > 0.6
    assert grown.max() < 1.2
    assert ((drawn >= 0) & (drawn <= CANVAS)).all()


def test_poses_differ_from_the_photo_and_from_each_other_as_poses_of_a_film_do() -> None:
    pose = standing(CANVAS)
    drawn = np.stack([draw_other_pose(np.random.default_rng(seed), pose, CANVAS) for seed in range(30)])
    wrist, torso = BLAZEPOSE_33.index("left_wrist"), np.linalg.norm(pose[11] - pose[23])
    away = np.linalg.norm(drawn[:, wrist] - pose[wrist], axis=-1) / torso
    assert np.median(away) > 0.2
    assert np.linalg.norm(drawn[:, wrist].std(0)) > 0.2 * torso


def test_the_same_draw_is_the_same_pose() -> None:
    first, second = (draw_other_pose(np.random.default_rng(4), standing(CANVAS), CANVAS) for _ in range(2))
    assert np.array_equal(first, second)


def test_joints_that_nobody_saw_stay_unseen_and_harm_no_others() -> None:
    pose = standing(CANVAS)
    pose[[BLAZEPOSE_33.index("left_elbow"), BLAZEPOSE_33.index("right_knee"), BLAZEPOSE_33.index("right_ankle")]] = (
        np.nan
    )
    drawn = draw_other_pose(np.random.default_rng(1), pose, CANVAS)
    assert np.array_equal(np.isnan(drawn), np.isnan(pose))


def test_a_bust_without_hips_moves_its_arms() -> None:
    pose = standing(CANVAS)
    pose[23:] = np.nan
    drawn = draw_other_pose(np.random.default_rng(2), pose, CANVAS)
    assert np.array_equal(np.isnan(drawn), np.isnan(pose))
    wrist = BLAZEPOSE_33.index("left_wrist")
    assert not np.allclose(drawn[wrist], pose[wrist])
