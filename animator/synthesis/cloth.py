"""Cloth templates: the base mesh's tights and skirt helpers, subdivided once, with maps of where each texel lies.

All cuts and patterns are functions of a texel's position on the *template*, a middling body in the T-pose, so a
hem is the same curve on every body and needs no cutting of triangles.

Legend: V helper vertices, W fine vertices, F triangles, H W texels, B bones.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import sparse

from animator.synthesis.base_mesh import load_base_mesh, triangulate
from animator.synthesis.body import bone_motions, build_body, skin_weights
from animator.synthesis.phenotype import Phenotype
from animator.synthesis.rig import rest_pose
from animator.synthesis.skinning import dual_quaternions, skin_vertices, strongest_influences
from animator.synthesis.subdivision import neighbour_average, subdivide
from animator.synthesis.textures import bake_attributes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClothTemplate:
    """One helper surface.

    Attributes:
        source: indices of the helper's vertices in the base mesh.
        refine_WV: sparse, fine vertices from the helper's vertices.
        carry_WV: sparse, the same without smoothing, for weights.
        quads_Q4: fine quads.
        faces_F3, uv_F32: fine triangles and texture coordinates over the whole texture.
        place_W3: template position of the fine vertices (T-pose, metres, floor at 0).
        place_HW3: template position of each texel.
        inside_HW: texels covered by the surface.
        texel_m: mean size of a texel.
        average_WW: sparse neighbour mean.
    """

    source: np.ndarray
    refine_WV: sparse.csr_matrix
    carry_WV: sparse.csr_matrix
    quads_Q4: np.ndarray
    faces_F3: np.ndarray
    uv_F32: np.ndarray
    place_W3: np.ndarray
    place_HW3: np.ndarray
    inside_HW: np.ndarray
    texel_m: float
    average_WW: sparse.csr_matrix


TEMPLATE_PERSON = Phenotype(
    masculinity=0.5,
    age=0.1,
    muscle=0.5,
    weight=0.5,
    ancestry=(1 / 3, 1 / 3, 1 / 3),
    ideal=0.4,
    cup=0.4,
    firmness=0.5,
    stature_m=1.70,
)


@lru_cache(maxsize=1)
def template_place() -> np.ndarray:
    """[V, 3] vertices of the base mesh with helpers, on the template body in the T-pose."""
    body = build_body(TEMPLATE_PERSON)
    bones, weights = strongest_influences(skin_weights())
    motions = dual_quaternions(*bone_motions(body, rest_pose()))
    return skin_vertices(body.vertices_V3.astype(np.float32), bones, weights, motions).astype(np.float64)


@lru_cache(maxsize=2)
def cloth_template(name: str, *, height: int = 768, width: int = 512) -> ClothTemplate:
    """The template "helper-tights" or "helper-skirt" with texture maps of the given size."""
    mesh = load_base_mesh()
    group = mesh.groups[name]
    source, quads = np.unique(group.quads_F4, return_inverse=True)
    quads = quads.reshape(-1, 4)
    fine, refine = subdivide(quads, len(source), smooth=True)
    _, carry = subdivide(quads, len(source), smooth=False)
    uv_source, uv_quads = np.unique(group.uv_quads_F4, return_inverse=True)
    uv_fine, uv_carry = subdivide(uv_quads.reshape(-1, 4), len(uv_source), smooth=False)
    uv = uv_carry @ mesh.uv_T2[uv_source]
    uv = 0.01 + 0.98 * (uv - uv.min(0)) / np.ptp(uv, axis=0)
    place = refine @ template_place()[source]
    faces, uv_faces = triangulate(fine), uv[triangulate(uv_fine)]
    baked, inside = bake_attributes(uv_faces, place[faces], height=height, width=width)
    a, b, c = (place[faces[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2
    return ClothTemplate(
        source=source,
        refine_WV=refine,
        carry_WV=carry,
        quads_Q4=fine,
        faces_F3=faces,
        uv_F32=uv_faces.astype(np.float32),
        place_W3=place,
        place_HW3=baked,
        inside_HW=inside,
        texel_m=float(np.sqrt(area / inside.sum())),
        average_WW=neighbour_average(fine, len(place)),
    )


def cloth_weights(template: ClothTemplate) -> np.ndarray:
    """[W, B] skin weights of the fine vertices."""
    return np.asarray(template.carry_WV @ skin_weights()[template.source])
