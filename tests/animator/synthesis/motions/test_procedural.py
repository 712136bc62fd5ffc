"""Every made-up move is something a person could do: on the floor, in reach, smooth."""

import numpy as np
import pytest

from animator.errors import JobError
from animator.synthesis.motions.carriage import CARRIAGES
from animator.synthesis.motions.dials import RELAXED, grasp, reach, relaxed_dials, upper_rotations
from animator.synthesis.motions.footwork import Step, plan_footing, solve_footing
from animator.synthesis.motions.gestures import arm_poses, set_arm, window
from animator.synthesis.motions.library import procedural_motion
from animator.synthesis.motions.motion import joint_tracks, motion_from_rotations, upright_frames
from animator.synthesis.motions.route import Route
from animator.synthesis.motions.stances import STANCES
from animator.synthesis.rig import DEFAULT_REST_J3, JOINT


@pytest.mark.parametrize("stance", STANCES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_stance_stands_on_the_floor_stays_in_view_and_moves_smoothly(stance: str, seed: int) -> None:
    motion = procedural_motion(stance, "at_ease", seed=seed, num_frames=125, fps=25.0)
    positions, _ = joint_tracks(motion)
    ankles = positions[:, [JOINT["left_ankle"], JOINT["right_ankle"]]]
    assert ankles[..., 1].min() > DEFAULT_REST_J3[JOINT["left_ankle"], 1] - 0.005
    assert ankles[..., 1].min(axis=1).max() < DEFAULT_REST_J3[JOINT["left_ankle"], 1] + 0.12
    assert np.abs(motion.roots_T3[:, [0, 2]]).max() < 1.0
    assert upright_frames(motion).all()
    # Metres a frame of acceleration: knees and feet in a brisk march reach 0.06; a snapping knee is far above.
    assert np.linalg.norm(np.diff(positions, n=2, axis=0), axis=-1).max() < 0.11


@pytest.mark.parametrize("carriage", CARRIAGES)
def test_carriage_keeps_the_wrists_out_of_the_trunk(carriage: str) -> None:
    motion = procedural_motion("stand", carriage, seed=5, num_frames=125, fps=25.0)
    positions, _ = joint_tracks(motion)
    pelvis, neck = positions[:, JOINT["pelvis"]], positions[:, JOINT["neck"]]
    for side in ("left", "right"):
        wrist = positions[:, JOINT[f"{side}_wrist"]]
        share = np.clip(((wrist - pelvis) * (neck - pelvis)).sum(1) / ((neck - pelvis) ** 2).sum(1), 0, 1)
        away = np.linalg.norm(wrist - pelvis - share[:, None] * (neck - pelvis), axis=1)
        assert np.quantile(away, 0.02) > 0.10


def test_same_seed_gives_the_same_motion_and_another_seed_another() -> None:
    one, two, other = (procedural_motion("roam", "any_arms", seed=s, num_frames=30, fps=25.0) for s in (8, 8, 9))
    assert one.rotations_TJ33.tobytes() == two.rotations_TJ33.tobytes()
    assert np.abs(one.rotations_TJ33 - other.rotations_TJ33).max() > 0.1


def test_unknown_move_is_named_with_those_there_are() -> None:
    with pytest.raises(JobError, match=r"moonwalk\+wave.*step_touch"):
        procedural_motion("moonwalk", "wave", seed=0, num_frames=5, fps=25.0)


def test_a_step_lands_where_it_should_and_the_other_foot_stays() -> None:
    step = Step(side=0, start_s=0.4, duration_s=0.4, x=0.3, z=0.2, yaw_deg=40.0)
    footing = plan_footing([step], num_frames=40, fps=25.0, toes_out_deg=0.0)
    np.testing.assert_allclose(footing.feet_TS3[-1, 0], [0.3, 0.0, 0.2], atol=1e-9)
    assert footing.yaw_TS[-1, 0] == pytest.approx(40.0)
    assert np.ptp(footing.feet_TS3[:, 1], axis=0).max() == 0.0
    rotations, roots = solve_footing(footing)
    positions, _ = joint_tracks(motion_from_rotations(rotations, roots, fps=25.0))
    ankle = positions[-1, JOINT["left_ankle"]] / DEFAULT_REST_J3[0, 1]
    np.testing.assert_allclose(ankle[[0, 2]], [0.3, 0.2], atol=0.005)


def test_a_turn_closes_up_with_both_feet_at_the_full_angle() -> None:
    route = Route().turn(90.0, 3)
    footing = plan_footing(route.steps, num_frames=80, fps=25.0, toes_out_deg=0.0)
    np.testing.assert_allclose(footing.yaw_TS[-1], 90.0)
    gap = footing.feet_TS3[-1, 0] - footing.feet_TS3[-1, 1]
    np.testing.assert_allclose(gap, [0, 0, -2 * route.stance], atol=1e-9)


def test_relaxed_arms_hang_beside_the_hips() -> None:
    rotations = upper_rotations(relaxed_dials(1))
    positions, _ = joint_tracks(motion_from_rotations(rotations, np.array([[0, 1.0, 0]]), fps=1.0))
    wrist = positions[0, JOINT["left_wrist"]]
    assert wrist[1] < 0.95
    assert 0.15 < wrist[0] < 0.40


def test_raising_both_arms_moves_both_alike() -> None:
    dials = relaxed_dials(1)
    for side in (0, 1):
        set_arm(dials, side, arm_poses()["high_v"], 1.0)
    positions, _ = joint_tracks(motion_from_rotations(upper_rotations(dials), np.array([[0, 1.0, 0]]), fps=1.0))
    left, right = positions[0, JOINT["left_wrist"]], positions[0, JOINT["right_wrist"]]
    np.testing.assert_allclose(left, right * [-1, 1, 1], atol=1e-9)
    assert left[1] > positions[0, JOINT["head"], 1]


def test_reach_puts_the_wrist_where_it_was_asked_to_be() -> None:
    target = (0.05, -0.30, 0.25)
    dials = relaxed_dials(1)
    for name, value in (RELAXED | reach(target, elbow_3=(1.0, -0.5, -0.3))).items():
        dials[f"left_{name}"] = np.array([value])
    positions, turned = joint_tracks(motion_from_rotations(upper_rotations(dials), np.array([[0, 1.0, 0]]), fps=1.0))
    chest = turned[0, JOINT["spine3"]]
    arm = chest.T @ (positions[0, JOINT["left_wrist"]] - positions[0, JOINT["left_shoulder"]])
    np.testing.assert_allclose(arm / DEFAULT_REST_J3[0, 1], target, atol=1e-6)


def test_grasp_points_the_fingers() -> None:
    arm = grasp(
        reach((-0.06, -0.33, 0.20), elbow_3=(1.0, -0.3, -0.3)), fingers_3=(-0.9, -0.3, 0.1), palm_3=(-0.2, 0, -1.0)
    )
    dials = relaxed_dials(1)
    for name, value in arm.items():
        dials[f"left_{name}"] = np.array([value])
    _, turned = joint_tracks(motion_from_rotations(upper_rotations(dials), np.array([[0, 1.0, 0]]), fps=1.0))
    fingers = turned[0, JOINT["left_wrist"]] @ [1.0, 0, 0]
    wanted = np.array([-0.9, -0.3, 0.1]) / np.linalg.norm([-0.9, -0.3, 0.1])
    assert fingers @ wanted > 0.8


def test_window_is_shut_outside_and_open_inside() -> None:
    gate = window(1.0, 2.0, num_frames=100, fps=25.0, ramp_s=0.4)
    assert gate[:14].max() == 0.0
    np.testing.assert_allclose(gate[25:50], 1.0)
    assert gate[61:].max() == 0.0
