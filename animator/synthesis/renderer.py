"""Draws a posed mesh into a picture with its ground truth.

Legend: V vertices, H W pixels, S shadow cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from animator.synthesis import lighting
from animator.synthesis.camera import Camera
from animator.synthesis.lighting import Light
from animator.synthesis.mesh import RenderMesh
from animator.synthesis.rasterizer import SAMPLES, project_vertices, rasterize, vertex_normals
from animator.synthesis.shading import LINEAR, encode_srgb, shade

_STRAIGHT = (np.arange(256) / 255).astype(np.float32)
_FLOOR_CELL_M, _FLOOR_CELLS = 0.035, 112


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layers:
    """What one draw gives.

    Attributes:
        image_HWC: uint8 sRGB over the background.
        matte_HW: float32 coverage, 0 to 1.
        face_HW: int32 face of the nearest sample, -1 background.
        parts_HW: uint8 part index of that sample, 0 background.
        layers_HW: uint8 layer of its part, 0 background.
        uv_HW2: float32 texture coordinates of that sample.
        depth_HW: float32 metres along the view axis; inf on the background.
    """

    image_HWC: np.ndarray
    matte_HW: np.ndarray
    face_HW: np.ndarray
    parts_HW: np.ndarray
    layers_HW: np.ndarray
    uv_HW2: np.ndarray
    depth_HW: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Illumination:
    """How a light reaches a posed mesh, whoever looks at it.

    Attributes:
        normals_V3: float32.
        ambient_V: float32 share of the ambient light at each vertex.
        frame_33, center_3: the key light's map: its axes and its middle.
        shadow_SS: that map, see `rasterizer.shadow_depth`.
    """

    light: Light
    normals_V3: np.ndarray
    ambient_V: np.ndarray
    frame_33: np.ndarray
    center_3: np.ndarray
    shadow_SS: np.ndarray


def draw(
    mesh: RenderMesh,
    vertices_V3: np.ndarray,
    *,
    camera: Camera,
    light: Light,
    background_HW3: np.ndarray,
    floor_strength: float = 1.0,
) -> Layers:
    """Draws `mesh` with its vertices at `vertices_V3` (float32 world metres) over a linear-light background.

    The person's shadow and contact shadow are laid on the background where its rays meet the floor y = 0.
    """
    lit = _illuminate(mesh, vertices_V3, light)
    colour, matte, shown, uv, near = _shown(mesh, vertices_V3, camera, lit)
    floor = floor_light(vertices_V3, lit.shadow_SS, lit.frame_33, lit.center_3, light, camera)
    linear = colour + background_HW3 * (1 + floor_strength * (floor - 1)) * (1 - matte[..., None])
    with np.errstate(divide="ignore"):
        metres = 1 / near
    covered = shown >= 0
    return Layers(
        image_HWC=encode_srgb(linear),
        matte_HW=matte,
        face_HW=shown,
        parts_HW=np.where(covered, mesh.part_F[shown], np.uint8(0)),
        layers_HW=np.where(covered, mesh.layer_F[shown], np.uint8(0)),
        uv_HW2=uv,
        depth_HW=metres,
    )


def _illuminate(mesh: RenderMesh, vertices_V3: np.ndarray, light: Light) -> _Illumination:
    normals, middle = vertex_normals(vertices_V3, mesh.faces_F3), light_centre(vertices_V3)
    frame = lighting.light_frame(light.direction_3)
    center = lighting.key_centre(middle, frame)
    return _Illumination(
        light=light,
        normals_V3=normals,
        ambient_V=lighting.ambient_visibility(
            vertices_V3, normals, lighting.AMBIENT_FRAMES, lighting.ambient_centres(middle)
        ),
        frame_33=frame,
        center_3=center,
        shadow_SS=lighting.key_shadow(vertices_V3, mesh.faces_F3, frame, center),
    )


def _shown(
    mesh: RenderMesh, vertices_V3: np.ndarray, camera: Camera, lit: _Illumination
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of every pixel: linear light [H, W, 3] weighted by coverage, coverage, face, U and V, and inverse depth."""
    height, width = camera.height, camera.width
    screen = _screen(vertices_V3, camera)
    depth = np.zeros((height * SAMPLES, width * SAMPLES), np.float32)
    face, lod = np.full(depth.shape, -1, np.int32), np.zeros(len(mesh.faces_F3), np.float32)
    table, texels = mesh.pack.table_TL3, mesh.pack.texels_N4
    rasterize(
        screen, mesh.faces_F3, mesh.uv_F32, mesh.piece_F, mesh.textures_P, mesh.cutout_P, mesh.two_sided_P,
        texels, table, depth, face, lod,
    )  # fmt: skip
    colour, matte, near = (np.zeros((height, width, *more), np.float32) for more in ((3,), (), ()))
    shown, uv = np.full((height, width), -1, np.int32), np.zeros((height, width, 2), np.float32)
    light = lit.light
    lights = np.stack([light.key_3, light.sky_3, light.floor_3, light.fill_3, camera.position_3, lit.center_3])
    scales = np.array([lighting.SHADOW_CELLS / lighting.SHADOW_EXTENT_M, light.softness_m], np.float32)
    shade(
        screen, vertices_V3, lit.normals_V3, lit.ambient_V, mesh.faces_F3, mesh.uv_F32, mesh.piece_F, lod, depth, face,
        mesh.textures_P, mesh.bumps_P, mesh.two_sided_P, mesh.materials_PM, texels, table, LINEAR, _STRAIGHT,
        lit.shadow_SS, lit.frame_33, lights.astype(np.float32), scales, colour, matte, shown, uv, near,
    )  # fmt: skip
    return colour, matte, shown, uv, near


