"""Colours of the samples a person covers: texture, bumps, key light with soft shadow, ambient, sheen.

Works in linear light; the picture is averaged over the samples of a pixel before it is encoded as sRGB.

Legend: V vertices, F faces, P pieces, H W pixels, SH SW samples.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from animator.synthesis.rasterizer import SAMPLES

# Columns of the material table.
TINT, GLOSS, SHARPNESS, SCATTER, BUMP, FUZZ = 0, 3, 4, 5, 6, 7
NUM_MATERIAL = 8
# Rows of the table of lights.
KEY, SKY, FLOOR, FILL, EYE, CENTRE = 0, 1, 2, 3, 4, 5


def _srgb_to_linear() -> np.ndarray:
    encoded = np.arange(256) / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4).astype(np.float32)


LINEAR = _srgb_to_linear()


def encode_srgb(linear: np.ndarray) -> np.ndarray:
    """uint8 sRGB of linear light; highlights above 0.8 roll off instead of clipping."""
    over = np.maximum(linear - 0.8, 0)
    soft = np.minimum(linear, 0.8) + 0.2 * (1 - np.exp(-over / 0.2))
    soft = np.clip(soft, 0, 1)
    encoded = np.where(soft <= 0.0031308, 12.92 * soft, 1.055 * soft ** (1 / 2.4) - 0.055)
    return np.round(encoded * 255).astype(np.uint8)


@njit(cache=True, fastmath=True, nogil=True, inline="always")
def _add_level(texels_N4, table_TL3, linear, texture, level, u, v, share, out):  # type: ignore[no-untyped-def]
    offset, height, width = table_TL3[texture, level, 0], table_TL3[texture, level, 1], table_TL3[texture, level, 2]
    x = min(max(u * width - 0.5, 0.0), width - 1.001)
    y = min(max((1.0 - v) * height - 0.5, 0.0), height - 1.001)
    ix, iy = int(x), int(y)
    fx, fy = x - ix, y - iy
    at = offset + iy * width + ix
    a, b, c, d = (1 - fx) * (1 - fy) * share, fx * (1 - fy) * share, (1 - fx) * fy * share, fx * fy * share
    for k in range(3):
        out[k] += (
            a * linear[texels_N4[at, k]]
            + b * linear[texels_N4[at + 1, k]]
            + c * linear[texels_N4[at + width, k]]
            + d * linear[texels_N4[at + width + 1, k]]
        )


@njit(cache=True, fastmath=True, nogil=True, inline="always")
def _sample(texels_N4, table_TL3, linear, texture, lod, u, v, out):  # type: ignore[no-untyped-def]
    """Trilinear RGB into `out`."""
    out[0] = out[1] = out[2] = 0.0
    level = int(lod)
    rest = lod - level
    if rest < 0.98:
        _add_level(texels_N4, table_TL3, linear, texture, level, u, v, 1 - rest, out)
    if rest > 0.02:
        _add_level(texels_N4, table_TL3, linear, texture, level + 1, u, v, rest if rest < 0.98 else 1.0, out)


@njit(cache=True, fastmath=True, nogil=True, inline="always")
def _key_visibility(height_map, frame, scale, x, y, z, softness):  # type: ignore[no-untyped-def]
    """Share of the key light at a point (relative to the map's centre): 3 x 3 taps with soft comparison."""
    size = height_map.shape[0]
    u = (frame[0, 0] * x + frame[0, 1] * y + frame[0, 2] * z) * scale + size * 0.5 - 0.5
    v = (frame[1, 0] * x + frame[1, 1] * y + frame[1, 2] * z) * scale + size * 0.5 - 0.5
    h = frame[2, 0] * x + frame[2, 1] * y + frame[2, 2] * z
    step = softness * scale
    lit = 0.0
    for j in range(-1, 2):
        for i in range(-1, 2):
            iu, iv = int(u + i * step + 0.5), int(v + j * step + 0.5)
            if 0 <= iu < size and 0 <= iv < size:
                lit += 1.0 - min(max((height_map[iv, iu] - h - 0.018) * 60.0, 0.0), 1.0)
            else:
                lit += 1.0
    return lit / 9.0


@njit(cache=True, fastmath=True, nogil=True, inline="always")
def _corner_weights(screen_V3, a, b, c, px, py, near):  # type: ignore[no-untyped-def]
    """Perspective-correct weights of a face's corners at a sample, and the face's signed area on screen."""
    ax, ay, bx, by = screen_V3[a, 0], screen_V3[a, 1], screen_V3[b, 0], screen_V3[b, 1]
    cx, cy = screen_V3[c, 0], screen_V3[c, 1]
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    w0 = ((bx - px) * (cy - py) - (by - py) * (cx - px)) / area
    w1 = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) / area
    w2 = 1.0 - w0 - w1
    return w0 * screen_V3[a, 2] / near, w1 * screen_V3[b, 2] / near, w2 * screen_V3[c, 2] / near, area


