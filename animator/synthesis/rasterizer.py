"""Depth-buffered rasterisation in compiled loops: which face and how near, per sample.

Samples lie on a grid twice as fine as the picture (2 x 2 per pixel). Depth is kept as its inverse, which is
linear over the screen, so nearer is larger and 0 is empty.

Legend: V vertices, F faces, P pieces (material tables), H W samples.
"""

from __future__ import annotations

import numpy as np
from numba import njit

SAMPLES = 2
# Alpha a texel needs to count, by sample of the pixel: cut-outs fade over four levels instead of one.
ALPHA_LEVELS = np.array([[0.2, 0.65], [0.8, 0.4]], np.float32) * 255


@njit(cache=True, fastmath=True, nogil=True)
def fill_triangles(corners_F32, values_F3C, out_HWC, covered_HW):  # type: ignore[no-untyped-def]
    """Writes the linear interpolation of per-corner values into the texels whose centres a triangle covers."""
    height, width, channels = out_HWC.shape
    for f in range(corners_F32.shape[0]):
        ax, ay = corners_F32[f, 0, 0], corners_F32[f, 0, 1]
        bx, by = corners_F32[f, 1, 0], corners_F32[f, 1, 1]
        cx, cy = corners_F32[f, 2, 0], corners_F32[f, 2, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-12:
            continue
        x0, x1 = max(int(min(ax, bx, cx)), 0), min(int(max(ax, bx, cx)) + 1, width)
        y0, y1 = max(int(min(ay, by, cy)), 0), min(int(max(ay, by, cy)) + 1, height)
        for y in range(y0, y1):
            for x in range(x0, x1):
                px, py = x + 0.5, y + 0.5
                w0 = ((bx - px) * (cy - py) - (by - py) * (cx - px)) / area
                w1 = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) / area
                w2 = 1.0 - w0 - w1
                if w0 >= -1e-5 and w1 >= -1e-5 and w2 >= -1e-5:
                    covered_HW[y, x] = True
                    for c in range(channels):
                        out_HWC[y, x, c] = (
                            w0 * values_F3C[f, 0, c] + w1 * values_F3C[f, 1, c] + w2 * values_F3C[f, 2, c]
                        )


@njit(cache=True, fastmath=True, nogil=True)
def project_vertices(vertices_V3, rotation_33, position_3, focal, cx, cy, out_V3):  # type: ignore[no-untyped-def]
    """Sample x, y and inverse depth of each vertex; inverse depth 0 marks vertices behind the camera."""
    for i in range(vertices_V3.shape[0]):
        x, y, z = (
            vertices_V3[i, 0] - position_3[0],
            vertices_V3[i, 1] - position_3[1],
            vertices_V3[i, 2] - position_3[2],
        )
        depth = rotation_33[2, 0] * x + rotation_33[2, 1] * y + rotation_33[2, 2] * z
        if depth < 0.05:
            out_V3[i, 2] = 0.0
            continue
        scale = focal / depth
        out_V3[i, 0] = cx + scale * (rotation_33[0, 0] * x + rotation_33[0, 1] * y + rotation_33[0, 2] * z)
        out_V3[i, 1] = cy + scale * (rotation_33[1, 0] * x + rotation_33[1, 1] * y + rotation_33[1, 2] * z)
        out_V3[i, 2] = 1.0 / depth


@njit(cache=True, fastmath=True, nogil=True)
def vertex_normals(vertices_V3, faces_F3):  # type: ignore[no-untyped-def]
    """[V, 3] float32 area-weighted normals."""
    out = np.zeros(vertices_V3.shape, np.float32)
    for f in range(faces_F3.shape[0]):
        a, b, c = faces_F3[f, 0], faces_F3[f, 1], faces_F3[f, 2]
        ux, uy, uz = (
            vertices_V3[b, 0] - vertices_V3[a, 0],
            vertices_V3[b, 1] - vertices_V3[a, 1],
            vertices_V3[b, 2] - vertices_V3[a, 2],
        )
        vx, vy, vz = (
            vertices_V3[c, 0] - vertices_V3[a, 0],
            vertices_V3[c, 1] - vertices_V3[a, 1],
            vertices_V3[c, 2] - vertices_V3[a, 2],
        )
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for i in (a, b, c):
            out[i, 0] += nx
            out[i, 1] += ny
            out[i, 2] += nz
    for i in range(out.shape[0]):
        length = np.sqrt(out[i, 0] ** 2 + out[i, 1] ** 2 + out[i, 2] ** 2) + 1e-20
        out[i, 0] /= length
        out[i, 1] /= length
        out[i, 2] /= length
    return out


