import numpy as np
from scipy.spatial.transform import Rotation

from animator.synthesis.skinning import dual_quaternions, skin_vertices, strongest_influences


def test_one_bone_moves_vertices_rigidly() -> None:
    rng = np.random.default_rng(0)
    turn, shift = Rotation.random(random_state=1).as_matrix(), rng.normal(size=3)
    points = rng.normal(size=(20, 3)).astype(np.float32)
    motion = dual_quaternions(turn[None], shift[None])
    moved = skin_vertices(
        points, np.zeros((20, 4), np.int32), np.tile([1, 0, 0, 0], (20, 1)).astype(np.float32), motion
    )
    np.testing.assert_allclose(moved, points @ turn.T + shift, atol=1e-5)


def test_a_twisted_tube_keeps_its_radius_half_way() -> None:
    """Linear blending of 0 and 170 degrees would shrink it to 9 %."""
    turns = np.stack([np.eye(3), Rotation.from_rotvec([np.deg2rad(170), 0, 0]).as_matrix()])
    ring = np.array([[0.1, np.cos(a), np.sin(a)] for a in np.linspace(0, 6, 12)], np.float32)
    bones = np.tile([0, 1, 0, 0], (12, 1)).astype(np.int32)
    weights = np.tile([0.5, 0.5, 0, 0], (12, 1)).astype(np.float32)
    moved = skin_vertices(ring, bones, weights, dual_quaternions(turns, np.zeros((2, 3))))
    np.testing.assert_allclose(np.linalg.norm(moved[:, 1:], axis=1), 1, atol=1e-5)


def test_influences_are_the_strongest_and_sum_to_one() -> None:
    bones, weights = strongest_influences(np.array([[0.05, 0.3, 0.25, 0.2, 0.2]]))
    assert 0 not in bones[0].tolist()
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)