def light_centre(vertices_V3: np.ndarray) -> np.ndarray:
    """[3] middle of the person to the millimetre, around which shadow and occlusion are mapped.

    A smile or a finger does not move it, and so changes nothing elsewhere in the picture.
    """
    x, _, z = vertices_V3.mean(0, dtype=np.float64)
    return np.round([x, 0.9, z], 3)


def _screen(vertices_V3: np.ndarray, camera: Camera) -> np.ndarray:
    screen = np.empty((len(vertices_V3), 3), np.float32)
    project_vertices(
        vertices_V3,
        camera.world_to_camera_33.astype(np.float32),
        camera.position_3.astype(np.float32),
        np.float32(camera.focal_px * SAMPLES),
        np.float32(camera.center_2[0] * SAMPLES),
        np.float32(camera.center_2[1] * SAMPLES),
        screen,
    )
    return screen


def floor_light(
    vertices_V3: np.ndarray,
    shadow: np.ndarray,
    frame: np.ndarray,
    center: np.ndarray,
    light: Light,
    camera: Camera,
) -> np.ndarray:
    """[H, W, 3] float32 share of the light the floor keeps: key shadow, softer with distance, and contact shadow."""
    half, middle = _FLOOR_CELL_M * _FLOOR_CELLS / 2, light_centre(vertices_V3)[[0, 2]]
    # On one grid for good, as the other maps are.
    origin = np.round((middle - half) / _FLOOR_CELL_M) * _FLOOR_CELL_M
    lit = lighting.floor_shadow(
        shadow, frame, center, lighting.SHADOW_CELLS / lighting.SHADOW_EXTENT_M, origin, _FLOOR_CELL_M, _FLOOR_CELLS
    )
    # Large lamps: the shadow blurs, and fades with the distance from the feet.
    away_x, away_z = origin[:, None] + (np.arange(_FLOOR_CELLS) + 0.5) * _FLOOR_CELL_M - middle[:, None]
    fade = np.exp(-((away_z[:, None] ** 2 + away_x[None] ** 2) / 0.95**2)).astype(np.float32)
    key = 1 - fade * (1 - cv2.GaussianBlur(lit, (0, 0), 1.8))
    low = vertices_V3[vertices_V3[:, 1] < 0.30]
    near = np.exp(-np.maximum(low[:, 1], 0) / 0.07)
    contact, _, _ = np.histogram2d(
        low[:, 2], low[:, 0], bins=_FLOOR_CELLS, weights=near,
        range=[[origin[1], origin[1] + 2 * half], [origin[0], origin[0] + 2 * half]],
    )  # fmt: skip
    covered = np.minimum(contact / 6, 1).astype(np.float32)
    contact = np.minimum(
        0.75 * cv2.GaussianBlur(covered, (0, 0), 1.0) + 1.3 * cv2.GaussianBlur(covered, (0, 0), 4.0), 1
    )
    share = light.key_3.mean() / (light.key_3.mean() * max(light.direction_3[1], 0.3) + light.sky_3.mean())
    keep = (1 - 0.75 * share * light.direction_3[1] * (1 - key)) * (1 - 0.5 * contact)
    x, z, valid = _floor_points(camera, half + float(np.abs(center).max()) + 8)
    map_x = ((x - origin[0]) / _FLOOR_CELL_M - 0.5).astype(np.float32)
    map_y = ((z - origin[1]) / _FLOOR_CELL_M - 0.5).astype(np.float32)
    sampled = cv2.remap(
        keep.astype(np.float32), map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(1.0,)
    )
    return np.where(valid, sampled, np.float32(1))[..., None]


def _floor_points(camera: Camera, reach_m: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """World x and z where the rays of the pixels meet the floor, and whether they do within reach."""
    rays = camera.rays()
    down = rays[..., 1] < -1e-4
    t = np.where(down, -camera.position_3[1] / np.where(down, rays[..., 1], -1.0), 0.0)
    x = camera.position_3[0] + t * rays[..., 0]
    z = camera.position_3[2] + t * rays[..., 2]
    return x, z, down & (np.abs(x) < reach_m) & (np.abs(z) < reach_m)