@njit(cache=True, fastmath=True, nogil=True, inline="always")
def sample_alpha(texels_N4, table_TL3, texture, level, u, v):  # type: ignore[no-untyped-def]
    """Bilinear alpha, 0 to 255, with coordinates clamped to the border."""
    offset, height, width = table_TL3[texture, level, 0], table_TL3[texture, level, 1], table_TL3[texture, level, 2]
    x = min(max(u * width - 0.5, 0.0), width - 1.001)
    y = min(max((1.0 - v) * height - 0.5, 0.0), height - 1.001)
    ix, iy = int(x), int(y)
    fx, fy = x - ix, y - iy
    at = offset + iy * width + ix
    top = texels_N4[at, 3] * (1 - fx) + texels_N4[at + 1, 3] * fx
    bottom = texels_N4[at + width, 3] * (1 - fx) + texels_N4[at + width + 1, 3] * fx
    return top * (1 - fy) + bottom * fy


@njit(cache=True, fastmath=True, nogil=True, inline="always")
def _span(a, b, c, limit):  # type: ignore[no-untyped-def]
    """The first sample, and one past the last, whose centres lie between the least and the greatest of a, b, c."""
    return max(int(np.ceil(min(a, b, c) - 0.5)), 0), min(int(np.floor(max(a, b, c) - 0.5)) + 1, limit)


@njit(cache=True, fastmath=True, nogil=True, inline="always")
def _weights(ax, ay, bx, by, cx, cy, inverse_area, px, py):  # type: ignore[no-untyped-def]
    """Barycentric weights of a point, linear over the screen; all are positive inside the triangle."""
    w0 = ((bx - px) * (cy - py) - (by - py) * (cx - px)) * inverse_area
    w1 = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) * inverse_area
    return w0, w1, 1.0 - w0 - w1


@njit(cache=True, fastmath=True, nogil=True, inline="always")
def _mip_level(uv_32, table_TL3, texture, area):  # type: ignore[no-untyped-def]
    """How far down a texture's levels a face of `area` samples looks: where a texel is about as large as a sample."""
    ua, va, ub, vb = uv_32[0, 0], uv_32[0, 1], uv_32[1, 0], uv_32[1, 1]
    uc, vc = uv_32[2, 0], uv_32[2, 1]
    texel_area = (
        abs((ub - ua) * (vc - va) - (vb - va) * (uc - ua)) * table_TL3[texture, 0, 1] * table_TL3[texture, 0, 2]
    )
    return min(max(0.5 * np.log2(texel_area / abs(area) + 1e-6) + 0.35, 0.0), table_TL3.shape[1] - 1.01)


