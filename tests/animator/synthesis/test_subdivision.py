import numpy as np

from animator.synthesis.subdivision import neighbour_average, subdivide


def grid(n: int) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.meshgrid(np.arange(n + 1.0), np.arange(n + 1.0))
    corner = (np.arange(n)[:, None] * (n + 1) + np.arange(n)[None]).ravel()
    return np.stack([x.ravel(), y.ravel()], 1), np.stack([corner, corner + 1, corner + n + 2, corner + n + 1], 1)


def test_rows_sum_to_one_and_each_quad_becomes_four() -> None:
    points, quads = grid(4)
    for smooth in (True, False):
        fine, matrix = subdivide(quads, len(points), smooth=smooth)
        assert fine.shape == (64, 4)
        np.testing.assert_allclose(np.asarray(matrix.sum(1)).ravel(), 1, atol=1e-12)


def test_a_regular_plane_keeps_its_inner_points() -> None:
    points, quads = grid(4)
    _, matrix = subdivide(quads, len(points), smooth=True)
    inner = np.all((points > 0) & (points < 4), axis=1)
    np.testing.assert_allclose((matrix @ points)[: len(points)][inner], points[inner], atol=1e-12)


def test_plain_midpoints_keep_the_corners() -> None:
    points, quads = grid(3)
    _, matrix = subdivide(quads, len(points), smooth=False)
    np.testing.assert_allclose((matrix @ points)[: len(points)], points)


def test_neighbour_average_of_a_constant_is_the_constant() -> None:
    points, quads = grid(3)
    np.testing.assert_allclose(neighbour_average(quads, len(points)) @ np.full(len(points), 2.5), 2.5)
