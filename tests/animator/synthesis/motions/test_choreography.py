"""Dials and footwork in one motion: each has its own part of the body."""

import numpy as np
import pytest

from animator.synthesis.motions.choreography import compose
from animator.synthesis.motions.dials import Dials, relaxed_dials
from animator.synthesis.motions.footwork import Footing, plan_footing, solve_footing

FRAMES = 12


@pytest.fixture
def dials() -> Dials:
    return relaxed_dials(FRAMES)


@pytest.fixture
def footing() -> Footing:
    return plan_footing([], num_frames=FRAMES, fps=20.0, yaw_deg=40.0)


def test_joints_without_a_dial_are_the_footwork_s(dials: Dials, footing: Footing) -> None:
    rotations, roots = solve_footing(footing)
    motion = compose(dials, footing)
    turned = np.abs(rotations - np.eye(3)).max((0, 2, 3)) > 1e-6
    assert turned.any()
    np.testing.assert_array_equal(motion.rotations_TJ33[:, turned], rotations[:, turned])
    np.testing.assert_array_equal(motion.roots_T3, roots)
    assert motion.fps == 20.0


def test_face_and_fingers_go_where_their_dials_are_and_no_farther(dials: Dials, footing: Footing) -> None:
    dials["smile"] = np.linspace(-0.5, 1.5, FRAMES)
    dials["blink"] = np.linspace(2.0, -1.0, FRAMES)
    dials["left_spread"], dials["right_spread"] = np.full(FRAMES, 1.7), np.linspace(-0.2, 0.8, FRAMES)
    dials["left_curl"], dials["right_curl"] = np.zeros(FRAMES), np.ones(FRAMES)
    motion = compose(dials, footing)
    for got, dial in (
        (motion.smile_T, "smile"),
        (motion.blink_T, "blink"),
        (motion.spread_TS[:, 0], "left_spread"),
        (motion.spread_TS[:, 1], "right_spread"),
    ):
        np.testing.assert_allclose(got, np.clip(dials[dial], 0, 1), err_msg=dial)
    np.testing.assert_allclose(motion.curl_TSF[:, 0], 0)
    np.testing.assert_allclose(motion.curl_TSF[:, 1], 1)
