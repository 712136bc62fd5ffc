"""Tells apart surfaces that share texture coordinates: both shoes of a pair, strands of hair, a shirt and a jacket.

Legend: F faces.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

# Cells along U and V in which surfaces are compared, and how far inside a face a cell's middle must lie to be its own.
_CELLS = 512
_INSIDE = 1e-3
MAX_LAYERS = 256


def chart_layers(faces_F3: np.ndarray, uv_F32: np.ndarray) -> np.ndarray:
    """[F] uint8 layer of each face, such that within a layer no place in (u, v) belongs to two faces.

    Charts (faces joined along their edges in U and V) stay whole where they do not cover themselves; the first comes
    to lie in layer 0. Beyond `MAX_LAYERS` all the rest shares the last.
    """
    chart = _charts(faces_F3, uv_F32)
    order = np.argsort(chart, kind="stable")
    uv = np.ascontiguousarray(uv_F32[order], np.float32)
    layers = np.full(len(order), -1, np.int32)
    for layer in range(MAX_LAYERS - 1):
        if _fill_layer(uv, chart[order], layers, layer, _CELLS) == 0:
            break
    layers[layers < 0] = MAX_LAYERS - 1
    found = np.empty(len(order), np.uint8)
    found[order] = layers
    return found


def _charts(faces_F3: np.ndarray, uv_F32: np.ndarray) -> np.ndarray:
    """[F] number of the chart; corners are one point where vertex and coordinates are the same."""
    flat = np.ascontiguousarray(uv_F32, np.float32).reshape(-1, 2).view(np.int64).ravel()
    _, place = np.unique(flat, return_inverse=True)
    _, point = np.unique(faces_F3.reshape(-1).astype(np.int64) * (place.max() + 1) + place, return_inverse=True)
    a, b, c = point.reshape(-1, 3).T
    joined = coo_matrix((np.ones(2 * len(a), bool), (np.concatenate([a, b]), np.concatenate([b, c]))))
    size = int(point.max()) + 1
    joined.resize((size, size))
    _, chart = connected_components(joined, directed=False)
    return chart[a].astype(np.int32)


@njit(cache=True, nogil=True)
def _fill_layer(uv_F32, chart_F, layer_F, layer, cells):  # type: ignore[no-untyped-def]
    """Lays whole charts into one layer where there is room; returns how many faces are left. Faces come by chart."""
    taken = np.full((cells, cells), -1, np.int32)
    left, first = 0, 0
    while first < len(chart_F):
        last = first
        while last < len(chart_F) and chart_F[last] == chart_F[first]:
            last += 1
        room = True
        for f in range(first, last):
            if layer_F[f] < 0 and room:
                room = not _touches(uv_F32[f], taken, cells, chart_F[first], False)
        for f in range(first, last):
            if layer_F[f] >= 0:
                continue
            if room and not _touches(uv_F32[f], taken, cells, -1, False):
                _touches(uv_F32[f], taken, cells, chart_F[first], True)
                layer_F[f] = layer
            else:
                left += 1
        first = last
    return left


@njit(cache=True, nogil=True)
def _touches(corners_32, taken, cells, chart, claim):  # type: ignore[no-untyped-def]
    """Whether the face covers a cell that a chart other than `chart` has taken; or takes all it covers."""
    ax, ay = corners_32[0, 0] * cells, corners_32[0, 1] * cells
    bx, by = corners_32[1, 0] * cells, corners_32[1, 1] * cells
    cx, cy = corners_32[2, 0] * cells, corners_32[2, 1] * cells
    area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
    if abs(area) < 1e-9:
        return False
    for row in range(max(int(min(ay, by, cy)), 0), min(int(max(ay, by, cy)) + 1, cells)):
        for column in range(max(int(min(ax, bx, cx)), 0), min(int(max(ax, bx, cx)) + 1, cells)):
            x, y = column + 0.5, row + 0.5
            w0 = ((bx - x) * (cy - y) - (cx - x) * (by - y)) / area
            w1 = ((cx - x) * (ay - y) - (ax - x) * (cy - y)) / area
            if w0 <= _INSIDE or w1 <= _INSIDE or 1 - w0 - w1 <= _INSIDE:
                continue
            if claim:
                taken[row, column] = chart
            elif taken[row, column] >= 0 and taken[row, column] != chart:
                return True
    return False
