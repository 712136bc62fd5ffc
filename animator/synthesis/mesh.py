"""Pieces of a dressed person, and all of them joined into one mesh that can be posed and drawn.

Legend: V vertices, F faces, P pieces, N influences.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from animator.synthesis import shading
from animator.synthesis.charts import MAX_LAYERS, chart_layers
from animator.synthesis.skinning import NUM_INFLUENCES, strongest_influences
from animator.synthesis.textures import TexturePack, pack_textures

# Part index in `RenderedFrame.parts_HW`; 0 is background. Within a layer of a part, (u, v) names one point of the
# surface; most parts have one layer, see `charts.chart_layers`.
PARTS = {"skin": 1, "eyes": 2, "hair": 3, "top": 4, "bottom": 5, "skirt": 6, "shoes": 7, "hat": 8}
# Alpha (of 255) below which no sample is drawn, and points looked at along a face's edge.
_CUT_AWAY = 40
_EDGE_STEPS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """How a piece takes the light.

    Attributes:
        tint: linear RGB factor on the texture.
        gloss, sharpness: strength and exponent of the highlight.
        scatter: how far light bleeds past the terminator, 0 to 1 (skin about 0.3).
        bump: strength of the bump texture.
        fuzz: brightening at grazing angles, as wool and velvet have.
        cutout: the texture's alpha cuts the piece.
        two_sided: drawn from behind too.
    """

    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gloss: float = 0.0
    sharpness: float = 12.0
    scatter: float = 0.0
    bump: float = 1.0
    fuzz: float = 0.0
    cutout: bool = False
    two_sided: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece:
    """One textured surface in the A-pose.

    Attributes:
        part: key of `PARTS`.
        vertices_V3: metres.
        weights_VB: skin weights over the bones of `body.bone_names`.
        faces_F3, uv_F32: triangles and their corners' texture coordinates.
        texture_HW4: uint8 sRGB and alpha.
        bump_HW4: optional uint8 slopes along u and v around 128, then cavity (255 open).
        material: see `Material`.
    """

    part: str
    vertices_V3: np.ndarray
    weights_VB: np.ndarray
    faces_F3: np.ndarray
    uv_F32: np.ndarray
    texture_HW4: np.ndarray
    bump_HW4: np.ndarray | None = None
    material: Material = field(default_factory=Material)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RenderMesh:
    """All pieces of a person in the arrays the compiled kernels take; see `join_pieces`."""

    vertices_V3: np.ndarray
    bones_VN: np.ndarray
    weights_VN: np.ndarray
    faces_F3: np.ndarray
    uv_F32: np.ndarray
    piece_F: np.ndarray
    layer_F: np.ndarray
    textures_P: np.ndarray
    bumps_P: np.ndarray
    cutout_P: np.ndarray
    two_sided_P: np.ndarray
    materials_PM: np.ndarray
    pack: TexturePack
    starts: tuple[int, ...]
    parts: tuple[str, ...]

    @property
    def part_F(self) -> np.ndarray:
        """[F] uint8 index from `PARTS`."""
        return np.array([PARTS[part] for part in self.parts], np.uint8)[self.piece_F]


def join_pieces(pieces: list[Piece]) -> RenderMesh:
    """Joins pieces; the vertices of piece p start at `starts[p]`. Only referenced vertices should be passed in."""
    images: list[np.ndarray] = []
    textures, bumps, materials, faces, owner, starts = [], [], [], [], [], []
    total = 0
    for number, piece in enumerate(pieces):
        textures.append(len(images))
        images.append(piece.texture_HW4)
        bumps.append(len(images) if piece.bump_HW4 is not None else -1)
        if piece.bump_HW4 is not None:
            images.append(piece.bump_HW4)
        materials.append(_material_row(piece))
        faces.append(piece.faces_F3 + total)
        owner.append(np.full(len(piece.faces_F3), number, np.int32))
        starts.append(total)
        total += len(piece.vertices_V3)
    bones, weights = strongest_influences(np.concatenate([piece.weights_VB for piece in pieces]))
    assert bones.shape[1] == NUM_INFLUENCES
    return RenderMesh(
        vertices_V3=np.concatenate([piece.vertices_V3 for piece in pieces]).astype(np.float32),
        bones_VN=bones,
        weights_VN=weights,
        faces_F3=np.concatenate(faces).astype(np.int32),
        uv_F32=np.ascontiguousarray(np.concatenate([piece.uv_F32 for piece in pieces]), np.float32),
        piece_F=np.concatenate(owner),
        layer_F=_layers(pieces),
        textures_P=np.array(textures, np.int32),
        bumps_P=np.array(bumps, np.int32),
        cutout_P=np.array([piece.material.cutout for piece in pieces]),
        two_sided_P=np.array([piece.material.two_sided for piece in pieces]),
        materials_PM=np.array(materials, np.float32),
        pack=pack_textures(images),
        starts=tuple(starts),
        parts=tuple(piece.part for piece in pieces),
    )


def _layers(pieces: list[Piece]) -> np.ndarray:
    """[F] uint8; the pieces of one part, such as a shirt and a jacket, lie above each other."""
    used: dict[str, int] = {}
    found = []
    for piece in pieces:
        layers = chart_layers(piece.faces_F3, piece.uv_F32).astype(int) + used.get(piece.part, 0)
        used[piece.part] = int(layers.max()) + 1
        found.append(np.minimum(layers, MAX_LAYERS - 1).astype(np.uint8))
    return np.concatenate(found)


def _material_row(piece: Piece) -> np.ndarray:
    row = np.zeros(shading.NUM_MATERIAL)
    material = piece.material
    row[shading.TINT : shading.TINT + 3] = material.tint
    row[shading.GLOSS], row[shading.SHARPNESS] = material.gloss, material.sharpness
    row[shading.SCATTER], row[shading.BUMP], row[shading.FUZZ] = material.scatter, material.bump, material.fuzz
    return row


def without_cut_away(piece: Piece) -> Piece:
    """The piece without the faces its texture cuts away wholly.

    They would not be drawn, yet shadow and ambient light know no textures: hair that is cut away before the face
    would leave face and neck in the dark.
    """
    height, width = piece.texture_HW4.shape[:2]
    # As wide as the gaps between the points looked at below, and a little more for coarser mip levels.
    solid = cv2.dilate((piece.texture_HW4[..., 3] > _CUT_AWAY).astype(np.uint8), np.ones((5, 5), np.uint8))
    steps = [(a, b, _EDGE_STEPS - a - b) for a in range(_EDGE_STEPS + 1) for b in range(_EDGE_STEPS + 1 - a)]
    at = np.einsum("pk,fkc->fpc", np.array(steps) / _EDGE_STEPS, piece.uv_F32)
    column = np.clip((at[..., 0] * width).astype(int), 0, width - 1)
    row = np.clip(((1 - at[..., 1]) * height).astype(int), 0, height - 1)
    kept = solid[row, column].any(1)
    vertices, weights, faces, _ = compact(piece.vertices_V3, piece.weights_VB, piece.faces_F3[kept])
    return replace(piece, vertices_V3=vertices, weights_VB=weights, faces_F3=faces, uv_F32=piece.uv_F32[kept])


def compact(vertices_V3: np.ndarray, weights_VB: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, ...]:
    """Drops vertices no face uses: vertices, weights, renumbered faces, and the kept indices."""
    kept, flat = np.unique(faces, return_inverse=True)
    return vertices_V3[kept], weights_VB[kept], flat.reshape(faces.shape).astype(np.int32), kept
