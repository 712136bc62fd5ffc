"""Legs reach what they are asked to reach, and motions keep their feet on other bodies."""

import numpy as np
import pytest

from animator.synthesis.motions.legs import fit_to_body, reachable_height, solve_leg
from animator.synthesis.motions.library import procedural_motion
from animator.synthesis.motions.motion import joint_tracks
from animator.synthesis.rig import DEFAULT_REST_J3, JOINT


@pytest.fixture
def long_legged() -> np.ndarray:
    rest = DEFAULT_REST_J3.copy()
    for side in ("left", "right"):
        rest[JOINT[f"{side}_knee"], 1] += 0.03
    rest[:, 1] *= 1.12
    rest[:, 0] *= 0.92
    return rest


def test_leg_ends_at_its_ankle_and_the_knee_bends_forward() -> None:
    rng = np.random.default_rng(0)
    hips = np.tile([0.1, 0.9, 0.0], (50, 1))
    ankles = hips + rng.uniform([-0.2, -0.75, -0.2], [0.2, -0.4, 0.3], (50, 3))
    thigh, shin = solve_leg(hips, ankles, np.tile([1.0, 0, 0], (50, 1)), thigh_m=0.4, shin_m=0.42)
    knees = hips - 0.4 * thigh[:, :, 1]
    np.testing.assert_allclose(knees - 0.42 * shin[:, :, 1], ankles, atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(thigh), 1.0)
    line = hips + (ankles - hips) * (0.4 / 0.82)
    assert ((knees - line)[:, 2] > 0).all()


def test_target_out_of_reach_is_approached_in_its_direction() -> None:
    thigh, shin = solve_leg(
        np.zeros((1, 3)), np.array([[0.0, -2.0, 0.0]]), np.array([[1.0, 0, 0]]), thigh_m=0.4, shin_m=0.4
    )
    end = -0.4 * thigh[0, :, 1] - 0.4 * shin[0, :, 1]
    np.testing.assert_allclose(end, [0, -0.8, 0], atol=0.02)


def test_reachable_height_lets_both_ankles_be_reached() -> None:
    grounds = np.array([[[0.0, 0.0], [0.3, 0.0]], [[0.1, 0.2], [0.0, 0.0]]])
    height = reachable_height(grounds, np.zeros((2, 2)), length=0.8)
    reach = np.sqrt((grounds**2).sum(-1) + height[:, None] ** 2)
    assert (reach <= 0.8).all()
    assert reach.max() > 0.78


@pytest.mark.parametrize("stance", ["walk", "step_touch", "roam"])
def test_planted_feet_do_not_slide_on_a_body_with_other_legs(stance: str, long_legged: np.ndarray) -> None:
    motion = fit_to_body(procedural_motion(stance, "at_ease", seed=4, num_frames=100, fps=25.0), long_legged)
    positions, _ = joint_tracks(motion, long_legged)
    for side in ("left", "right"):
        ankle = positions[:, JOINT[f"{side}_ankle"]]
        resting = ankle[:, 1] < long_legged[JOINT[f"{side}_ankle"], 1] + 0.004
        both = resting[1:] & resting[:-1]
        assert both.sum() > 15
        assert np.linalg.norm(np.diff(ankle, axis=0)[both][:, [0, 2]], axis=1).max() < 0.004


def test_fitting_to_the_default_body_keeps_the_motion() -> None:
    motion = procedural_motion("sway", "present", seed=2, num_frames=40, fps=25.0)
    here, _ = joint_tracks(motion)
    there, _ = joint_tracks(fit_to_body(motion, DEFAULT_REST_J3))
    np.testing.assert_allclose(there, here, atol=0.006)
