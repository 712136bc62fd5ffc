"""What stands behind a person: mostly a plain studio sweep, sometimes a room, a street or a garden out of focus.

Colours are linear light. Legend: H W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from animator.synthesis.camera import Camera
from animator.synthesis.lighting import Light, random_light
from animator.synthesis.shading import LINEAR

PLAIN_SHARE = 0.7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Backdrop:
    """Attributes:
    image_HW3: float32 linear light, as the camera it was made for sees it.
    light: the light of the place.
    floor_strength: how dark shadows on the floor may get, 0 to 1.
    kind: "studio", "room", "garden" or "street".
    """

    image_HW3: np.ndarray
    light: Light
    floor_strength: float
    kind: str


def make_backdrop(seed: int, camera: Camera) -> Backdrop:
    """The place with this seed seen by `camera`: a pure function of both."""
    rng = np.random.default_rng(seed)
    kind = (
        "studio" if rng.random() < PLAIN_SHARE else str(rng.choice(["room", "garden", "street"], p=[0.5, 0.25, 0.25]))
    )
    light = random_light(rng)
    image = {"studio": _studio, "room": _room, "garden": _garden, "street": _street}[kind](rng, camera)
    strength = float(rng.uniform(0.75, 1.0) if kind in ("studio", "room") else rng.uniform(0.55, 0.8))
    grain = 1 + 0.006 * rng.normal(size=image.shape[:2])[..., None]
    return Backdrop(
        image_HW3=np.clip(image * grain, 0.003, 1.2).astype(np.float32), light=light, floor_strength=strength, kind=kind
    )


def _linear(rgb: tuple[float, float, float] | np.ndarray) -> np.ndarray:
    return LINEAR[np.clip(np.asarray(rgb), 0, 255).astype(int)]


def _floor_share(camera: Camera, wall_z: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """World points [H, W, 3] of floor and back wall, whether a pixel shows floor, and height over the floor line."""
    rays = camera.rays()
    to_floor = -camera.position_3[1] / np.minimum(rays[..., 1], -1e-6)
    forward = -camera.position_3 / np.linalg.norm(camera.position_3[[0, 2]])
    forward[1] = 0.0
    depth = rays @ forward
    start = camera.position_3 @ forward
    to_wall = (wall_z - start) / np.maximum(depth, 1e-6)
    is_floor = (rays[..., 1] < 0) & (to_floor < to_wall)
    t = np.where(is_floor, to_floor, to_wall)
    points = camera.position_3 + t[..., None] * rays
    side = np.array([-forward[2], 0.0, forward[0]])
    local = np.stack([points @ side, points[..., 1], points @ forward], axis=-1)
    return local, is_floor, np.where(is_floor, local[..., 2] - wall_z, local[..., 1])


def _studio(rng: np.random.Generator, camera: Camera) -> np.ndarray:
    """A paper sweep: wall and floor of one colour meeting in a soft curve, brighter around the person."""
    base = rng.choice([236, 214, 188, 150, 110, 66], p=[0.30, 0.24, 0.20, 0.12, 0.08, 0.06])
    # Most papers are grey or off-white; one in five is coloured.
    colour = _linear(base + rng.normal(0, 12 if rng.random() < 0.2 else 2.5, 3) + rng.normal(0, 3))
    _, _, over_line = _floor_share(camera, rng.uniform(1.0, 2.5))
    wall = 1 / (1 + np.exp(-over_line / rng.uniform(0.15, 0.45)))
    shade = 1 + rng.uniform(-0.16, 0.10) * wall
    y, x = np.mgrid[0 : 1 : 1j * camera.height, 0 : 1 : 1j * camera.width]
    spot = (x - rng.uniform(0.35, 0.65)) ** 2 * 1.6 + (y - rng.uniform(0.25, 0.5)) ** 2
    shade = shade * (1 - rng.uniform(0.1, 0.55) * spot)
    shade = shade * (1 + rng.uniform(-0.14, 0.14) * (x - 0.5))
    return np.minimum(colour * shade[..., None], 0.92)


def _room(rng: np.random.Generator, camera: Camera) -> np.ndarray:
    """Wall, skirting board, floor boards or carpet, some frames, a window or furniture against the wall."""
    local, is_floor, _ = _floor_share(camera, rng.uniform(0.8, 2.2))
    wall = _linear(rng.uniform(120, 230) + rng.normal(0, 14, 3))
    floor = _linear(np.array([150, 118, 86]) * rng.uniform(0.5, 1.3) + rng.normal(0, 10, 3))
    x, y, z = local[..., 0], local[..., 1], local[..., 2]
    image = np.broadcast_to(wall, (*x.shape, 3)) * (0.82 + 0.10 * np.clip(y, 0, 2.5))[..., None]
    board = 0.10 + 0.06 * rng.random()
    planks = 1 + 0.10 * np.sin(np.floor(x / board) * 12.9) - 0.28 * (np.abs(x / board % 1 - 0.5) > 0.47)
    image = np.where(is_floor[..., None], floor * (planks * (1 - 0.05 * np.clip(z, 0, 3)))[..., None], image)
    image = np.where((~is_floor & (y < 0.09))[..., None], _linear((226, 224, 218)) * 0.8, image)
    for _ in range(int(rng.integers(1, 5))):
        _wall_object(rng, image, x, y, is_floor)
    return cv2.GaussianBlur(image.astype(np.float32), (0, 0), rng.uniform(0.5, 1.6))


def _wall_object(
    rng: np.random.Generator, image: np.ndarray, x: np.ndarray, y: np.ndarray, is_floor: np.ndarray
) -> None:
    """Paints a frame, a window or a piece of furniture onto the wall, in place."""
    kind = rng.choice(["frame", "window", "furniture"], p=[0.45, 0.2, 0.35])
    centre = rng.uniform(-1.3, 1.3)
    half = rng.uniform(0.15, 0.45)
    low, high = (0.0, rng.uniform(0.5, 1.9)) if kind == "furniture" else sorted(rng.uniform(0.9, 2.3, 2))
    high = max(high, low + 0.25)
    box = ~is_floor & (np.abs(x - centre) < half) & (y > low) & (y < high)
    rim = box & ((np.abs(x - centre) > half - 0.03) | (y < low + 0.03) | (y > high - 0.03))
    fill = _linear((228, 234, 240)) * 1.05 if kind == "window" else _linear(rng.uniform(30, 200) + rng.normal(0, 25, 3))
    image[box] = fill
    if kind == "frame":
        blot = np.sin(x * rng.uniform(8, 30) + rng.uniform(0, 6)) * np.sin(y * rng.uniform(8, 30) + rng.uniform(0, 6))
        image[box] *= (1 + 0.4 * blot[box])[:, None]
    image[rim] = _linear(rng.uniform(20, 220) + rng.normal(0, 8, 3))
    if kind == "furniture":
        shelves = box & (np.abs(y / rng.uniform(0.25, 0.5) % 1 - 0.5) > 0.46)
        image[shelves] *= 0.5


def _noise(rng: np.random.Generator, height: int, width: int, size: float) -> np.ndarray:
    field = cv2.GaussianBlur(rng.normal(size=(height, width)).astype(np.float32), (0, 0), size)
    return field / (field.std() + 1e-6)


def _garden(rng: np.random.Generator, camera: Camera) -> np.ndarray:
    """Foliage with bright gaps over lawn or gravel, out of focus."""
    h, w = camera.height, camera.width
    _, is_floor, _ = _floor_share(camera, rng.uniform(2.5, 6.0))
    leaves = sum(_noise(rng, h, w, s) * a for s, a in ((h / 20, 0.5), (h / 55, 0.35), (h / 140, 0.25)))
    green = _linear((rng.uniform(62, 92), rng.uniform(80, 104), rng.uniform(52, 70)))
    image = green * np.exp(0.5 * leaves)[..., None]
    gaps = np.clip(_noise(rng, h, w, h / 45) - 1.3, 0, 1) * np.clip(
        1.2 - np.mgrid[0 : 1.6 : 1j * h, 0 : 1 : 1j * w][0], 0, 1
    )
    image = image + 0.6 * gaps[..., None] * _linear((225, 235, 230))
    ground = _linear(np.array([[98, 116, 62], [150, 140, 122]])[int(rng.integers(2))] * rng.uniform(0.8, 1.15))
    texture = np.exp(0.14 * _noise(rng, h, w, h / 200) + 0.10 * _noise(rng, h, w, h / 30))
    image = np.where(is_floor[..., None], ground * texture[..., None], image)
    return cv2.GaussianBlur(image.astype(np.float32), (0, 0), rng.uniform(1.0, 2.6))


def _street(rng: np.random.Generator, camera: Camera) -> np.ndarray:
    """House fronts with rows of windows and doors above a pavement, out of focus."""
    local, is_floor, _ = _floor_share(camera, rng.uniform(2.5, 5.0))
    x, y = local[..., 0], local[..., 1]
    house = np.floor((x + rng.uniform(0, 9)) / rng.uniform(2.0, 4.0))
    tint = np.stack([0.5 + 0.5 * np.sin(house * k + rng.uniform(0, 6)) for k in (1.7, 2.3, 3.1)], axis=-1)
    front = LINEAR[np.clip(120 + 70 * tint.mean(-1, keepdims=True) + 26 * (tint - 0.5), 0, 255).astype(int)]
    period = rng.uniform(0.8, 1.5)
    window = (np.abs(x / period % 1 - 0.5) < rng.uniform(0.18, 0.3)) & (
        np.abs(y / 1.5 % 1 - 0.55) < rng.uniform(0.2, 0.32)
    )
    image = np.where((window & (y > 0.4))[..., None], _linear((60, 72, 84)) * rng.uniform(0.6, 2.5), front)
    ground = _linear(np.array([128, 126, 122]) * rng.uniform(0.6, 1.2))
    slab = 1 - 0.25 * ((np.abs(x / 0.6 % 1 - 0.5) > 0.48) | (np.abs(local[..., 2] / 0.6 % 1 - 0.5) > 0.48))
    image = np.where(is_floor[..., None], ground * slab[..., None], image)
    return cv2.GaussianBlur(image.astype(np.float32), (0, 0), rng.uniform(0.8, 2.2))
