import numpy as np
import pytest

from animator.synthesis.body import Body, build_body
from animator.synthesis.cloth import TEMPLATE_PERSON
from animator.synthesis.hair import HairStyle, hair_piece
from animator.synthesis.hair_sway import HairRig, build_hair_rig, hair_sway, move_hair
from animator.synthesis.motions.motion import Motion, motion_from_rotations
from animator.synthesis.rig import JOINT, forward_kinematics, rest_pose, rotation
from tests.animator.synthesis.poses import pose_from


def style(length_m: float) -> HairStyle:
    return HairStyle(
        colour=(60, 40, 30), volume_m=0.012, length_m=length_m, hairline=0.4, parting=0.0, fringe_m=0.0, curl=0.1,
        bun=0.0, seed=4,
    )  # fmt: skip


@pytest.fixture(scope="module")
def body() -> Body:
    return build_body(TEMPLATE_PERSON)


@pytest.fixture(scope="module")
def long_hair(body: Body) -> tuple[HairRig, np.ndarray]:
    vertices = hair_piece(body, style(0.3)).vertices_V3
    rig = build_hair_rig(body, vertices, 0)
    assert rig is not None
    return rig, vertices.astype(np.float32)


def moved(body: Body, hair: tuple[HairRig, np.ndarray], sway: tuple[float, float, float]) -> np.ndarray:
    rig, vertices = hair
    out = vertices.copy()
    _, turned = forward_kinematics(rest_pose(), body.rest_J3)
    move_hair(rig, out, body.joints_J3, turned, np.array(sway))
    return out - vertices


def test_short_hair_has_nothing_that_swings(body: Body) -> None:
    assert build_hair_rig(body, hair_piece(body, style(-0.035)).vertices_V3, 0) is None


def test_tips_swing_and_the_scalp_stays(body: Body, long_hair: tuple[HairRig, np.ndarray]) -> None:
    rig, vertices = long_hair
    shift = moved(body, long_hair, (0.0, -0.2, 0.0))
    behind_and_low = (rig.fall_W > 0.2) & (rig.outward_W3[:, 2] < -0.9)
    assert shift[behind_and_low, 2].max() < -0.03
    assert np.abs(shift[vertices[:, 1] > body.joints_J3[JOINT["head"], 1]]).max() == 0


def test_hair_never_swings_into_the_body(body: Body, long_hair: tuple[HairRig, np.ndarray]) -> None:
    rig, _ = long_hair
    for sway in ((0.2, 0.0, 0.0), (0.0, 0.2, 0.0), (-0.1, 0.15, 0.3)):
        shift = moved(body, long_hair, sway)
        assert np.abs(shift).max() > 0.02
        assert (shift * rig.outward_W3).sum(1).min() > -1e-6


def turning_head() -> Motion:
    angles = np.concatenate([np.zeros(5), np.linspace(0, 60, 8), np.full(60, 60.0)])
    poses = [pose_from({"head": rotation("y", angle)}) for angle in angles]
    turns, roots = np.stack([pose.rotations_J33 for pose in poses]), np.stack([pose.root_3 for pose in poses])
    return motion_from_rotations(turns, roots, fps=25.0)


def test_hair_trails_a_turn_of_the_head_and_comes_to_rest(body: Body) -> None:
    lag = hair_sway(turning_head(), body.rest_J3)
    assert lag[5:9, 2].min() < -0.05
    assert np.abs(lag[-1]).max() < 0.01
    np.testing.assert_array_equal(lag, hair_sway(turning_head(), body.rest_J3))
