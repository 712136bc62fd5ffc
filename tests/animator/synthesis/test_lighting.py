"""Light: maps that hold still while a person moves, and what stands in the way makes dark."""

import numpy as np
import pytest

from animator.synthesis import lighting
from animator.synthesis.lighting import AMBIENT_FRAMES, light_frame, random_light, whole_cells

DOWN = np.array([0.0, 1.0, 0.0])


def square(height_m: float, half_m: float) -> tuple[np.ndarray, np.ndarray]:
    """A level square over the middle of the floor, densely covered with vertices, and its faces."""
    count = 21
    x, z = np.meshgrid(np.linspace(-half_m, half_m, count), np.linspace(-half_m, half_m, count))
    vertices = np.stack([x, np.full(x.shape, height_m), z], axis=-1).reshape(-1, 3).astype(np.float32)
    first = (np.arange(count - 1)[:, None] * count + np.arange(count - 1)).ravel()
    quads = np.stack([first, first + 1, first + count + 1, first + count], axis=1)
    return vertices, np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)


@pytest.mark.parametrize("seed", range(5))
def test_a_light_shines_from_above_and_in_front_and_its_frame_is_a_rotation(seed: int) -> None:
    light = random_light(np.random.default_rng(seed))
    np.testing.assert_allclose(np.linalg.norm(light.direction_3), 1)
    assert light.direction_3[1] > 0.5
    assert light.direction_3[2] > 0
    assert light.key_3.mean() > light.fill_3.mean() > 0
    frame = light_frame(light.direction_3).astype(np.float64)
    np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-6)
    np.testing.assert_allclose(frame[2], light.direction_3, atol=1e-6)


def test_a_light_straight_above_has_a_frame_too() -> None:
    frame = light_frame(DOWN)
    np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-6)


def test_maps_move_by_whole_cells_and_never_far_from_the_person() -> None:
    cell, frame = 0.032, light_frame(np.array([0.48, 0.6, 0.64]))
    drifts = [np.array([0.002 * step, 0.9, 0.001 * step]) for step in range(200)]
    centres = np.array([whole_cells(drift, frame, cell) for drift in drifts])
    assert np.abs(centres - drifts).max() < cell
    local = centres.astype(np.float64) @ frame.astype(np.float64).T
    np.testing.assert_allclose(local[:, :2] / cell, np.round(local[:, :2] / cell), atol=1e-3)
    assert 5 < len(np.unique(np.round(local[:, :2] / cell), axis=0)) < 60


def test_ambient_light_comes_from_all_sides_above_and_from_a_little_below() -> None:
    directions = AMBIENT_FRAMES[:, 2]
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1, atol=1e-6)
    assert directions[:, 1].max() > 0.8
    assert -0.3 < directions[:, 1].min() < 0
    assert np.abs(directions[:, [0, 2]].mean(0)).max() < 0.15


def test_a_roof_takes_the_sky_from_what_lies_below_it_and_not_from_itself() -> None:
    floor, _ = square(0.5, 0.1)
    roof, _ = square(0.7, 0.3)
    vertices = np.concatenate([floor, roof])
    normals = np.tile(DOWN, (len(vertices), 1)).astype(np.float32)
    centres = lighting.ambient_centres(np.array([0.0, 0.9, 0.0]))
    under = lighting.ambient_visibility(vertices, normals, AMBIENT_FRAMES, centres)
    alone = lighting.ambient_visibility(floor, normals[: len(floor)], AMBIENT_FRAMES, centres)
    assert under[: len(floor)].mean() < 0.6 * alone.mean()
    assert alone.min() > 0.8
    assert under[len(floor) :].min() > 0.8


def test_a_roof_lays_its_shadow_on_the_floor_away_from_the_light() -> None:
    vertices, faces = square(1.0, 0.25)
    frame = light_frame(np.array([0.0, 0.8, 0.6]))
    centre = lighting.key_centre(np.array([0.0, 0.9, 0.0]), frame)
    heights = lighting.key_shadow(vertices, faces, frame, centre)
    cell, size = 0.035, 112
    origin = np.full(2, -cell * size / 2)
    scale = lighting.SHADOW_CELLS / lighting.SHADOW_EXTENT_M
    lit = lighting.floor_shadow(heights, frame, centre, scale, origin, cell, size)
    z, x = np.nonzero(lit == 0)
    middle = origin[0] + (np.array([x.mean(), z.mean()]) + 0.5) * cell
    # A metre up, the light at 0.6 to 0.8: three quarters of a metre behind.
    np.testing.assert_allclose(middle, [0.0, -0.75], atol=0.03)
    np.testing.assert_allclose(len(x) * cell**2, 0.25, rtol=0.1)