@njit(cache=True, fastmath=True, nogil=True, inline="always")
def _mix3(values_V3, a, b, c, w0, w1, w2):  # type: ignore[no-untyped-def]
    """Interpolated x, y, z of per-vertex vectors."""
    return (
        w0 * values_V3[a, 0] + w1 * values_V3[b, 0] + w2 * values_V3[c, 0],
        w0 * values_V3[a, 1] + w1 * values_V3[b, 1] + w2 * values_V3[c, 1],
        w0 * values_V3[a, 2] + w1 * values_V3[b, 2] + w2 * values_V3[c, 2],
    )


@njit(cache=True, fastmath=True, nogil=True, inline="always")
def _tilt(vertices_V3, a, b, c, corners_32, slope_u, slope_v, normal):  # type: ignore[no-untyped-def]
    """Subtracts a bump's slopes, along the surface directions of growing u and v, from `normal` in place."""
    du1, dv1 = corners_32[1, 0] - corners_32[0, 0], corners_32[1, 1] - corners_32[0, 1]
    du2, dv2 = corners_32[2, 0] - corners_32[0, 0], corners_32[2, 1] - corners_32[0, 1]
    sign = 1.0 if du1 * dv2 - du2 * dv1 > 0 else -1.0
    along_u, along_v = 1e-24, 1e-24
    for k in range(3):
        e1, e2 = vertices_V3[b, k] - vertices_V3[a, k], vertices_V3[c, k] - vertices_V3[a, k]
        along_u += (e1 * dv2 - e2 * dv1) ** 2
        along_v += (e2 * du1 - e1 * du2) ** 2
    scale_u, scale_v = sign * slope_u / np.sqrt(along_u), sign * slope_v / np.sqrt(along_v)
    for k in range(3):
        e1, e2 = vertices_V3[b, k] - vertices_V3[a, k], vertices_V3[c, k] - vertices_V3[a, k]
        normal[k] -= scale_u * (e1 * dv2 - e2 * dv1) + scale_v * (e2 * du1 - e1 * du2)


@njit(cache=True, fastmath=True, nogil=True, inline="always")
def _arriving(material, colour, point, normal, open_sky, cavity, height_map, frame, lights, scales, out):  # type: ignore[no-untyped-def]
    """Light leaving a point towards the eye, RGB into `out`; `lights` and `scales` as in `shade`."""
    vx, vy, vz = lights[EYE, 0] - point[0], lights[EYE, 1] - point[1], lights[EYE, 2] - point[2]
    length = 1.0 / np.sqrt(vx * vx + vy * vy + vz * vz)
    vx, vy, vz = vx * length, vy * length, vz * length
    facing = max(normal[0] * vx + normal[1] * vy + normal[2] * vz, 0.0)
    cosine = normal[0] * frame[2, 0] + normal[1] * frame[2, 1] + normal[2] * frame[2, 2]
    wrap, lit = material[SCATTER], 0.0
    if cosine > -wrap:
        x = point[0] - lights[CENTRE, 0] + normal[0] * 0.012
        y = point[1] - lights[CENTRE, 1] + normal[1] * 0.012
        z = point[2] - lights[CENTRE, 2] + normal[2] * 0.012
        lit = _key_visibility(height_map, frame, scales[0], x, y, z, scales[1])
    direct, wrapped = max(cosine, 0.0) * lit, max((cosine + wrap) / (1 + wrap), 0.0) * lit
    hx, hy, hz = vx + frame[2, 0], vy + frame[2, 1], vz + frame[2, 2]
    half = max((normal[0] * hx + normal[1] * hy + normal[2] * hz) / np.sqrt(hx * hx + hy * hy + hz * hz), 0.0)
    gloss = material[GLOSS] * (half ** material[SHARPNESS]) * lit
    grazing = (1.0 - facing) ** 3
    up = 0.5 + 0.5 * normal[1]
    for k in range(3):
        # Scattering reddens the terminator of skin: red light travels furthest (k = 0).
        diffuse = direct + (wrapped - direct) * (1.0, 0.45, 0.30)[k]
        sky = (lights[SKY, k] * up + lights[FLOOR, k] * (1 - up)) * open_sky * cavity
        light = lights[KEY, k] * diffuse + sky + lights[FILL, k] * facing * (0.4 + 0.6 * open_sky)
        matt = colour[k] * material[TINT + k] * light * (1 + material[FUZZ] * grazing)
        out[k] = matt + gloss * lights[KEY, k] + material[GLOSS] * 0.25 * grazing * sky