@njit(cache=True, fastmath=True, nogil=True)
def rasterize(  # type: ignore[no-untyped-def]
    screen_V3, faces_F3, uv_F32, piece_F, textures_P, cutout_P, two_sided_P, texels_N4, table_TL3, depth_HW, face_HW,
    lod_F,
):  # fmt: skip
    """Fills `depth_HW` (inverse depth, zeroed before), `face_HW` (-1 before), and the mip levels of drawn faces."""
    height, width = depth_HW.shape
    for f in range(faces_F3.shape[0]):
        a, b, c = faces_F3[f, 0], faces_F3[f, 1], faces_F3[f, 2]
        ia, ib, ic = screen_V3[a, 2], screen_V3[b, 2], screen_V3[c, 2]
        if ia <= 0 or ib <= 0 or ic <= 0:
            continue
        ax, ay, bx, by = screen_V3[a, 0], screen_V3[a, 1], screen_V3[b, 0], screen_V3[b, 1]
        cx, cy = screen_V3[c, 0], screen_V3[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        piece = piece_F[f]
        if (area >= 0 and not two_sided_P[piece]) or abs(area) < 1e-9:
            continue
        x0, x1 = _span(ax, bx, cx, width)
        y0, y1 = _span(ay, by, cy, height)
        if x0 >= x1 or y0 >= y1:
            continue
        texture = textures_P[piece]
        lod = _mip_level(uv_F32[f], table_TL3, texture, area)
        lod_F[f] = lod
        level = int(lod + 0.2)
        inv = 1.0 / area
        cutout = cutout_P[piece]
        for y in range(y0, y1):
            for x in range(x0, x1):
                w0, w1, w2 = _weights(ax, ay, bx, by, cx, cy, inv, x + 0.5, y + 0.5)
                if w0 < 0 or w1 < 0 or w2 < 0:
                    continue
                near = w0 * ia + w1 * ib + w2 * ic
                if near <= depth_HW[y, x]:
                    continue
                if cutout:
                    u = (w0 * ia * uv_F32[f, 0, 0] + w1 * ib * uv_F32[f, 1, 0] + w2 * ic * uv_F32[f, 2, 0]) / near
                    v = (w0 * ia * uv_F32[f, 0, 1] + w1 * ib * uv_F32[f, 1, 1] + w2 * ic * uv_F32[f, 2, 1]) / near
                    if sample_alpha(texels_N4, table_TL3, texture, level, u, v) < ALPHA_LEVELS[y & 1, x & 1]:
                        continue
                depth_HW[y, x] = near
                face_HW[y, x] = f


@njit(cache=True, fastmath=True, nogil=True)
def shadow_depth(vertices_V3, faces_F3, frame_33, center_3, cells_per_m, size):  # type: ignore[no-untyped-def]
    """[size, size] float32 height towards the light of the nearest surface; -1e9 where the light passes.

    `frame_33` holds the map's x and y axes and the direction to the light as rows.
    """
    out = np.full((size, size), np.float32(-1e9))
    flat = np.empty((vertices_V3.shape[0], 3), np.float32)
    for i in range(vertices_V3.shape[0]):
        x, y, z = vertices_V3[i, 0] - center_3[0], vertices_V3[i, 1] - center_3[1], vertices_V3[i, 2] - center_3[2]
        flat[i, 0] = (frame_33[0, 0] * x + frame_33[0, 1] * y + frame_33[0, 2] * z) * cells_per_m + size * 0.5
        flat[i, 1] = (frame_33[1, 0] * x + frame_33[1, 1] * y + frame_33[1, 2] * z) * cells_per_m + size * 0.5
        flat[i, 2] = frame_33[2, 0] * x + frame_33[2, 1] * y + frame_33[2, 2] * z
    for f in range(faces_F3.shape[0]):
        a, b, c = faces_F3[f, 0], faces_F3[f, 1], faces_F3[f, 2]
        ax, ay, bx, by, cx, cy = flat[a, 0], flat[a, 1], flat[b, 0], flat[b, 1], flat[c, 0], flat[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        x0, x1 = _span(ax, bx, cx, size)
        y0, y1 = _span(ay, by, cy, size)
        if abs(area) < 1e-9 or x0 >= x1 or y0 >= y1:
            continue
        inv = 1.0 / area
        for y in range(y0, y1):
            for x in range(x0, x1):
                w0, w1, w2 = _weights(ax, ay, bx, by, cx, cy, inv, x + 0.5, y + 0.5)
                if w0 >= 0 and w1 >= 0 and w2 >= 0:
                    high = w0 * flat[a, 2] + w1 * flat[b, 2] + w2 * flat[c, 2]
                    if high > out[y, x]:
                        out[y, x] = high
    return out
