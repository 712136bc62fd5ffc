"""Garments cut from the cloth templates and fitted to a body.

Legend: W cloth vertices, V body vertices, H W texels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from animator.synthesis.base_mesh import NUM_BODY_VERTICES
from animator.synthesis.body import Body, bone_motions, bone_names, skin_weights
from animator.synthesis.cloth import ClothTemplate, cloth_template, cloth_weights, template_place
from animator.synthesis.fabric import Fabric, weave
from animator.synthesis.mesh import Material, Piece, compact, without_cut_away
from animator.synthesis.rasterizer import vertex_normals
from animator.synthesis.rig import rest_pose
from animator.synthesis.skinning import dual_quaternions, skin_vertices, strongest_influences
from animator.synthesis.tailoring import BottomCut, Ease, ShoeCut, SkirtCut, TopCut, stand_off

# How deep under cloth skin must lie to be left out: wider than any gap a moving hem opens.
_HIDDEN_M = 0.028
_LAYER_M = 0.006


@dataclass(frozen=True, slots=True, kw_only=True)
class Garment:
    """One piece of clothing: where it is cut, how it sits, what it is made of.

    Attributes:
        part: key of `mesh.PARTS`.
        cut, ease, fabric: see `tailoring` and `fabric`.
        flare: for skirts, widening from waist to floor (0 straight), folds_m the depth of its waves.
        sole_m: for shoes, thickness of the sole.
        tucked: a top whose hem disappears under the skirt.
    """

    part: str
    cut: TopCut | BottomCut | SkirtCut | ShoeCut
    ease: Ease
    fabric: Fabric
    flare: float = 0.0
    folds_m: float = 0.0
    sole_m: float = 0.0
    tucked: bool = False


@lru_cache(maxsize=4)
def _template_weights(name: str) -> np.ndarray:
    return cloth_weights(cloth_template(name))


def dress(body: Body, garments: list[Garment]) -> tuple[list[Piece], np.ndarray]:
    """Pieces of all garments, innermost first, and which body vertices [V] stay uncovered."""
    template = cloth_template("helper-tights")
    rest = template.refine_WV @ body.vertices_V3[template.source]
    posed = template.refine_WV @ _t_pose(body)[template.source]
    place = template_place()[:NUM_BODY_VERTICES]
    bare = np.ones(NUM_BODY_VERTICES, bool)
    covered_to = np.zeros(len(rest))
    pieces = []
    for garment in garments:
        if isinstance(garment.cut, SkirtCut):
            pieces.append(_skirt_piece(body, garment))
            continue
        off = stand_off(garment.ease, body, template, posed)
        if isinstance(garment.cut, BottomCut):
            # A waistband sits tight; cloth gains room on the way down.
            off = np.minimum(off, 0.004 + 0.16 * np.clip(garment.cut.waist_m - template.place_W3[:, 1], 0, None))
        if garment.tucked:
            off = np.minimum(off, 0.003 + 0.16 * np.clip(template.place_W3[:, 1] - 1.04, 0, None))
        if isinstance(garment.cut, TopCut) and garment.cut.neck != "high":
            # A neckline lies on the skin; a gap behind it would be seen as a dark strip.
            off = np.minimum(off, 0.003 + 0.25 * np.clip(garment.cut.neckline(template.place_W3), 0, None))
        off = _over(off, covered_to, template)
        inside = garment.cut.distance(template.place_W3)
        covered_to = np.where(inside > -0.03, np.maximum(covered_to, off), covered_to)
        moved = rest + off[:, None] * vertex_normals(rest.astype(np.float32), template.faces_F3)
        if isinstance(garment.cut, ShoeCut):
            moved = _with_sole(moved, template, garment)
        pieces.append(_piece(garment, template, "helper-tights", moved, inside))
        bare &= garment.cut.distance(place) < _HIDDEN_M
    return pieces, bare


def _over(off_W: np.ndarray, under_W: np.ndarray, template: ClothTemplate) -> np.ndarray:
    """Lifts a layer over what lies under it, easing the step at the hidden edge (a waistband) over some centimetres."""
    if not under_W.any():
        return off_W
    needed = np.where(under_W > 0, under_W + _LAYER_M, 0)
    eased = needed
    for _ in range(14):
        eased = np.maximum(needed, 0.94 * (template.average_WW @ eased))
    for _ in range(4):
        eased = np.maximum(needed, 0.4 * eased + 0.6 * (template.average_WW @ eased))
    return np.maximum(off_W, eased)


def _t_pose(body: Body) -> np.ndarray:
    bones, weights = strongest_influences(skin_weights())
    motions = dual_quaternions(*bone_motions(body, rest_pose()))
    return skin_vertices(body.vertices_V3.astype(np.float32), bones, weights, motions).astype(np.float64)


def _piece(garment: Garment, template: ClothTemplate, name: str, moved_W3: np.ndarray, inside_W: np.ndarray) -> Piece:
    edge = garment.cut.distance(template.place_HW3)
    colour, bump = weave(garment.fabric, template, edge, hanging=garment.part == "skirt")
    if isinstance(garment.cut, ShoeCut):
        colour = _shoe_colours(colour, template, garment)
    alpha = np.clip(127.5 + 100 * edge / template.texel_m, 0, 255)
    texture = np.concatenate([colour, alpha[..., None]], axis=-1).round().astype(np.uint8)
    kept = (inside_W[template.faces_F3] > -0.03).any(1)
    weights = _skirt_weights() if garment.part == "skirt" else _template_weights(name)
    vertices, weights, faces, _ = compact(moved_W3, weights, template.faces_F3[kept])
    piece = Piece(
        part=garment.part,
        vertices_V3=vertices,
        weights_VB=weights,
        faces_F3=faces,
        uv_F32=template.uv_F32[kept],
        texture_HW4=texture,
        bump_HW4=bump,
        material=Material(
            gloss=garment.fabric.gloss, sharpness=14, fuzz=garment.fabric.fuzz, cutout=True, two_sided=True
        ),
    )
    return without_cut_away(piece)


@lru_cache(maxsize=1)
def _skirt_weights() -> np.ndarray:
    """A skirt sits on hips and belly and hangs from the pelvis; legs push it when it is posed (see `skirt.py`)."""
    template = cloth_template("helper-skirt")
    hanging = np.clip((0.93 - template.place_W3[:, 1]) / 0.15, 0, 1)[:, None]
    rigid = np.zeros((len(hanging), len(bone_names())), np.float32)
    rigid[:, bone_names().index("pelvis")] = 1
    return ((1 - hanging) * cloth_weights(template) + hanging * rigid).astype(np.float32)


def _skirt_piece(body: Body, garment: Garment) -> Piece:
    template = cloth_template("helper-skirt")
    rest = template.refine_WV @ body.vertices_V3[template.source]
    place = template.place_W3
    down = np.clip((1.03 - place[:, 1]) / 0.92, 0, 1)
    axis = np.array([0.0, rest[:, 2].mean()])
    across = rest[:, [0, 2]] - axis
    angle = np.arctan2(across[:, 0], across[:, 1])
    rng = np.random.default_rng(garment.fabric.seed)
    count = int(rng.integers(5, 10))
    wave = np.cos(count * angle + rng.uniform(0, 6.3)) + 0.5 * np.cos((count + 3) * angle + rng.uniform(0, 6.3))
    radius = np.linalg.norm(across, axis=1, keepdims=True)
    scale = 1 + garment.flare * down[:, None] ** 0.8
    shift = (0.014 + garment.folds_m * wave * down**0.9)[:, None] * across / np.maximum(radius, 1e-6)
    moved = rest.copy()
    moved[:, [0, 2]] = axis + across * scale + shift
    inside = _trunk_radius(body, rest, axis)
    flat = moved[:, [0, 2]] - axis
    far = np.linalg.norm(flat, axis=1)
    # At the waistband the skirt lies on the bodice; its distance from the body grows over the first centimetres.
    loose = np.clip((1.03 - place[:, 1]) / 0.06, 0, 1)
    wanted = np.maximum(far - 0.010 * (1 - loose), inside - 0.006 + 0.018 * loose)
    moved[:, [0, 2]] = axis + flat * (wanted / np.maximum(far, 1e-6))[:, None]
    return _piece(garment, template, "helper-skirt", moved, garment.cut.distance(place))


def _trunk_radius(body: Body, points_W3: np.ndarray, axis_2: np.ndarray) -> np.ndarray:
    """[W] how far belly and hips reach from the skirt's axis in the direction of each point; 0 below the crotch."""
    tights = cloth_template("helper-tights")
    trunk = (tights.place_W3[:, 1] > 0.84) & (tights.place_W3[:, 1] < 1.15)
    near = (tights.refine_WV @ body.vertices_V3[tights.source])[trunk]

    def cells(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        flat = points[:, [0, 2]] - axis_2
        column = ((np.arctan2(flat[:, 0], flat[:, 1]) / (2 * np.pi) + 0.5) * 36).astype(int) % 36
        row = np.clip((points[:, 1] - near[:, 1].min()) / np.ptp(near[:, 1]) * 14, -1, 14).astype(int) + 1
        return row, column, np.linalg.norm(flat, axis=1)

    reach = np.zeros((16, 36))
    row, column, radius = cells(near)
    np.maximum.at(reach, (row, column), radius)
    reach = np.maximum(reach, 0.5 * (np.roll(reach, 1, 1) + np.roll(reach, -1, 1)))
    # Between the rows' middles, or the first row would stand off the waist by what the hips below it need.
    _, column, _ = cells(points_W3)
    height = np.clip((points_W3[:, 1] - near[:, 1].min()) / np.ptp(near[:, 1]) * 14 + 0.5, 0, 14.999)
    row = height.astype(int)
    between = height - row
    smooth = (1 - between) * reach[row, column] + between * reach[row + 1, column]
    return np.where(points_W3[:, 1] > near[:, 1].min(), smooth, 0.0)


def _with_sole(moved_W3: np.ndarray, template: ClothTemplate, garment: Garment) -> np.ndarray:
    """Pushes the underside of the foot down by the sole and flattens it."""
    y = template.place_W3[:, 1]
    low = np.clip((0.030 - y) / 0.022, 0, 1)
    moved = moved_W3.copy()
    feet = y < 0.1
    ground = moved[feet, 1].min()
    flat = ground - garment.sole_m + 0.004
    moved[:, 1] += low * (np.minimum(flat, moved[:, 1]) - moved[:, 1])
    return moved


def _shoe_colours(colour: np.ndarray, template: ClothTemplate, garment: Garment) -> np.ndarray:
    """The sole in the accent colour, with a soft line where it meets the upper."""
    y = cv2.GaussianBlur(template.place_HW3[..., 1].astype(np.float32), (0, 0), 1.0)
    sole = np.clip((0.017 - y) / 0.004 + 0.5, 0, 1)[..., None]
    seam = np.exp(-(((y - 0.019) / 0.003) ** 2))[..., None]
    return (colour * (1 - 0.35 * seam)) * (1 - sole) + np.array(garment.fabric.accent) * sole
