"""The light a person stands in: one soft key light with shadow, a sky-and-floor ambient, a fill from the camera.

Colours are linear light. Ambient occlusion is estimated every frame from a few low-resolution height maps
(after Hasselgren and Akenine-Moeller's observation that many coarse shadow maps make a smooth ambient term).

Legend: V vertices, D directions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from animator.synthesis.rasterizer import shadow_depth

SHADOW_CELLS = 448
SHADOW_EXTENT_M = 3.2
AMBIENT_CELL_M = 0.032
AMBIENT_CELLS = 96


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Light:
    """Attributes:
    direction_3: unit vector from the person to the key light.
    key_3, sky_3, floor_3, fill_3: linear RGB strengths.
    softness_m: radius of the shadow's penumbra on the person.
    """

    direction_3: np.ndarray
    key_3: np.ndarray
    sky_3: np.ndarray
    floor_3: np.ndarray
    fill_3: np.ndarray
    softness_m: float


def random_light(rng: np.random.Generator) -> Light:
    """Soft studio or daylight from the front half-space, warm or cool by a little."""
    azimuth = rng.uniform(-1.1, 1.1)
    height = rng.uniform(0.55, 1.15)
    direction = np.array([np.sin(azimuth) * np.cos(height), np.sin(height), np.cos(azimuth) * np.cos(height)])
    warmth = rng.normal(0, 0.05)
    white = np.array([1 + warmth, 1.0, 1 - 1.3 * warmth])
    key = rng.uniform(0.55, 1.05)
    ambient = rng.uniform(0.42, 0.60)
    return Light(
        direction_3=direction,
        key_3=key * white,
        sky_3=ambient * white[::-1] ** 0.5,
        floor_3=ambient * rng.uniform(0.5, 0.75) * np.array([1.03, 1.0, 0.96]),
        fill_3=rng.uniform(0.14, 0.28) * np.ones(3),
        softness_m=float(rng.uniform(0.012, 0.028)),
    )


def light_frame(direction_3: np.ndarray) -> np.ndarray:
    """[3, 3] float32 axes of a map seen from the light: x, y, and the direction to the light."""
    side = np.cross([0.0, 1.0, 0.0] if abs(direction_3[1]) < 0.9 else [0.0, 0.0, 1.0], direction_3)
    side /= np.linalg.norm(side)
    return np.stack([side, np.cross(direction_3, side), direction_3]).astype(np.float32)


def whole_cells(center_3: np.ndarray, frame_33: np.ndarray, cell_m: float) -> np.ndarray:
    """[3] float32: `center_3` moved by less than a cell, so that maps around it lie on one grid for good.

    A map that followed the person by parts of a cell would draw its edges anew at every move.
    """
    local = frame_33.astype(np.float64) @ center_3
    local[:2] = np.round(local[:2] / cell_m) * cell_m
    return (local @ frame_33.astype(np.float64)).astype(np.float32)


def key_centre(center_3: np.ndarray, frame_33: np.ndarray) -> np.ndarray:
    """[3] float32 middle of the key light's map for a person around `center_3`."""
    return whole_cells(center_3, frame_33, SHADOW_EXTENT_M / SHADOW_CELLS)


def ambient_centres(center_3: np.ndarray) -> np.ndarray:
    """[D, 3] float32 middles of the ambient maps, in the order of `AMBIENT_FRAMES`."""
    return np.stack([whole_cells(center_3, frame, AMBIENT_CELL_M) for frame in AMBIENT_FRAMES])


def key_shadow(vertices_V3: np.ndarray, faces_F3: np.ndarray, frame_33: np.ndarray, center_3: np.ndarray) -> np.ndarray:
    """The height map of the key light around `center_3`."""
    return shadow_depth(vertices_V3, faces_F3, frame_33, center_3, SHADOW_CELLS / SHADOW_EXTENT_M, SHADOW_CELLS)


