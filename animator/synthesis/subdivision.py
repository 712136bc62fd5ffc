"""Catmull-Clark subdivision of quad meshes as sparse matrices, so that one topology serves every body.

Catmull and Clark 1978; borders follow the cubic B-spline rule. Legend: V coarse vertices, W fine vertices, F quads.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse


def subdivide(quads_F4: np.ndarray, num_vertices: int, *, smooth: bool) -> tuple[np.ndarray, sparse.csr_matrix]:
    """Fine quads [4F, 4] and the matrix [W, V] that makes fine vertices of coarse ones.

    Fine vertices are the coarse ones, then edge points, then face points. `smooth=False` keeps the surface where it
    is (plain midpoints), which is what texture coordinates and weights need.
    """
    edges = np.stack([quads_F4, np.roll(quads_F4, -1, axis=1)], axis=-1).reshape(-1, 2)
    unique, inverse, counts = np.unique(np.sort(edges, axis=1), axis=0, return_inverse=True, return_counts=True)
    edge_of_corner = inverse.reshape(-1, 4)
    num_edges, num_faces = len(unique), len(quads_F4)
    faces = _spread(np.arange(num_faces), quads_F4, 0.25, (num_faces, num_vertices))
    middles = _spread(np.arange(num_edges), unique, 0.5, (num_edges, num_vertices))
    corner_rows = sparse.identity(num_vertices, format="csr")
    if smooth:
        inner = counts == 2
        touching = _spread(
            edge_of_corner.ravel(), np.repeat(np.arange(num_faces), 4)[:, None], 0.5, (num_edges, num_faces)
        )
        keep, border = sparse.diags(inner.astype(float)), sparse.diags((~inner).astype(float))
        corner_rows = _corner_rule(unique, inner, quads_F4, faces, middles, num_vertices)
        middles = keep @ (0.5 * middles + 0.5 * touching @ faces) + border @ middles
    edge_id = num_vertices + edge_of_corner
    face_id = num_vertices + num_edges + np.arange(num_faces)
    fine = np.concatenate(
        [np.stack([quads_F4[:, k], edge_id[:, k], face_id, edge_id[:, k - 1]], axis=1) for k in range(4)]
    )
    return fine.astype(np.int32), sparse.vstack([corner_rows, middles, faces]).tocsr()


def _spread(rows: np.ndarray, columns: np.ndarray, weight: float, shape: tuple[int, int]) -> sparse.csr_matrix:
    width = columns.shape[1]
    data = np.full(columns.size, weight)
    return sparse.csr_matrix((data, (np.repeat(rows, width), columns.ravel())), shape=shape)


def _corner_rule(
    edges: np.ndarray,
    inner: np.ndarray,
    quads: np.ndarray,
    faces: sparse.csr_matrix,
    middles: sparse.csr_matrix,
    count: int,
) -> sparse.csr_matrix:
    """Interior: (F + 2R + (n - 3)P) / n. Border: 3/4 P + 1/8 of each border neighbour."""
    on_face = _spread(quads.ravel(), np.repeat(np.arange(len(quads)), 4)[:, None], 1.0, (count, len(quads)))
    on_edge = _spread(edges.T.ravel(), np.tile(np.arange(len(edges)), 2)[:, None], 1.0, (count, len(edges)))
    valence = np.maximum(np.asarray(on_edge.sum(1)).ravel(), 1)
    around = np.maximum(np.asarray(on_face.sum(1)).ravel(), 1)
    n = valence
    interior = (
        sparse.diags(1 / (n * around)) @ on_face @ faces
        + sparse.diags(2 / (n * valence)) @ on_edge @ middles
        + sparse.diags((n - 3) / n)
    )
    border_edges = on_edge @ sparse.diags((~inner).astype(float))
    at_border = np.asarray(border_edges.sum(1)).ravel() > 0
    border = 0.5 * sparse.identity(count) + sparse.diags(np.full(count, 0.25)) @ border_edges @ middles
    return sparse.diags((~at_border).astype(float)) @ interior + sparse.diags(at_border.astype(float)) @ border


def neighbour_average(quads_F4: np.ndarray, num_vertices: int) -> sparse.csr_matrix:
    """[V, V] matrix that replaces each vertex by the mean of its edge neighbours."""
    edges = np.stack([quads_F4, np.roll(quads_F4, -1, axis=1)], axis=-1).reshape(-1, 2)
    both = np.concatenate([edges, edges[:, ::-1]])
    links = sparse.csr_matrix((np.ones(len(both)), both.T), shape=(num_vertices, num_vertices))
    links.data[:] = 1.0
    return sparse.diags(1 / np.maximum(np.asarray(links.sum(1)).ravel(), 1)) @ links
