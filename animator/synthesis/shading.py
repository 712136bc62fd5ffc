"""Colours of the samples a person covers: texture, bumps, key light with soft shadow, ambient, sheen.

Works in linear light; the picture is averaged over the samples of a pixel before it is encoded as sRGB.

Legend: V vertices, F faces, P pieces, H W pixels, SH SW samples.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from animator.synthesis.rasterizer import SAMPLES

# Columns of the material table.
TINT, GLOSS, SHARPNESS, SCATTER, BUMP, FUZZ, PART = 0, 3, 4, 5, 6, 7, 8
NUM_MATERIAL = 9


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


@njit(cache=True, fastmath=True, nogil=True)
def shade(  # type: ignore[no-untyped-def]
    screen_V3,
    vertices_V3,
    normals_V3,
    ambient_V,
    faces_F3,
    uv_F32,
    piece_F,
    lod_F,
    depth_HW,
    face_HW,
    textures_P,
    bumps_P,
    two_sided_P,
    materials_PM,
    texels_N4,
    table_TL3,
    linear,
    straight,
    height_map,
    frame_33,
    center_3,
    shadow_scale,
    softness,
    key_3,
    sky_3,
    floor_3,
    fill_3,
    eye_3,
    out_HW3,
    matte_HW,
    part_HW,
    uv_HW2,
    near_HW,
):
    """Adds the light of all samples into `out_HW3` (weighted by coverage) and fills the ground-truth maps."""
    height, width = matte_HW.shape
    colour, slope = np.zeros(3, np.float32), np.zeros(3, np.float32)
    share = 1.0 / (SAMPLES * SAMPLES)
    light = frame_33[2]
    for row in range(height):
        for column in range(width):
            best = np.float32(0.0)
            for sub in range(SAMPLES * SAMPLES):
                sy, sx = row * SAMPLES + sub // SAMPLES, column * SAMPLES + sub % SAMPLES
                f = face_HW[sy, sx]
                if f < 0:
                    continue
                a, b, c = faces_F3[f, 0], faces_F3[f, 1], faces_F3[f, 2]
                px, py = sx + 0.5, sy + 0.5
                ax, ay, bx, by = screen_V3[a, 0], screen_V3[a, 1], screen_V3[b, 0], screen_V3[b, 1]
                cx, cy = screen_V3[c, 0], screen_V3[c, 1]
                area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
                near = depth_HW[sy, sx]
                w0 = ((bx - px) * (cy - py) - (by - py) * (cx - px)) / area
                w1 = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) / area
                w2 = (1.0 - w0 - w1) * screen_V3[c, 2] / near
                w0 *= screen_V3[a, 2] / near
                w1 *= screen_V3[b, 2] / near
                nx = w0 * normals_V3[a, 0] + w1 * normals_V3[b, 0] + w2 * normals_V3[c, 0]
                ny = w0 * normals_V3[a, 1] + w1 * normals_V3[b, 1] + w2 * normals_V3[c, 1]
                nz = w0 * normals_V3[a, 2] + w1 * normals_V3[b, 2] + w2 * normals_V3[c, 2]
                x = w0 * vertices_V3[a, 0] + w1 * vertices_V3[b, 0] + w2 * vertices_V3[c, 0]
                y = w0 * vertices_V3[a, 1] + w1 * vertices_V3[b, 1] + w2 * vertices_V3[c, 1]
                z = w0 * vertices_V3[a, 2] + w1 * vertices_V3[b, 2] + w2 * vertices_V3[c, 2]
                u = w0 * uv_F32[f, 0, 0] + w1 * uv_F32[f, 1, 0] + w2 * uv_F32[f, 2, 0]
                v = w0 * uv_F32[f, 0, 1] + w1 * uv_F32[f, 1, 1] + w2 * uv_F32[f, 2, 1]
                ambient = w0 * ambient_V[a] + w1 * ambient_V[b] + w2 * ambient_V[c]
                p = piece_F[f]
                if two_sided_P[p] and area > 0:
                    nx, ny, nz = -nx, -ny, -nz
                    ambient *= 0.45
                cavity = 1.0
                if bumps_P[p] >= 0:
                    _sample(texels_N4, table_TL3, straight, bumps_P[p], lod_F[f], u, v, slope)
                    cavity = slope[2]
                    du1, dv1 = uv_F32[f, 1, 0] - uv_F32[f, 0, 0], uv_F32[f, 1, 1] - uv_F32[f, 0, 1]
                    du2, dv2 = uv_F32[f, 2, 0] - uv_F32[f, 0, 0], uv_F32[f, 2, 1] - uv_F32[f, 0, 1]
                    sign = 1.0 if du1 * dv2 - du2 * dv1 > 0 else -1.0
                    tx, ty, tz, ex, ey, ez = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
                    e1x, e1y, e1z = (
                        vertices_V3[b, 0] - vertices_V3[a, 0],
                        vertices_V3[b, 1] - vertices_V3[a, 1],
                        vertices_V3[b, 2] - vertices_V3[a, 2],
                    )
                    e2x, e2y, e2z = (
                        vertices_V3[c, 0] - vertices_V3[a, 0],
                        vertices_V3[c, 1] - vertices_V3[a, 1],
                        vertices_V3[c, 2] - vertices_V3[a, 2],
                    )
                    tx, ty, tz = (
                        (e1x * dv2 - e2x * dv1) * sign,
                        (e1y * dv2 - e2y * dv1) * sign,
                        (e1z * dv2 - e2z * dv1) * sign,
                    )
                    ex, ey, ez = (
                        (e2x * du1 - e1x * du2) * sign,
                        (e2y * du1 - e1y * du2) * sign,
                        (e2z * du1 - e1z * du2) * sign,
                    )
                    strength = 2.0 * materials_PM[p, BUMP]
                    tl = strength * (slope[0] - 0.502) / (np.sqrt(tx * tx + ty * ty + tz * tz) + 1e-12)
                    el = strength * (slope[1] - 0.502) / (np.sqrt(ex * ex + ey * ey + ez * ez) + 1e-12)
                    nx, ny, nz = nx - tl * tx - el * ex, ny - tl * ty - el * ey, nz - tl * tz - el * ez
                norm = 1.0 / (np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9)
                nx, ny, nz = nx * norm, ny * norm, nz * norm
                _sample(texels_N4, table_TL3, linear, textures_P[p], lod_F[f], u, v, colour)
                vx, vy, vz = eye_3[0] - x, eye_3[1] - y, eye_3[2] - z
                vl = 1.0 / np.sqrt(vx * vx + vy * vy + vz * vz)
                vx, vy, vz = vx * vl, vy * vl, vz * vl
                facing = max(nx * vx + ny * vy + nz * vz, 0.0)
                cosine = nx * light[0] + ny * light[1] + nz * light[2]
                lit = 0.0
                wrap = materials_PM[p, SCATTER]
                if cosine > -wrap:
                    lit = _key_visibility(
                        height_map,
                        frame_33,
                        shadow_scale,
                        x - center_3[0] + nx * 0.012,
                        y - center_3[1] + ny * 0.012,
                        z - center_3[2] + nz * 0.012,
                        softness,
                    )
                direct = max(cosine, 0.0) * lit
                wrapped = max((cosine + wrap) / (1 + wrap), 0.0) * lit
                hx, hy, hz = vx + light[0], vy + light[1], vz + light[2]
                half = max((nx * hx + ny * hy + nz * hz) / np.sqrt(hx * hx + hy * hy + hz * hz), 0.0)
                gloss = materials_PM[p, GLOSS] * (half ** materials_PM[p, SHARPNESS]) * lit
                grazing = (1.0 - facing) ** 3
                fuzz = materials_PM[p, FUZZ] * grazing
                up = 0.5 + 0.5 * ny
                occluded = ambient * cavity
                for k in range(3):
                    # Scattering reddens the terminator of skin: red light travels furthest (k = 0).
                    diffuse = direct + (wrapped - direct) * (1.0, 0.45, 0.30)[k]
                    sky = (sky_3[k] * up + floor_3[k] * (1 - up)) * occluded
                    arriving = key_3[k] * diffuse + sky + fill_3[k] * facing * (0.4 + 0.6 * ambient)
                    albedo = colour[k] * materials_PM[p, TINT + k]
                    out_HW3[row, column, k] += share * (
                        albedo * arriving * (1 + fuzz)
                        + gloss * key_3[k]
                        + materials_PM[p, GLOSS] * 0.25 * grazing * sky
                    )
                matte_HW[row, column] += share
                if near > best:
                    best = near
                    part_HW[row, column] = np.uint8(materials_PM[p, PART])
                    uv_HW2[row, column, 0], uv_HW2[row, column, 1] = u, v
                    near_HW[row, column] = near