@njit(cache=True, fastmath=True, nogil=True)
def shade(  # type: ignore[no-untyped-def]
    screen_V3, vertices_V3, normals_V3, ambient_V, faces_F3, uv_F32, piece_F, lod_F, depth_HW, face_HW, textures_P,
    bumps_P, two_sided_P, materials_PM, texels_N4, table_TL3, linear, straight, height_map, frame_33, lights, scales,
    out_HW3, matte_HW, shown_HW, uv_HW2, near_HW,
):  # fmt: skip
    """Adds the light of all samples into `out_HW3` (weighted by coverage) and fills the ground-truth maps.

    `shown_HW` gets the face of each pixel's nearest sample, and is left alone where there is none.

    `lights` [6, 3] has the rows KEY, SKY, FLOOR, FILL, EYE, CENTRE; `scales` is (shadow cells a metre, softness).
    """
    colour, slope, lit = np.zeros(3, np.float32), np.zeros(3, np.float32), np.zeros(3, np.float32)
    normal, point = np.zeros(3, np.float32), np.zeros(3, np.float32)
    share = 1.0 / (SAMPLES * SAMPLES)
    for row in range(matte_HW.shape[0]):
        for column in range(matte_HW.shape[1]):
            best = np.float32(0.0)
            for sub in range(SAMPLES * SAMPLES):
                sy, sx = row * SAMPLES + sub // SAMPLES, column * SAMPLES + sub % SAMPLES
                f = face_HW[sy, sx]
                if f < 0:
                    continue
                a, b, c, p = faces_F3[f, 0], faces_F3[f, 1], faces_F3[f, 2], piece_F[f]
                near = depth_HW[sy, sx]
                w0, w1, w2, area = _corner_weights(screen_V3, a, b, c, sx + 0.5, sy + 0.5, near)
                normal[0], normal[1], normal[2] = _mix3(normals_V3, a, b, c, w0, w1, w2)
                point[0], point[1], point[2] = _mix3(vertices_V3, a, b, c, w0, w1, w2)
                u = w0 * uv_F32[f, 0, 0] + w1 * uv_F32[f, 1, 0] + w2 * uv_F32[f, 2, 0]
                v = w0 * uv_F32[f, 0, 1] + w1 * uv_F32[f, 1, 1] + w2 * uv_F32[f, 2, 1]
                open_sky, cavity = w0 * ambient_V[a] + w1 * ambient_V[b] + w2 * ambient_V[c], 1.0
                if two_sided_P[p] and area > 0:
                    normal[0], normal[1], normal[2] = -normal[0], -normal[1], -normal[2]
                    open_sky *= 0.45
                if bumps_P[p] >= 0:
                    _sample(texels_N4, table_TL3, straight, bumps_P[p], lod_F[f], u, v, slope)
                    strength, cavity = 2.0 * materials_PM[p, BUMP], slope[2]
                    slope_u, slope_v = strength * (slope[0] - 0.502), strength * (slope[1] - 0.502)
                    _tilt(vertices_V3, a, b, c, uv_F32[f], slope_u, slope_v, normal)
                norm = 1.0 / (np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2) + 1e-9)
                normal[0], normal[1], normal[2] = normal[0] * norm, normal[1] * norm, normal[2] * norm
                _sample(texels_N4, table_TL3, linear, textures_P[p], lod_F[f], u, v, colour)
                _arriving(
                    materials_PM[p], colour, point, normal, open_sky, cavity, height_map, frame_33, lights, scales, lit
                )
                for k in range(3):
                    out_HW3[row, column, k] += share * lit[k]
                matte_HW[row, column] += share
                if near > best:
                    best = near
                    shown_HW[row, column] = f
                    uv_HW2[row, column, 0], uv_HW2[row, column, 1] = u, v
                    near_HW[row, column] = near
