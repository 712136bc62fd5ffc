"""Dual-quaternion skinning: joints bend without the collapse of linear blending.

Kavan, Collins, Zara, O'Sullivan: "Geometric Skinning with Approximate Dual Quaternion Blending", ACM TOG 2008.
Legend: V vertices, B bones, N influences.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy.spatial.transform import Rotation

NUM_INFLUENCES = 4


def strongest_influences(weights_VB: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The four strongest bones of each vertex, int32 [V, 4], and their weights, float32 [V, 4], summing to 1."""
    bones = np.argsort(-weights_VB, axis=1, kind="stable")[:, :NUM_INFLUENCES].astype(np.int32)
    weights = np.take_along_axis(weights_VB, bones, axis=1).astype(np.float32)
    return bones, weights / np.maximum(weights.sum(1, keepdims=True), 1e-8)


def dual_quaternions(rotations_B33: np.ndarray, shifts_B3: np.ndarray) -> np.ndarray:
    """[B, 8] float32 unit dual quaternions (w, x, y, z | dual part) of the motions x -> R x + t."""
    xyzw = Rotation.from_matrix(rotations_B33).as_quat()
    real = np.concatenate([xyzw[:, 3:], xyzw[:, :3]], axis=1)
    w, v = real[:, :1], real[:, 1:]
    dual = 0.5 * np.concatenate(
        [-(shifts_B3 * v).sum(1, keepdims=True), w * shifts_B3 + np.cross(shifts_B3, v)], axis=1
    )
    return np.concatenate([real, dual], axis=1).astype(np.float32)


@njit(cache=True, fastmath=True, nogil=True)
def skin_vertices(vertices_V3, bones_VN, weights_VN, motions_B8):  # type: ignore[no-untyped-def]
    """[V, 3] float32 vertices moved by the blended dual quaternions of their bones."""
    out = np.empty((vertices_V3.shape[0], 3), np.float32)
    q = np.empty(8, np.float32)
    for i in range(vertices_V3.shape[0]):
        first = bones_VN[i, 0]
        q[:] = 0.0
        for n in range(bones_VN.shape[1]):
            weight = weights_VN[i, n]
            if weight <= 0.0:
                continue
            bone = bones_VN[i, n]
            dot = np.float32(0.0)
            for k in range(4):
                dot += motions_B8[first, k] * motions_B8[bone, k]
            if dot < 0.0:
                weight = -weight
            for k in range(8):
                q[k] += weight * motions_B8[bone, k]
        scale = 1.0 / np.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
        w, x, y, z = q[0] * scale, q[1] * scale, q[2] * scale, q[3] * scale
        dw, dx, dy, dz = q[4] * scale, q[5] * scale, q[6] * scale, q[7] * scale
        vx, vy, vz = vertices_V3[i, 0], vertices_V3[i, 1], vertices_V3[i, 2]
        cx = y * vz - z * vy + w * vx
        cy = z * vx - x * vz + w * vy
        cz = x * vy - y * vx + w * vz
        out[i, 0] = vx + 2.0 * (y * cz - z * cy) + 2.0 * (w * dx - dw * x + y * dz - z * dy)
        out[i, 1] = vy + 2.0 * (z * cx - x * cz) + 2.0 * (w * dy - dw * y + z * dx - x * dz)
        out[i, 2] = vz + 2.0 * (x * cy - y * cx) + 2.0 * (w * dz - dw * z + x * dy - y * dx)
    return out