def ambient_directions(count: int = 11) -> np.ndarray:
    """[D, 3, 3] float32 map frames spread evenly over the upper hemisphere and a little below the horizon."""
    golden = np.pi * (3 - np.sqrt(5))
    frames = []
    for k in range(count):
        y = 0.96 - 1.16 * (k + 0.5) / count
        radius = np.sqrt(1 - y * y)
        frames.append(light_frame(np.array([radius * np.cos(golden * k), y, radius * np.sin(golden * k)])))
    return np.stack(frames)


AMBIENT_FRAMES = ambient_directions()


@njit(cache=True, fastmath=True, nogil=True)
def ambient_visibility(vertices_V3, normals_V3, frames_D33, centers_D3):  # type: ignore[no-untyped-def]
    """[V] float32 share of the ambient light that reaches each vertex, 0 to 1."""
    count = vertices_V3.shape[0]
    size, scale = AMBIENT_CELLS, 1.0 / AMBIENT_CELL_M
    seen = np.zeros(count, np.float32)
    total = np.full(count, np.float32(1e-4))
    flat = np.empty((count, 3), np.float32)
    highest = np.empty((size, size), np.float32)
    for d in range(frames_D33.shape[0]):
        m, center_3 = frames_D33[d], centers_D3[d]
        highest[:] = -1e9
        for i in range(count):
            x, y, z = vertices_V3[i, 0] - center_3[0], vertices_V3[i, 1] - center_3[1], vertices_V3[i, 2] - center_3[2]
            u = (m[0, 0] * x + m[0, 1] * y + m[0, 2] * z) * scale + size * 0.5
            v = (m[1, 0] * x + m[1, 1] * y + m[1, 2] * z) * scale + size * 0.5
            h = m[2, 0] * x + m[2, 1] * y + m[2, 2] * z
            flat[i, 0], flat[i, 1], flat[i, 2] = min(max(u, 1.0), size - 2.001), min(max(v, 1.0), size - 2.001), h
            iu, iv = int(flat[i, 0]), int(flat[i, 1])
            if h > highest[iv, iu]:
                highest[iv, iu] = h
        for i in range(count):
            facing = m[2, 0] * normals_V3[i, 0] + m[2, 1] * normals_V3[i, 1] + m[2, 2] * normals_V3[i, 2]
            weight = facing + 0.15
            if weight <= 0:
                continue
            u, v, h = flat[i, 0] - 0.5, flat[i, 1] - 0.5, flat[i, 2]
            iu, iv = int(u), int(v)
            fu, fv = u - iu, v - iv
            blocked = 0.0
            for dy in range(2):
                for dx in range(2):
                    share = (fu if dx else 1 - fu) * (fv if dy else 1 - fv)
                    rise = (highest[iv + dy, iu + dx] - h - 0.04) * 14.0
                    blocked += share * min(max(rise, 0.0), 1.0)
            total[i] += weight
            seen[i] += weight * (1 - blocked)
    return seen / total


@njit(cache=True, fastmath=True, nogil=True)
def floor_shadow(height_map, frame_33, center_3, cells_per_m, origin_2, cell_m, size):  # type: ignore[no-untyped-def]
    """[size, size] float32 share of the key light that reaches the floor, on a grid from `origin_2` (x, z)."""
    out = np.ones((size, size), np.float32)
    limit = height_map.shape[0]
    for row in range(size):
        for column in range(size):
            x = origin_2[0] + (column + 0.5) * cell_m - center_3[0]
            y = -center_3[1]
            z = origin_2[1] + (row + 0.5) * cell_m - center_3[2]
            u = (frame_33[0, 0] * x + frame_33[0, 1] * y + frame_33[0, 2] * z) * cells_per_m + limit * 0.5
            v = (frame_33[1, 0] * x + frame_33[1, 1] * y + frame_33[1, 2] * z) * cells_per_m + limit * 0.5
            h = frame_33[2, 0] * x + frame_33[2, 1] * y + frame_33[2, 2] * z
            iu, iv = int(u), int(v)
            if 0 <= iu < limit and 0 <= iv < limit and height_map[iv, iu] > h + 0.01:
                out[row, column] = 0.0
    return out
